//! What others may try: rubbish, forged authors, replays, floods.

use libp2p::multiaddr::Multiaddr;

use super::wiretap::{Seen, Tap, field, tap};
use super::{Node, claim, node_id, pair, rubbish, settings};
use crate::mesh::{Event, Role};

/// A node, an honest member behind it, and a hostile member before it.
async fn line() -> (Node, Node, Tap) {
    let (mut middle, honest) = pair(Node::memory(1).await, Node::memory(3).await).await;
    middle.mesh.set_role(node_id(2), Role::Member, Vec::new()).await.unwrap();
    let tap = tap(2, &middle);
    tap.join();
    middle.wait(|event| matches!(event, Event::MeshReady { members: 2 }).then_some(())).await;
    (middle, honest, tap)
}

async fn shut_out(middle: &mut Node, tap: &mut Tap) {
    while !matches!(tap.next().await, Seen::Closed) {}
    let gone = middle.wait(|event| match event {
        Event::Disconnected { node } => Some(node),
        _ => None,
    });
    assert_eq!(gone.await, node_id(2));
}

#[tokio::test]
async fn rubbish_is_not_passed_on_and_its_sender_is_shut_out() {
    let (mut middle, mut honest, mut tap) = line().await;
    tap.publish(&claim(0), &[]);
    assert_eq!(middle.heard().await, (claim(0), node_id(2)));
    assert_eq!(honest.heard().await, (claim(0), middle.id()));
    for number in 0..3 {
        tap.publish(&rubbish(number), &[]);
    }
    shut_out(&mut middle, &mut tap).await;
    // The honest one hears the next claim, so it would have heard the rubbish.
    middle.publish(&claim(1)).await;
    assert_eq!(honest.heard().await.0, claim(1));
    assert_eq!(honest.metrics.claims.with_label_values(&["gossip", "signature"]).get(), 0);
    // It is not let in again, and whoever passed on nothing is not charged.
    let mut again = super::wiretap::tap(2, &middle);
    while !matches!(again.next().await, Seen::Closed) {}
    assert_eq!(middle.refused("shut_out"), 1);
    assert_eq!(middle.status(|_| true).await.peers.len(), 1);
}

#[tokio::test]
async fn a_message_with_an_author_or_a_mark_is_refused_unread() {
    // The fields from, seqno, signature and key.
    for number in [1, 3, 5, 6] {
        let (mut middle, _honest, tap) = line().await;
        tap.publish(&claim(1), &field(number, 2, b"somebody"));
        tap.publish(&claim(2), &[]);
        assert_eq!(middle.heard().await.0, claim(2), "field {number}");
    }
}

#[tokio::test]
async fn a_burst_of_claims_arrives_whole_and_in_one_stream() {
    // More than gossipsub's buffer of 8 KiB at once: its limits must bear it. And more
    // than one member may have before the judge: it is slowed down, and nothing is lost.
    const BURST: u32 = 3000;
    let (mut middle, _honest, tap) = line().await;
    for number in 0..BURST {
        tap.publish(&claim(number), &[]);
    }
    let mut missing: std::collections::HashSet<Vec<u8>> = (0..BURST).map(claim).collect();
    while !missing.is_empty() {
        missing.remove(&middle.heard().await.0);
    }
}

#[tokio::test]
async fn a_stranger_is_closed_after_the_handshake_without_a_stream() {
    let mut node = Node::memory(1).await;
    let mut tap = tap(2, &node);
    tap.join();
    let mut seen = Vec::new();
    loop {
        let next = tap.next().await;
        if matches!(next, Seen::Closed) {
            break;
        }
        seen.push(next);
    }
    assert!(matches!(seen[..], [Seen::Connected]), "{seen:?}");
    let (who, address) = node
        .wait(|event| match event {
            Event::Knock { node, address, .. } => Some((node, address)),
            _ => None,
        })
        .await;
    assert_eq!(who, node_id(2));
    assert_ne!(address, Multiaddr::empty());
    assert_eq!(node.refused("stranger"), 1);
    assert!(node.status(|_| true).await.peers.is_empty());
}

#[tokio::test]
async fn infrastructure_is_connected_and_deaf() {
    let bootstrap = Node::memory(9).await;
    let mut with_bootstrap = settings(1);
    let address = format!("{}/p2p/{}", bootstrap.address, bootstrap.id());
    with_bootstrap.infrastructure = vec![address.parse().unwrap()];
    let one = Node::start(with_bootstrap).await;
    // It would like to gossip with us.
    bootstrap.mesh.set_role(one.id(), Role::Member, Vec::new()).await.unwrap();
    let (one, mut other) = pair(one, Node::memory(2).await).await;
    let both = |status: &crate::mesh::Status| status.peers.len() == 2;
    let status = one.status(both).await;
    assert_eq!(status.members_in_topic, 1);
    let bootstrap_there = status.peers.iter().find(|peer| peer.node == bootstrap.id()).unwrap();
    assert!(bootstrap_there.role == Role::Infrastructure && !bootstrap_there.in_mesh);
    assert_eq!(one.publish(&claim(1)).await, 1);
    assert_eq!(other.heard().await.0, claim(1));
    assert_eq!(one.status(|_| true).await.members_in_topic, 1);
    // Its own gossip found nobody either.
    assert_eq!(bootstrap.status(|_| true).await.members_in_topic, 0);
    assert_eq!(bootstrap.metrics.claims.with_label_values(&["gossip", "accept"]).get(), 0);
}
