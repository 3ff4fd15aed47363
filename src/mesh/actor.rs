//! The swarm task: the one owner of the swarm. It waits for its select and for
//! nothing else; what takes time happens elsewhere and comes back as a message.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use libp2p::gossipsub::{IdentTopic, PublishError as GossipError};
use libp2p::identity::Keypair;
use libp2p::metrics::Metrics as Recorder;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{PeerId, Swarm};
use rand::RngExt as _;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::address::{is_global, is_relayed, peer_in, peer_of, relay_in};
use super::behaviour::Root;
use super::book::{Book, Dial};
use super::discovery::Discovery;
use super::exchange::{Asked, Asking, Places};
use super::guard::Dialable;
use super::judge::{Answer, Desk};
use super::nat::Nat;
use super::paths::{self, Connection};
use super::quota::{Bucket, Quotas};
use super::rate::Rate;
use super::role::Role;
use super::seen::Seen;
use super::status::{AwayPeer, Bootstrap, ConnectedPeer, Status};
use super::strikes::Strikes;
use super::{Command, Event, PublishError, address};
use crate::metrics::Metrics;
use crate::model::{ContentId, Timestamp};

/// How often the schedules are looked at.
const TICK: Duration = Duration::from_millis(200);
/// Ticks between two snapshots, and two looks at how peers are reached: a second.
const TICKS_PER_STATUS: u32 = 5;

/// A connected peer.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) since: Timestamp,
    /// Never empty; bounded by the connection limits.
    pub(super) connections: Vec<Connection>,
    /// When another way to a silent peer was tried last.
    pub(super) tried: Option<Instant>,
}

/// The task's state.
pub(super) struct Actor {
    pub(super) swarm: Swarm<Root>,
    /// Signs this node's addresses for the bootstraps.
    pub(super) keys: Keypair,
    pub(super) book: Book,
    pub(super) discovery: Discovery,
    /// Whether and how others reach this node.
    pub(super) nat: Nat,
    pub(super) dialable: Dialable,
    pub(super) topic: IdentTopic,
    /// Where this community registers.
    pub(super) namespace: String,
    pub(super) desk: Desk,
    pub(super) seen: Arc<Seen>,
    pub(super) strikes: Strikes,
    /// What may still be told at once.
    pub(super) own_claims: Bucket,
    pub(super) asking: Asking,
    pub(super) places: Places,
    /// Bytes of questions and answers outside gossip.
    pub(super) exchanged: Quotas<PeerId>,
    pub(super) asked: mpsc::Sender<Asked>,
    /// Bounded by the connection limits.
    pub(super) links: HashMap<PeerId, Link>,
    /// Callers that wait for a change of role; bounded by the commands.
    pub(super) changes: HashMap<PeerId, Vec<oneshot::Sender<()>>>,
    pub(super) discovered: Rate<PeerId>,
    pub(super) allow_private: bool,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) answers: mpsc::Receiver<Answer>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) status: watch::Sender<Status>,
    pub(super) metrics: Metrics,
    pub(super) recorder: Recorder,
}

impl Actor {
    /// Runs until it is stopped or nobody holds a handle any more.
    pub(super) async fn run(mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut until_status = 0;
        let stopper = loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                answer = self.answers.recv() => match answer {
                    Some(answer) => self.on_answer(&answer),
                    None => {
                        tracing::error!("the judge is gone: the mesh stops");
                        break None;
                    }
                },
                command = self.commands.recv() => match command {
                    Some(Command::Stop { reply }) => break Some(reply),
                    Some(command) => self.on_command(command),
                    None => break None,
                },
                _ = ticks.tick() => {
                    self.on_tick();
                    if until_status == 0 {
                        until_status = TICKS_PER_STATUS;
                        self.every_second();
                    }
                    until_status -= 1;
                }
            }
        };
        self.end(stopper).await;
    }

    /// Connections close with the swarm; then the judge has nobody to answer.
    async fn end(self, stopper: Option<oneshot::Sender<()>>) {
        let Self { swarm, answers, desk, .. } = self;
        drop(swarm);
        drop(answers);
        if tokio::task::spawn_blocking(move || desk.close()).await.is_err() {
            tracing::error!("the judge could not be ended");
        }
        if let Some(reply) = stopper {
            reply.send(()).unwrap_or_default();
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Publish { bytes, content, reply } => {
                reply.send(self.publish(bytes, content)).unwrap_or_default();
            }
            Command::SetRole { node, role, addresses, reply } => {
                let Some(peer) = peer_of(node) else { return };
                self.changes.entry(peer).or_default().push(reply);
                self.give_role(peer, role, &addresses, Instant::now());
                self.on_tick();
                self.publish_status();
            }
            Command::Dial { address } => {
                self.look_at(address, Instant::now());
                self.on_tick();
            }
            Command::Learn { named } => self.learn_named(&named, Instant::now()),
            Command::Ask { protocol, node, bytes, reply } => {
                self.ask_member(protocol, node, bytes, reply);
            }
            Command::Answer { asked, answer } => self.answer_member(asked, answer),
            Command::Charge { node, offence } => {
                if let Some(peer) = peer_of(node) {
                    self.charge(peer, offence);
                }
            }
            // Ends the loop, which does not come here.
            Command::Stop { reply } => drop(reply),
        }
    }

    pub(super) fn give_role(
        &mut self,
        peer: PeerId,
        role: Role,
        addresses: &[Multiaddr],
        now: Instant,
    ) {
        if role == Role::Stranger {
            self.book.unwant(&peer);
            self.strikes.forget(&peer);
            self.forget(&peer);
        } else {
            self.book.want(peer, addresses, now);
        }
        self.dialable.set_named(self.book.named());
        self.swarm.behaviour_mut().set_role(peer, role);
    }

    /// The operator named an address: of a wanted peer, or of whoever answers.
    pub(super) fn look_at(&mut self, address: Multiaddr, now: Instant) {
        match peer_in(&address) {
            Some(peer) if self.role(&peer) != Role::Stranger => {
                self.book.want(peer, &[address], now);
            }
            _ => self.book.probe(address, now),
        }
        self.dialable.set_named(self.book.named());
    }

    pub(super) fn role(&self, peer: &PeerId) -> Role {
        self.swarm.behaviour().admission.role(peer)
    }

    /// Whether an address that somebody else named is worth dialling, and telling
    /// others: global, or behind a relay that this operator named.
    pub(super) fn may_dial(&self, address: &Multiaddr) -> bool {
        if is_relayed(address) {
            return relay_in(address)
                .is_some_and(|relay| self.role(&relay) == Role::Infrastructure);
        }
        self.allow_private || is_global(address)
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        for dial in self.book.due(now) {
            match dial {
                Dial::Peer(peer, addresses) => self.dial_peer(peer, addresses, now),
                Dial::Address(address) => self.dial_address(address, now),
            }
        }
        for ask in self.discovery.due(now) {
            self.ask(ask, now);
        }
        self.charge_faults();
    }

    fn every_second(&mut self) {
        let now = Instant::now();
        self.look_at_reach(now);
        self.look_at_paths(now);
        self.publish_status();
    }

    fn dial_peer(&mut self, peer: PeerId, mut addresses: Vec<Multiaddr>, now: Instant) {
        self.name_relay(peer, &mut addresses);
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses)
            .build();
        if let Err(error) = self.swarm.dial(options) {
            tracing::debug!(%peer, %error, "not dialled");
            self.book.failed(&peer, now, dice());
        }
    }

    fn dial_address(&mut self, address: Multiaddr, now: Instant) {
        let options = DialOpts::from(address.clone());
        let connection = options.connection_id();
        self.swarm.behaviour_mut().admission.allow_probe(connection);
        self.book.probe_started(&address, connection);
        if let Err(error) = self.swarm.dial(options) {
            tracing::debug!(%error, "address not dialled");
            self.book.probe_ended(connection, None, now, dice());
        }
    }

    fn publish(&mut self, bytes: Vec<u8>, content: ContentId) -> Result<usize, PublishError> {
        if bytes.len() > crate::wire::MAX_CLAIM_BYTES {
            return Err(PublishError::TooLarge);
        }
        if !self.own_claims.take(1.0, Instant::now()) {
            return Err(PublishError::TooMuch);
        }
        let topic = self.topic.hash();
        match self.swarm.behaviour_mut().gossip.inner_mut().publish(topic, bytes) {
            Ok(_) | Err(GossipError::Duplicate) => {
                self.seen.insert(content);
                Ok(self.members_in_topic())
            }
            Err(GossipError::NoPeersSubscribedToTopic) => Err(PublishError::NoMembers),
            Err(GossipError::MessageTooLarge) => Err(PublishError::TooLarge),
            Err(
                GossipError::AllQueuesFull(_)
                | GossipError::SigningError(_)
                | GossipError::TransformFailed(_),
            ) => Err(PublishError::Busy),
        }
    }

    pub(super) fn members_in_topic(&self) -> usize {
        let topic = self.topic.hash();
        let peers = self.swarm.behaviour().gossip.inner().all_peers();
        peers.filter(|(_, topics)| topics.contains(&&topic)).count()
    }

    pub(super) fn publish_status(&self) {
        let now = Instant::now();
        let topic = self.topic.hash();
        let gossip = self.swarm.behaviour().gossip.inner();
        let in_mesh: Vec<&PeerId> = gossip.mesh_peers(&topic).collect();
        let connected = self.links.iter().filter_map(|(peer, link)| {
            Some(ConnectedPeer {
                node: address::node_of(peer)?,
                role: self.role(peer),
                addresses: link.connections.iter().map(|it| it.address.clone()).collect(),
                path: paths::best(&link.connections)?,
                since: link.since,
                in_mesh: in_mesh.contains(&peer),
            })
        });
        let away = self.book.away().filter_map(|away| {
            Some(AwayPeer {
                node: address::node_of(&away.peer)?,
                role: self.role(&away.peer),
                addresses: away.addresses,
                failures: away.failures,
                awaiting_approval: away.closed_at_once,
            })
        });
        let bootstraps = self.discovery.points().filter_map(|(peer, registered)| {
            let reserved = self.nat.reservations.holds(&peer);
            Some(Bootstrap { node: address::node_of(&peer)?, registered, reserved })
        });
        self.status.send_replace(Status {
            listen: self.swarm.listeners().cloned().collect(),
            external: self.swarm.external_addresses().cloned().collect(),
            reachability: self.reachability(now),
            own: self.nat.reach.hosts(now),
            peers: connected.collect(),
            away: away.collect(),
            bootstraps: bootstraps.collect(),
            members_in_topic: self.members_in_topic(),
        });
    }
}

/// A number in 0..1, for back-offs.
pub(super) fn dice() -> f64 {
    rand::rng().random_range(0.0..1.0)
}
