//! The door: limits by host, knocks by host.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};

use super::wiretap::{Seen, tap};
use super::{LIMIT, Node, claim, pair, tcp};
use crate::mesh::Event;

fn port(node: &Node) -> u16 {
    let text = node.address.to_string();
    text.rsplit('/').next().unwrap().parse().unwrap()
}

/// A connection from another address of this host that says nothing.
async fn silent(port: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    socket.connect(([127, 0, 0, 1], port).into()).await.unwrap()
}

#[tokio::test]
async fn one_host_cannot_lock_out_the_members() {
    let node = tcp(1).await;
    let mut silent_ones = Vec::new();
    for _ in 0..300 {
        silent_ones.push(silent(port(&node)).await);
    }
    // Eight wait for their handshake, the others are closed.
    let mut closed = 0;
    for stream in &mut silent_ones {
        let mut byte = [0; 64];
        let read = tokio::time::timeout(Duration::from_millis(20), stream.read(&mut byte));
        closed += usize::from(matches!(read.await, Ok(Ok(0) | Err(_))));
    }
    assert!(closed >= 250, "{closed} of 300 were closed");
    assert!(node.refused("pending_per_host") >= 250);
    let (node, mut member) = pair(node, tcp(2).await).await;
    node.publish(&claim(1)).await;
    assert_eq!(member.heard().await.0, claim(1));
    // A handshake that does not come is not waited for.
    for stream in &mut silent_ones {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest));
        drop(closed.await.expect("it is closed"));
    }
}

#[tokio::test]
async fn a_flood_of_keys_from_one_host_is_reported_ten_times() {
    let mut node = Node::memory(1).await;
    for seed in 10..60 {
        let mut tap = tap(seed, &node);
        while !matches!(tap.next().await, Seen::Closed) {}
    }
    assert_eq!(node.refused("stranger"), 50);
    // All from memory, which is one host.
    let mut knocks = 0;
    while let Ok(event) = node.events.try_recv() {
        knocks += usize::from(matches!(event, Event::Knock { .. }));
    }
    assert_eq!(knocks, 10);
}

#[tokio::test]
async fn a_member_holds_two_connections_at_the_most() {
    let mut node = Node::memory(1).await;
    node.mesh.set_role(super::node_id(2), crate::mesh::Role::Member, Vec::new()).await.unwrap();
    let mut taps = Vec::new();
    for _ in 0..2 {
        let mut tap = tap(2, &node);
        while !matches!(tap.next().await, Seen::Connected) {}
        taps.push(tap);
    }
    node.status(|status| status.peers.iter().any(|peer| peer.addresses.len() == 2)).await;
    let mut third = tap(2, &node);
    while !matches!(third.next().await, Seen::Closed) {}
    assert_eq!(node.refused("per_peer"), 1);
    let connected = node.wait(|event| matches!(event, Event::Connected { .. }).then_some(()));
    tokio::time::timeout(LIMIT, connected).await.unwrap();
}
