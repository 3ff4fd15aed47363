//! Finding each other at a bootstrap.

use std::time::Duration;

use futures::StreamExt as _;
use libp2p::Swarm;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::{self, SwarmEvent};
use libp2p_rendezvous as rendezvous;

use super::{Node, claim, keys, settings};
use crate::mesh::{Event, Role, Transport, transport};

/// libp2p's own server, which the bootstrap role guards.
async fn bootstrap(seed: u8) -> Multiaddr {
    let keys = keys(seed);
    let connections = transport::build(Transport::Memory, &keys, &[]).unwrap();
    let server = rendezvous::server::Behaviour::new(rendezvous::server::Config::default());
    let config =
        swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(600));
    let mut swarm = Swarm::new(connections, server, keys.public().to_peer_id(), config);
    swarm.listen_on("/memory/0".parse().unwrap()).unwrap();
    let address = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            break address;
        }
    };
    let address = address.with_p2p(keys.public().to_peer_id()).unwrap();
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    address
}

async fn node(seed: u8, bootstrap: &Multiaddr, discoverable: bool) -> Node {
    let mut settings = settings(seed);
    settings.infrastructure = vec![bootstrap.clone()];
    settings.discoverable = discoverable;
    settings.discover_every = Duration::from_millis(300);
    Node::start(settings).await
}

#[tokio::test]
async fn members_find_each_other_and_strangers_become_candidates() {
    let bootstrap = bootstrap(9).await;
    let mut one = node(1, &bootstrap, true).await;
    let mut other = node(2, &bootstrap, true).await;
    one.status(|status| status.bootstraps.iter().any(|point| point.registered)).await;
    let found = |event| match event {
        Event::Discovered { node, addresses, .. } => Some((node, addresses)),
        _ => None,
    };
    let (node, addresses) = one.wait(found).await;
    assert_eq!((node, addresses.is_empty()), (other.id(), false));
    // Approved without an address: the bootstrap named one.
    one.mesh.set_role(other.id(), Role::Member, Vec::new()).await.unwrap();
    other.mesh.set_role(one.id(), Role::Member, Vec::new()).await.unwrap();
    one.ready().await;
    other.ready().await;
    one.publish(&claim(1)).await;
    assert_eq!(other.heard().await.0, claim(1));
}

#[tokio::test]
async fn who_does_not_want_to_be_found_is_not_registered() {
    let bootstrap = bootstrap(9).await;
    let hidden = node(1, &bootstrap, false).await;
    hidden.status(|status| status.peers.len() == 1).await;
    let mut seeking = node(2, &bootstrap, true).await;
    let third = node(3, &bootstrap, true).await;
    let found = |event| match event {
        Event::Discovered { node, .. } => Some(node),
        _ => None,
    };
    // The first that is found is the third: the hidden one was there before it.
    assert_eq!(seeking.wait(found).await, third.id());
    let status = hidden.status(|_| true).await;
    assert!(status.bootstraps.iter().all(|point| !point.registered));
}
