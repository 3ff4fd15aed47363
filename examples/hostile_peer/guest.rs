//! A guest: one connection whose protocols are spoken by hand, one question a stream.
//! It answers who asks for its introduction, and says there what it likes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::StreamProtocol;
use libp2p::{PeerId, Stream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use crate::Problem;
use crate::peer::{self, Asker, Note, Who};
use crate::rpc::{self, field};

/// libp2p's introduction.
pub(crate) const IDENTIFY: StreamProtocol = StreamProtocol::new("/ipfs/id/1.0.0");
/// libp2p's ping.
pub(crate) const PING: StreamProtocol = StreamProtocol::new("/ipfs/ping/1.0.0");
/// Reservations and circuits.
pub(crate) const HOP: StreamProtocol = StreamProtocol::new("/libp2p/circuit/relay/0.2.0/hop");
/// Who is near a key.
pub(crate) const KADEMLIA: StreamProtocol = StreamProtocol::new("/dtim/kad/1");
/// "Can I be dialled?"
pub(crate) const DIAL_ME: StreamProtocol = StreamProtocol::new("/libp2p/autonat/2/dial-request");

/// Nothing takes that long; it only ends what hangs.
const LIMIT: Duration = Duration::from_secs(30);
/// The longest answer that is read.
const MAX_ANSWER: usize = 1 << 20;

/// A connection that came about.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) keys: Keypair,
    pub(crate) since: Instant,
    asker: Asker,
    /// Streams that the other side opened.
    opened: Arc<AtomicUsize>,
    closed: watch::Receiver<Option<Instant>>,
}

impl Guest {
    /// Connects as somebody who says that it is to be met at these addresses.
    pub(crate) async fn connect(
        who: &Who,
        victim: &Multiaddr,
        addresses: &[Multiaddr],
    ) -> Result<Self, Problem> {
        let (asker, mut notes) = peer::dial(who, victim, &[IDENTIFY, PING, KADEMLIA])?;
        match timeout(LIMIT, notes.recv()).await? {
            Some(Note::Connected) => {}
            Some(Note::Failed(why)) => return Err(why.into()),
            other => return Err(format!("not connected: {other:?}").into()),
        }
        let (over, closed) = watch::channel(None);
        let opened = Arc::new(AtomicUsize::new(0));
        let introduction = introduction(&who.keys, addresses);
        tokio::spawn(listen(notes, introduction, Arc::clone(&opened), over));
        Ok(Self { keys: who.keys.clone(), since: Instant::now(), asker, opened, closed })
    }

    /// Who it is.
    pub(crate) fn peer(&self) -> PeerId {
        self.keys.public().to_peer_id()
    }

    /// Opens a stream.
    pub(crate) async fn open(&self, protocol: StreamProtocol) -> Result<Stream, Problem> {
        Ok(timeout(LIMIT, self.asker.open(protocol)).await??)
    }

    /// Sends one message and reads one, each with its length before it.
    pub(crate) async fn ask(
        &self,
        protocol: StreamProtocol,
        question: &[u8],
    ) -> Result<Vec<u8>, Problem> {
        let mut stream = self.open(protocol).await?;
        send(&mut stream, question).await?;
        receive(&mut stream).await
    }

    /// How many streams the other side has opened.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// Waits until the other side closes; how long it was open. `None` if it stays open.
    pub(crate) async fn closed(&self) -> Option<Duration> {
        let mut closed = self.closed.clone();
        let at = timeout(LIMIT, closed.wait_for(Option::is_some)).await.ok()?.ok()?;
        Some(at.unwrap_or_else(Instant::now).duration_since(self.since))
    }
}

async fn listen(
    mut notes: mpsc::Receiver<Note>,
    introduction: Vec<u8>,
    opened: Arc<AtomicUsize>,
    over: watch::Sender<Option<Instant>>,
) {
    // Streams that nobody answers stay open.
    let mut held = Vec::new();
    while let Some(note) = notes.recv().await {
        match note {
            Note::Stream(protocol, mut stream) => {
                opened.fetch_add(1, Ordering::Relaxed);
                if protocol == IDENTIFY {
                    send(&mut stream, &introduction).await.ok();
                    stream.close().await.ok();
                } else {
                    held.push(stream);
                }
            }
            Note::Connected | Note::Failed(_) => {}
            Note::Closed => break,
        }
    }
    over.send_replace(Some(Instant::now()));
}

/// What identify's message says of this peer.
fn introduction(keys: &Keypair, addresses: &[Multiaddr]) -> Vec<u8> {
    let protocols = [IDENTIFY, PING, KADEMLIA];
    let mut message = field(1, &keys.public().encode_protobuf());
    message.extend(addresses.iter().flat_map(|address| field(2, &address.to_vec())));
    message.extend(protocols.iter().flat_map(|protocol| field(3, protocol.as_ref().as_bytes())));
    message.extend(field(5, b"dtim/1"));
    message.extend(field(6, b"dtim/0.1.0"));
    message
}

/// Writes a message with its length before it.
pub(crate) async fn send(stream: &mut Stream, message: &[u8]) -> Result<(), Problem> {
    timeout(LIMIT, stream.write_all(&rpc::frame(message))).await??;
    Ok(timeout(LIMIT, stream.flush()).await??)
}

/// Reads a message after its length.
pub(crate) async fn receive(stream: &mut Stream) -> Result<Vec<u8>, Problem> {
    timeout(LIMIT, read(stream)).await?
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Problem> {
    let (mut length, mut shift) = (0, 0);
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).await?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
        if shift > 21 {
            return Err("the length is no varint".into());
        }
    }
    if length > MAX_ANSWER {
        return Err(format!("an answer of {length} bytes").into());
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(message)
}
