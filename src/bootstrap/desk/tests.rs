//! What the desk answers to whom.

use super::{Caller, Desk, Reason, Reply, Rules};
use crate::bootstrap::registrations::Refused;
use crate::mesh::address;
use crate::mesh::neighbourhood::Neighbourhood;
use crate::mesh::rendezvous::{Answer, Discovered, Request, Status};
use crate::model::{Community, Timestamp};
use libp2p::core::PeerRecord;
use libp2p::identity::Keypair;
use std::net::Ipv4Addr;

const NOW: Timestamp = Timestamp(1_700_000_000);
const SERVED: &str = "dtim/here";

fn keys(n: u8) -> Keypair {
    Keypair::ed25519_from_bytes([n; 32]).unwrap()
}

fn caller(n: u8) -> Caller {
    let node = address::node_of(&keys(n).public().to_peer_id()).unwrap();
    Caller { node, from: Neighbourhood::of_ip(Ipv4Addr::new(203, 0, n, 1).into()) }
}

fn desk(listed: &[u8]) -> Desk {
    let rules = Rules {
        communities: vec![Community::new("here").unwrap(), Community::new("also").unwrap()],
        listed: listed.iter().map(|n| caller(*n).node).collect(),
        allow_private_addresses: false,
    };
    Desk::new(rules, NOW)
}

fn record(n: u8, addresses: &[&str]) -> Vec<u8> {
    let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let record = PeerRecord::new(&keys(n), addresses).unwrap();
    record.into_signed_envelope().into_protobuf_encoding()
}

fn register(n: u8) -> Request {
    let record = record(n, &["/ip4/8.8.8.8/tcp/3031"]);
    Request::Register { namespace: SERVED.into(), record, ttl: Some(600) }
}

fn discover(namespace: Option<&str>, cookie: Option<Vec<u8>>) -> Request {
    Request::Discover { namespace: namespace.map(Into::into), limit: Some(2), cookie }
}

fn page(reply: Reply) -> Discovered {
    match reply {
        Reply::Answer(Answer::Discovered(Ok(page))) => page,
        other => panic!("{other:?}"),
    }
}

fn refused(reply: Reply) -> Reason {
    match reply {
        Reply::Refuse(Answer::Registered(Err(_)) | Answer::Discovered(Err(_)), reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn registers_and_is_found_page_by_page() {
    let mut desk = desk(&[]);
    for n in 1..=3 {
        let reply = desk.serve(caller(n), register(n), NOW);
        let at = vec!["/ip4/8.8.8.8/tcp/3031".parse().unwrap()];
        assert_eq!(reply, Reply::Registered(Answer::Registered(Ok(600)), at));
    }
    let first = page(desk.serve(caller(9), discover(Some(SERVED), None), NOW));
    assert_eq!(first.records.len(), 2);
    let second = page(desk.serve(caller(9), discover(Some(SERVED), Some(first.cookie)), NOW));
    assert_eq!(second.records.len(), 1);
    let third = page(desk.serve(caller(9), discover(Some(SERVED), Some(second.cookie)), NOW));
    assert_eq!(third.records, []);
    let other = page(desk.serve(caller(9), discover(Some("dtim/also"), None), NOW));
    assert_eq!(other.records, [], "communities do not see each other");
    desk.serve(caller(1), Request::Unregister { namespace: SERVED.into() }, NOW);
    assert_eq!(desk.registrations(NOW), 2);
    assert_eq!(desk.registrations(NOW.plus(600)), 0);
}

#[test]
fn nobody_lists_all_namespaces_or_a_foreign_one() {
    let mut desk = desk(&[1]);
    desk.serve(caller(1), register(1), NOW);
    let all = desk.serve(caller(1), discover(None, None), NOW);
    assert_eq!(
        all,
        Reply::Refuse(Answer::Discovered(Err(Status::NotAuthorized)), Reason::AllNamespaces)
    );
    let foreign = discover(Some("dtim/elsewhere"), None);
    assert_eq!(refused(desk.serve(caller(1), foreign, NOW)), Reason::Namespace);
    let foreign = Request::Register {
        namespace: "here".into(),
        record: record(1, &["/ip4/8.8.8.8/tcp/1"]),
        ttl: None,
    };
    assert_eq!(refused(desk.serve(caller(1), foreign, NOW)), Reason::Namespace);
    for cookie in [vec![], vec![0; 8], [&[0; 8][..], b"dtim/also"].concat()] {
        let reply = desk.serve(caller(1), discover(Some(SERVED), Some(cookie)), NOW);
        assert_eq!(refused(reply), Reason::Cookie);
    }
}

#[test]
fn only_the_callers_own_reachable_record_is_listed() {
    let mut desk = desk(&[]);
    let mut refusal = |record: Vec<u8>| {
        let request = Request::Register { namespace: SERVED.into(), record, ttl: None };
        refused(desk.serve(caller(1), request, NOW))
    };
    let good = ["/ip4/8.8.8.8/tcp/1"];
    assert_eq!(refusal(record(2, &good)), Reason::NotTheCallers);
    assert_eq!(refusal(vec![]), Reason::BadRecord);
    let mut forged = record(1, &good);
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(refusal(forged), Reason::BadRecord);
    assert_eq!(refusal(record(1, &[])), Reason::Addresses);
    assert_eq!(refusal(record(1, &["/ip4/10.0.0.1/tcp/1"])), Reason::Addresses);
    assert_eq!(refusal(record(1, &["/ip4/8.8.8.8/tcp/1"; 17])), Reason::Addresses);
    let other_form = PeerRecord::new_interop(&keys(1), vec![good[0].parse().unwrap()]).unwrap();
    let other_form = other_form.into_signed_envelope().into_protobuf_encoding();
    assert_eq!(refusal(other_form), Reason::BadRecord, "stock clients could not read the page");
    assert_eq!(desk.registrations(NOW), 0);
}

#[test]
fn an_old_record_does_not_replace_a_newer_one() {
    let mut desk = desk(&[]);
    let old = register(1);
    // The sequence number is the time in seconds at which the record was made.
    let newer = loop {
        let newer = register(1);
        if seq(&newer) > seq(&old) {
            break newer;
        }
        std::thread::yield_now();
    };
    assert!(matches!(desk.serve(caller(1), newer, NOW), Reply::Registered(..)));
    assert_eq!(refused(desk.serve(caller(1), old, NOW)), Reason::Table(Refused::Stale));
}

fn seq(request: &Request) -> u64 {
    let Request::Register { record, .. } = request else { panic!("not a registration") };
    let envelope = libp2p::core::SignedEnvelope::from_protobuf_encoding(record).unwrap();
    PeerRecord::from_signed_envelope(envelope).unwrap().seq()
}

#[test]
fn whoever_asks_again_and_again_is_cut_off() {
    let mut desk = desk(&[1]);
    for _ in 0..10 {
        assert!(matches!(desk.serve(caller(1), register(1), NOW), Reply::Registered(..)));
    }
    assert_eq!(desk.serve(caller(1), register(1), NOW), Reply::CutOff);
    assert_eq!(desk.registrations(NOW), 1);
    assert!(!desk.unreadable(caller(1), NOW), "what cannot be read counts as well");

    for _ in 0..60 {
        page(desk.serve(caller(2), discover(Some(SERVED), None), NOW));
    }
    assert_eq!(desk.serve(caller(2), discover(Some(SERVED), None), NOW), Reply::CutOff);
}

#[test]
fn a_neighbourhood_of_throwaway_identities_is_slowed_and_the_listed_are_not() {
    let mut desk = desk(&[200]);
    let crowded = caller(1).from;
    let mut too_often = 0;
    for n in 1..=199 {
        let reply = desk.serve(Caller { from: crowded, ..caller(n) }, register(n), NOW);
        too_often += usize::from(matches!(reply, Reply::Refuse(_, Reason::CrowdTooOften)));
    }
    assert_eq!((desk.registrations(NOW), too_often), (32, 79));
    let listed = Caller { from: crowded, ..caller(200) };
    assert!(matches!(desk.serve(listed, register(200), NOW), Reply::Registered(..)));
}

#[test]
fn only_what_others_can_reach_is_told_of_a_record() {
    let mut desk = desk(&[]);
    let record = record(
        1,
        &["/ip4/10.0.0.1/tcp/3031", "/ip4/8.8.8.8/tcp/3031", "/dns/internal.example/tcp/3031"],
    );
    let request = Request::Register { namespace: SERVED.into(), record, ttl: None };
    let Reply::Registered(_, at) = desk.serve(caller(1), request, NOW) else { panic!() };
    assert_eq!(at, ["/ip4/8.8.8.8/tcp/3031".parse().unwrap()]);
    assert!(desk.is_registered(&caller(1).node));
    desk.serve(caller(1), Request::Unregister { namespace: SERVED.into() }, NOW);
    assert!(!desk.is_registered(&caller(1).node));
}
