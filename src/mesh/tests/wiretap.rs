//! A peer that speaks gossip by hand: it shows the very bytes that cross a
//! connection, and it can send what no honest node would.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    self, ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
    NetworkBehaviour, StreamProtocol, SubstreamProtocol, SwarmEvent, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, Stream, Swarm};
use tokio::sync::mpsc;

use super::{Node, claim, community, keys, node_id};
use crate::mesh::{Role, Transport, gossip, transport};

/// The version of gossipsub that every node speaks.
const PROTOCOL: StreamProtocol = StreamProtocol::new("/meshsub/1.1.0");

/// Notes and frames that wait; more than any test makes.
const WAITING: usize = 4096;

/// What the tap saw.
#[derive(Debug)]
pub(super) enum Seen {
    Connected,
    /// A gossip message (RPC), without its length.
    Rpc(Vec<u8>),
    /// The other side opened a stream.
    Stream,
    Closed,
}

/// The tap: what it sees comes out, whole frames go in.
pub(super) struct Tap {
    pub(super) seen: mpsc::Receiver<Seen>,
    pub(super) send: mpsc::Sender<Vec<u8>>,
}

/// Dials a node and speaks gossip with it by hand.
pub(super) fn tap(seed: u8, node: &Node) -> Tap {
    let (notes, seen) = mpsc::channel(WAITING);
    let (send, frames) = mpsc::channel(WAITING);
    let keys = keys(seed);
    let connections = transport::build(Transport::Memory, &keys, &[]).unwrap();
    let behaviour = Behaviour { notes: notes.clone(), frames: Some(frames) };
    let config =
        swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(600));
    let mut swarm = Swarm::new(connections, behaviour, keys.public().to_peer_id(), config);
    swarm.dial(node.address.clone()).unwrap();
    tokio::spawn(async move {
        loop {
            let note = match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => Seen::Connected,
                SwarmEvent::ConnectionClosed { .. } => Seen::Closed,
                _ => continue,
            };
            if notes.send(note).await.is_err() {
                return;
            }
        }
    });
    Tap { seen, send }
}

impl Tap {
    pub(super) async fn next(&mut self) -> Seen {
        tokio::time::timeout(super::LIMIT, self.seen.recv()).await.unwrap().unwrap()
    }

    /// Takes part in the topic.
    pub(super) fn join(&self) {
        let topic = gossip::topic(&community()).hash();
        let topic = topic.as_str().as_bytes();
        let subscribe = [field(1, 0, &[1]), field(2, 2, topic)].concat();
        let graft = field(3, 2, &field(3, 2, &field(1, 2, topic)));
        self.send.try_send([field(1, 2, &subscribe), graft].concat()).unwrap();
    }

    /// Publishes bytes, with further fields of the message.
    pub(super) fn publish(&self, data: &[u8], more: &[u8]) {
        let topic = gossip::topic(&community()).hash();
        let message =
            [&field(2, 2, data)[..], &field(4, 2, topic.as_str().as_bytes()), more].concat();
        self.send.try_send(field(2, 2, &message)).unwrap();
    }
}

/// One protobuf field; a varint's bytes are given as they are.
pub(super) fn field(number: u8, wire_type: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | wire_type];
    if wire_type == 2 {
        bytes.extend(varint(value.len()));
    }
    bytes.extend(value);
    bytes
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(low & 0x7f);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// The fields of a protobuf message: number and bytes (of a varint: none).
fn fields(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((tag, rest)) = bytes.split_first() {
        let (number, wire_type) = (tag >> 3, tag & 7);
        let (value, rest) = read_varint(rest);
        match wire_type {
            0 => {
                found.push((number, Vec::new()));
                bytes = rest;
            }
            2 => {
                found.push((number, rest[..value].to_vec()));
                bytes = &rest[value..];
            }
            other => panic!("wire type {other}"),
        }
    }
    found
}

fn read_varint(bytes: &[u8]) -> (usize, &[u8]) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let value =
        bytes[..length].iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
    (value, &bytes[length..])
}

struct Behaviour {
    notes: mpsc::Sender<Seen>,
    frames: Option<mpsc::Receiver<Vec<u8>>>,
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = std::convert::Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler { notes: self.notes.clone(), frames: None, asks: VecDeque::new() })
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let asks = VecDeque::from([()]);
        Ok(Handler { notes: self.notes.clone(), frames: self.frames.take(), asks })
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

struct Handler {
    notes: mpsc::Sender<Seen>,
    frames: Option<mpsc::Receiver<Vec<u8>>>,
    asks: VecDeque<()>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = std::convert::Infallible;
    type ToBehaviour = std::convert::Infallible;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {}
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        if self.asks.pop_front().is_none() {
            return Poll::Pending;
        }
        let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ());
        Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol })
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol, ..
            }) => {
                self.notes.try_send(Seen::Stream).unwrap();
                tokio::spawn(listen(protocol, self.notes.clone()));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol, ..
            }) => {
                if let Some(frames) = self.frames.take() {
                    tokio::spawn(speak(protocol, frames));
                }
            }
            _ => {}
        }
    }
}

async fn listen(mut stream: Stream, notes: mpsc::Sender<Seen>) {
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        buffer.extend(&chunk[..count]);
        while let Some(frame) = take_frame(&mut buffer) {
            if notes.send(Seen::Rpc(frame)).await.is_err() {
                return;
            }
        }
    }
}

fn take_frame(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    buffer.iter().position(|byte| byte & 0x80 == 0)?;
    let (length, rest) = read_varint(buffer);
    let frame = rest.get(..length)?.to_vec();
    let used = buffer.len() - rest.len() + length;
    buffer.drain(..used);
    Some(frame)
}

async fn speak(mut stream: Stream, mut frames: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        let bytes = [varint(frame.len()), frame].concat();
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn gossip_carries_the_claim_and_no_author_number_signature_or_key() {
    const CLAIMS: u32 = 5;
    let mut node = Node::memory(1).await;
    let mut other = Node::memory(3).await;
    node.mesh.set_role(node_id(2), Role::Member, Vec::new()).await.unwrap();
    node.approve(&other).await;
    other.approve(&node).await;
    node.ready().await;
    other.ready().await;
    let mut tap = tap(2, &node);
    tap.join();
    node.wait(|event| matches!(event, crate::mesh::Event::MeshReady { members: 2 }).then_some(()))
        .await;
    // Own claims and those that are passed on for another look alike.
    for number in 0..CLAIMS {
        node.publish(&claim(number)).await;
        other.publish(&claim(100 + number)).await;
    }
    let mut captured = Vec::new();
    while captured.len() < 2 * CLAIMS as usize {
        if let Seen::Rpc(rpc) = tap.next().await {
            let messages = fields(&rpc).into_iter().filter(|(number, _)| *number == 2);
            captured.extend(messages.map(|(_, message)| message));
        }
    }
    let topic = gossip::topic(&community()).hash();
    for message in captured {
        let parts = fields(&message);
        // 2 is the data and 4 the topic; from, seqno, signature and key are 1, 3, 5 and 6.
        let numbers: Vec<u8> = parts.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [2, 4]);
        assert_eq!(parts[1].1, topic.as_str().as_bytes());
        let known = (0..CLAIMS).flat_map(|number| [claim(number), claim(100 + number)]);
        assert!(known.into_iter().any(|claim| claim == parts[0].1), "nothing but a claim");
    }
}
