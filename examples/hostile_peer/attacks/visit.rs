//! No attack: what an honest node does at a bootstrap or a member, and how long each thing
//! takes. Under an attack it must still be served.

use std::time::Instant;

use dtim::mesh::rendezvous::{Answer, Codec, NAME, Request};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::PeerRecord;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Multiaddr;
use libp2p::request_response::Codec as _;
use serde_json::json;

use crate::guest::{Guest, HOP, KADEMLIA, PING};
use crate::peer::Who;
use crate::report::say;
use crate::{Problem, Stage, peer, rpc};

/// Under which address everybody here says that it is to be met: one that looks like any.
pub(crate) const SOMEWHERE: &str = "/ip4/45.155.0.1/tcp/3031";

/// Connects, pings, registers, asks who is there, reserves and asks for a neighbour.
pub(crate) async fn visit(stage: &Stage) -> Result<(), Problem> {
    let who = Who { keys: peer::identity(stage.seed)?, from: stage.from };
    let (start, place) = (Instant::now(), SOMEWHERE.parse::<Multiaddr>()?);
    let connected = Guest::connect(&who, stage.victim()?, std::slice::from_ref(&place)).await;
    let served = |service: &str, since: Instant, outcome: Result<String, Problem>| {
        let milliseconds = since.elapsed().as_secs_f64() * 1e3;
        let (ok, why) = match outcome {
            Ok(why) => (true, why),
            Err(why) => (false, why.to_string()),
        };
        let what = json!({ "event": "served", "service": service, "ok": ok, "why": why, "ms": milliseconds });
        say(&what);
    };
    let guest = match connected {
        Ok(guest) => guest,
        Err(why) => {
            served("connection", start, Err(why));
            return Ok(());
        }
    };
    served("connection", start, Ok(String::new()));
    let now = Instant::now();
    served("ping", now, ping(&guest).await);
    let now = Instant::now();
    let namespace = stage.namespace();
    let record = signed(&who.keys, &[place])?;
    served("registration", now, register(&guest, &namespace, record).await.map(granted));
    let now = Instant::now();
    served("discovery", now, discover(&guest, Some(namespace), Some(100)).await.map(granted));
    let now = Instant::now();
    served(
        "reservation",
        now,
        reserve(&guest).await.and_then(|status| {
            if status == RESERVED {
                Ok(String::new())
            } else {
                Err(format!("status {status}").into())
            }
        }),
    );
    let now = Instant::now();
    let near = rpc::number(1, 4).into_iter().chain(rpc::field(2, &guest.peer().to_bytes()));
    let answer = guest.ask(KADEMLIA, &near.collect::<Vec<_>>()).await;
    served("kademlia", now, answer.map(|answer| format!("{} bytes", answer.len())));
    say(&json!({ "event": "visited", "ms": start.elapsed().as_secs_f64() * 1e3 }));
    Ok(())
}

fn granted(answer: Answer) -> String {
    format!("{answer:?}").chars().take(80).collect()
}

async fn ping(guest: &Guest) -> Result<String, Problem> {
    let mut stream = guest.open(PING).await?;
    let (sent, mut back) = ([7; 32], [0; 32]);
    stream.write_all(&sent).await?;
    stream.flush().await?;
    stream.read_exact(&mut back).await?;
    if sent == back { Ok(String::new()) } else { Err("something else came back".into()) }
}

/// The status of a reservation that is granted (libp2p specs, relay/circuit-v2.md).
pub(crate) const RESERVED: u64 = 100;

/// Asks for a reservation; the status that is answered.
pub(crate) async fn reserve(guest: &Guest) -> Result<u64, Problem> {
    let answer = guest.ask(HOP, &rpc::number(1, 0)).await?;
    let fields = rpc::fields(&answer).ok_or("the answer is no protobuf")?;
    rpc::number_in(&fields, 5).ok_or_else(|| "the answer has no status".into())
}

/// A signed peer record, as everybody writes it.
pub(crate) fn signed(keys: &Keypair, addresses: &[Multiaddr]) -> Result<Vec<u8>, Problem> {
    let record = PeerRecord::new(keys, addresses.to_vec())?;
    Ok(record.into_signed_envelope().into_protobuf_encoding())
}

/// Registers this record; an answer that says no is an error.
pub(crate) async fn register(
    guest: &Guest,
    namespace: &str,
    record: Vec<u8>,
) -> Result<Answer, Problem> {
    let namespace = namespace.to_owned();
    asked(guest, Request::Register { namespace, record, ttl: None }).await
}

/// Asks who is there.
pub(crate) async fn discover(
    guest: &Guest,
    namespace: Option<String>,
    limit: Option<u64>,
) -> Result<Answer, Problem> {
    asked(guest, Request::Discover { namespace, limit, cookie: None }).await
}

/// What is answered; a refusal is an error that names it.
pub(crate) async fn asked(guest: &Guest, request: Request) -> Result<Answer, Problem> {
    let mut stream = guest.open(NAME).await?;
    Codec.write_request(&NAME, &mut stream, request).await?;
    stream.flush().await?;
    match Codec.read_response(&NAME, &mut stream).await? {
        Answer::Registered(Err(status)) | Answer::Discovered(Err(status)) => {
            Err(format!("{status:?}").into())
        }
        answer => Ok(answer),
    }
}
