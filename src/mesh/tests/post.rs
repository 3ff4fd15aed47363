//! A bootstrap of libp2p's own servers, on loopback, without any guard.

use futures::StreamExt as _;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{self, NetworkBehaviour, SwarmEvent};
use libp2p::{PeerId, Swarm, autonat, identify, ping, relay};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{LIMIT, keys};
use crate::mesh::{Transport, transport};

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    relay: relay::Behaviour,
    autonat: Toggle<autonat::v2::server::Behaviour>,
}

/// What goes through it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    pub(super) reservations: usize,
    pub(super) circuits: usize,
}

/// A running bootstrap; it is gone when this is dropped.
pub(super) struct Post {
    pub(super) peer: PeerId,
    pub(super) address: Multiaddr,
    pub(super) traffic: watch::Receiver<Traffic>,
    task: JoinHandle<()>,
}

impl Drop for Post {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Post {
    pub(super) async fn relay(seed: u8) -> Self {
        Self::start(seed, "/ip4/127.0.0.1/tcp/0", false).await
    }

    pub(super) async fn relay_and_autonat(seed: u8) -> Self {
        Self::start(seed, "/ip4/127.0.0.1/tcp/0", true).await
    }

    pub(super) async fn start(seed: u8, listen: &str, autonat: bool) -> Self {
        let keys = keys(seed);
        let peer = keys.public().to_peer_id();
        let behaviour = Behaviour {
            identify: identify::Behaviour::new(identify::Config::new("test".into(), keys.public())),
            ping: ping::Behaviour::default(),
            relay: relay::Behaviour::new(
                peer,
                relay::Config { max_circuit_bytes: u64::MAX, ..relay::Config::default() },
            ),
            autonat: autonat.then(autonat::v2::server::Behaviour::default).into(),
        };
        let connections = transport::build(Transport::Network, &keys, &[]).unwrap();
        let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(LIMIT * 10);
        let mut swarm = Swarm::new(connections, behaviour, peer, config);
        swarm.listen_on(listen.parse().unwrap()).unwrap();
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        swarm.add_external_address(address.clone());
        let (count, traffic) = watch::channel(Traffic::default());
        let task = tokio::spawn(async move {
            loop {
                if let SwarmEvent::Behaviour(BehaviourEvent::Relay(event)) =
                    swarm.select_next_some().await
                {
                    count.send_modify(|traffic| match event {
                        relay::Event::ReservationReqAccepted { .. } => traffic.reservations += 1,
                        relay::Event::CircuitReqAccepted { .. } => traffic.circuits += 1,
                        _ => {}
                    });
                }
            }
        });
        Self { peer, address: address.with_p2p(peer).unwrap(), traffic, task }
    }
}
