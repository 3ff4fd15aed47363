//! A bootstrap against libp2p's own clients, and against callers that ask for too
//! much.

mod asking_back;
mod asks;
mod finding;
mod flood;
mod guest;
mod hop;
mod relaying;

use std::collections::BTreeSet;
use std::time::Duration;

use libp2p::{Multiaddr, multiaddr::Protocol};
use libp2p_rendezvous::ErrorCode;

use super::{Bootstrap, RelayLimits, Settings, StartError, start};
use crate::config::Admit;
use crate::mesh::{address, transport::Transport};
use crate::metrics::Metrics;
use crate::model::{Community, NodeId};
use guest::{Gone, Guest, keys};

const HERE: &str = "dtim/here";

fn node(seed: u8) -> NodeId {
    address::node_of(&keys([seed; 32]).public().to_peer_id()).unwrap()
}

fn settings(listen: &str, transport: Transport) -> Settings {
    Settings {
        seed: [255; 32],
        listen: vec![listen.parse().unwrap()],
        external: Vec::new(),
        admit: Admit::Open,
        listed: BTreeSet::new(),
        communities: vec![Community::new("here").unwrap()],
        allow_private_addresses: true,
        max_connections: 64,
        relay: RelayLimits {
            reservation: RelayLimits::RESERVATION,
            circuit: Duration::from_secs(1800),
            circuit_bytes: 64 << 20,
        },
        // The tests of one process share its memory.
        max_memory: 1 << 40,
        transport,
        metrics: Metrics::new(),
    }
}

fn over_tcp() -> Settings {
    settings("/ip4/127.0.0.1/tcp/0", Transport::Network)
}

fn in_memory() -> Settings {
    settings("/memory/0", Transport::Memory)
}

fn address_of(bootstrap: &Bootstrap) -> Multiaddr {
    let listen = bootstrap.status().borrow().listen.first().unwrap().clone();
    listen.with(Protocol::P2p(address::peer_of(bootstrap.node()).unwrap()))
}

async fn guest(seed: u8, bootstrap: &Bootstrap) -> Guest {
    Guest::connect([seed; 32], &address_of(bootstrap)).await.unwrap()
}

async fn registrations_become(bootstrap: &Bootstrap, expected: usize) {
    let mut status = bootstrap.status();
    let reached = status.wait_for(|status| status.registrations == expected);
    tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap().unwrap();
}

#[tokio::test]
async fn two_stock_clients_find_each_other_over_tcp() {
    let bootstrap = start(over_tcp()).await.unwrap();
    let (mut first, mut second) = (guest(1, &bootstrap).await, guest(2, &bootstrap).await);
    assert_eq!(first.register(HERE).await, Ok(7200));
    assert_eq!(second.register(HERE).await, Ok(7200));

    let (found, cookie) = first.discover(Some(HERE), None, None).await.unwrap();
    assert_eq!(found, [first.peer(), second.peer()]);
    let mut third = guest(3, &bootstrap).await;
    third.register(HERE).await.unwrap();
    let (found, _) = first.discover(Some(HERE), Some(cookie), None).await.unwrap();
    assert_eq!(found, [third.peer()], "a cookie asks for what is new");

    let (page, cookie) = third.discover(Some(HERE), None, Some(2)).await.unwrap();
    assert_eq!(page, [first.peer(), second.peer()]);
    let (page, _) = third.discover(Some(HERE), Some(cookie), Some(2)).await.unwrap();
    assert_eq!(page, [third.peer()], "and for the next page");

    second.unregister(HERE);
    second.discover(Some(HERE), None, None).await.unwrap();
    registrations_become(&bootstrap, 2).await;
    assert_eq!(bootstrap.status().borrow().connections, 3);
    bootstrap.stop().await;
}

#[tokio::test]
async fn a_peer_that_registers_again_and_again_is_cut_off() {
    let bootstrap = start(in_memory()).await.unwrap();
    let mut good = guest(1, &bootstrap).await;
    good.register(HERE).await.unwrap();
    let mut bad = guest(2, &bootstrap).await;
    let granted = bad.register_until_refused(HERE).await;
    assert!((10..30).contains(&granted), "10 a minute: {granted}");
    bad.closed().await;
    let again = Guest::connect([2; 32], &address_of(&bootstrap)).await;
    assert_eq!(again.err(), Some(Gone), "it is shut out");

    assert_eq!(good.register(HERE).await, Ok(7200), "others notice nothing");
    registrations_become(&bootstrap, 2).await;
}

#[tokio::test]
async fn only_served_namespaces_and_never_all_of_them() {
    let bootstrap = start(in_memory()).await.unwrap();
    let mut guest = guest(1, &bootstrap).await;
    assert_eq!(guest.register("dtim/elsewhere").await, Err(ErrorCode::InvalidNamespace));
    assert_eq!(guest.register("here").await, Err(ErrorCode::InvalidNamespace));
    guest.register(HERE).await.unwrap();
    let all = guest.discover(None, None, None).await;
    assert_eq!(all.unwrap_err(), ErrorCode::NotAuthorized);
    let foreign = guest.discover(Some("dtim/elsewhere"), None, None).await;
    assert_eq!(foreign.unwrap_err(), ErrorCode::InvalidNamespace);
}

#[tokio::test]
async fn a_private_address_is_not_listed_in_public() {
    let public = Settings { allow_private_addresses: false, ..in_memory() };
    let bootstrap = start(public).await.unwrap();
    let mut guest = guest(1, &bootstrap).await;
    assert_eq!(guest.register(HERE).await, Err(ErrorCode::InvalidSignedPeerRecord));
    guest.reach_me_at("/ip4/8.8.8.8/tcp/3031");
    assert_eq!(guest.register(HERE).await, Ok(7200));
}

#[tokio::test]
async fn a_listed_bootstrap_gives_a_stranger_no_stream() {
    let listed = BTreeSet::from([node(1), node(2)]);
    let listed = Settings { admit: Admit::Listed, listed, ..in_memory() };
    let (metrics, bootstrap) = (listed.metrics.clone(), start(listed).await.unwrap());
    for seed in 100..120 {
        // `connect` ends well only if the bootstrap has identified itself over a stream.
        let stranger = Guest::connect([seed; 32], &address_of(&bootstrap)).await;
        assert_eq!(stranger.err(), Some(Gone));
    }
    let refused = metrics.connections_refused.with_label_values(&["stranger"]).get();
    assert_eq!(refused, 20);
    let (mut first, mut second) = (guest(1, &bootstrap).await, guest(2, &bootstrap).await);
    first.register(HERE).await.unwrap();
    let (found, _) = second.discover(Some(HERE), None, None).await.unwrap();
    assert_eq!(found, [first.peer()]);
}

#[tokio::test]
async fn a_crowd_of_throwaway_identities_does_not_stop_the_listed() {
    let settings = Settings { listed: BTreeSet::from([node(1)]), ..in_memory() };
    let bootstrap = start(settings).await.unwrap();
    let mut refused = 0;
    for seed in 100..140 {
        let throwaway = guest(seed, &bootstrap).await.register(HERE).await;
        refused += usize::from(throwaway == Err(ErrorCode::Unavailable));
    }
    assert_eq!(refused, 8, "a neighbourhood has 32 places");
    let mut listed = guest(1, &bootstrap).await;
    assert_eq!(listed.register(HERE).await, Ok(7200));
    let (found, _) = listed.discover(Some(HERE), None, None).await.unwrap();
    assert_eq!(found.len(), 33);
    assert!(found.contains(&listed.peer()));
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port());
    let error = start(settings(&listen, Transport::Network)).await.unwrap_err();
    assert!(matches!(&error, StartError::Listen { address, .. } if address.to_string() == listen));
    let nowhere = Settings { listen: Vec::new(), ..in_memory() };
    assert!(matches!(start(nowhere).await.unwrap_err(), StartError::NoAddress));
}

#[tokio::test]
async fn when_memory_runs_out_strangers_are_let_go_and_the_listed_stay() {
    let settings = Settings { listed: BTreeSet::from([node(1)]), max_memory: 1, ..in_memory() };
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let mut listed = guest(1, &bootstrap).await;
    let mut stranger = guest(2, &bootstrap).await;
    stranger.closed().await;
    assert_eq!(listed.register(HERE).await, Ok(7200));
    assert_eq!(metrics.bootstrap.connections_shed.get(), 1);
}

#[tokio::test]
async fn who_holds_handshakes_open_does_not_keep_others_out() {
    let settings = over_tcp();
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let mut good = guest(1, &bootstrap).await;
    good.register(HERE).await.unwrap();
    let port = address_of(&bootstrap)
        .iter()
        .find_map(|part| if let Protocol::Tcp(port) = part { Some(port) } else { None })
        .unwrap();
    let mut silent = Vec::new();
    for _ in 0..300 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        silent.push(socket.connect(([127, 0, 0, 1], port).into()).await);
    }
    assert_eq!(good.register(HERE).await, Ok(7200));
    let mut late = guest(2, &bootstrap).await;
    assert_eq!(late.register(HERE).await, Ok(7200));
    let refused = metrics.connections_refused.with_label_values(&["pending_per_host"]);
    assert!(refused.get() >= 200, "{}", refused.get());
}

#[tokio::test]
async fn it_serves_over_quic() {
    let settings = settings("/ip4/127.0.0.1/udp/0/quic-v1", Transport::Network);
    let bootstrap = start(settings).await.unwrap();
    let mut guest = guest(1, &bootstrap).await;
    assert_eq!(guest.register(HERE).await, Ok(7200));
    assert!(guest.reserve(&address_of(&bootstrap)).await.is_some());
}
