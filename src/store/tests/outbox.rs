//! What waits to leave, and what the operator's word does to it.

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};
use rocksdb::WriteBatch;

use super::{Bench, NOW, claim, community, ip, node, own, saw, sighting, tell, word};
use crate::keys::PseudonymSecret;
use crate::model::{Audience, Claim, NodeId, Origin, Scope, Source, Tlp, Value};
use crate::store::family::{self, Family};
use crate::store::{Applied, Change, Pending, StoreError, What};
use crate::wire;

const MESH: Audience = Audience::Mesh;

fn peer(n: u8) -> Audience {
    Audience::Peer(node(n))
}

fn amber() -> Scope {
    Scope::new(Tlp::Amber, [])
}

fn saw_as(value: &Value, scope: Scope) -> Change {
    let mut seen = sighting(value.clone(), NOW);
    seen.scope = scope;
    Change::Sighting(seen)
}

fn waiting(bench: &Bench, value: &Value) -> Vec<(Audience, What)> {
    let all = bench.store().outbox(99).unwrap();
    let mut all: Vec<_> = all
        .iter()
        .filter(|wish| wish.indicator == value.id())
        .map(|wish| (wish.audience, wish.what))
        .collect();
    all.sort_unstable();
    all
}

/// The claim that a wish makes.
fn made(value: &Value, wish: Pending, revision: u64) -> Claim {
    let tlp = if wish.audience == MESH { Tlp::Green } else { Tlp::Amber };
    let full = claim(value, tlp, NOW, revision);
    if wish.what != What::Withdraw {
        return full;
    }
    Claim { confidence: None, created: None, modified: None, retracted: true, ..full }
}

/// All that waits is told: signed, written down, and marked as gone.
fn send_all(bench: &Bench, revision: u64) {
    for wish in bench.store().outbox(99).unwrap() {
        let value = bench.store().value(wish.indicator).unwrap().unwrap();
        let generation =
            bench.store().outbox_row(wish.indicator, wish.audience).unwrap().unwrap().generation;
        let claim = made(&value, wish, revision);
        let key = PseudonymSecret::from_bytes([1; 32]);
        let key = key.derive(&community(), claim.indicator(), wish.audience, generation);
        let signed = wire::sign_claim(&claim, &key, &community()).unwrap();
        let audience = wish.audience;
        let own = Change::Own { signed, audience, generation, at: NOW, held: None };
        bench.write(vec![Change::StillWished(wish), own]);
        bench.write(vec![Change::OutboxDone { wish, left: true }]);
    }
}

#[test]
fn the_outbox_is_there_after_a_start_in_the_order_of_time() {
    let mut bench = Bench::new();
    bench.write(vec![saw(ip(1), NOW), saw(ip(2), NOW)]);
    let at = |n, seconds| tell(&ip(n), &[node(3)], NOW.plus(seconds));
    bench.write(vec![at(1, 60), at(2, 90)]);
    // What waits already keeps the earlier time.
    assert_eq!(bench.write(vec![at(1, 600)]), [Applied::Wished(vec![])]);
    let earlier = bench.write(vec![at(2, 10)]);
    assert!(matches!(&earlier[..], [Applied::Wished(two)] if two.len() == 2), "{earlier:?}");
    bench.reopen();
    let store = bench.store();
    let due = |audience, seconds| {
        let due = store.due(audience, NOW.plus(seconds), 9).unwrap();
        due.iter().map(|wish| (wish.indicator, wish.due)).collect::<Vec<_>>()
    };
    let (one, two) = ((ip(1).id(), NOW.plus(60)), (ip(2).id(), NOW.plus(10)));
    assert_eq!([due(MESH, 5), due(MESH, 10), due(MESH, 60)], [vec![], vec![two], vec![two, one]]);
    assert_eq!(due(peer(3), 60), [two, one]);
    assert_eq!(due(peer(4), 60), []);
    assert_eq!(store.next_due(MESH).unwrap(), Some(NOW.plus(10)));
    assert_eq!(store.next_due(peer(4)).unwrap(), None);
    assert_eq!((store.waiting_count(), store.outbox(99).unwrap().len()), (4, 4));
    assert_eq!(store.outbox(3).unwrap().len(), 3);

    send_all(&bench, 5);
    bench.reopen();
    assert_eq!((bench.store().waiting_count(), bench.store().outbox(99).unwrap()), (0, vec![]));
    assert!(bench.store().own(ip(1).id(), peer(3)).unwrap().unwrap().left);
}

#[test]
fn what_waits_is_found_in_a_store_of_the_first_schema() {
    let mut bench = Bench::new();
    bench.write(vec![saw(ip(1), NOW), tell(&ip(1), &[], NOW)]);
    let before = bench.store().outbox(9).unwrap();
    let db = bench.store().db();
    let mut batch = WriteBatch::default();
    for row in db.rows(Family::Waiting, &[], &[]).unwrap() {
        batch.delete_cf(db.family(Family::Waiting).unwrap(), row.unwrap().key);
    }
    batch.put_cf(db.family(Family::Meta).unwrap(), b"schema", 1_u32.to_be_bytes());
    db.commit(batch).unwrap();
    assert_eq!(bench.store().outbox(9).unwrap(), []);
    bench.reopen();
    assert_eq!((before.len(), bench.store().outbox(9).unwrap()), (1, before));
}

#[test]
fn the_members_are_fixed_when_it_is_first_shared() {
    let bench = Bench::new();
    let tell_to = |members: &[NodeId]| bench.write(vec![tell(&ip(1), members, NOW)]);
    bench.write(vec![saw_as(&ip(1), amber())]);
    // Nobody was there: nothing is fixed.
    tell_to(&[]);
    tell_to(&[node(3), node(4)]);
    let told = [(peer(3), What::Update), (peer(4), What::Update)];
    assert_eq!(waiting(&bench, &ip(1)), told);
    tell_to(&[node(3), node(4), node(5)]);
    assert_eq!(waiting(&bench, &ip(1)), told);
    send_all(&bench, 5);
    tell_to(&[node(3), node(4), node(5)]);
    assert_eq!(waiting(&bench, &ip(1)), told);
    let evidence = |audience| bench.store().evidence_for(ip(1).id(), audience).unwrap().len();
    assert_eq!([evidence(peer(3)), evidence(peer(5)), evidence(MESH)], [1, 0, 1]);

    // The operator's word fixes it anew; who is out is told so, who is in is told.
    bench.write(vec![word(&ip(1), amber(), &[peer(4), peer(5)])]);
    let told = [(peer(3), What::Withdraw), (peer(4), What::Share), (peer(5), What::Share)];
    assert_eq!(waiting(&bench, &ip(1)), told);
    send_all(&bench, 6);
    tell_to(&[node(3), node(4), node(5)]);
    assert_eq!(waiting(&bench, &ip(1)), [(peer(4), What::Update), (peer(5), What::Update)]);
    // Whatever the source's own marking says, the operator's word counts.
    send_all(&bench, 7);
    bench.write(vec![saw_as(&ip(1), Scope::private()), tell(&ip(1), &[], NOW)]);
    assert_eq!(waiting(&bench, &ip(1)), [(peer(4), What::Update), (peer(5), What::Update)]);
}

#[test]
fn taking_back_kills_what_was_not_told_and_leaves_first() {
    let bench = Bench::new();
    bench.write(vec![saw(ip(1), NOW), tell(&ip(1), &[node(3)], NOW)]);
    bench.write(vec![saw(ip(2), NOW.minus(9)), tell(&ip(2), &[], NOW.minus(9))]);
    let taken_back = bench.write(vec![word(&ip(1), Scope::private(), &[])]);
    assert_eq!(taken_back, [Applied::Wished(vec![])]);
    assert_eq!(waiting(&bench, &ip(1)), []);
    assert_eq!(bench.store().outbox_rows(ip(1).id()).unwrap(), []);

    bench.write(vec![word(&ip(1), Scope::new(Tlp::Green, []), &[MESH])]);
    send_all(&bench, 5);
    bench.write(vec![saw(ip(2), NOW.minus(9)), tell(&ip(2), &[], NOW.minus(9))]);
    bench.write(vec![word(&ip(1), Scope::private(), &[])]);
    let due = bench.store().due(MESH, NOW, 9).unwrap();
    let due: Vec<_> = due.iter().map(|wish| (wish.indicator, wish.what)).collect();
    assert_eq!(due, [(ip(1).id(), What::Withdraw), (ip(2).id(), What::Update)]);
    // Twice changes nothing; once it has left, there is nothing to take back.
    bench.write(vec![word(&ip(1), Scope::private(), &[])]);
    assert_eq!(waiting(&bench, &ip(1)), [(MESH, What::Withdraw)]);
    send_all(&bench, 6);
    bench.write(vec![word(&ip(1), Scope::private(), &[])]);
    assert_eq!(waiting(&bench, &ip(1)), []);
    // A sighting does not share it again.
    bench.write(vec![saw(ip(1), NOW), tell(&ip(1), &[node(3)], NOW)]);
    assert_eq!(waiting(&bench, &ip(1)), []);
    // The operator does, under another pseudonym.
    let row = || bench.store().outbox_row(ip(1).id(), MESH).unwrap().unwrap();
    assert_eq!(row().generation, 0);
    bench.write(vec![word(&ip(1), Scope::new(Tlp::Green, []), &[MESH])]);
    assert_eq!((row().generation, waiting(&bench, &ip(1))), (1, vec![(MESH, What::Share)]));
    // Taken back before it was told, it is as if it had not been shared again.
    bench.write(vec![word(&ip(1), Scope::private(), &[])]);
    assert_eq!((row().generation, waiting(&bench, &ip(1))), (0, vec![]));
}

#[test]
fn a_word_that_comes_while_a_claim_is_sent_is_not_lost() {
    let bench = Bench::new();
    bench.write(vec![saw(ip(1), NOW), tell(&ip(1), &[], NOW)]);
    let [wish] = bench.store().outbox(9).unwrap()[..] else { panic!() };
    let signed = own(&claim(&ip(1), Tlp::Green, NOW, 5), MESH);
    // The operator takes it back after the claim was made and before it is written down.
    bench.write(vec![word(&ip(1), Scope::private(), &[])]);
    let call = vec![Change::StillWished(wish), signed.clone()];
    assert_eq!(bench.write_all(call), Err(StoreError::Overtaken));
    assert_eq!(bench.store().own(ip(1).id(), MESH).unwrap(), None);

    // And after it was written down.
    bench.write(vec![word(&ip(1), Scope::new(Tlp::Green, []), &[MESH])]);
    let [wish] = bench.store().outbox(9).unwrap()[..] else { panic!() };
    bench.write(vec![Change::StillWished(wish), signed]);
    bench.write(vec![word(&ip(1), Scope::private(), &[])]);
    bench.write(vec![Change::OutboxDone { wish, left: true }]);
    assert!(bench.store().own(ip(1).id(), MESH).unwrap().unwrap().left);
    assert_eq!(waiting(&bench, &ip(1)), [(MESH, What::Withdraw)]);
    // A retraction that may not have left is told before anything else is.
    let [wish] = bench.store().outbox(9).unwrap()[..] else { panic!() };
    let retraction = made(&ip(1), wish, 6);
    bench.write(vec![Change::StillWished(wish), own(&retraction, MESH)]);
    bench.write(vec![word(&ip(1), Scope::private(), &[])]);
    assert_eq!(waiting(&bench, &ip(1)), [(MESH, What::Withdraw)]);
}

#[test]
fn a_revoked_member_leaves_nothing_behind() {
    let mut bench = Bench::new();
    let members = [node(3), node(4)];
    let all: Vec<Change> =
        (0..20).flat_map(|n| [saw_as(&ip(n), amber()), tell(&ip(n), &members, NOW)]).collect();
    bench.write(all);
    send_all(&bench, 5);
    bench.write((0..10).map(|n| tell(&ip(n), &members, NOW)).collect());
    // One that was wished for in the same write, too.
    let fresh = vec![saw_as(&ip(30), amber()), tell(&ip(30), &members, NOW)];
    bench.write([fresh, vec![Change::OutboxDrop(node(3))]].concat());
    bench.reopen();
    let store = bench.store();
    assert_eq!((store.next_due(peer(3)).unwrap(), store.waiting_count()), (None, 11));
    for n in (0..20).chain([30]) {
        assert_eq!(store.outbox_row(ip(n).id(), peer(3)).unwrap(), None);
        assert!(store.outbox_row(ip(n).id(), peer(4)).unwrap().is_some());
    }
    // Approved again, it is told nothing of that by itself.
    bench.write(vec![tell(&ip(1), &members, NOW)]);
    assert_eq!(bench.store().next_due(peer(3)).unwrap(), None);
    let hashed = family::audience(&bench.store().db().sealer, peer(3));
    let rows = bench.store().db().rows(Family::Waiting, &hashed, &hashed).unwrap();
    assert_eq!(rows.count(), 0);
}

#[derive(Clone, Debug)]
enum Op {
    /// A source of its own each; it sees, and wishes to tell.
    Saw {
        source: usize,
        scope: usize,
        now: Vec<u8>,
    },
    /// The operator's word on all.
    Word {
        scope: usize,
        audiences: Vec<u8>,
    },
    /// All that waits leaves.
    Send,
    Drop(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let some = || proptest::collection::vec(0..4_u8, 0..4);
    prop_oneof![
        4 => (0..2_usize, 0..4_usize, some())
            .prop_map(|(source, scope, now)| Op::Saw { source, scope, now }),
        2 => (0..4_usize, some()).prop_map(|(scope, audiences)| Op::Word { scope, audiences }),
        2 => any::<u8>().prop_map(|_| Op::Send),
        1 => (1..4_u8).prop_map(Op::Drop),
    ]
}

fn scope(n: usize) -> Scope {
    [Scope::private(), amber(), Scope::new(Tlp::Green, []), Scope::new(Tlp::White, [])][n].clone()
}

fn audience(n: u8) -> Audience {
    if n == 0 { MESH } else { peer(n) }
}

fn apply(bench: &Bench, op: &Op, revision: u64) {
    let value = ip(1);
    match op {
        Op::Saw { source, scope: n, now } => {
            let mut seen = sighting(value.clone(), NOW);
            seen.origin = Origin::Log([Source::Ufw, Source::Sshd][*source]);
            seen.scope = scope(*n);
            let members = now.iter().filter(|n| **n > 0).map(|n| node(*n)).collect();
            let hold = crate::store::Hold::none(NOW);
            let (indicator, origin) = (value.id(), seen.origin);
            let told = Change::Tell { indicator, origin, members, hold };
            bench.write(vec![Change::Sighting(seen), told]);
        }
        Op::Word { scope: n, audiences } => {
            let audiences: Vec<Audience> = audiences.iter().map(|n| audience(*n)).collect();
            bench.write(vec![word(&value, scope(*n), &audiences)]);
        }
        Op::Send => send_all(bench, revision),
        Op::Drop(n) => {
            bench.write(vec![Change::OutboxDrop(node(*n))]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_narrower_word_always_takes_back_and_sightings_never_widen(
        ops in proptest::collection::vec(op(), 1..24)
    ) {
        let mut bench = Bench::new();
        let id = ip(1).id();
        for (revision, op) in (1..).zip(ops) {
            let rows = |bench: &Bench| bench.store().outbox_rows(id).unwrap();
            let before = rows(&bench);
            let seen_before = bench.store().evidence(id).unwrap().len();
            apply(&bench, &op, revision);
            let after = rows(&bench);
            let find = |audience| after.iter().find(|row| row.audience == audience);
            match &op {
                Op::Word { audiences, .. } if seen_before > 0 => {
                    let reached: BTreeSet<Audience> =
                        audiences.iter().map(|n| audience(*n)).collect();
                    for row in &before {
                        let told = row.last.as_ref().is_some_and(|own| !own.claim.retracted);
                        // White and green reach the mesh whatever was passed along.
                        let open = bench.store().evidence(id).unwrap()[0].scope.tlp() <= Tlp::Green;
                        let kept = reached.contains(&row.audience)
                            || row.audience == MESH && open;
                        let what = find(row.audience).and_then(|row| row.waits).map(|w| w.what);
                        if !kept && told {
                            assert_eq!(what, Some(What::Withdraw));
                        } else if !kept {
                            assert!(what.is_none_or(|what| what == What::Withdraw), "{what:?}");
                        }
                    }
                    for audience in reached {
                        let row = find(audience).unwrap();
                        assert_eq!(row.waits.unwrap().what, What::Share);
                        let over = row.last.as_ref().filter(|own| own.claim.retracted);
                        assert!(over.is_none_or(|own| row.generation > own.generation));
                    }
                }
                Op::Saw { .. } => {
                    for row in after.iter().filter(|row| row.audience != MESH) {
                        let shared = bench.store().evidence_for(id, row.audience).unwrap();
                        assert!(!shared.is_empty() || row.last.is_some(), "{row:?}");
                        let known = before.iter().any(|old| old.audience == row.audience);
                        let first = seen_before < bench.store().evidence(id).unwrap().len();
                        let unfixed = !before.iter().any(|old| old.audience != MESH);
                        assert!(known || first || unfixed || !shared.is_empty());
                    }
                    for old in &before {
                        // What is to be taken back stays so.
                        let withdraw = |row: &crate::store::OutboxRow| {
                            row.waits.is_some_and(|wish| wish.what == What::Withdraw)
                        };
                        assert!(!withdraw(old) || find(old.audience).is_some_and(withdraw));
                        let generation = find(old.audience).map(|row| row.generation);
                        assert_eq!(generation, Some(old.generation));
                    }
                }
                Op::Drop(n) => assert!(find(peer(*n)).is_none()),
                Op::Send | Op::Word { .. } => {}
            }
            let waits: BTreeSet<u64> =
                after.iter().filter_map(|row| row.waits).map(|wish| wish.stamp).collect();
            let store = bench.store();
            let found = store.outbox(99).unwrap();
            assert_eq!(found.iter().map(|wish: &Pending| wish.stamp).collect::<BTreeSet<_>>(), waits);
            assert_eq!(store.waiting_count() as usize, waits.len());
            let due = (0..4).flat_map(|n| store.due(audience(n), NOW, 99).unwrap());
            assert_eq!(due.count(), waits.len());
        }
        let all = |bench: &Bench| {
            (bench.store().outbox_rows(id).unwrap(), bench.store().outbox(99).unwrap())
        };
        let before = all(&bench);
        bench.reopen();
        assert_eq!(all(&bench), before);
    }
}
