//! What takes part in sync, across restarts, and what is given out.

use super::{Bench, NOW, claim, heard, ip, node, own, signed, verified};
use crate::model::{Audience, ContentId, DAY, Tlp};
use crate::reconcile::{self, Set};
use crate::store::{Applied, Change};

/// What an empty member finds in a store, by asking as members do.
fn shown(bench: &Bench, now: crate::model::Timestamp) -> Vec<ContentId> {
    let from = now.day().plus(1);
    let nothing = Set::default();
    let question = reconcile::open(&nothing, from).unwrap();
    let answer = bench.store().compared(from, &question, now).unwrap();
    let mut shown = reconcile::conclude(&nothing, from, &answer).unwrap().missing;
    shown.sort();
    shown
}

#[test]
fn the_highest_revisions_of_what_may_travel_take_part() {
    let mut bench = Bench::new();
    let old = claim(&ip(1), Tlp::Green, NOW, 5);
    let new = claim(&ip(1), Tlp::Green, NOW, 6);
    let amber = claim(&ip(2), Tlp::Amber, NOW, 1);
    bench.write(vec![heard(&old, 1, 11), heard(&new, 1, 11), heard(&old, 1, 12)]);
    bench.write(vec![heard(&amber, 2, 11)]);
    let kept = verified(&new, 1);
    for _ in 0..2 {
        assert_eq!(shown(&bench, NOW), [kept.content()]);
        assert_eq!(
            bench.store().claim_for_sync(&kept.content()).unwrap().as_deref(),
            Some(kept.bytes())
        );
        for hidden in [verified(&old, 1).content(), verified(&amber, 2).content()] {
            assert_eq!(bench.store().claim_for_sync(&hidden).unwrap(), None);
        }
        bench.reopen();
    }
}

#[test]
fn what_ends_before_tomorrow_takes_no_part_and_a_purge_forgets_it() {
    let bench = Bench::new();
    let short = claim(&ip(1), Tlp::Green, NOW.minus(29 * DAY), 1);
    let long = claim(&ip(2), Tlp::Green, NOW, 1);
    bench.write(vec![heard(&short, 1, 11), heard(&long, 2, 11)]);
    assert_eq!(shown(&bench, NOW).len(), 2);
    assert_eq!(shown(&bench, NOW.plus(DAY)), [verified(&long, 2).content()]);
    bench.set_clock(NOW.plus(DAY));
    bench.write(vec![Change::Purge { now: NOW.plus(DAY), egress_days: 1 }]);
    assert_eq!(bench.store().sync_len(), 1);
}

/// Threat model: who finds a claim here and nowhere else knows who made it.
#[test]
fn an_own_claim_waits_for_two_witnesses_or_for_its_time() {
    let mut bench = Bench::new();
    let first = claim(&ip(1), Tlp::Green, NOW, 1);
    let content = signed(&first, 1, Audience::Mesh).content();
    let held = |change| match change {
        Change::Own { signed, audience, generation, at, .. } => {
            Change::Own { signed, audience, generation, at, held: Some(NOW.plus(3600)) }
        }
        other => other,
    };
    bench.write(vec![held(own(&first, Audience::Mesh))]);
    bench.reopen();
    assert_eq!(shown(&bench, NOW), []);
    // Who knows its id has it: not to answer would tell who made it.
    assert!(bench.store().claim_for_sync(&content).unwrap().is_some());

    // A member that has it shows it; it is not missing here.
    let mut theirs = Set::default();
    theirs.insert(first.until, content);
    let from = NOW.day().plus(1);
    let meet = |member| {
        let question = bench.store().compare(from, NOW).unwrap();
        let answer = reconcile::answer(&theirs, from, &question).unwrap();
        bench.store().conclude(from, &answer, node(member)).unwrap().0.missing
    };
    assert_eq!(meet(11), []);
    assert_eq!(meet(11), [], "the same member twice is one witness");
    assert_eq!(shown(&bench, NOW), []);
    assert_eq!(meet(12), []);
    assert_eq!(shown(&bench, NOW), [content]);

    // Nobody shows it: its time comes.
    bench.reopen();
    assert_eq!(shown(&bench, NOW.plus(3599)), []);
    assert_eq!(shown(&bench, NOW.plus(3600)), [content]);
}

#[test]
fn without_room_a_claim_is_known_but_not_given_out() {
    let bench = Bench::with(1, 10);
    let first = claim(&ip(1), Tlp::Green, NOW, 1);
    bench.write(vec![heard(&first, 1, 11)]);
    let content = verified(&first, 1).content();
    assert_eq!(shown(&bench, NOW), [content]);
    assert_eq!(bench.store().claim_for_sync(&content).unwrap(), None);
    assert_eq!(shown(&bench, NOW), [content]);
}

/// What only a revoked peer delivered is offered as missing again.
#[test]
fn an_orphan_is_fetched_again_from_a_member() {
    let bench = Bench::new();
    let (one, both) = (claim(&ip(1), Tlp::Green, NOW, 1), claim(&ip(2), Tlp::Green, NOW, 1));
    bench.write(vec![heard(&one, 1, 11), heard(&both, 2, 11), heard(&both, 2, 12)]);
    bench.write(vec![Change::Orphan { members: [node(12)].into() }]);
    assert_eq!(shown(&bench, NOW), [verified(&both, 2).content()]);
    bench.write(vec![heard(&one, 1, 12)]);
    assert_eq!(shown(&bench, NOW).len(), 2);
}

/// One member alone may fill half, two a third each: the next one always finds room.
#[test]
fn a_member_fills_no_more_than_its_share() {
    // Room for 900 claims.
    let mut bench = Bench::with(900 * 2048, 10_000);
    let fill = |bench: &Bench, member: u8, from: u32| {
        let claims = (0..600).map(|n| heard(&claim(&ip(from + n), Tlp::Green, NOW, 1), 1, member));
        let applied = bench.write(claims.collect());
        applied.iter().filter(|applied| **applied == Applied::New).count()
    };
    assert_eq!(fill(&bench, 11, 0), 450);
    bench.reopen();
    assert_eq!(fill(&bench, 12, 1000), 300);
    assert_eq!(fill(&bench, 13, 2000), 225);
    assert_eq!(bench.metrics.claims_without_room.get(), 150 + 300 + 375);
    // What has ended makes room again.
    let later = NOW.plus(40 * DAY);
    bench.set_clock(later);
    bench.write(vec![Change::Clock { now: later }, Change::Purge { now: later, egress_days: 1 }]);
    let claims = (0..600).map(|n| heard(&claim(&ip(3000 + n), Tlp::Green, later, 1), 1, 11));
    let applied = bench.write(claims.collect());
    assert_eq!(applied.iter().filter(|applied| **applied == Applied::New).count(), 450);
}

/// Threat case 40: what a member may not know changes no answer.
#[test]
fn hidden_claims_change_no_answer() {
    for seed in 0..20u32 {
        let (full, public) = (Bench::new(), Bench::new());
        for n in 0..40u32 {
            let tlp = Tlp::ALL[(n.wrapping_mul(seed + 7) % 5) as usize];
            let told = claim(&ip(n), tlp, NOW.minus(u64::from(n % 20) * DAY), 1);
            full.write(vec![heard(&told, 1, 11)]);
            if tlp <= Tlp::Green {
                public.write(vec![heard(&told, 1, 11)]);
            } else {
                let hidden = verified(&told, 1).content();
                assert_eq!(full.store().claim_for_sync(&hidden).unwrap(), None);
            }
        }
        let from = NOW.day().plus(1);
        let opened = |bench: &Bench| bench.store().compare(from, NOW).unwrap();
        assert_eq!(opened(&full), opened(&public), "seed {seed}");
        assert_eq!(shown(&full, NOW), shown(&public, NOW), "seed {seed}");
        assert_eq!(full.store().sync_len(), public.store().sync_len());
    }
}

/// One pseudonym that tells the mesh one thing and one member another.
#[test]
fn what_one_member_alone_was_told_takes_nothing_out_of_the_set() {
    let public = claim(&ip(1), Tlp::Green, NOW, 1);
    let private = claim(&ip(1), Tlp::Amber, NOW, 2);
    for order in [[&public, &private], [&private, &public]] {
        let bench = Bench::new();
        for told in order {
            bench.write(vec![heard(told, 1, 11)]);
        }
        assert_eq!(shown(&bench, NOW), [verified(&public, 1).content()]);
        let kept = bench.store().heard(ip(1).id()).unwrap();
        assert_eq!((kept.len(), kept[0].claim.tlp), (1, Tlp::Green));
    }
}
