//! Members exchange; roles change while the node runs.

use std::collections::HashSet;

use rand::{RngExt as _, SeedableRng as _};

use super::{LIMIT, Node, claim, node_id, pair, settings, tcp};
use crate::mesh::{Event, PublishError, Role, Transport};
use crate::model::ContentId;

#[tokio::test]
async fn an_approved_pair_exchanges() {
    let (one, mut other) = pair(Node::memory(1).await, Node::memory(2).await).await;
    let bytes = claim(1);
    assert_eq!(one.publish(&bytes).await, 1);
    assert_eq!(other.heard().await, (bytes.clone(), one.id()));
    // Publishing the same again is a success: it is out.
    assert_eq!(one.publish(&bytes).await, 1);
}

#[tokio::test]
async fn an_approved_pair_exchanges_over_tcp() {
    let (one, mut other) = pair(tcp(1).await, tcp(2).await).await;
    one.publish(&claim(1)).await;
    assert_eq!(other.heard().await.0, claim(1));
}

#[tokio::test]
async fn an_approved_pair_exchanges_over_quic() {
    let quic = |seed| {
        let mut settings = settings(seed);
        settings.transport = Transport::Network;
        settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
        Node::start(settings)
    };
    let (one, mut other) = pair(quic(1).await, quic(2).await).await;
    one.publish(&claim(1)).await;
    assert_eq!(other.heard().await.0, claim(1));
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = settings(1);
    settings.transport = Transport::Network;
    let port = taken.local_addr().unwrap().port();
    settings.listen = vec![format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()];
    let error = crate::mesh::start(settings).unwrap_err().to_string();
    assert!(
        error.contains(&format!("tcp/{port}")) && error.contains("[network] listen"),
        "{error}"
    );
}

#[tokio::test]
async fn without_members_a_claim_waits() {
    let node = Node::memory(1).await;
    let bytes = claim(1);
    let result = node.mesh.publish(bytes.clone(), ContentId::of(&bytes)).await;
    assert_eq!(result, Err(PublishError::NoMembers));
    let large = vec![0; 5000];
    let result = node.mesh.publish(large, ContentId([0; 32])).await;
    assert_eq!(result, Err(PublishError::TooLarge));
}

#[tokio::test]
async fn nobody_is_told_more_than_members_take() {
    let node = Node::memory(1).await;
    let bytes = claim(1);
    let mut refused = Vec::new();
    for _ in 0..20_000 {
        let result = node.mesh.publish(bytes.clone(), ContentId::of(&bytes)).await;
        refused.push(result.unwrap_err());
        if refused.last() == Some(&PublishError::TooMuch) {
            break;
        }
    }
    assert_eq!(refused.pop(), Some(PublishError::TooMuch));
    assert!(refused.len() >= 10_000, "{} at once", refused.len());
}

#[tokio::test]
async fn who_is_approved_later_exchanges_without_a_restart() {
    let (mut one, mut other) = (tcp(1).await, tcp(2).await);
    one.approve(&other).await;
    let knock = other.wait(|event| match event {
        Event::Knock { node, address, .. } => Some((node, address)),
        _ => None,
    });
    // It dials from the port on which it listens, so it can be dialled there.
    assert_eq!(knock.await, (one.id(), one.address.clone()));
    let status = one.status(|status| status.away.iter().any(|away| away.awaiting_approval)).await;
    assert_eq!(status.away[0].node, other.id());
    // Given no address, it dials where it saw the stranger.
    other.mesh.set_role(one.id(), Role::Member, Vec::new()).await.unwrap();
    one.ready().await;
    other.ready().await;
    other.publish(&claim(1)).await;
    assert_eq!(one.heard().await.0, claim(1));
}

#[tokio::test]
async fn a_revoked_member_is_gone_when_the_call_returns() {
    let (mut one, mut other) = pair(Node::memory(1).await, Node::memory(2).await).await;
    one.mesh.set_role(other.id(), Role::Stranger, Vec::new()).await.unwrap();
    let status = one.status(|status| status.peers.is_empty()).await;
    assert!(status.away.is_empty(), "a revoked member is not looked for");
    let gone = |event| match event {
        Event::Disconnected { node } => Some(node),
        _ => None,
    };
    assert_eq!(one.wait(gone).await, other.id());
    assert_eq!(other.wait(gone).await, one.id());
    let bytes = claim(1);
    let result = one.mesh.publish(bytes.clone(), ContentId::of(&bytes)).await;
    assert_eq!(result, Err(PublishError::NoMembers));
    // It comes back, as who approved us does, and is turned away.
    let knock = |event| matches!(event, Event::Knock { .. }).then_some(());
    one.wait(knock).await;
    // Approved again, it is back.
    one.approve(&other).await;
    one.ready().await;
    other.publish(&claim(2)).await;
    assert_eq!(one.heard().await.0, claim(2));
}

#[tokio::test]
async fn a_claim_that_was_seen_before_the_start_is_ignored() {
    let mut known = settings(2);
    known.seen = vec![ContentId::of(&claim(1))];
    let (one, mut other) = pair(Node::memory(1).await, Node::start(known).await).await;
    one.publish(&claim(1)).await;
    one.publish(&claim(2)).await;
    assert_eq!(other.heard().await.0, claim(2));
    let counted = other.metrics.claims.with_label_values(&["gossip", "seen_before"]).get();
    assert_eq!(counted, 1);
}

#[tokio::test]
async fn default_peers_are_found_by_address_alone() {
    let other = Node::memory(2).await;
    let mut looking = settings(1);
    looking.default_peers = vec![other.address.clone()];
    let mut one = Node::start(looking).await;
    // Nobody approved the key that answers there: it becomes a candidate.
    let (node, address) = one
        .wait(|event| match event {
            Event::Knock { node, address, .. } => Some((node, address)),
            _ => None,
        })
        .await;
    assert_eq!(node, other.id());
    assert!(address.to_string().starts_with(&other.address.to_string()));
    // Approved without an address, it is met where it was found.
    other.mesh.set_role(one.id(), Role::Member, Vec::new()).await.unwrap();
    one.mesh.set_role(other.id(), Role::Member, Vec::new()).await.unwrap();
    one.ready().await;
}

#[tokio::test]
async fn stop_ends_the_mesh_and_its_judge() {
    let (one, mut other) = pair(Node::memory(1).await, Node::memory(2).await).await;
    one.mesh.stop().await;
    one.mesh.stop().await;
    assert!(one.mesh.set_role(node_id(9), Role::Member, Vec::new()).await.is_err());
    other.wait(|event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
}

/// A ring, so that it is connected, and as many random edges.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_nodes_in_a_random_graph_hear_everything() {
    const NODES: u8 = 20;
    let mut rng = rand::rngs::StdRng::seed_from_u64(1);
    let mut nodes = Vec::new();
    for seed in 1..=NODES {
        nodes.push(Node::memory(seed).await);
    }
    let ring = (0..NODES).map(|at| (at, (at + 1) % NODES));
    let chords = (0..NODES).map(|at| (at, (at + rng.random_range(2..NODES - 1)) % NODES));
    for (one, other) in ring.chain(chords.collect::<Vec<_>>()) {
        let (one, other) = (&nodes[usize::from(one)], &nodes[usize::from(other)]);
        one.approve(other).await;
        other.approve(one).await;
    }
    for node in &mut nodes {
        node.ready().await;
    }
    for (at, node) in (0_u32..).zip(&nodes) {
        node.publish(&claim(at)).await;
    }
    for (own, node) in (0_u32..).zip(&mut nodes) {
        let mut missing: HashSet<Vec<u8>> =
            (0..u32::from(NODES)).filter(|other| *other != own).map(claim).collect();
        let all = async {
            while !missing.is_empty() {
                missing.remove(&node.heard().await.0);
            }
        };
        tokio::time::timeout(LIMIT, all).await.expect("every node hears every claim");
    }
}
