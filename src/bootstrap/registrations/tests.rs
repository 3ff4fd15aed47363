//! The bounds of the registration table.

use super::{Bounds, MAX_PAGE, MAX_RECORD_BYTES, MAX_TTL, MIN_TTL, Refused, Registrations, Wish};
use crate::mesh::neighbourhood::Neighbourhood;
use crate::model::{NodeId, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeSet;

const NOW: Timestamp = Timestamp(1_700_000_000);

fn node(n: u8) -> NodeId {
    NodeId::from_public_key([n; 32])
}

fn network(n: u8) -> Neighbourhood {
    Neighbourhood::of_ip([198, 51, n, 1].into())
}

fn wish(n: u8, from: u8) -> Wish {
    Wish { node: node(n), community: 0, from: network(from), seq: 1, record: vec![n; 8], ttl: None }
}

fn table(strangers: usize, neighbours: usize, listed: &[u8]) -> Registrations {
    let listed: BTreeSet<NodeId> = listed.iter().map(|n| node(*n)).collect();
    let mut table = Registrations::new(listed, NOW);
    table.bounds = Bounds { strangers, neighbours };
    table
}

/// First bytes of everything that paging from the beginning yields.
fn read_all(table: &Registrations, community: usize, limit: usize, now: Timestamp) -> Vec<u8> {
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let page = table.page(community, after, limit, now);
        if page.records.is_empty() {
            return all;
        }
        assert!(page.records.len() <= limit.min(MAX_PAGE));
        assert!(page.last > after);
        all.extend(page.records.iter().map(|(record, _)| record[0]));
        after = page.last;
    }
}

#[test]
fn registering_again_replaces() {
    let mut table = table(10, 10, &[]);
    for seq in 0..1000 {
        assert_eq!(table.register(Wish { seq, ..wish(1, 1) }, NOW), Ok(7200));
    }
    assert_eq!((table.len(), table.crowds.len(), table.ends.len()), (1, 1, 1));
}

#[test]
fn an_older_record_is_refused_and_the_newer_one_stays() {
    let mut table = table(10, 10, &[]);
    table.register(Wish { seq: 5, ..wish(1, 1) }, NOW).unwrap();
    assert_eq!(table.register(Wish { seq: 4, ..wish(1, 1) }, NOW), Err(Refused::Stale));
    assert_eq!(table.register(Wish { seq: 5, ..wish(1, 1) }, NOW), Ok(7200));
    assert_eq!(table.len(), 1);
}

#[test]
fn a_registration_ends() {
    let mut table = table(10, 10, &[]);
    assert_eq!(table.register(Wish { ttl: Some(0), ..wish(1, 1) }, NOW), Ok(MIN_TTL));
    assert_eq!(table.register(Wish { ttl: Some(u64::MAX), ..wish(2, 1) }, NOW), Ok(MAX_TTL));
    assert_eq!(read_all(&table, 0, 10, NOW), [1, 2]);
    let later = NOW.plus(MIN_TTL);
    assert_eq!(read_all(&table, 0, 10, later), [2], "not served although not yet forgotten");
    table.expire(later);
    assert_eq!(table.len(), 1);
    assert_eq!(table.page(0, 0, 10, later).records[0].1, MAX_TTL - MIN_TTL, "what is left");
}

#[test]
fn one_network_cannot_fill_the_table() {
    let mut table = table(100, 3, &[]);
    let refused = (0..50).filter(|n| table.register(wish(*n, 1), NOW).is_err()).count();
    assert_eq!((table.len(), refused), (3, 47));
    assert_eq!(table.register(wish(99, 2), NOW), Ok(7200));
    assert_eq!(table.register(wish(0, 1), NOW), Ok(7200), "who is in can refresh");
}

#[test]
fn a_full_table_takes_from_the_largest_crowd() {
    let mut table = table(4, 3, &[]);
    for (n, from) in [(1, 1), (2, 1), (3, 1), (4, 2)] {
        table.register(wish(n, from), NOW).unwrap();
    }
    assert_eq!(table.register(wish(5, 3), NOW), Ok(7200));
    assert_eq!(read_all(&table, 0, 10, NOW), [1, 2, 4, 5], "the newest of network 1 is gone");
    assert_eq!(table.register(wish(6, 2), NOW), Err(Refused::Full), "as large as the largest");
    assert_eq!(table.register(wish(7, 1), NOW), Err(Refused::Full));
}

#[test]
fn a_full_table_does_not_stop_the_listed() {
    let mut table = table(4, 4, &[200, 201]);
    for n in 0..4 {
        table.register(wish(n, n), NOW).unwrap();
    }
    assert_eq!(table.register(wish(9, 9), NOW), Err(Refused::Full));
    assert_eq!(table.register(wish(200, 1), NOW), Ok(7200));
    assert_eq!(table.register(wish(201, 1), NOW), Ok(7200));
    table.unregister(&node(200), 0);
    assert_eq!(read_all(&table, 0, 10, NOW), [0, 1, 2, 3, 201]);
}

#[test]
fn a_cookie_asks_for_what_is_new() {
    let mut first = table(10, 10, &[]);
    first.register(wish(1, 1), NOW).unwrap();
    let cookie = first.page(0, 0, 10, NOW).last;
    assert!(first.page(0, cookie, 10, NOW).records.is_empty());
    first.register(wish(2, 1), NOW).unwrap();
    assert_eq!(first.page(0, cookie, 10, NOW).records, [(&[2; 8][..], 7200)]);

    let mut restarted = Registrations::new(BTreeSet::new(), NOW.plus(5));
    restarted.register(wish(1, 1), NOW).unwrap();
    assert_eq!(restarted.page(0, cookie, 10, NOW).records.len(), 1, "from before the restart");
    assert_eq!(restarted.page(0, u64::MAX, 10, NOW).records.len(), 1, "never given out");
    assert!(restarted.page(1, 0, 10, NOW).records.is_empty(), "another community");
}

#[test]
fn an_answer_has_a_size() {
    let mut table = table(1000, 1000, &[]);
    let large = |n| Wish { record: vec![n; MAX_RECORD_BYTES], ..wish(n, 1) };
    for n in 0..200 {
        table.register(large(n), NOW).unwrap();
    }
    assert_eq!(table.page(0, 0, usize::MAX, NOW).records.len(), 32);
    assert_eq!(read_all(&table, 0, usize::MAX, NOW), (0..200).collect::<Vec<u8>>());
    let too_large = Wish { record: vec![0; MAX_RECORD_BYTES + 1], ..wish(201, 1) };
    assert_eq!(table.register(too_large, NOW), Err(Refused::TooLarge));
}

#[derive(Clone, Debug)]
enum Step {
    Register(Wish),
    Unregister(u8, usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let register = (any::<u8>(), 0usize..2, 0u8..6, 0u64..4, 0usize..20, any::<Option<u32>>());
    prop_oneof![
        8 => register.prop_map(|(n, community, from, seq, len, ttl)| Step::Register(Wish {
            node: node(n),
            community,
            from: network(from),
            seq,
            record: vec![n; len + 1],
            ttl: ttl.map(u64::from),
        })),
        2 => (any::<u8>(), 0usize..2).prop_map(|(n, community)| Step::Unregister(n, community)),
        1 => (0u64..100_000).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn the_bounds_hold_whatever_is_sent(steps in prop::collection::vec(step(), 1..300)) {
        let mut table = table(12, 5, &[1, 2, 3]);
        let mut now = NOW;
        for step in steps {
            match step {
                Step::Register(wish) => {
                    let (listed, seq) = (table.listed.contains(&wish.node), wish.seq);
                    let known = table.entry(&wish.node, wish.community).map(|e| (e.seq, e.ends));
                    let known = known.filter(|(_, ends)| *ends > now).map(|(seq, _)| seq);
                    let outcome = table.register(wish, now);
                    match known {
                        Some(newer) if newer > seq => prop_assert_eq!(outcome, Err(Refused::Stale)),
                        Some(_) => prop_assert!(outcome.is_ok(), "a refresh is never refused"),
                        None => prop_assert!(outcome.is_ok() || !listed),
                    }
                }
                Step::Unregister(n, community) => table.unregister(&node(n), community),
                Step::Wait(seconds) => now = now.plus(seconds),
            }
            table.expire(now);
            let strangers: usize = table.crowds.values().sum();
            prop_assert!(strangers <= 12);
            prop_assert!(table.crowds.values().all(|crowd| (1..=5).contains(crowd)));
            prop_assert_eq!(table.len(), table.places.len());
            prop_assert_eq!(table.len(), table.ends.len());
            prop_assert!(table.len() <= strangers + 3 * 2);
        }
        for limit in [1, 3, 100] {
            let served: usize =
                (0..2).map(|community| read_all(&table, community, limit, now).len()).sum();
            prop_assert_eq!(served, table.len(), "paging reaches everything once");
        }
    }
}
