//! A peer with libp2p's own rendezvous client, driven step by step.

use std::future::Future;
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::identity::Keypair;
use libp2p::swarm::{Config, NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, identify};
use libp2p_rendezvous::client::{Behaviour as Client, Event};
use libp2p_rendezvous::{Cookie, ErrorCode, Namespace, Ttl};

use crate::mesh::address::{peer_in, without_peer};
use crate::mesh::transport::{self, Transport};

/// The connection was closed before the peer identified itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone;

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    rendezvous: Client,
}

pub struct Guest {
    swarm: Swarm<Behaviour>,
    server: PeerId,
}

pub fn keys(seed: [u8; 32]) -> Keypair {
    Keypair::ed25519_from_bytes(seed).unwrap()
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it answers in time")
}

fn namespace(name: &str) -> Namespace {
    Namespace::new(name.to_owned()).unwrap()
}

impl Guest {
    /// Connects and waits until the other end has identified itself.
    pub async fn connect(seed: [u8; 32], server: &Multiaddr) -> Result<Self, Gone> {
        let keys = keys(seed);
        let memory = server.to_string().starts_with("/memory");
        let kind = if memory { Transport::Memory } else { Transport::Network };
        let behaviour = Behaviour {
            identify: identify::Behaviour::new(identify::Config::new("test".into(), keys.public())),
            rendezvous: Client::new(keys.clone()),
        };
        let config =
            Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(60));
        let transport = transport::build(kind, &keys, &[]).unwrap();
        let peer = keys.public().to_peer_id();
        let mut guest = Self {
            swarm: Swarm::new(transport, behaviour, peer, config),
            server: peer_in(server).unwrap(),
        };
        guest.reach_me_at("/ip4/127.0.0.1/tcp/1");
        guest.swarm.dial(without_peer(server)).unwrap();
        in_time(guest.identified()).await.map(|()| guest)
    }

    async fn identified(&mut self) -> Result<(), Gone> {
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                    info,
                    ..
                })) => {
                    assert!(info.listen_addrs.is_empty(), "listen addresses are hidden");
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
