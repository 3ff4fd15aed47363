//! How many connections there may be.

use std::net::Ipv4Addr;

use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint, Multiaddr};
use libp2p::swarm::behaviour::{ConnectionEstablished, ListenFailure};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, ListenError, NetworkBehaviour as _,
};
use tokio::net::{TcpSocket, TcpStream};

use super::{claim, pair, tcp};
use crate::mesh::limits::{Behaviour, Exceeded, Limits, Open};

/// Counts what arrives, as a swarm would tell it.
struct Door {
    behaviour: Behaviour,
    last: usize,
}

impl Door {
    fn new(limits: Limits) -> Self {
        Self { behaviour: Behaviour::new(limits), last: 0 }
    }

    fn next(&mut self) -> ConnectionId {
        self.last += 1;
        ConnectionId::new_unchecked(self.last)
    }

    fn knock(&mut self, from: &str) -> Result<ConnectionId, Exceeded> {
        let (connection, from) = (self.next(), from.parse().unwrap());
        self.behaviour
            .handle_pending_inbound_connection(connection, &Multiaddr::empty(), &from)
            .map(|()| connection)
            .map_err(why)
    }

    fn gives_up(&mut self, connection_id: ConnectionId) {
        let nowhere = Multiaddr::empty();
        self.behaviour.on_swarm_event(FromSwarm::ListenFailure(ListenFailure {
            local_addr: &nowhere,
            send_back_addr: &nowhere,
            error: &ListenError::Aborted,
            connection_id,
            peer_id: None,
        }));
    }

    fn establish(&mut self, peer_id: PeerId, from: &str) -> Result<(), Exceeded> {
        let (connection_id, from) = (self.next(), from.parse().unwrap());
        let nowhere = Multiaddr::empty();
        self.behaviour
            .handle_established_inbound_connection(connection_id, peer_id, &nowhere, &from)
            .map_err(why)?;
        let endpoint = ConnectedPoint::Listener { local_addr: nowhere, send_back_addr: from };
        self.behaviour.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
            peer_id,
            connection_id,
            endpoint: &endpoint,
            failed_addresses: &[],
            other_established: 0,
        }));
        Ok(())
    }
}

fn why(denied: ConnectionDenied) -> Exceeded {
    denied.downcast::<Exceeded>().unwrap()
}

fn open(established: usize, listed: &[PeerId]) -> Limits {
    let listed = listed.iter().copied().collect();
    let shared = Open { per_neighbourhood: established / 4, listed };
    Limits { established, per_host: 8, open: Some(shared), ..Limits::node(established) }
}

#[test]
fn handshakes_are_counted_by_host_and_what_ends_is_forgotten() {
    let mut door = Door::new(Limits::node(128));
    let waiting: Vec<ConnectionId> =
        (0..8).map(|port| door.knock(&format!("/ip4/192.0.2.1/tcp/{port}")).unwrap()).collect();
    assert_eq!(door.knock("/ip4/192.0.2.1/tcp/9"), Err(Exceeded::PendingPerHost));
    assert!(door.knock("/ip4/192.0.2.2/tcp/9").is_ok());
    door.gives_up(waiting[0]);
    assert!(door.knock("/ip4/192.0.2.1/tcp/9").is_ok());
}

#[test]
fn an_ipv6_network_is_one_host_at_the_door() {
    let mut door = Door::new(Limits::node(128));
    for subnet in 0..8 {
        assert!(door.knock(&format!("/ip6/2001:db8:1:{subnet}::1/tcp/1")).is_ok());
    }
    let ninth = door.knock("/ip6/2001:db8:1:9::1/tcp/1");
    assert_eq!(ninth, Err(Exceeded::PendingPerHost));
    assert!(door.knock("/ip6/2001:db8:2::1/tcp/1").is_ok());
}

#[test]
fn senders_that_lie_about_where_they_are_leave_tcp_open() {
    let mut door = Door::new(Limits::node(128));
    let mut refused = None;
    for host in 0..1000 {
        let from = Ipv4Addr::from_bits(0x0800_0000 + host);
        refused = door.knock(&format!("/ip4/{from}/udp/9/quic-v1")).err().or(refused);
    }
    assert_eq!(refused, Some(Exceeded::Pending));
    assert!(door.knock("/ip4/192.0.2.1/tcp/1").is_ok());
}

#[test]
fn at_an_open_bootstrap_a_network_leaves_places_for_others() {
    let listed = PeerId::random();
    let mut door = Door::new(open(64, &[listed]));
    let from = |network: usize, host: usize| format!("/ip4/198.51.{network}.{host}/tcp/1");
    for _ in 0..8 {
        door.establish(PeerId::random(), &from(1, 1)).unwrap();
    }
    assert_eq!(door.establish(PeerId::random(), &from(1, 1)), Err(Exceeded::PerHost));
    for _ in 0..8 {
        door.establish(PeerId::random(), &from(1, 2)).unwrap();
    }
    let neighbour = door.establish(PeerId::random(), &from(1, 3));
    assert_eq!(neighbour, Err(Exceeded::PerNeighbourhood));
    for network in 2..=16 {
        for host in 1..=9 {
            door.establish(PeerId::random(), &from(network, host)).ok();
        }
    }
    assert!(door.establish(PeerId::random(), &from(200, 1)).is_ok(), "a newcomer");
    for network in 17..=100 {
        door.establish(PeerId::random(), &from(network, 1)).ok();
    }
    assert_eq!(door.establish(PeerId::random(), &from(201, 1)), Err(Exceeded::Established));
    for _ in 0..2 {
        assert_eq!(door.establish(listed, &from(1, 1)), Ok(()), "the listed in any case");
    }
    assert_eq!(door.establish(listed, &from(1, 1)), Err(Exceeded::PerPeer));
}

#[test]
fn what_a_bootstrap_dials_takes_nobody_s_place() {
    let mut door = Door::new(open(8, &[]));
    let (peer, to) = (PeerId::random(), "/ip4/192.0.2.1/tcp/1".parse().unwrap());
    for _ in 0..8 {
        let connection_id = door.next();
        let (role, port) = (Endpoint::Dialer, PortUse::New);
        door.behaviour
            .handle_established_outbound_connection(connection_id, peer, &to, role, port)
            .unwrap();
        let endpoint =
            ConnectedPoint::Dialer { address: to.clone(), role_override: role, port_use: port };
        door.behaviour.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
            peer_id: peer,
            connection_id,
            endpoint: &endpoint,
            failed_addresses: &[],
            other_established: 0,
        }));
    }
    assert!(door.establish(PeerId::random(), "/ip4/192.0.2.1/tcp/2").is_ok());
}

/// A connection from a host of its own that says nothing.
async fn silent(host: u8, port: u16) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 1, host), 0).into()).unwrap();
    socket.connect((Ipv4Addr::LOCALHOST, port).into()).await.ok()
}

#[tokio::test]
async fn many_hosts_cannot_lock_out_the_members() {
    let node = tcp(1).await;
    let port = node.address.to_string().rsplit('/').next().unwrap().parse().unwrap();
    let mut silent_ones = Vec::new();
    for _ in 0..8 {
        for host in 1..=64 {
            silent_ones.push(silent(host, port).await);
        }
    }
    let (node, mut member) = pair(node, tcp(2).await).await;
    node.publish(&claim(1)).await;
    assert_eq!(member.heard().await.0, claim(1));
    assert!(node.refused("pending_per_host") > 0);
}
