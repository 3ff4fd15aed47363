//! A hostile member that takes part: connected, in the topic, telling what it
//! hears. The attacks send through it whatever they like.

use std::time::Duration;

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::Stream;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::StreamProtocol;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::Problem;
use crate::peer::{self, Asker, GOSSIP, Note, Who};
use crate::report::say;
use crate::rpc::{self, Message};

/// What came and waits for the attack; what it does not take is only reported.
const HEARD: usize = 65_536;
/// Bytes that are written at once.
const CHUNK: usize = 64 * 1024;
/// Nothing takes that long; it only ends what hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Who a member is and how it behaves.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) seed: u8,
    /// Whether it reads what it is sent.
    pub(crate) reads: bool,
    /// What it lets the other side open besides gossip.
    pub(crate) speaks: Vec<StreamProtocol>,
}

impl Manner {
    pub(crate) fn of(seed: u8) -> Self {
        Self { seed, reads: true, speaks: Vec::new() }
    }
}

/// What the other side sent.
#[derive(Debug)]
pub(crate) enum Heard {
    /// It is in the topic.
    Joined,
    Message(Message),
}

/// One connection with one victim.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) asker: Asker,
    pub(crate) heard: mpsc::Receiver<Heard>,
    /// Streams other than gossip's that the victim opened.
    pub(crate) streams: mpsc::Receiver<(StreamProtocol, Stream)>,
    topic: String,
    out: Stream,
    closed: watch::Receiver<bool>,
}

impl Session {
    /// Connects and takes part in the topic. `victim` is the place of the
    /// address on the command line, for the report.
    pub(crate) async fn join(
        manner: &Manner,
        victim: usize,
        address: &Multiaddr,
        topic: &str,
    ) -> Result<Self, Problem> {
        let speaks = [vec![GOSSIP], manner.speaks.clone()].concat();
        let who = Who { keys: peer::identity(manner.seed)?, from: None };
        let (asker, mut notes) = peer::dial(&who, address, &speaks)?;
        match timeout(LIMIT, notes.recv()).await? {
            Some(Note::Connected) => say(&json!({ "event": "connected", "victim": victim })),
            Some(Note::Failed(why)) => {
                say(&json!({ "event": "refused", "victim": victim, "why": why }));
                return Err(why.into());
            }
            other => return Err(format!("not connected: {other:?}").into()),
        }
        let (tell, heard) = mpsc::channel(HEARD);
        let (opened, streams) = mpsc::channel(HEARD);
        let (over, closed) = watch::channel(false);
        let ears = Ears { victim, reads: manner.reads, tell, opened, over };
        tokio::spawn(ears.listen(notes));
        let out = asker.open(GOSSIP).await?;
        let mut session = Self { asker, heard, streams, topic: topic.to_owned(), out, closed };
        session.send(&rpc::subscribe(topic, true)).await?;
        // Whoever does not read cannot wait for the victim to say that it is in the topic.
        while manner.reads && !matches!(session.next().await?, Heard::Joined) {}
        session.send(&rpc::graft(topic)).await?;
        say(&json!({ "event": "joined", "victim": victim }));
        Ok(session)
    }

    /// Sends an RPC.
    pub(crate) async fn send(&mut self, rpc: &[u8]) -> Result<(), Problem> {
        self.write(&rpc::frame(rpc)).await
    }

    /// Sends many RPCs with few writes; how many went out before the end.
    pub(crate) async fn send_all(&mut self, rpcs: impl IntoIterator<Item = Vec<u8>>) -> usize {
        let (mut bytes, mut waiting, mut sent) = (Vec::new(), 0, 0);
        for rpc in rpcs {
            bytes.extend(rpc::frame(&rpc));
            waiting += 1;
            if bytes.len() >= CHUNK {
                if self.write(&bytes).await.is_err() {
                    return sent;
                }
                bytes.clear();
                sent += std::mem::take(&mut waiting);
            }
        }
        match self.write(&bytes).await {
            Ok(()) => sent + waiting,
            Err(_) => sent,
        }
    }

    /// Publishes bytes as a message of the topic.
    pub(crate) async fn publish(&mut self, data: &[u8]) -> Result<(), Problem> {
        let rpc = rpc::publish(&self.topic, data, &[]);
        self.send(&rpc).await
    }

    /// Publishes many; how many went out.
    pub(crate) async fn publish_all(&mut self, data: &[Vec<u8>]) -> usize {
        let topic = self.topic.clone();
        self.send_all(data.iter().map(|data| rpc::publish(&topic, data, &[]))).await
    }

    /// Writes bytes as they are.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        timeout(LIMIT, self.out.write_all(bytes)).await??;
        Ok(timeout(LIMIT, self.out.flush()).await??)
    }

    /// What the victim sends next.
    pub(crate) async fn next(&mut self) -> Result<Heard, Problem> {
        tokio::select! {
            heard = self.heard.recv() => heard.ok_or_else(|| "the victim said nothing more".into()),
            _ = self.closed.wait_for(|closed| *closed) => Err("the victim closed".into()),
        }
    }

    /// Waits until the victim is gone.
    pub(crate) async fn closed(&self) {
        // An error means that its task ended: the connection is gone too.
        self.closed.clone().wait_for(|closed| *closed).await.ok();
    }
}

/// The listening half of a session.
struct Ears {
    victim: usize,
    reads: bool,
    tell: mpsc::Sender<Heard>,
    opened: mpsc::Sender<(StreamProtocol, Stream)>,
    over: watch::Sender<bool>,
}

impl Ears {
    async fn listen(self, mut notes: mpsc::Receiver<Note>) {
        // Streams that nobody reads must stay open.
        let mut unread = Vec::new();
        while let Some(note) = notes.recv().await {
            match note {
                Note::Stream(protocol, stream) if protocol == GOSSIP && self.reads => {
                    tokio::spawn(read(self.victim, stream, self.tell.clone()));
                }
                Note::Stream(protocol, stream) if protocol == GOSSIP => unread.push(stream),
                Note::Stream(protocol, stream) => {
                    let name = protocol.to_string();
                    say(&json!({ "event": "stream", "victim": self.victim, "protocol": name }));
                    self.opened.try_send((protocol, stream)).ok();
                }
                Note::Connected | Note::Failed(_) => {}
                Note::Closed => break,
            }
        }
        say(&json!({ "event": "closed", "victim": self.victim }));
        self.over.send_replace(true);
    }
}

async fn read(victim: usize, mut stream: Stream, tell: mpsc::Sender<Heard>) {
    let mut buffer = Vec::new();
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        buffer.extend(chunk.iter().take(count));
        while let Some(frame) = rpc::take_frame(&mut buffer) {
            let Some(rpc) = rpc::read(&frame) else {
                say(&json!({ "event": "undecodable", "victim": victim }));
                continue;
            };
            say(&rpc::describe(victim, &rpc));
            let joined = rpc.joined.iter().map(|_| Heard::Joined);
            let messages = rpc.messages.into_iter().map(Heard::Message);
            for heard in joined.chain(messages) {
                tell.try_send(heard).ok();
            }
        }
    }
}
