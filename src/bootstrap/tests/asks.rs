//! What a guest asks of the relay, of AutoNAT and of Kademlia.

use std::time::Duration;

use futures::StreamExt as _;
use libp2p::core::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{DialError, FromSwarm, NetworkBehaviour as _, NewExternalAddrCandidate};
use libp2p::{Multiaddr, PeerId, autonat, identify, kad, relay, request_response};
use tokio::time::timeout;

use super::guest::{BehaviourEvent, Guest, in_time};
use super::hop::Wish;

impl Guest {
    /// Drives it until an event is what is wanted.
    pub async fn until<T>(
        &mut self,
        mut wanted: impl FnMut(SwarmEvent<BehaviourEvent>) -> Option<T>,
    ) -> T {
        in_time(async {
            loop {
                if let Some(found) = wanted(self.swarm.select_next_some().await) {
                    return found;
                }
            }
        })
        .await
    }

    /// Drives it for as long as it is waited for.
    pub async fn serve(&mut self) {
        loop {
            self.swarm.select_next_some().await;
        }
    }

    /// Drives it until something else is so.
    pub async fn drive_until(&mut self, is_so: impl Fn() -> bool) {
        in_time(async {
            while !is_so() {
                let a_moment = Duration::from_millis(20);
                timeout(a_moment, self.swarm.select_next_some()).await.ok();
            }
        })
        .await;
    }

    /// Listens on this machine and answers where.
    pub async fn listen(&mut self) -> Multiaddr {
        self.swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        self.until(|event| match event {
            SwarmEvent::NewListenAddr { address, .. } => Some(address),
            _ => None,
        })
        .await
    }

    /// Reserves at the relay, and answers under which address it can be reached there.
    pub async fn reserve(&mut self, relay: &Multiaddr) -> Option<Multiaddr> {
        let here = relay.clone().with(Protocol::P2pCircuit);
        let listener = self.swarm.listen_on(here).unwrap();
        let mut accepted = false;
        self.until(move |event| match event {
            SwarmEvent::Behaviour(BehaviourEvent::Relay(
                relay::client::Event::ReservationReqAccepted { .. },
            )) => {
                accepted = true;
                None
            }
            SwarmEvent::NewListenAddr { listener_id, address } if listener_id == listener => {
                assert!(accepted);
                Some(Some(address))
            }
            SwarmEvent::ListenerClosed { listener_id, .. } if listener_id == listener => Some(None),
            _ => None,
        })
        .await
    }

    /// Dials an address; whether somebody answered there and identified himself.
    pub async fn reaches(&mut self, peer: PeerId, at: Multiaddr) -> bool {
        let dial =
            DialOpts::peer_id(peer).condition(PeerCondition::Always).addresses(vec![at]).build();
        let ours = dial.connection_id();
        self.swarm.dial(dial).unwrap();
        self.until(|event| match event {
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                connection_id,
                ..
            })) if connection_id == ours => Some(true),
            SwarmEvent::OutgoingConnectionError { connection_id, .. } if connection_id == ours => {
                Some(false)
            }
            _ => None,
        })
        .await
    }

    /// Sends a relay's request by itself, and answers the status.
    pub async fn wish(&mut self, wish: Wish) -> Option<u64> {
        self.swarm.behaviour_mut().hop.send_request(&self.server, wish);
        self.until(|event| match event {
            SwarmEvent::Behaviour(BehaviourEvent::Hop(event)) => match event {
                request_response::Event::Message {
                    message: request_response::Message::Response { response, .. },
                    ..
                } => Some(Some(response)),
                request_response::Event::OutboundFailure { .. } => Some(None),
                _ => None,
            },
            _ => None,
        })
        .await
    }

    /// Wants an address tested by the server, and answers what it found out.
    pub async fn tested(&mut self, address: &Multiaddr) -> bool {
        let candidate = NewExternalAddrCandidate { addr: address };
        let autonat = &mut self.swarm.behaviour_mut().autonat;
        autonat.on_swarm_event(FromSwarm::NewExternalAddrCandidate(candidate));
        self.until(|event| match event {
            SwarmEvent::Behaviour(BehaviourEvent::Autonat(autonat::v2::client::Event {
                tested_addr,
                result,
                ..
            })) if tested_addr == *address => Some(result.is_ok()),
            _ => None,
        })
        .await
    }

    /// Looks for a peer by Kademlia, and answers where it was tried, if it was found.
    pub async fn find(&mut self, server: &Multiaddr, peer: PeerId) -> Vec<Multiaddr> {
        let at = super::address::without_peer(server);
        let query = {
            let kademlia = &mut self.swarm.behaviour_mut().kademlia;
            kademlia.add_address(&self.server, at);
            kademlia.get_closest_peers(peer)
        };
        let mut found = Vec::new();
        self.until(|event| match event {
            SwarmEvent::OutgoingConnectionError {
                peer_id,
                error: DialError::Transport(tried),
                ..
            } if peer_id == Some(peer) => {
                found.extend(tried.into_iter().map(|(address, _)| address));
                None
            }
            SwarmEvent::Behaviour(BehaviourEvent::Kademlia(
                kad::Event::OutboundQueryProgressed { id, step, .. },
            )) if id == query && step.last => Some(()),
            _ => None,
        })
        .await;
        found.sort();
        found.dedup();
        found
    }
}
