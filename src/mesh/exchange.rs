//! Questions and answers between two members outside gossip: bytes in, bytes
//! out. What they mean is read and written elsewhere; here they have a bound, a
//! time limit and a quota.
//!
//! A question of a member goes to the node over a channel of its own. When the
//! node cannot keep up, the question is dropped and counted, and the member
//! finds its stream closed.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::request_response::{
    self, InboundFailure, OutboundFailure, OutboundRequestId, ProtocolSupport, ResponseChannel,
};
use libp2p::{PeerId, StreamProtocol};
use tokio::sync::oneshot;

use super::actor::Actor;
use super::address::{node_of, peer_of};
use super::gate::Gate;
use super::role::Role;
use crate::model::NodeId;
use crate::wire::MAX_EXCHANGE_BYTES;

/// Questions that wait for the node.
pub(super) const ASKED: usize = 64;
/// Questions of one member that wait or are being answered: so few that no handful of
/// members fills the queue, and more than an honest one has.
const ASKED_BY_ONE: usize = 8;
/// Own questions that wait for their answers.
const ASKING: usize = 256;
/// Streams of one connection at a time, both ways.
const STREAMS: usize = 16;
/// A question and its answer: 128 KiB over a slow line.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// What is spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `/dtim/sync/1`
    Sync,
    /// `/dtim/deliver/1`
    Deliver,
}

impl Protocol {
    /// Its name in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Deliver => "deliver",
        }
    }

    fn name(self) -> StreamProtocol {
        match self {
            Self::Sync => StreamProtocol::new("/dtim/sync/1"),
            Self::Deliver => StreamProtocol::new("/dtim/deliver/1"),
        }
    }
}

/// A member's question. Dropping it closes the member's stream.
#[derive(Debug)]
pub struct Asked {
    /// What it speaks of.
    pub protocol: Protocol,
    /// Who asks.
    pub from: NodeId,
    /// The question.
    pub bytes: Vec<u8>,
    pub(super) channel: ResponseChannel<Vec<u8>>,
    /// Held until it is answered.
    _place: Place,
}

/// A place among the questions of one member, which is free again when this is dropped.
type Place = Arc<()>;

/// Who has questions that wait, at most [`ASKED_BY_ONE`] each; bounded by [`ASKED`].
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<PeerId, Place>);

impl Places {
    /// One more for a member, unless it has all of its own.
    fn take(&mut self, peer: PeerId) -> Option<Place> {
        self.0.retain(|_, places| Arc::strong_count(places) > 1);
        let places = self.0.entry(peer).or_default();
        (Arc::strong_count(places) <= ASKED_BY_ONE).then(|| Arc::clone(places))
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The member is not connected.
    #[error("the member is not connected")]
    NotConnected,
    /// It closed the stream, or the connection ended.
    #[error("the member did not answer")]
    NoAnswer,
    /// It did not answer within half a minute.
    #[error("the member did not answer in time")]
    TimedOut,
    /// Too many questions wait.
    #[error("too many questions wait for answers")]
    Busy,
    /// The mesh was stopped.
    #[error("the mesh is stopped")]
    Stopped,
}

pub(super) type Behaviour = request_response::Behaviour<Codec>;
pub(super) type Event = request_response::Event<Vec<u8>, Vec<u8>>;
type Answering = oneshot::Sender<Result<Vec<u8>, AskError>>;

/// Own questions that wait, at most [`ASKING`].
#[derive(Debug, Default)]
pub(super) struct Asking(HashMap<(Protocol, OutboundRequestId), Answering>);

/// One protocol for those who were let in.
pub(super) fn behaviour(protocol: Protocol) -> Gate<Behaviour> {
    let config = request_response::Config::default()
        .with_request_timeout(TIME_LIMIT)
        .with_max_concurrent_streams(STREAMS);
    Gate::new(Behaviour::new([(protocol.name(), ProtocolSupport::Full)], config))
}

impl Actor {
    fn exchange(&mut self, protocol: Protocol) -> &mut Gate<Behaviour> {
        let root = self.swarm.behaviour_mut();
        match protocol {
            Protocol::Sync => &mut root.sync,
            Protocol::Deliver => &mut root.deliver,
        }
    }

    pub(super) fn ask_member(
        &mut self,
        protocol: Protocol,
        node: NodeId,
        bytes: Vec<u8>,
        reply: Answering,
    ) {
        let member = peer_of(node).filter(|peer| {
            self.role(peer) == Role::Member && self.exchange(protocol).is_connected(peer)
        });
        let refused = match member {
            None => AskError::NotConnected,
            // What it answered lately was more than its share.
            Some(peer) if !self.exchanged.take(peer, bytes.len(), Instant::now()) => {
                self.count_exchange(protocol, "quota");
                AskError::Busy
            }
            Some(_) if self.asking.0.len() >= ASKING => {
                self.count_exchange(protocol, "busy");
                AskError::Busy
            }
            Some(peer) => {
                self.count_bytes(protocol, "out", bytes.len());
                let id = self.exchange(protocol).inner_mut().send_request(&peer, bytes);
                self.asking.0.insert((protocol, id), reply);
                return;
            }
        };
        // Who no longer waits does not need the answer.
        reply.send(Err(refused)).unwrap_or_default();
    }

    pub(super) fn answer_member(&mut self, asked: Asked, answer: Vec<u8>) {
        let Asked { protocol, from, channel, .. } = asked;
        self.count_bytes(protocol, "out", answer.len());
        if let Some(peer) = peer_of(from) {
            self.exchanged.spend(peer, answer.len(), Instant::now());
        }
        // A closed stream needs no answer.
        self.exchange(protocol).inner_mut().send_response(channel, answer).unwrap_or_default();
    }

    pub(super) fn on_exchange(&mut self, protocol: Protocol, event: Event) {
        match event {
            Event::Message { peer, message, .. } => match message {
                request_response::Message::Request { request, channel, .. } => {
                    self.on_question(protocol, peer, request, channel);
                }
                request_response::Message::Response { request_id, response } => {
                    self.count_bytes(protocol, "in", response.len());
                    self.exchanged.spend(peer, response.len(), Instant::now());
                    self.end_asking(protocol, request_id, Ok(response));
                }
            },
            Event::OutboundFailure { peer, request_id, error, .. } => {
                tracing::debug!(%peer, %error, protocol = protocol.label(), "no answer");
                let error = match error {
                    OutboundFailure::Timeout => AskError::TimedOut,
                    OutboundFailure::DialFailure
                    | OutboundFailure::ConnectionClosed
                    | OutboundFailure::UnsupportedProtocols
                    | OutboundFailure::Io(_) => AskError::NoAnswer,
                };
                self.end_asking(protocol, request_id, Err(error));
            }
            // Dropped here on purpose, which was counted then.
            Event::InboundFailure { error: InboundFailure::ResponseOmission, .. } => {}
            Event::InboundFailure { .. } => self.count_exchange(protocol, "failed"),
            Event::ResponseSent { .. } => {}
        }
    }

    fn on_question(
        &mut self,
        protocol: Protocol,
        peer: PeerId,
        bytes: Vec<u8>,
        channel: ResponseChannel<Vec<u8>>,
    ) {
        self.count_bytes(protocol, "in", bytes.len());
        // What was answered before is spent already, so the quota holds both ways.
        if !self.exchanged.take(peer, bytes.len(), Instant::now()) {
            self.count_exchange(protocol, "quota");
            return;
        }
        let Some(from) = node_of(&peer) else { return };
        let Some(place) = self.places.take(peer) else {
            self.count_exchange(protocol, "crowded");
            return;
        };
        let asked = Asked { protocol, from, bytes, channel, _place: place };
        let outcome = if self.asked.try_send(asked).is_ok() { "taken" } else { "overloaded" };
        self.count_exchange(protocol, outcome);
    }

    fn end_asking(
        &mut self,
        protocol: Protocol,
        id: OutboundRequestId,
        answer: Result<Vec<u8>, AskError>,
    ) {
        if let Some(reply) = self.asking.0.remove(&(protocol, id)) {
            reply.send(answer).unwrap_or_default();
        }
    }

    fn count_exchange(&self, protocol: Protocol, result: &str) {
        self.metrics.exchanges.with_label_values(&[protocol.label(), result]).inc();
    }

    fn count_bytes(&self, protocol: Protocol, direction: &str, bytes: usize) {
        if protocol == Protocol::Sync {
            self.metrics.sync_bytes.with_label_values(&[direction]).inc_by(bytes as u64);
        }
    }
}

/// Whole streams of bounded size.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Codec;

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        // A question that is dropped ends in a stream without a byte.
        match read(io).await?.as_slice() {
            [] => Err(io::ErrorKind::UnexpectedEof.into()),
            answer => Ok(answer.to_vec()),
        }
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        question: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&question).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        answer: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&answer).await
    }
}

/// All that comes until the other side closes its half.
async fn read<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = MAX_EXCHANGE_BYTES as u64 + 1;
    io.take(most).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 == most {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(bytes)
}
