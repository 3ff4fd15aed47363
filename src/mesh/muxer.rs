//! Yamux with bounded windows.
//!
//! libp2p's own adapter lets what a connection has not read yet grow to a gibibyte
//! and offers no way to say otherwise. Here a stream holds 256 KiB at most, the
//! least that Yamux knows, so a connection's memory is bounded by its streams
//! (threat case 7). That is 2.5 MiB a second and stream at a distance of 100 ms.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::io;
use std::iter;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use yamux::{Connection, ConnectionError, Mode, Stream};

/// What a stream holds that its reader has not taken yet, as Yamux prescribes it.
pub const WINDOW: usize = yamux::DEFAULT_CREDIT as usize;

/// Streams that wait until others have said what they are for. Each may hold a
/// window, and whoever begins many of which none ends fills them all.
const MAX_WAITING: usize = 8;

/// The upgrade of a connection to many streams.
#[derive(Clone, Debug)]
pub struct Yamux(yamux::Config);

impl Yamux {
    /// With so many streams at a time in both directions.
    pub fn new(streams: usize) -> Self {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(streams);
        config.set_max_connection_receive_window(Some(streams * WINDOW));
        Self(config)
    }
}

impl UpgradeInfo for Yamux {
    type Info = &'static str;
    type InfoIter = iter::Once<Self::Info>;

    fn protocol_info(&self) -> Self::InfoIter {
        iter::once("/yamux/1.0.0")
    }
}

impl<C> InboundConnectionUpgrade<C> for Yamux
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<io::Result<Muxer<C>>>;

    fn upgrade_inbound(self, connection: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(Connection::new(connection, self.0, Mode::Server))))
    }
}

impl<C> OutboundConnectionUpgrade<C> for Yamux
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<io::Result<Muxer<C>>>;

    fn upgrade_outbound(self, connection: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(Connection::new(connection, self.0, Mode::Client))))
    }
}

/// A connection with many streams.
#[derive(Debug)]
pub struct Muxer<C> {
    connection: Connection<C>,
    /// Streams that came while nobody asked for one; Yamux makes progress only by
    /// looking for the next. Bounded by [`MAX_WAITING`].
    arrived: VecDeque<Stream>,
    waker: Option<Waker>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn new(connection: Connection<C>) -> Self {
        Self { connection, arrived: VecDeque::new(), waker: None }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        self.connection
            .poll_next_inbound(cx)
            .map(|next| next.unwrap_or(Err(ConnectionError::Closed)).map_err(broken))
    }
}

fn broken(error: ConnectionError) -> io::Error {
    match error {
        ConnectionError::Io(error) => error,
        other => io::Error::other(other),
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Muxer<C> {
    type Substream = Stream;
    type Error = io::Error;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stream, io::Error>> {
        if let Some(stream) = self.arrived.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        let next = self.next(cx);
        if next.is_pending() {
            self.waker = Some(cx.waker().clone());
        }
        next
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stream, io::Error>> {
        self.connection.poll_new_outbound(cx).map_err(broken)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.connection.poll_close(cx).map_err(broken)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StreamMuxerEvent, io::Error>> {
        let stream = std::task::ready!(self.next(cx))?;
        // One more is dropped, and with it reset.
        if self.arrived.len() < MAX_WAITING {
            self.arrived.push_back(stream);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        // There may be another one; meanwhile others have their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
