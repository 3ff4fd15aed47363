//! The gate: real swarms with gossip behind it, and the same without it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::gossipsub;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{self, ConnectionId, SwarmEvent};
use libp2p::{PeerId, Swarm, relay};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng as _};
use tokio::sync::mpsc;
use tokio::time::{timeout, timeout_at};

use super::{LIMIT, claim, community, keys, peer_id};
use crate::mesh::behaviour::{Parts, Root, RootEvent};
use crate::mesh::fair::Fair;
use crate::mesh::gate::Gate;
use crate::mesh::gossip::{self, Gossip};
use crate::mesh::guard::Dialable;
use crate::mesh::limits::{self, Limits};
use crate::mesh::{Role, Transport, transport};
use crate::metrics::Metrics;

/// Sequences of the property test; `make prove` may ask for more.
fn seeds() -> u64 {
    std::env::var("DTIM_GATE_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(12)
}

const SUBJECT: u8 = 100;
const PARALLEL: usize = 4;

fn swarm_of<B: swarm::NetworkBehaviour>(seed: u8, behaviour: B) -> Swarm<B> {
    let connections = transport::build(Transport::Memory, &keys(seed), &[]).unwrap();
    swarm_over(connections, seed, behaviour)
}

fn swarm_over<B>(connections: transport::Connections, seed: u8, behaviour: B) -> Swarm<B>
where
    B: swarm::NetworkBehaviour,
{
    let config =
        swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(600));
    Swarm::new(connections, behaviour, peer_id(seed), config)
}

pub(super) fn gossip() -> Gossip {
    gossip::behaviour(&community(), &Metrics::new()).unwrap()
}

/// A peer that speaks gossip with everybody and notes what it hears.
struct Remote {
    peer: PeerId,
    orders: mpsc::Sender<Order>,
    heard: Arc<Mutex<HashSet<Vec<u8>>>>,
}

enum Order {
    Dial(Multiaddr),
    CloseOne,
}

impl Remote {
    fn start(seed: u8) -> Self {
        let mut swarm = swarm_of(seed, gossip());
        let (orders, mut inbox) = mpsc::channel(64);
        let heard = Arc::new(Mutex::new(HashSet::new()));
        let notes = Arc::clone(&heard);
        tokio::spawn(async move {
            let mut open: Vec<ConnectionId> = Vec::new();
            loop {
                tokio::select! {
                    order = inbox.recv() => match order {
                        Some(Order::Dial(address)) => {
                            let options = DialOpts::peer_id(peer_id(SUBJECT))
                                .condition(PeerCondition::Always)
                                .addresses(vec![address]);
                            swarm.dial(options.build()).unwrap_or_default();
                        }
                        Some(Order::CloseOne) => {
                            open.pop().map(|connection| swarm.close_connection(connection));
                        }
                        None => return,
                    },
                    event = swarm.select_next_some() => match event {
                        SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                            open.push(connection_id);
                        }
                        SwarmEvent::ConnectionClosed { connection_id, .. } => {
                            open.retain(|other| *other != connection_id);
                        }
                        SwarmEvent::Behaviour(gossipsub::Event::Message { message, .. }) => {
                            notes.lock().unwrap().insert(message.data);
                        }
                        _ => {}
                    },
                }
            }
        });
        Self { peer: peer_id(seed), orders, heard }
    }

    async fn order(&self, order: Order) {
        self.orders.send(order).await.unwrap();
    }

    fn has(&self, bytes: &[u8]) -> bool {
        self.heard.lock().unwrap().contains(bytes)
    }
}

/// A node's behaviours, with the gate or without it, and the peers around it.
struct Scene {
    swarm: Swarm<Root>,
    address: Multiaddr,
    remotes: Vec<Remote>,
    roles: HashMap<PeerId, Role>,
    /// Each claim and who was a member when it was published or later.
    published: Vec<(Vec<u8>, HashSet<PeerId>)>,
}

impl Scene {
    async fn new(gate: fn(Fair<Gossip>) -> Gate<Fair<Gossip>>) -> Self {
        let keys = keys(SUBJECT);
        let (through_relays, relay) = relay::client::new(keys.public().to_peer_id());
        let parts = Parts { max_connections: 64, upnp: false, relay };
        let mut root = Root::new(&keys, &community(), parts, &Metrics::new()).unwrap();
        root.limits = limits::Behaviour::new(Limits { per_peer: PARALLEL, ..Limits::node(64) });
        root.gossip = gate(Fair::new(gossip(), Metrics::new()));
        let dialable = Dialable::new(true);
        let memory = Transport::Memory;
        let connections =
            transport::build_with_relay(memory, &keys, &[], through_relays, &dialable).unwrap();
        let mut swarm = swarm_over(connections, SUBJECT, root);
        swarm.listen_on("/memory/0".parse().unwrap()).unwrap();
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        let remotes = (1..=3).map(Remote::start).collect();
        Self { swarm, address, remotes, roles: HashMap::new(), published: Vec::new() }
    }

    fn set_role(&mut self, remote: usize, role: Role) {
        let peer = self.remotes[remote].peer;
        self.swarm.behaviour_mut().set_role(peer, role);
        self.roles.insert(peer, role);
        if role == Role::Member {
            for (_, members) in &mut self.published {
                members.insert(peer);
            }
        }
    }

    fn publish(&mut self) {
        let bytes = claim(u32::try_from(self.published.len()).unwrap());
        let topic = gossip::topic(&community());
        // Without a member there is nobody to tell.
        let gossip = self.swarm.behaviour_mut().gossip.inner_mut();
        if gossip.publish(topic, bytes.clone()).is_ok() {
            let members = self.roles.iter().filter(|(_, role)| **role == Role::Member);
            self.published.push((bytes, members.map(|(peer, _)| *peer).collect()));
        }
    }

    async fn drive(&mut self, mut until: impl FnMut(&Self) -> bool) {
        let driven = async {
            while !until(self) {
                let next = timeout(Duration::from_millis(20), self.swarm.select_next_some());
                if let Ok(SwarmEvent::Behaviour(RootEvent::Ping(event))) = next.await {
                    drop(event);
                }
            }
        };
        timeout(LIMIT, driven).await.expect("the scene goes on");
    }

    /// Lets things happen for a while; nothing is asserted on how long it takes.
    async fn idle(&mut self, milliseconds: u64) {
        let end = tokio::time::Instant::now() + Duration::from_millis(milliseconds);
        while timeout_at(end, self.swarm.select_next_some()).await.is_ok() {}
    }

    /// Claims that somebody heard who was never a member since.
    fn leaks(&self) -> usize {
        let heard = |bytes: &Vec<u8>, members: &HashSet<PeerId>| {
            let outside = self.remotes.iter().filter(|remote| !members.contains(&remote.peer));
            outside.filter(|remote| remote.has(bytes)).count()
        };
        self.published.iter().map(|(bytes, members)| heard(bytes, members)).sum()
    }

    fn subscribed(&self, remote: usize) -> bool {
        let peers = self.swarm.behaviour().gossip.inner().all_peers();
        let mut topics = peers.filter(|(peer, _)| **peer == self.remotes[remote].peer);
        topics.any(|(_, topics)| !topics.is_empty())
    }

    fn closed(&self) -> bool {
        self.swarm.network_info().connection_counters().num_connections() == 0
    }

    /// A member and a bootstrap, both connected; the member hears a claim.
    async fn member_and_infrastructure(&mut self) {
        self.set_role(0, Role::Member);
        self.set_role(1, Role::Infrastructure);
        for remote in [1, 0] {
            let dial = Order::Dial(self.address.clone());
            self.remotes[remote].order(dial).await;
        }
        self.drive(|scene| scene.subscribed(0)).await;
        let infrastructure = self.remotes[1].peer;
        self.drive(|scene| scene.swarm.is_connected(&infrastructure)).await;
        // Time enough for a bootstrap that subscribes to be served, if it were.
        self.idle(300).await;
        self.publish();
        self.drive(|scene| scene.remotes[0].has(&claim(0))).await;
        self.idle(300).await;
    }

    /// Anything, in any order.
    async fn turmoil(&mut self, rng: &mut StdRng) {
        for _ in 0..40 {
            let remote = rng.random_range(0..self.remotes.len());
            match rng.random_range(0..10) {
                0..=1 => self.set_role(remote, Role::ALL[rng.random_range(0..3)]),
                2..=6 => {
                    let dial = Order::Dial(self.address.clone());
                    self.remotes[remote].order(dial).await;
                }
                7 => self.remotes[remote].order(Order::CloseOne).await,
                _ => self.publish(),
            }
            let pause = rng.random_range(0..8);
            self.idle(pause).await;
        }
    }

    async fn everybody_leaves(&mut self) {
        for remote in 0..self.remotes.len() {
            self.set_role(remote, Role::Stranger);
        }
        self.drive(Self::closed).await;
        // Dials that were under way arrive and are turned away.
        self.idle(50).await;
        self.drive(Self::closed).await;
    }
}

#[tokio::test]
async fn infrastructure_never_hears_a_claim_while_a_member_does() {
    let mut scene = Scene::new(Gate::new).await;
    scene.member_and_infrastructure().await;
    assert!(!scene.subscribed(1), "gossip never heard of the bootstrap");
    assert_eq!(scene.leaks(), 0);
}

#[tokio::test]
async fn without_the_gate_infrastructure_hears_it() {
    let mut scene = Scene::new(Gate::taken_out).await;
    scene.member_and_infrastructure().await;
    assert_eq!(scene.leaks(), 1);
}

#[tokio::test]
async fn role_flips_with_parallel_connections_leave_nothing_behind() {
    for seed in 0..seeds() {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut scene = Scene::new(Gate::new).await;
        scene.member_and_infrastructure().await;
        scene.turmoil(&mut rng).await;
        scene.everybody_leaves().await;
        assert_eq!(scene.leaks(), 0, "seed {seed}");
        let gate = &scene.swarm.behaviour().gossip;
        assert_eq!(gate.peers(), 0, "seed {seed}: the gate remembers a connection");
        let peers = gate.inner().all_peers().count();
        assert_eq!(peers, 0, "seed {seed}: gossip remembers a peer");
    }
}
