//! Members that meet through a relay, over TCP on loopback.
//!
//! A node that may not dial private addresses takes the whole of loopback for a
//! network that it cannot reach, but for what its operator named: the bootstraps.

use std::time::Duration;

use libp2p::multiaddr::Multiaddr;
use tokio::time::timeout;

use super::post::Post;
use super::{LIMIT, Node, claim, node_id, settings};
use crate::mesh::address::{is_relayed, relay_in};
use crate::mesh::{Event, Path, Reachability, Role, Transport};

/// A node that knows some bootstraps and no other address.
async fn inside(seed: u8, bootstraps: &[&Post]) -> Node {
    let mut settings = settings(seed);
    settings.transport = Transport::Network;
    settings.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    settings.allow_private = false;
    settings.infrastructure = bootstraps.iter().map(|post| post.address.clone()).collect();
    Node::start(settings).await
}

fn relayed_addresses(addresses: &[Multiaddr]) -> Vec<Multiaddr> {
    addresses.iter().filter(|address| is_relayed(address)).cloned().collect()
}

/// Where a node can be met through its relays, once there are so many.
async fn places(node: &Node, count: usize) -> Vec<Multiaddr> {
    let status = node
        .status(|status| {
            status.bootstraps.iter().filter(|it| it.reserved).count() == count
                && relayed_addresses(&status.external).len() >= count
        })
        .await;
    relayed_addresses(&status.external)
}

async fn approve(node: &Node, other: &Node, addresses: Vec<Multiaddr>) {
    node.mesh.set_role(other.id(), Role::Member, addresses).await.unwrap();
}

/// Two members, the second of which was told where the first is met.
async fn meet(one: &mut Node, other: &mut Node, at: Vec<Multiaddr>) {
    approve(one, other, Vec::new()).await;
    approve(other, one, at).await;
    one.ready().await;
    other.ready().await;
}

async fn path(node: &Node, to: &Node, path: Path) {
    let id = to.id();
    node.status(|status| status.peers.iter().any(|it| it.node == id && it.path == path)).await;
}

#[tokio::test]
async fn two_members_without_a_straight_path_exchange_claims_through_a_relay() {
    let post = Post::relay(9).await;
    let mut one = inside(1, &[&post]).await;
    let mut other = inside(2, &[&post]).await;
    let at = places(&one, 1).await;
    assert_eq!(relay_in(&at[0]), Some(post.peer));
    meet(&mut one, &mut other, at).await;
    path(&one, &other, Path::Relayed).await;
    path(&other, &one, Path::Relayed).await;
    one.publish(&claim(1)).await;
    assert_eq!(other.heard().await, (claim(1), one.id()));
    other.publish(&claim(2)).await;
    assert_eq!(one.heard().await, (claim(2), other.id()));
    assert!(post.traffic.borrow().circuits >= 1);
    let status = one.status(|status| status.reachability == Reachability::Relayed).await;
    let infrastructure = status.peers.iter().find(|it| it.role == Role::Infrastructure).unwrap();
    assert!(!infrastructure.in_mesh);
    assert_eq!(status.members_in_topic, 1, "the bootstrap is not asked to listen");
}

#[tokio::test]
async fn a_stranger_that_comes_through_a_relay_is_refused_and_can_be_met_again() {
    let post = Post::relay(9).await;
    let mut one = inside(1, &[&post]).await;
    let mut stranger = inside(2, &[&post]).await;
    let at = places(&one, 1).await;
    approve(&stranger, &one, at).await;
    let knock = |event| match event {
        Event::Knock { node, address, .. } => Some((node, address)),
        _ => None,
    };
    let (node, address) = one.wait(knock).await;
    assert_eq!((node, relay_in(&address)), (stranger.id(), Some(post.peer)));
    assert!(one.refused("stranger") >= 1);
    // What the knock said is enough to meet it once it is approved.
    places(&stranger, 1).await;
    approve(&one, &stranger, vec![address]).await;
    one.ready().await;
    stranger.ready().await;
}

#[tokio::test]
async fn a_straight_path_replaces_the_relay_without_an_interruption() {
    let post = Post::relay(9).await;
    let mut one = inside(1, &[&post]).await;
    let mut other = inside(2, &[&post]).await;
    let at = places(&one, 1).await;
    meet(&mut one, &mut other, at).await;
    path(&other, &one, Path::Relayed).await;
    // The operator finds out how to get there.
    approve(&other, &one, vec![one.address.clone()]).await;
    path(&other, &one, Path::Direct).await;
    let only_straight = |node: &Node, to: &Node| {
        let id = to.id();
        let mut status = node.mesh.status();
        async move {
            let reached = status.wait_for(|status| {
                let peer = status.peers.iter().find(|it| it.node == id);
                peer.is_some_and(|peer| !peer.addresses.iter().any(is_relayed))
            });
            timeout(LIMIT, reached).await.unwrap().unwrap();
        }
    };
    only_straight(&one, &other).await;
    only_straight(&other, &one).await;
    one.publish(&claim(1)).await;
    assert_eq!(other.heard().await.0, claim(1));
    while let Ok(event) = one.events.try_recv() {
        assert!(!matches!(event, Event::Disconnected { .. }), "it was never away");
    }
}

#[tokio::test]
async fn two_bootstraps_hold_a_place_each_and_one_may_fail() {
    let (first, second) = (Post::relay(8).await, Post::relay(9).await);
    let mut one = inside(1, &[&first, &second]).await;
    let at = places(&one, 2).await;
    assert!(
        [first.peer, second.peer]
            .iter()
            .all(|post| at.iter().any(|it| relay_in(it) == Some(*post)))
    );
    drop(first);
    places(&one, 1).await;
    let mut other = inside(2, &[&second]).await;
    meet(&mut one, &mut other, at).await;
    one.publish(&claim(1)).await;
    assert_eq!(other.heard().await.0, claim(1));
}

#[tokio::test]
async fn a_bootstrap_that_comes_back_is_used_again() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("/ip4/127.0.0.1/tcp/{port}");
    let post = Post::start(9, &listen, false).await;
    let one = inside(1, &[&post]).await;
    places(&one, 1).await;
    drop(post);
    one.status(|status| relayed_addresses(&status.external).is_empty()).await;
    let _post = Post::start(9, &listen, false).await;
    places(&one, 1).await;
}

#[tokio::test]
async fn a_node_that_a_bootstrap_can_dial_is_public_and_needs_no_relay() {
    let post = Post::relay_and_autonat(9).await;
    let mut settings = settings(1);
    settings.transport = Transport::Network;
    settings.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    settings.infrastructure = vec![post.address.clone()];
    let node = Node::start(settings).await;
    node.status(|status| status.reachability == Reachability::Public).await;
    // The connection that was made for the test is not kept.
    node.status(|status| status.peers.iter().all(|peer| peer.addresses.len() == 1)).await;
    assert_eq!(post.traffic.borrow().reservations, 0);
    assert_eq!(node.metrics.autonat_tests.with_label_values(&["reached"]).get(), 1);
}

#[tokio::test]
async fn a_bootstrap_with_another_key_is_not_used_and_the_next_one_is() {
    let (wrong, right) = (Post::relay(8).await, Post::relay(9).await);
    // The address of the first, with a key that is not there.
    let hijacked: Multiaddr =
        crate::mesh::address::without_peer(&wrong.address).with_p2p(super::peer_id(7)).unwrap();
    let mut settings = settings(1);
    settings.transport = Transport::Network;
    settings.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    settings.allow_private = false;
    settings.infrastructure = vec![hijacked, right.address.clone()];
    let node = Node::start(settings).await;
    assert_eq!(places(&node, 1).await.len(), 1);
    let status = node.status(|_| true).await;
    assert!(status.peers.iter().all(|peer| peer.node != node_id(7) && peer.node != node_id(8)));
    assert!(node.refused("wrong_key") >= 1);
}

#[tokio::test]
async fn what_was_reached_is_told_so_that_it_can_be_kept() {
    let post = Post::relay(9).await;
    let mut one = inside(1, &[&post]).await;
    let mut other = inside(2, &[&post]).await;
    let at = places(&one, 1).await;
    meet(&mut one, &mut other, at.clone()).await;
    let id = one.id();
    let found = |event| match event {
        Event::Addresses { node, addresses } if node == id => Some(addresses),
        _ => None,
    };
    // Dropped with the events before: told again with the next introduction.
    let mut again = inside(3, &[&post]).await;
    approve(&one, &again, Vec::new()).await;
    approve(&again, &one, at.clone()).await;
    let told = timeout(Duration::from_secs(20), again.wait(found)).await.unwrap();
    assert!(told.iter().all(|it| relay_in(it) == Some(post.peer)), "{told:?}");
}

#[tokio::test]
async fn a_member_of_which_only_the_key_is_known_is_met_at_a_common_bootstrap() {
    let post = Post::relay(9).await;
    let mut one = inside(1, &[&post]).await;
    let mut other = inside(2, &[&post]).await;
    meet(&mut one, &mut other, Vec::new()).await;
    one.publish(&claim(1)).await;
    assert_eq!(other.heard().await.0, claim(1));
}
