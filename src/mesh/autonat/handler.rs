//! One connection with a bootstrap: questions out, numbers in.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{self, BoxFuture, FutureExt as _};
use futures::stream::FuturesUnordered;
use libp2p::core::upgrade::{DeniedUpgrade, ReadyUpgrade};
use libp2p::swarm::derive_prelude::Either;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, Stream, SubstreamProtocol};
use libp2p::{PeerId, StreamProtocol};
use tokio::time::timeout;

use super::{ASK, BACK, Numbers, Question, message};
use crate::mesh::reach::Tested;

/// A bootstrap dials for five seconds and has to be sent 100 KB before.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Numbers that may be coming back over one connection; one is expected.
const MAX_COMING_BACK: usize = 2;

type Answer = (Question, Tested);

/// Asks, and takes back numbers if the bootstrap made the connection.
pub struct Handler {
    peer: PeerId,
    numbers: Numbers,
    incoming: bool,
    /// Bounded by the open questions.
    to_ask: VecDeque<Question>,
    /// Bounded by the open questions.
    asking: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// At most [`MAX_COMING_BACK`].
    coming_back: FuturesUnordered<BoxFuture<'static, ()>>,
    /// Bounded by the open questions.
    failed: VecDeque<Answer>,
}

impl Handler {
    pub(super) fn new(peer: PeerId, numbers: Numbers, incoming: bool) -> Self {
        Self {
            peer,
            numbers,
            incoming,
            to_ask: VecDeque::new(),
            asking: FuturesUnordered::new(),
            coming_back: FuturesUnordered::new(),
            failed: VecDeque::new(),
        }
    }

    fn ask(&self, stream: Stream, question: Question) {
        let asked = async move {
            let answer = timeout(TIME_LIMIT, message::ask(stream, &question)).await;
            let tested = match answer {
                Ok(Ok(tested)) => tested,
                Ok(Err(_)) | Err(_) => Tested::NoAnswer,
            };
            (question, tested)
        };
        self.asking.push(asked.boxed());
    }

    fn take_back(&self, mut stream: Stream) {
        if self.coming_back.len() >= MAX_COMING_BACK {
            return;
        }
        let (peer, numbers) = (self.peer, self.numbers.clone());
        let taken = async move {
            let number = message::read_number(&mut stream).await?;
            if !numbers.came_back(peer, number) {
                // Dropping the stream resets it, as the specification wants.
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
            message::confirm(&mut stream).await
        };
        // A server that fails here says itself that it failed.
        self.coming_back.push(timeout(TIME_LIMIT, taken).map(drop).boxed());
    }
}

type Event = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, Question, Answer>;

impl ConnectionHandler for Handler {
    type FromBehaviour = Question;
    type ToBehaviour = Answer;
    type InboundProtocol = Either<ReadyUpgrade<StreamProtocol>, DeniedUpgrade>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Question;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        let upgrade = if self.incoming {
            Either::Left(ReadyUpgrade::new(BACK))
        } else {
            Either::Right(DeniedUpgrade)
        };
        SubstreamProtocol::new(upgrade, ())
    }

    fn on_behaviour_event(&mut self, question: Question) {
        self.to_ask.push_back(question);
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "libp2p adds events; those not named do not concern this"
    )]
    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<Self::InboundProtocol, Self::OutboundProtocol, (), Question>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol,
                info,
            }) => self.ask(protocol, info),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, .. }) => {
                self.failed.push_back((info, Tested::NoAnswer));
            }
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol, ..
            }) => match protocol {
                future::Either::Left(stream) => self.take_back(stream),
                future::Either::Right(nothing) => never(nothing),
            },
            _ => {}
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(question) = self.to_ask.pop_front() {
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(ASK), question);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        if let Some(answer) = self.failed.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(answer));
        }
        if let Poll::Ready(Some(answer)) = self.asking.poll_next_unpin(cx) {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(answer));
        }
        while let Poll::Ready(Some(())) = self.coming_back.poll_next_unpin(cx) {}
        Poll::Pending
    }
}

fn never(nothing: Infallible) {
    match nothing {}
}
