//! Asking others where a member is, and what they may not do with it.

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::kad::store::{MemoryStore, RecordStore as _};
use libp2p::kad::{self, Event, InboundRequest, Mode, QueryResult, Quorum, Record};
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::{self, NetworkBehaviour, SwarmEvent};
use libp2p::{PeerId, StreamProtocol, Swarm, identify};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::{LIMIT, Node, community, keys, node_id, peer_id, settings};
use crate::mesh::behaviour::KADEMLIA;
use crate::mesh::kademlia::{self, protocol};
use crate::mesh::{Role, Transport, transport};

/// Where a peer says it is; nobody is there.
const FAR: &str = "/ip4/8.8.8.8/tcp/1";

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    kad: kad::Behaviour<MemoryStore>,
}

/// A peer that speaks Kademlia by hand.
struct Guide {
    swarm: Swarm<Behaviour>,
    address: Multiaddr,
}

impl Guide {
    /// Of a member.
    async fn start(seed: u8) -> Self {
        Self::speaking(seed, protocol(&community()).unwrap()).await
    }

    async fn speaking(seed: u8, protocol: StreamProtocol) -> Self {
        let keys = keys(seed);
        let me = keys.public().to_peer_id();
        let config = kad::Config::new(protocol);
        let mut kad = kad::Behaviour::with_config(me, MemoryStore::new(me), config);
        kad.set_mode(Some(Mode::Server));
        let identify = identify::Config::new("test".into(), keys.public());
        let identify = identify::Behaviour::new(identify.with_hide_listen_addrs(true));
        let connections = transport::build(Transport::Network, &keys, &[]).unwrap();
        let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(LIMIT);
        let mut swarm = Swarm::new(connections, Behaviour { identify, kad }, me, config);
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        swarm.add_external_address(FAR.parse().unwrap());
        Self { swarm, address }
    }

    fn tells(&mut self, peer: PeerId, port: u16) {
        let address = format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap();
        self.swarm.behaviour_mut().kad.add_address(&peer, address);
    }

    async fn until<T>(
        &mut self,
        mut pick: impl FnMut(SwarmEvent<BehaviourEvent>) -> Option<T>,
    ) -> T {
        let picked = async {
            loop {
                if let Some(picked) = pick(self.swarm.select_next_some().await) {
                    return picked;
                }
            }
        };
        timeout(LIMIT, picked).await.expect("it happens")
    }

    /// Asks a node where a peer is; what it says.
    async fn ask(&mut self, node: PeerId, about: PeerId) -> Vec<Multiaddr> {
        self.until(|event| match event {
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                ..
            })) => (peer_id == node).then_some(()),
            _ => None,
        })
        .await;
        let kad = &mut self.swarm.behaviour_mut().kad;
        kad.add_address(&node, "/ip4/127.0.0.1/tcp/1".parse().unwrap());
        kad.get_closest_peers(about);
        let mut told = Vec::new();
        self.until(|event| match event {
            SwarmEvent::Behaviour(BehaviourEvent::Kad(Event::OutboundQueryProgressed {
                result: QueryResult::GetClosestPeers(_),
                ..
            })) => Some(()),
            // What it is told it tries.
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                if let (true, swarm::DialError::Transport(tried)) = (peer_id == Some(about), error)
                {
                    told.extend(tried.into_iter().map(|(address, _)| address));
                }
                None
            }
            _ => None,
        })
        .await;
        told
    }
}

fn asked(event: SwarmEvent<BehaviourEvent>) -> Option<()> {
    let SwarmEvent::Behaviour(BehaviourEvent::Kad(Event::InboundRequest { request })) = event
    else {
        return None;
    };
    matches!(request, InboundRequest::FindNode { .. }).then_some(())
}

/// A node with these peers, approved at these addresses.
async fn node(private: bool, members: Vec<(u8, Vec<Multiaddr>)>) -> Node {
    let mut settings = settings(1);
    settings.transport = Transport::Network;
    settings.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    settings.allow_private = private;
    settings.relay = false;
    settings.members =
        members.into_iter().map(|(seed, addresses)| (node_id(seed), addresses)).collect();
    // Only who can be reached answers others.
    settings.external = vec!["/ip4/8.8.4.4/tcp/3031".parse().unwrap()];
    Node::start(settings).await
}

/// Whether a node that is told where a member is, and where a stranger, goes there.
async fn goes(private: bool) -> (bool, bool) {
    let member = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut guide = Guide::start(2).await;
    guide.tells(peer_id(3), member.local_addr().unwrap().port());
    guide.tells(peer_id(4), stranger.local_addr().unwrap().port());
    let node = node(private, vec![(2, vec![guide.address.clone()]), (3, Vec::new())]).await;
    guide.until(asked).await;
    // The guide goes there as well; a node dials from the port on which it listens.
    let is_node = |from: SocketAddr| node.address.to_string().ends_with(&from.port().to_string());
    // Time enough to go there, if it went; a node that goes is not waited for longer.
    let mut visited = (false, false);
    let watched = async {
        while !(private && visited.0) {
            tokio::select! {
                Ok((_, from)) = member.accept() => visited.0 |= is_node(from),
                Ok((_, from)) = stranger.accept() => visited.1 |= is_node(from),
                _ = guide.swarm.select_next_some() => {}
            }
        }
    };
    drop(timeout(if private { LIMIT } else { Duration::from_secs(2) }, watched).await);
    visited
}

#[tokio::test]
async fn a_member_is_looked_for_where_another_says_it_is() {
    assert_eq!(goes(true).await, (true, false), "and never a stranger");
}

#[tokio::test]
async fn nobody_is_looked_for_inside_this_network_because_a_member_says_so() {
    assert_eq!(goes(false).await, (false, false));
}

#[tokio::test]
async fn a_member_is_told_where_others_say_they_are_and_a_bootstrap_nothing() {
    let (mut known, mut asker) = (Guide::start(2).await, Guide::start(3).await);
    let at = |guide: &Guide| vec![guide.address.clone()];
    let node = node(false, vec![(2, at(&known)), (3, at(&asker))]).await;
    // Until the node knows what the first says of itself.
    let sent = |event| match event {
        SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Sent { .. })) => Some(()),
        _ => None,
    };
    known.until(sent).await;
    tokio::spawn(async move {
        loop {
            known.swarm.select_next_some().await;
        }
    });
    let me = peer_id(1);
    let told = asker.ask(me, peer_id(2)).await;
    assert!(told.iter().all(|address| address.to_string().starts_with(FAR)), "{told:?}");
    assert!(!told.is_empty(), "where it says that it is, not where it was dialled");
    // The same question by a bootstrap.
    let mut bootstrap = Guide::speaking(4, KADEMLIA).await;
    node.mesh.set_role(node_id(4), Role::Infrastructure, at(&bootstrap)).await.unwrap();
    assert_eq!(bootstrap.ask(me, peer_id(2)).await, Vec::<Multiaddr>::new());
}

#[tokio::test]
async fn nothing_is_stored_for_others() {
    let keys = keys(1);
    let mut table = kademlia::behaviour(peer_id(1), protocol(&community()).unwrap());
    table.allow(peer_id(2), true);
    table.inner_mut().set_mode(Some(Mode::Server));
    let connections = transport::build(Transport::Network, &keys, &[]).unwrap();
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(LIMIT);
    let mut swarm = Swarm::new(connections, table, peer_id(1), config);
    let mut guide = Guide::start(2).await;
    swarm.dial(guide.address.clone()).unwrap();
    let put = async {
        loop {
            tokio::select! {
                event = swarm.select_next_some() => {
                    let stored = |request: &InboundRequest| {
                        matches!(request, InboundRequest::PutRecord { .. })
                    };
                    if matches!(&event, SwarmEvent::Behaviour(Event::InboundRequest { request })
                        if stored(request))
                    {
                        return;
                    }
                }
                event = guide.swarm.select_next_some() => {
                    if let SwarmEvent::ConnectionEstablished { .. } = event {
                        let record = Record::new(b"key".to_vec(), b"value".to_vec());
                        let kad = &mut guide.swarm.behaviour_mut().kad;
                        kad.put_record_to(record, [peer_id(1)].into_iter(), Quorum::One);
                    }
                }
            }
        }
    };
    timeout(LIMIT, put).await.unwrap();
    assert_eq!(swarm.behaviour_mut().inner_mut().store_mut().records().count(), 0);
}
