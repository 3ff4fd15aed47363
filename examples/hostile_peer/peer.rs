//! A libp2p peer without any protocol of its own: it connects with TCP, Noise
//! and Yamux, from whatever address it is told, opens streams of whatever protocol it is told, and hands over
//! every stream that the other side opens.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
    NetworkBehaviour, StreamProtocol, SubstreamProtocol, SwarmEvent, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, Stream, Swarm, swarm};
use tokio::sync::{mpsc, oneshot};

use crate::{Problem, places, ways};

/// The version of gossipsub that every node speaks.
pub(crate) const GOSSIP: StreamProtocol = StreamProtocol::new("/meshsub/1.1.0");
/// How members reconcile.
pub(crate) const SYNC: StreamProtocol = StreamProtocol::new("/dtim/sync/1");
/// How members deliver.
pub(crate) const DELIVER: StreamProtocol = StreamProtocol::new("/dtim/deliver/1");

/// Requests and notes that wait.
const WAITING: usize = 256;
/// Longer than any test: this side never closes.
const IDLE: Duration = Duration::from_secs(86_400);

/// What happens to the connection.
#[derive(Debug)]
pub(crate) enum Note {
    Connected,
    /// The other side opened a stream.
    Stream(StreamProtocol, Stream),
    /// It was there and is gone.
    Closed,
    /// It never came to be.
    Failed(String),
}

type Asked = (StreamProtocol, oneshot::Sender<Result<Stream, String>>);

/// Opens streams on the connection with one node, which ends when the last of these does.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    asks: mpsc::Sender<Asked>,
    _wanted: mpsc::Sender<Infallible>,
}

/// The identity of a hostile member: whoever knows the number knows the key.
pub(crate) fn identity(seed: u8) -> Result<Keypair, Problem> {
    Ok(Keypair::ed25519_from_bytes([seed; 32])?)
}

/// Who dials, and from which of this machine's addresses.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) keys: Keypair,
    pub(crate) from: Option<IpAddr>,
}

/// Dials a node, once.
pub(crate) fn dial(
    who: &Who,
    victim: &Multiaddr,
    speaks: &[StreamProtocol],
) -> Result<(Asker, mpsc::Receiver<Note>), Problem> {
    places::check(victim)?;
    let (notes, seen) = mpsc::channel(WAITING);
    let (asks, asked) = mpsc::channel(WAITING);
    let behaviour = Behaviour { notes: notes.clone(), asked: Some(asked), speaks: speaks.to_vec() };
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
    let transport = ways::transport(&who.keys, who.from)?;
    let mut swarm = Swarm::new(transport, behaviour, who.keys.public().to_peer_id(), config);
    swarm.dial(victim.clone())?;
    let (wanted, unwanted) = mpsc::channel(1);
    tokio::spawn(run(swarm, notes, unwanted));
    Ok((Asker { asks, _wanted: wanted }, seen))
}

impl Asker {
    /// Opens a stream.
    pub(crate) async fn open(&self, protocol: StreamProtocol) -> Result<Stream, String> {
        let gone = || "the connection is gone".to_owned();
        let (reply, answer) = oneshot::channel();
        self.asks.send((protocol, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn run(
    mut swarm: Swarm<Behaviour>,
    notes: mpsc::Sender<Note>,
    mut unwanted: mpsc::Receiver<Infallible>,
) {
    loop {
        let event = tokio::select! {
            event = swarm.select_next_some() => event,
            _ = unwanted.recv() => return,
        };
        #[allow(clippy::wildcard_enum_match_arm, reason = "the rest is of no interest")]
        let note = match event {
            SwarmEvent::ConnectionEstablished { .. } => Note::Connected,
            SwarmEvent::ConnectionClosed { .. } => Note::Closed,
            SwarmEvent::OutgoingConnectionError { error, .. } => Note::Failed(error.to_string()),
            _ => continue,
        };
        let over = matches!(note, Note::Closed | Note::Failed(_));
        if notes.send(note).await.is_err() || over {
            return;
        }
    }
}

#[derive(Debug)]
struct Behaviour {
    notes: mpsc::Sender<Note>,
    asked: Option<mpsc::Receiver<Asked>>,
    speaks: Vec<StreamProtocol>,
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Err(ConnectionDenied::new("nobody is expected"))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler {
            notes: self.notes.clone(),
            asked: self.asked.take(),
            speaks: self.speaks.clone(),
            late: VecDeque::new(),
        })
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

/// Takes any of these protocols, in or out, and does nothing more.
#[derive(Clone, Debug)]
struct Any(Vec<StreamProtocol>);

impl UpgradeInfo for Any {
    type Info = StreamProtocol;
    type InfoIter = Vec<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone()
    }
}

impl InboundUpgrade<Stream> for Any {
    type Output = (StreamProtocol, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((protocol, stream)))
    }
}

impl OutboundUpgrade<Stream> for Any {
    type Output = Stream;
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, _: StreamProtocol) -> Self::Future {
        ready(Ok(stream))
    }
}

struct Handler {
    notes: mpsc::Sender<Note>,
    asked: Option<mpsc::Receiver<Asked>>,
    speaks: Vec<StreamProtocol>,
    /// Notes for which there was no room yet.
    late: VecDeque<Note>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Infallible;
    type InboundProtocol = Any;
    type OutboundProtocol = Any;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = oneshot::Sender<Result<Stream, String>>;

    fn listen_protocol(&self) -> SubstreamProtocol<Any> {
        SubstreamProtocol::new(Any(self.speaks.clone()), ())
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Any, Self::OutboundOpenInfo, Infallible>> {
        while let Some(note) = self.late.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(note)) = self.notes.try_send(note) {
                self.late.push_front(note);
                break;
            }
        }
        let Some(asked) = &mut self.asked else { return Poll::Pending };
        match asked.poll_recv(cx) {
            Poll::Ready(Some((protocol, reply))) => {
                let protocol = SubstreamProtocol::new(Any(vec![protocol]), reply);
                Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol })
            }
            Poll::Ready(None) => {
                self.asked = None;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Any, Any, (), Self::OutboundOpenInfo>,
    ) {
        // Whoever asked for a stream may have lost interest.
        #[allow(clippy::wildcard_enum_match_arm, reason = "the rest is of no interest")]
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (protocol, stream),
                ..
            }) => {
                self.late.push_back(Note::Stream(protocol, stream));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol,
                info,
            }) => {
                info.send(Ok(protocol)).ok();
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                info.send(Err(error.to_string())).ok();
            }
            _ => {}
        }
    }
}
