//! A peer with libp2p's own clients, driven step by step.

use std::future::Future;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::Either;
use libp2p::core::Transport as _;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, OrTransport};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::kad::{self, store::MemoryStore};
use libp2p::swarm::{Config, NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, autonat, identify, noise, relay, request_response, yamux};
use libp2p_rendezvous::client::{Behaviour as Client, Event};
use libp2p_rendezvous::{Cookie, ErrorCode, Namespace, Ttl};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::hop::{self, Hop};
use crate::mesh::address::{peer_in, without_peer};
use crate::mesh::behaviour::KADEMLIA;
use crate::mesh::transport::{self, Transport};

/// The connection was closed before the peer identified itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone;

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    pub identify: identify::Behaviour,
    pub rendezvous: Client,
    pub relay: relay::client::Behaviour,
    pub autonat: autonat::v2::client::Behaviour,
    pub kademlia: kad::Behaviour<MemoryStore>,
    pub hop: request_response::Behaviour<Hop>,
}

pub struct Guest {
    pub swarm: Swarm<Behaviour>,
    pub server: PeerId,
    /// What the other end said of itself.
    pub info: Option<identify::Info>,
}

pub fn keys(seed: [u8; 32]) -> Keypair {
    Keypair::ed25519_from_bytes(seed).unwrap()
}

pub async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it answers in time")
}

fn namespace(name: &str) -> Namespace {
    Namespace::new(name.to_owned()).unwrap()
}

fn behaviour(keys: &Keypair, relay: relay::client::Behaviour) -> Behaviour {
    let peer = keys.public().to_peer_id();
    let probing =
        autonat::v2::client::Config::default().with_probe_interval(Duration::from_millis(200));
    let mut kademlia =
        kad::Behaviour::with_config(peer, MemoryStore::new(peer), kad::Config::new(KADEMLIA));
    kademlia.set_mode(Some(kad::Mode::Client));
    Behaviour {
        identify: identify::Behaviour::new(identify::Config::new("test".into(), keys.public())),
        rendezvous: Client::new(keys.clone()),
        relay,
        autonat: autonat::v2::client::Behaviour::new(StdRng::seed_from_u64(1), probing),
        kademlia,
        hop: hop::behaviour(),
    }
}

/// The network or memory, and relays reached over it.
fn connections(
    kind: Transport,
    relayed: relay::client::Transport,
    keys: &Keypair,
    server: &Multiaddr,
) -> Boxed<(PeerId, StreamMuxerBox)> {
    let relayed = relayed
        .upgrade(Version::V1)
        .authenticate(noise::Config::new(keys).unwrap())
        .multiplex(yamux::Config::default())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let direct = transport::build(kind, keys, std::slice::from_ref(server)).unwrap();
    OrTransport::new(relayed, direct)
        .map(|either, _| match either {
            Either::Left(connection) | Either::Right(connection) => connection,
        })
        .boxed()
}

impl Guest {
    /// Connects and waits until the other end has identified itself.
    pub async fn connect(seed: [u8; 32], server: &Multiaddr) -> Result<Self, Gone> {
        Self::new(seed, server).meet(server).await
    }

    /// Is not connected yet.
    pub fn new(seed: [u8; 32], server: &Multiaddr) -> Self {
        let keys = keys(seed);
        let peer = keys.public().to_peer_id();
        let memory = server.to_string().starts_with("/memory");
        let kind = if memory { Transport::Memory } else { Transport::Network };
        let (relayed, relay) = relay::client::new(peer);
        let config =
            Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(60));
        let transport = connections(kind, relayed, &keys, server);
        let mut guest = Self {
            swarm: Swarm::new(transport, behaviour(&keys, relay), peer, config),
            server: peer_in(server).unwrap(),
            info: None,
        };
        guest.reach_me_at("/ip4/127.0.0.1/tcp/1");
        guest
    }

    /// Connects, as [`Guest::connect`].
    pub async fn meet(mut self, server: &Multiaddr) -> Result<Self, Gone> {
        self.swarm.dial(without_peer(server)).unwrap();
        in_time(self.identified()).await.map(|()| self)
    }

    async fn identified(&mut self) -> Result<(), Gone> {
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                    info,
                    ..
                })) => {
                    self.info = Some(info);
                    return Ok(());
                }
                SwarmEvent::ConnectionClosed { .. }
                | SwarmEvent::OutgoingConnectionError { .. } => {
                    return Err(Gone);
                }
                _ => {}
            }
        }
    }

    pub fn peer(&self) -> PeerId {
        *self.swarm.local_peer_id()
    }

    pub fn reach_me_at(&mut self, address: &str) {
        self.swarm.add_external_address(address.parse().unwrap());
    }

    pub async fn register(&mut self, name: &str) -> Result<Ttl, ErrorCode> {
        let client = &mut self.swarm.behaviour_mut().rendezvous;
        client.register(namespace(name), self.server, None).unwrap();
        loop {
            match in_time(self.next()).await {
                Event::Registered { ttl, .. } => return Ok(ttl),
                Event::RegisterFailed { error, .. } => return Err(error),
                _ => {}
            }
        }
    }

    /// Answers how often it was registered.
    pub async fn register_until_refused(&mut self, name: &str) -> usize {
        let mut granted = 0;
        while self.register(name).await.is_ok() {
            granted += 1;
        }
        granted
    }

    pub fn unregister(&mut self, name: &str) {
        self.swarm.behaviour_mut().rendezvous.unregister(namespace(name), self.server);
    }

    pub async fn discover(
        &mut self,
        name: Option<&str>,
        cookie: Option<Cookie>,
        limit: Option<u64>,
    ) -> Result<(Vec<PeerId>, Cookie), ErrorCode> {
        let client = &mut self.swarm.behaviour_mut().rendezvous;
        client.discover(name.map(namespace), cookie, limit, self.server);
        loop {
            match in_time(self.next()).await {
                Event::Discovered { registrations, cookie, .. } => {
                    let peers = registrations.iter().map(|found| found.record.peer_id());
                    return Ok((peers.collect(), cookie));
                }
                Event::DiscoverFailed { error, .. } => return Err(error),
                _ => {}
            }
        }
    }

    pub fn is_connected(&self) -> bool {
        self.swarm.is_connected(&self.server)
    }

    /// Waits until no connection is left.
    pub async fn closed(&mut self) {
        in_time(async {
            while self.is_connected() {
                self.swarm.select_next_some().await;
            }
        })
        .await;
    }

    async fn next(&mut self) -> Event {
        loop {
            if let SwarmEvent::Behaviour(BehaviourEvent::Rendezvous(event)) =
                self.swarm.select_next_some().await
            {
                return event;
            }
        }
    }
}
