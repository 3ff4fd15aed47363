//! The asking side against libp2p's own server over TCP, and against one that lies.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it waits for")]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::io::Cursor;
use futures::{AsyncRead, AsyncWrite, StreamExt as _};
use libp2p::identity::Keypair;
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::swarm::{self, NetworkBehaviour, SwarmEvent};
use libp2p::{PeerId, Swarm, autonat};
use prost::Message as _;
use tokio::time::timeout;

use super::message::{Data, DataRequest, Message, Response, ask};
use super::{Behaviour, Question};
use crate::mesh::reach::Tested;
use crate::mesh::{Transport, transport};

const LIMIT: Duration = Duration::from_secs(30);

fn swarm<B: NetworkBehaviour>(seed: u8, behaviour: B) -> Swarm<B> {
    let keys = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    let connections = transport::build(Transport::Network, &keys, &[]).unwrap();
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(LIMIT);
    let mut swarm = Swarm::new(connections, behaviour, keys.public().to_peer_id(), config);
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    swarm
}

async fn listening<B: NetworkBehaviour>(swarm: &mut Swarm<B>) -> Multiaddr {
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return address;
        }
    }
}

/// A running server.
async fn server<B>(seed: u8, behaviour: B) -> (PeerId, Multiaddr)
where
    B: NetworkBehaviour<ToSwarm: Send> + Send,
{
    let mut swarm = swarm(seed, behaviour);
    let address = listening(&mut swarm).await;
    let peer = *swarm.local_peer_id();
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    (peer, address)
}

/// What comes of asking a server about an address; of the own one if there is none.
async fn tested((peer, server): (PeerId, Multiaddr), address: Option<Multiaddr>) -> Tested {
    let mut swarm = swarm(1, Behaviour::default());
    let own = listening(&mut swarm).await;
    let address = address.unwrap_or(own);
    swarm.dial(server).unwrap();
    let tested = async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { connection_id, endpoint, .. }
                    if endpoint.is_dialer() =>
                {
                    let autonat = swarm.behaviour_mut();
                    assert!(autonat.ask(peer, connection_id, address.clone()));
                    assert!(autonat.is_asking(&peer));
                }
                SwarmEvent::Behaviour(event) => {
                    assert_eq!((event.server, &event.address), (peer, &address));
                    assert!(!swarm.behaviour().is_asking(&peer));
                    return event.tested;
                }
                _ => {}
            }
        }
    };
    timeout(LIMIT, tested).await.unwrap()
}

#[tokio::test]
async fn a_server_that_comes_through_says_so() {
    let server = server(2, autonat::v2::server::Behaviour::default()).await;
    assert_eq!(tested(server, None).await, Tested::Reached);
}

#[tokio::test]
async fn a_port_at_which_nobody_listens_is_not_reached() {
    let server = server(2, autonat::v2::server::Behaviour::default()).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let nobody = Multiaddr::empty()
        .with(Protocol::Ip4(std::net::Ipv4Addr::LOCALHOST))
        .with(Protocol::Tcp(port));
    assert_eq!(tested(server, Some(nobody)).await, Tested::NotReached);
}

#[tokio::test]
async fn a_server_that_speaks_something_else_says_nothing() {
    let server = server(2, libp2p::ping::Behaviour::default()).await;
    assert_eq!(tested(server, None).await, Tested::NoAnswer);
}

/// What a server says, whatever it is asked; and what it was told.
struct Script {
    says: Cursor<Vec<u8>>,
    told: Vec<u8>,
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.says).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.told.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Script {
    fn new(messages: &[Message]) -> Self {
        let says = messages.iter().flat_map(Message::encode_length_delimited_to_vec).collect();
        Self { says: Cursor::new(says), told: Vec::new() }
    }

    /// Bytes of data among what it was told.
    fn data(&self) -> usize {
        let mut told = self.told.as_slice();
        let mut bytes = 0;
        while !told.is_empty() {
            let message = Message::decode_length_delimited(&mut told).unwrap();
            bytes += message.data.map_or(0, |Data { data }| data.len());
        }
        bytes
    }
}

async fn asked(messages: &[Message]) -> (io::Result<Tested>, usize) {
    let question = Question { number: u64::MAX, address: "/ip4/8.8.8.8/tcp/1".parse().unwrap() };
    let mut script = Script::new(messages);
    let said = ask(&mut script, &question).await;
    (said, script.data())
}

fn wants(address: u32, bytes: u64) -> Message {
    Message { data_request: Some(DataRequest { address, bytes }), ..Message::default() }
}

fn says(status: i32, dialled: i32) -> Message {
    let response = Response { status, address: 0, dialled };
    Message { response: Some(response), ..Message::default() }
}

#[tokio::test]
async fn a_server_may_want_data_first_but_within_bounds() {
    let (said, data) = asked(&[wants(0, 100_000), says(200, 200)]).await;
    assert_eq!((said.unwrap(), data), (Tested::Reached, 100_000));
    for (address, bytes) in [(0, 100_001), (0, 29_999), (0, u64::MAX), (1, 50_000)] {
        let (said, data) = asked(&[wants(address, bytes), says(200, 200)]).await;
        assert!(said.is_err(), "{bytes}");
        assert_eq!(data, 0);
    }
    assert!(asked(&[wants(0, 30_000), wants(0, 30_000)]).await.0.is_err(), "once only");
}

#[tokio::test]
async fn every_answer_of_a_server_means_something() {
    for (status, dialled, expected) in [
        (200, 200, Tested::Reached),
        (200, 100, Tested::NotReached),
        (200, 101, Tested::NotReached),
        (200, 0, Tested::NoAnswer),
        (0, 0, Tested::NoAnswer),
        (100, 200, Tested::NoAnswer),
        (101, 0, Tested::NoAnswer),
        (-7, 9, Tested::NoAnswer),
    ] {
        assert_eq!(asked(&[says(status, dialled)]).await.0.unwrap(), expected);
    }
    assert!(asked(&[]).await.0.is_err());
    assert!(asked(&[Message::default()]).await.0.is_err());
}

#[test]
fn a_number_counts_once_it_was_brought_by_whom_it_was_given() {
    let numbers = super::Numbers::default();
    let (server, other) = (PeerId::random(), PeerId::random());
    numbers.lock().insert(7, super::Number { server, came_back: false });
    assert!(!numbers.came_back(other, 7));
    assert!(!numbers.came_back(server, 8));
    assert!(!numbers.lock()[&7].came_back);
    assert!(numbers.came_back(server, 7));
    assert!(numbers.lock()[&7].came_back);
}
