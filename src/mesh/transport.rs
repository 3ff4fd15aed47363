//! How bytes reach a peer: TCP with Noise and Yamux, QUIC when it is wanted,
//! DNS, and through a relay, with the same Noise and Yamux between the two ends,
//! so that the relay sees nothing but encrypted bytes; and memory for tests. It
//! knows no protocol above the connection and decides nothing about who may connect.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::Transport as _;
use libp2p::core::muxing::{StreamMuxer, StreamMuxerBox, StreamMuxerEvent, SubstreamBox};
use libp2p::core::transport::{Boxed, MemoryTransport, OrTransport};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::{PeerId, dns, noise, quic, relay, tcp};
use tokio::time::{Sleep, sleep};

use super::guard::{Dialable, Guard};
use super::muxer::Yamux;

/// A peer that has not finished the handshake by then is dropped, so that slow
/// handshakes cannot hold the places of pending connections (threat case 3).
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Through a relay everything is asked twice, over two lines. Its places are
/// bounded by the streams of the relay's connection.
const RELAYED_HANDSHAKE: Duration = Duration::from_secs(15);

/// A closing connection is dropped after this, however slowly the peer reads;
/// a revoked peer must be gone within a second.
const CLOSING: Duration = Duration::from_millis(500);

/// The most streams a peer may hold open on one connection (threat case 6).
pub(super) const MAX_STREAMS: u8 = 64;
/// What a stream over QUIC holds that its reader has not taken yet; libp2p's 10 MB
/// are for downloads. Over Yamux it is a quarter of that.
const QUIC_WINDOW: u32 = 1 << 20;

/// What carries the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// TCP, and QUIC if an address says `quic-v1`.
    #[default]
    Network,
    /// Inside the process, with Noise as on the network: for tests.
    Memory,
}

/// The transport could not be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Noise refused the identity.
    #[error("connections cannot be encrypted ({0}): check the node's identity key")]
    Noise(#[from] noise::Error),
    /// The resolver's configuration went away.
    #[error("names cannot be resolved ({0}): check /etc/resolv.conf")]
    Resolver(#[from] io::Error),
}

/// Authenticated, multiplexed connections.
pub type Connections = Boxed<(PeerId, StreamMuxerBox)>;

/// Builds the transport. QUIC is there only if one of `listen` asks for it,
/// because it authenticates with TLS instead of Noise.
pub fn build(kind: Transport, keys: &Keypair, listen: &[Multiaddr]) -> Result<Connections, Error> {
    Ok(closing(direct(kind, keys, listen)?))
}

/// The same with connections through relays; it dials only what may be dialled.
pub fn build_with_relay(
    kind: Transport,
    keys: &Keypair,
    listen: &[Multiaddr],
    relay: relay::client::Transport,
    dialable: &Dialable,
) -> Result<Connections, Error> {
    let relayed = secure(relay.boxed(), keys, RELAYED_HANDSHAKE)?;
    // First, because it knows its addresses; the others would take them for their own.
    let either = OrTransport::new(relayed, direct(kind, keys, listen)?);
    let all = closing(either.map(|either, _| either.into_inner()).boxed());
    Ok(Guard::new(all, dialable.clone()).boxed())
}

fn direct(kind: Transport, keys: &Keypair, listen: &[Multiaddr]) -> Result<Connections, Error> {
    if kind == Transport::Memory {
        return Ok(secure(MemoryTransport::default().boxed(), keys, HANDSHAKE)?);
    }
    let tcp = tcp::tokio::Transport::new(tcp::Config::new()).boxed();
    let tcp = secure(tcp, keys, HANDSHAKE)?;
    if !listen.iter().any(wants_quic) {
        return resolve(tcp);
    }
    let quic = quic::tokio::Transport::new(quic_config(keys))
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    resolve(OrTransport::new(quic, tcp).map(|either, _| either.into_inner()).boxed())
}

fn closing(connections: Connections) -> Connections {
    connections.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(Closing::new(muxer)))).boxed()
}

fn wants_quic(address: &Multiaddr) -> bool {
    address.iter().any(|part| matches!(part, Protocol::QuicV1))
}

fn quic_config(keys: &Keypair) -> quic::Config {
    let mut config = quic::Config::new(keys);
    config.handshake_timeout = HANDSHAKE;
    config.max_concurrent_stream_limit = MAX_STREAMS.into();
    config.max_stream_data = QUIC_WINDOW;
    config
}

/// Noise, then Yamux, over raw bytes.
fn secure<S>(
    raw: Boxed<S>,
    keys: &Keypair,
    handshake: Duration,
) -> Result<Connections, noise::Error>
where
    S: futures::AsyncRead + futures::AsyncWrite + Send + Unpin + 'static,
{
    Ok(raw
        .upgrade(Version::V1)
        .authenticate(noise::Config::new(keys)?)
        .multiplex(Yamux::new(MAX_STREAMS.into()))
        .timeout(handshake)
        .boxed())
}

/// Names are resolved by the system's resolver. A host without one can still
/// dial addresses by number.
fn resolve(numbers: Connections) -> Result<Connections, Error> {
    if let Err(error) = dns::tokio::Transport::system(()) {
        tracing::warn!(%error, "this host has no resolver: names in addresses cannot be dialled");
        return Ok(numbers);
    }
    Ok(dns::tokio::Transport::system(numbers)?.boxed())
}

/// Bounds how long a connection takes to close.
struct Closing {
    inner: StreamMuxerBox,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Closing {
    fn new(inner: StreamMuxerBox) -> Self {
        Self { inner, deadline: None }
    }
}

impl StreamMuxer for Closing {
    type Substream = SubstreamBox;
    type Error = io::Error;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<SubstreamBox, io::Error>> {
        Pin::new(&mut self.inner).poll_inbound(cx)
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<SubstreamBox, io::Error>> {
        Pin::new(&mut self.inner).poll_outbound(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_close(cx) {
            return Poll::Ready(result);
        }
        self.deadline.get_or_insert_with(|| Box::pin(sleep(CLOSING))).as_mut().poll(cx).map(Ok)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StreamMuxerEvent, io::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}
