//! What has ended goes, and nothing else.

use super::{Bench, NOW, claim, heard, ip, node, own, saw, tell, word};
use crate::ageing;
use crate::model::{Audience, Confidence, DAY, Kind, Scope, Timestamp, Tlp};
use crate::store::family::Family;
use crate::store::{Applied, Change, Filter, Purged, Refused, What};

const LIFE: u64 = 30 * DAY;

/// Purges as a node does whose clock is right, until nothing is left to do.
fn purge(bench: &Bench, now: Timestamp) -> Purged {
    let mut total = Purged::default();
    bench.set_clock(now);
    bench.write(vec![Change::Clock { now }]);
    loop {
        let applied = bench.write(vec![Change::Purge { now, egress_days: 400 }]);
        let [Applied::Purged(purged)] = applied[..] else { panic!("{applied:?}") };
        total.ended += purged.ended;
        total.crossed += purged.crossed;
        if !purged.more {
            return total;
        }
    }
}

fn rows(bench: &Bench, family: Family) -> usize {
    bench.store().db().rows(family, &[], &[]).unwrap().count()
}

#[test]
fn an_indicator_goes_with_the_last_that_is_known_of_it() {
    let mut bench = Bench::new();
    bench.write(vec![
        saw(ip(1), NOW),
        heard(&claim(&ip(1), Tlp::Green, NOW.plus(DAY), 1), 2, 11),
        saw(ip(2), NOW.plus(2 * DAY)),
    ]);
    assert_eq!(purge(&bench, NOW.plus(LIFE - DAY)).ended, 0);

    assert_eq!(purge(&bench, NOW.plus(LIFE)).ended, 1);
    assert!(bench.store().evidence(ip(1).id()).unwrap().is_empty());
    assert_eq!(bench.store().heard(ip(1).id()).unwrap().len(), 1);
    assert!(bench.store().indicator(ip(1).id()).unwrap().is_some());

    assert_eq!(purge(&bench, NOW.plus(LIFE + DAY)).ended, 1);
    assert_eq!(bench.store().indicator(ip(1).id()).unwrap(), None);
    assert_eq!(bench.store().counts_by_kind()["ip"], 1);
    let listed = bench.store().indicators(&Filter { limit: 9, ..Filter::default() });
    assert_eq!(listed.rows.iter().map(|row| &row.value).collect::<Vec<_>>(), [&ip(2)]);

    assert_eq!(purge(&bench, NOW.plus(LIFE + 2 * DAY)).ended, 1);
    bench.reopen();
    for family in [
        Family::Evidence,
        Family::Claims,
        Family::Indicators,
        Family::Added,
        Family::Objects,
        Family::Due,
        Family::Expiry,
        Family::Content,
    ] {
        assert_eq!(rows(&bench, family), 0, "{}", family.name());
    }
    assert_eq!(bench.store().sizes().indicators, 0);
}

#[test]
fn a_new_sighting_moves_the_end() {
    let bench = Bench::new();
    bench.write(vec![saw(ip(1), NOW)]);
    bench.write(vec![saw(ip(1), NOW.plus(10 * DAY))]);
    assert_eq!(rows(&bench, Family::Expiry), 1);
    assert_eq!(purge(&bench, NOW.plus(LIFE)).ended, 0);
    assert_eq!(bench.store().evidence(ip(1).id()).unwrap()[0].count, 2);
    assert_eq!(purge(&bench, NOW.plus(LIFE + 10 * DAY)).ended, 1);
}

#[test]
fn a_purge_and_a_sighting_in_one_call_see_each_other() {
    let bench = Bench::new();
    bench.write(vec![saw(ip(1), NOW), saw(ip(2), NOW)]);
    let now = NOW.plus(LIFE);
    bench.write(vec![
        Change::Clock { now },
        saw(ip(1), now),
        Change::Purge { now, egress_days: 400 },
        saw(ip(2), now),
    ]);
    let count = |n| bench.store().evidence(ip(n).id()).unwrap()[0].count;
    assert_eq!((count(1), count(2)), (2, 1));
    assert_eq!(bench.store().counts_by_kind()["ip"], 2);
    assert_eq!(rows(&bench, Family::Added), 2 * 3, "in each of three views");
    assert_eq!(rows(&bench, Family::Expiry), 2);
}

#[test]
fn own_claims_end_and_what_waits_ends_with_its_evidence() {
    let bench = Bench::new();
    let friend = Audience::Peer(node(3));
    bench.write(vec![
        saw(ip(1), NOW),
        own(&claim(&ip(1), Tlp::Green, NOW, 1), Audience::Mesh),
        saw(ip(2), NOW.plus(DAY)),
        own(&claim(&ip(2), Tlp::Green, NOW, 1), Audience::Mesh),
        tell(&ip(2), &[node(3)], NOW),
    ]);
    // Told again with a later end: the first end no longer counts.
    bench.write(vec![own(&claim(&ip(1), Tlp::Green, NOW.plus(5 * DAY), 2), Audience::Mesh)]);
    purge(&bench, NOW.plus(LIFE));
    let sent = |n| bench.store().own(ip(n).id(), Audience::Mesh).unwrap();
    assert_eq!(sent(1).unwrap().claim.revision, 2);
    assert_eq!(sent(2), None);
    assert_eq!(bench.store().outbox(9).unwrap().len(), 2);
    purge(&bench, NOW.plus(LIFE + DAY));
    assert_eq!(bench.store().outbox(9).unwrap(), []);
    assert_eq!(bench.store().outbox_row(ip(2).id(), friend).unwrap(), None);
    purge(&bench, NOW.plus(LIFE + 5 * DAY));
    assert_eq!(sent(1), None);
    assert_eq!((rows(&bench, Family::Outbox), rows(&bench, Family::Waiting)), (0, 0));
    assert_eq!(bench.metrics.outbox.get(), 0);
}

#[test]
fn what_was_to_be_taken_back_ends_with_the_claim() {
    let bench = Bench::new();
    bench.write(vec![
        saw(ip(1), NOW),
        own(&claim(&ip(1), Tlp::Green, NOW, 1), Audience::Mesh),
        word(&ip(1), Scope::private(), &[]),
    ]);
    assert_eq!(bench.store().outbox(9).unwrap()[0].what, What::Withdraw);
    purge(&bench, NOW.plus(LIFE));
    assert_eq!((rows(&bench, Family::Outbox), rows(&bench, Family::Waiting)), (0, 0));
}

#[test]
fn nothing_is_purged_while_the_clock_has_jumped() {
    let mut bench = Bench::new();
    bench.write(vec![saw(ip(1), NOW), Change::Clock { now: NOW }]);
    bench.reopen();
    assert_eq!(bench.store().last_time().unwrap(), Some(NOW));
    let purge = |now| vec![Change::Purge { now, egress_days: 400 }];
    for now in [NOW.plus(LIFE + DAY), Timestamp(0), NOW.minus(DAY + 1), Timestamp(u64::MAX)] {
        assert_eq!(bench.write(purge(now)), [Applied::Refused(Refused::ClockJumped)]);
    }
    assert_eq!(bench.store().evidence(ip(1).id()).unwrap().len(), 1);
    assert!(matches!(bench.write(purge(NOW.plus(DAY)))[..], [Applied::Purged(_)]));
    assert_eq!(bench.store().last_time().unwrap(), Some(NOW.plus(DAY)));
}

#[test]
fn a_purge_is_bounded_and_says_that_more_is_left() {
    let bench = Bench::new();
    for first in [0, 1000, 2000] {
        bench.write((first..first + 1000).map(|n| saw(ip(n), NOW)).collect());
    }
    let now = NOW.plus(LIFE);
    bench.write(vec![Change::Clock { now }]);
    let applied = bench.write(vec![Change::Purge { now, egress_days: 400 }]);
    let [Applied::Purged(first)] = applied[..] else { panic!("{applied:?}") };
    assert_eq!((first.ended, first.more), (1000, true));
    assert_eq!(purge(&bench, now).ended, 2000);
    assert_eq!(bench.store().sizes().indicators, 0);
}

#[test]
fn what_ages_by_a_step_gets_a_new_stamp_and_its_next_step() {
    let bench = Bench::new();
    bench.write(vec![saw(ip(1), NOW), heard(&claim(&ip(1), Tlp::Green, NOW, 1), 2, 11)]);
    let stamp = || bench.store().indicator(ip(1).id()).unwrap().unwrap().added;
    // What was seen and what was heard age side by side, each by its own curve.
    let lifetime = ageing::lifetime(&Kind::Ip);
    let next = |after| {
        [70, 80]
            .into_iter()
            .filter_map(Confidence::new)
            .filter_map(|base| ageing::next_crossing(base, NOW, &lifetime, after))
            .min()
            .unwrap()
    };
    let mut now = NOW;
    for _ in 0..5 {
        let (step, before) = (next(now), stamp());
        if step > now.plus(1) {
            assert_eq!(purge(&bench, step.minus(1)).crossed, 0);
            assert_eq!(stamp(), before);
        }
        assert_eq!(purge(&bench, step).crossed, 1);
        assert!(stamp() > before);
        assert_eq!(purge(&bench, step).crossed, 0);
        assert_eq!(rows(&bench, Family::Due), 1);
        now = step;
    }
}

#[test]
fn what_an_outsider_says_holds_until_its_time_and_goes_the_day_after() {
    let mut bench = Bench::new();
    let says = |answer: &[u8], until| Change::Outside {
        question: b"q".to_vec(),
        answer: answer.to_vec(),
        until,
    };
    let end = NOW.plus(DAY);
    bench.write(vec![saw(ip(1), NOW), says(b"one", end)]);
    bench.reopen();
    let holds = |bench: &Bench, now| bench.store().outside(b"q", now).unwrap();
    assert_eq!(holds(&bench, end.minus(1)), Some(b"one".to_vec()));
    assert_eq!((holds(&bench, end), bench.store().outside(b"other", NOW).unwrap()), (None, None));
    assert_eq!(purge(&bench, end).ended, 0);

    // A newer answer takes its place, and the older one's end is not its own.
    bench.write(vec![says(b"two", end.plus(DAY))]);
    assert_eq!(purge(&bench, end.plus(DAY)).ended, 0);
    assert_eq!(holds(&bench, end), Some(b"two".to_vec()));
    assert_eq!(purge(&bench, end.plus(2 * DAY)).ended, 1);
    assert_eq!(rows(&bench, Family::Outside), 0);
    assert!(bench.store().indicator(ip(1).id()).unwrap().is_some());
}
