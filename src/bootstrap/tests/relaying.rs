//! The relay against libp2p's own client, over TCP, and against clients that ask
//! for too much.

use std::collections::BTreeSet;
use std::time::Duration;

use libp2p::core::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use tokio::time::{Instant, sleep_until};

use super::guest::{Guest, in_time};
use super::hop::{NO_RESERVATION, OK, RESOURCE_LIMIT_EXCEEDED, Wish};
use super::{HERE, Settings, address_of, guest, in_memory, node, over_tcp, start};
use crate::bootstrap::{Bootstrap, RelayLimits};
use crate::config::Admit;
use crate::mesh::address;

async fn becomes(bootstrap: &Bootstrap, is_so: impl FnMut(&super::super::Status) -> bool) {
    in_time(bootstrap.status().wait_for(is_so)).await.unwrap();
}

/// Both ends of a circuit, and the address of its far end.
async fn connected(bootstrap: &Bootstrap) -> (Guest, Guest) {
    let (mut near, mut far) = (guest(1, bootstrap).await, guest(2, bootstrap).await);
    let at = far.reserve(&address_of(bootstrap)).await.unwrap();
    assert!(at.iter().any(|part| part == Protocol::P2pCircuit), "{at}");
    let far_peer = far.peer();
    let met = tokio::select! {
        met = near.reaches(far_peer, at) => met,
        () = far.serve() => unreachable!(),
    };
    assert!(met, "it identified itself through the relay");
    (near, far)
}

#[tokio::test]
async fn two_nodes_meet_through_it() {
    let bootstrap = start(over_tcp()).await.unwrap();
    let (near, far) = connected(&bootstrap).await;
    assert!(near.swarm.is_connected(&far.peer()));
    becomes(&bootstrap, |status| (status.reservations, status.circuits) == (1, 1)).await;
    drop(far);
    becomes(&bootstrap, |status| (status.reservations, status.circuits) == (0, 0)).await;
}

#[tokio::test]
async fn a_circuit_ends_when_its_time_is_over() {
    let settings = over_tcp();
    let circuit = Duration::from_secs(1);
    let relay = RelayLimits { circuit, ..settings.relay };
    let bootstrap = start(Settings { relay, ..settings }).await.unwrap();
    let (mut near, mut far) = connected(&bootstrap).await;
    let (there, here) = (far.peer(), near.peer());
    let closed = |of| {
        move |event| match event {
            SwarmEvent::ConnectionClosed { peer_id, .. } if peer_id == of => Some(()),
            _ => None,
        }
    };
    tokio::join!(near.until(closed(there)), far.until(closed(here)));
    becomes(&bootstrap, |status| (status.reservations, status.circuits) == (1, 0)).await;
}

#[tokio::test]
async fn a_circuit_ends_when_it_has_carried_enough() {
    let settings = over_tcp();
    let relay = RelayLimits { circuit_bytes: 300, ..settings.relay };
    let bootstrap = start(Settings { relay, ..settings }).await.unwrap();
    let (mut near, mut far) = (guest(1, &bootstrap).await, guest(2, &bootstrap).await);
    let at = far.reserve(&address_of(&bootstrap)).await.unwrap();
    let far_peer = far.peer();
    let met = tokio::select! {
        met = near.reaches(far_peer, at) => met,
        () = far.serve() => unreachable!(),
    };
    assert!(!met, "a handshake takes more");
}

#[tokio::test]
async fn nobody_is_reached_who_did_not_reserve() {
    let settings = over_tcp();
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let (mut near, far) = (guest(1, &bootstrap).await, guest(2, &bootstrap).await);
    let circuit = address_of(&bootstrap).with(Protocol::P2pCircuit);
    assert!(!near.reaches(far.peer(), circuit).await);
    assert_eq!(near.wish(Wish::Connect(far.peer())).await, Some(NO_RESERVATION));
    let counted =
        metrics.bootstrap.relay_requests.with_label_values(&["circuit", "no_reservation"]);
    assert_eq!(counted.get(), 2);
    assert_eq!(bootstrap.status().borrow().circuits, 0);
}

#[tokio::test]
async fn throwaway_identities_leave_places_for_the_listed() {
    let settings = Settings { listed: BTreeSet::from([node(1)]), ..in_memory() };
    let bootstrap = start(settings).await.unwrap();
    let mut held = Vec::new();
    for seed in 100..140 {
        let mut throwaway = guest(seed, &bootstrap).await;
        held.push((throwaway.wish(Wish::Reserve).await, throwaway));
    }
    let got = |status| held.iter().filter(|(answer, _)| *answer == Some(status)).count();
    assert_eq!((got(OK), got(RESOURCE_LIMIT_EXCEEDED)), (32, 8), "a neighbourhood's share");
    let mut listed = guest(1, &bootstrap).await;
    assert!(listed.reserve(&address_of(&bootstrap)).await.is_some());
    assert_eq!(held[0].1.wish(Wish::Reserve).await, Some(OK), "who has a place keeps it");
    becomes(&bootstrap, |status| status.reservations == 33).await;
    held.truncate(1);
    becomes(&bootstrap, |status| status.reservations == 2).await;
    let mut late = guest(200, &bootstrap).await;
    assert_eq!(late.wish(Wish::Reserve).await, Some(OK), "the places are free again");
}

/// A connection with more streams than its other end allows breaks.
#[tokio::test]
async fn a_node_that_many_call_stays_connected() {
    let settings = over_tcp();
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let mut far = guest(1, &bootstrap).await;
    let (peer, at) = (far.peer(), far.reserve(&address_of(&bootstrap)).await.unwrap());
    let answering = tokio::spawn(async move { far.serve().await });
    let mut met = 0;
    let mut callers = Vec::new();
    for seed in 2..=4 {
        let mut caller = guest(seed, &bootstrap).await;
        for _ in 0..10 {
            met += usize::from(caller.reaches(peer, at.clone()).await);
        }
        callers.push(caller);
    }
    assert_eq!(met, 24, "what may lead to one node at a time");
    let busy = metrics.bootstrap.relay_requests.with_label_values(&["circuit", "busy"]);
    assert_eq!(busy.get(), 6);
    becomes(&bootstrap, |status| (status.reservations, status.circuits) == (1, 24)).await;
    callers.truncate(1);
    becomes(&bootstrap, |status| status.circuits == 10).await;
    answering.abort();
}

#[tokio::test]
async fn a_peer_that_asks_without_end_is_shut_out() {
    let settings = in_memory();
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let (mut bad, mut good) = (guest(1, &bootstrap).await, guest(2, &bootstrap).await);
    let mut answers = 0;
    while bad.is_connected() {
        answers += usize::from(bad.wish(Wish::Connect(good.peer())).await.is_some());
    }
    assert!((300..400).contains(&answers), "300 a minute: {answers}");
    assert_eq!(metrics.bootstrap.peers_shut_out.with_label_values(&["relay"]).get(), 1);
    assert_eq!(good.wish(Wish::Reserve).await, Some(OK), "others notice nothing");
}

/// libp2p-relay 0.22 panics when the answer to a renewal is written after the
/// reservation has ended (`valid connection`), which a client can arrange.
#[tokio::test]
async fn a_renewal_at_the_end_of_a_reservation_breaks_nothing() {
    let settings = over_tcp();
    let reservation = Duration::from_secs(1);
    let relay = RelayLimits { reservation, ..settings.relay };
    let bootstrap = start(Settings { relay, ..settings }).await.unwrap();
    let mut guests = Vec::new();
    for seed in 1..=8 {
        guests.push(guest(seed, &bootstrap).await);
    }
    let renewals = guests.iter_mut().map(|guest| async {
        for _ in 0..3 {
            let begun = Instant::now();
            assert_eq!(guest.wish(Wish::Reserve).await, Some(OK));
            sleep_until(begun + reservation - Duration::from_millis(5)).await;
            while begun.elapsed() < reservation + Duration::from_millis(10) {
                assert_eq!(guest.wish(Wish::Reserve).await, Some(OK));
            }
        }
    });
    futures::future::join_all(renewals).await;
    let mut late = guest(100, &bootstrap).await;
    assert_eq!(late.register(HERE).await, Ok(7200), "it still serves");
}

#[tokio::test]
async fn a_listed_bootstrap_relays_for_the_listed_only() {
    let listed = BTreeSet::from([node(1), node(2)]);
    let settings = Settings { admit: Admit::Listed, listed, ..over_tcp() };
    let bootstrap = start(settings).await.unwrap();
    let stranger = Guest::connect([9; 32], &address_of(&bootstrap)).await;
    assert!(stranger.is_err(), "it gets no stream");
    let (near, far) = connected(&bootstrap).await;
    assert!(near.swarm.is_connected(&far.peer()));
}

#[tokio::test]
async fn it_relays_only_under_an_address_that_others_reach() {
    let private = Settings { allow_private_addresses: false, ..over_tcp() };
    let bootstrap = start(private).await.unwrap();
    let listens = bootstrap.status().borrow().listen.clone();
    assert_eq!(bootstrap.status().borrow().external, []);
    let mut near = guest(1, &bootstrap).await;
    assert_eq!(near.wish(Wish::Reserve).await, None, "it does not offer to");

    let named = "/dns/bootstrap.example.org/tcp/3031".parse().unwrap();
    let public = Settings { external: vec![named], allow_private_addresses: false, ..over_tcp() };
    let bootstrap = start(public).await.unwrap();
    let mut near = guest(1, &bootstrap).await;
    let reached = near.info.as_ref().unwrap().listen_addrs.clone();
    assert!(reached.iter().all(|at| !listens.contains(&address::without_peer(at))), "{reached:?}");
    assert_eq!(reached.len(), 1, "the address that was configured: {reached:?}");
    assert_eq!(near.wish(Wish::Reserve).await, Some(OK));
}
