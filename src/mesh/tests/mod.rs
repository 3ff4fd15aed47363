//! Meshes of real nodes over memory with Noise, and over TCP on loopback.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it waits for")]

mod admission;
mod bench;
mod exchange;
mod gate;
mod hostile;
mod limits;
mod lookup;
mod post;
mod pure;
mod questions;
mod reach;
mod registry;
mod relayed;
mod wiretap;

use std::net::Ipv4Addr;
use std::time::Duration;

use libp2p::PeerId;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Multiaddr;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::address::peer_of;
use super::{Asked, Event, Inbox, Mesh, Role, Settings, Status, Transport, start};
use crate::keys::PseudonymSecret;
use crate::metrics::Metrics;
use crate::model::{Audience, Claim, Community, ContentId, CustomFields, NodeId, Tlp, Value};
use crate::wire::sign_claim;

/// Nothing here takes that long; it only ends a test that hangs.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

pub(super) fn community() -> Community {
    Community::new("test").unwrap()
}

pub(super) fn keys(seed: u8) -> Keypair {
    Keypair::ed25519_from_bytes([seed; 32]).unwrap()
}

pub(super) fn node_id(seed: u8) -> NodeId {
    super::address::node_of(&keys(seed).public().to_peer_id()).unwrap()
}

pub(super) fn peer_id(seed: u8) -> PeerId {
    peer_of(node_id(seed)).unwrap()
}

pub(super) fn settings(seed: u8) -> Settings {
    Settings {
        seed: [seed; 32],
        community: community(),
        listen: vec!["/memory/0".parse().unwrap()],
        external: Vec::new(),
        allow_private: true,
        max_connections: 64,
        members: Vec::new(),
        infrastructure: Vec::new(),
        default_peers: Vec::new(),
        discoverable: false,
        discover_every: Duration::from_secs(1),
        relay: true,
        upnp: false,
        seen: Vec::new(),
        metrics: Metrics::new(),
        transport: Transport::Memory,
    }
}

/// A claim like any other, by number.
pub(super) fn claim(number: u32) -> Vec<u8> {
    let today = super::now().day();
    let claim = Claim {
        value: Value::from_ip(Ipv4Addr::from(0x0808_0000 | number).into()),
        tlp: Tlp::Green,
        until: today.plus(20),
        revision: 1,
        confidence: None,
        created: None,
        modified: None,
        sightings: None,
        tags: Vec::new(),
        custom: CustomFields::new(),
        retracted: false,
    };
    let secret = PseudonymSecret::from_bytes([7; 32]);
    let key = secret.derive(&community(), claim.indicator(), Audience::Mesh, 0);
    sign_claim(&claim, &key, &community()).unwrap().into_bytes()
}

/// Bytes that every node refuses, by number.
pub(super) fn rubbish(number: u32) -> Vec<u8> {
    let mut bytes = claim(number);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    bytes
}

pub(super) struct Node {
    pub(super) seed: u8,
    pub(super) mesh: Mesh,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) asked: mpsc::Receiver<Asked>,
    pub(super) address: Multiaddr,
    pub(super) metrics: Metrics,
}

impl Node {
    pub(super) async fn start(settings: Settings) -> Self {
        let seed = settings.seed[0];
        let metrics = settings.metrics.clone();
        let (mesh, Inbox { events, asked }) = start(settings).unwrap();
        let mut status = mesh.status();
        let listening = status.wait_for(|status| !status.listen.is_empty());
        let address = timeout(LIMIT, listening).await.unwrap().unwrap().listen[0].clone();
        Self { seed, mesh, events, asked, address, metrics }
    }

    pub(super) async fn memory(seed: u8) -> Self {
        Self::start(settings(seed)).await
    }

    pub(super) fn id(&self) -> NodeId {
        node_id(self.seed)
    }

    pub(super) async fn approve(&self, other: &Self) {
        let addresses = vec![other.address.clone()];
        self.mesh.set_role(other.id(), Role::Member, addresses).await.unwrap();
    }

    /// The next event that `pick` takes; others are dropped.
    pub(super) async fn wait<T>(&mut self, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let picked = async {
            loop {
                let event = self.events.recv().await.expect("the mesh runs");
                if let Some(picked) = pick(event) {
                    return picked;
                }
            }
        };
        timeout(LIMIT, picked).await.expect("the event comes")
    }

    pub(super) async fn ready(&mut self) {
        self.wait(|event| {
            matches!(event, Event::MeshReady { members } if members > 0).then_some(())
        })
        .await;
    }

    pub(super) async fn heard(&mut self) -> (Vec<u8>, NodeId) {
        self.wait(|event| match event {
            Event::Claim { verified, from } => Some((verified.bytes().to_vec(), from)),
            _ => None,
        })
        .await
    }

    pub(super) async fn status(&self, until: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.mesh.status();
        timeout(LIMIT, status.wait_for(until)).await.expect("the status comes").unwrap().clone()
    }

    pub(super) async fn publish(&self, bytes: &[u8]) -> usize {
        self.mesh.publish(bytes.to_vec(), ContentId::of(bytes)).await.unwrap()
    }

    pub(super) fn refused(&self, reason: &str) -> u64 {
        self.metrics.connections_refused.with_label_values(&[reason]).get()
    }
}

/// A node on loopback.
pub(super) async fn tcp(seed: u8) -> Node {
    let mut settings = settings(seed);
    settings.transport = Transport::Network;
    settings.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    Node::start(settings).await
}

/// Two nodes that approved each other and are ready to exchange.
pub(super) async fn pair(mut one: Node, mut other: Node) -> (Node, Node) {
    one.approve(&other).await;
    other.approve(&one).await;
    one.ready().await;
    other.ready().await;
    (one, other)
}
