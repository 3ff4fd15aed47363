//! Attacks on the list of who is there: registrations without end, by one and by many, of
//! others and of the past; questions that are not to be answered.

use dtim::mesh::rendezvous::{Answer, Request};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Multiaddr;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::visit::{SOMEWHERE, asked, discover, register, signed};
use crate::guest::Guest;
use crate::peer::Who;
use crate::report::say;
use crate::{Problem, Stage, peer, ways};

/// Connections at once.
const PARALLEL: u32 = 32;
/// What one identity asks before it is given up; it is cut off long before.
const EACH: u32 = 64;

/// One identity registers the same again and again, until it is closed.
pub(crate) async fn again(stage: &Stage) -> Result<(), Problem> {
    let who = Who { keys: peer::identity(stage.seed)?, from: stage.from };
    let guest = Guest::connect(&who, stage.victim()?, &[]).await?;
    let record = signed(&who.keys, &[SOMEWHERE.parse()?])?;
    let mut granted = 0;
    let why = loop {
        match register(&guest, &stage.namespace(), record.clone()).await {
            Ok(_) => granted += 1,
            Err(why) => break why.to_string(),
        }
    };
    guest.closed().await;
    let back = Guest::connect(&who, stage.victim()?, &[]).await;
    let back = match back {
        // A bootstrap refuses after the handshake: whoever is refused was let in for a moment.
        Ok(guest) => guest.open(crate::guest::PING).await.is_ok(),
        Err(_) => false,
    };
    say(&json!({ "event": "registered", "granted": granted, "why": why, "back": back }));
    Ok(())
}

#[derive(Default)]
struct Count {
    asked: u32,
    granted: u32,
    refused: u32,
}

/// Throwaway identities from many networks register until each is refused, so many requests
/// in all.
pub(crate) async fn crowd(stage: &Stage, requests: u32, hosts: u32) -> Result<(), Problem> {
    let (tell, mut heard) = mpsc::channel(1024);
    let (victim, namespace, first) = (stage.victim()?.clone(), stage.namespace(), stage.from);
    for task in 0..PARALLEL {
        let (victim, namespace, tell) = (victim.clone(), namespace.clone(), tell.clone());
        tokio::spawn(async move {
            let mut host = task;
            // It ends when nobody counts any more.
            while !tell.is_closed() {
                let from = ways::host(first, host % hosts.max(1));
                host = host.wrapping_add(PARALLEL);
                let who = Who { keys: Keypair::generate_ed25519(), from: Some(from) };
                let mut count = Count::default();
                insist(&who, &victim, &namespace, &mut count).await.ok();
                tell.send(count).await.ok();
            }
        });
    }
    drop(tell);
    let (mut all, mut identities) = (Count::default(), 0_u32);
    say(&json!({ "event": "began" }));
    while let Some(count) = heard.recv().await {
        identities += 1;
        all.asked += count.asked;
        all.granted += count.granted;
        all.refused += count.refused;
        if all.asked >= requests {
            break;
        }
    }
    say(&json!({
        "event": "crowded",
        "identities": identities,
        "asked": all.asked,
        "granted": all.granted,
        "refused": all.refused,
    }));
    Ok(())
}

async fn insist(
    who: &Who,
    victim: &Multiaddr,
    namespace: &str,
    count: &mut Count,
) -> Result<(), Problem> {
    let record = signed(&who.keys, &[SOMEWHERE.parse()?])?;
    let guest = Guest::connect(who, victim, &[]).await?;
    for _ in 0..EACH {
        count.asked += 1;
        match register(&guest, namespace, record.clone()).await {
            Ok(_) => count.granted += 1,
            Err(why) => {
                count.refused += 1;
                // A refusal has a status; what has none is the end of the connection.
                if !why.to_string().contains("Unavailable") {
                    return Err(why);
                }
            }
        }
    }
    Ok(())
}

/// Registers what is not its own, or no longer true; each outcome under its name.
pub(crate) async fn forge(stage: &Stage) -> Result<(), Problem> {
    let who = Who { keys: peer::identity(stage.seed)?, from: stage.from };
    let guest = Guest::connect(&who, stage.victim()?, &[]).await?;
    let place = [SOMEWHERE.parse()?];
    let old = signed(&who.keys, &place)?;
    // The sequence number is a time in seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let new = signed(&who.keys, &place)?;
    let foreign = signed(&Keypair::generate_ed25519(), &place)?;
    let mut torn = new.clone();
    if let Some(byte) = torn.last_mut() {
        *byte ^= 1;
    }
    let private = signed(&who.keys, &["/ip4/10.0.0.1/tcp/3031".parse()?])?;
    let (mesh, other) = (stage.namespace(), "dtim/somewhere-else".to_owned());
    let tries = [
        ("own", &mesh, new),
        ("old", &mesh, old),
        ("foreign", &mesh, foreign),
        ("torn", &mesh, torn.clone()),
        ("private", &mesh, private),
        ("namespace", &other, torn),
    ];
    let mut outcomes = serde_json::Map::new();
    for (name, namespace, record) in tries {
        outcomes.insert(name.to_owned(), outcome(register(&guest, namespace, record).await));
    }
    say(&json!({ "event": "forged", "outcomes": outcomes }));
    Ok(())
}

/// Asks for what it must not get.
pub(crate) async fn snoop(stage: &Stage) -> Result<(), Problem> {
    let who = Who { keys: peer::identity(stage.seed)?, from: stage.from };
    let guest = Guest::connect(&who, stage.victim()?, &[]).await?;
    let mesh = stage.namespace();
    let cookie = Request::Discover {
        namespace: Some(mesh.clone()),
        limit: None,
        cookie: Some(b"a cookie that nobody gave out".to_vec()),
    };
    let outcomes = json!({
        "all": outcome(discover(&guest, None, None).await),
        "empty": outcome(discover(&guest, Some(String::new()), None).await),
        "long": outcome(discover(&guest, Some("x".repeat(300)), None).await),
        "foreign": outcome(discover(&guest, Some("dtim/somewhere-else".to_owned()), None).await),
        "unlimited": outcome(discover(&guest, Some(mesh), Some(u64::MAX)).await),
        "cookie": outcome(asked(&guest, cookie).await),
    });
    say(&json!({ "event": "snooped", "outcomes": outcomes }));
    Ok(())
}

/// The number of records, or why there are none.
fn outcome(answer: Result<Answer, Problem>) -> Json {
    match answer {
        Ok(Answer::Discovered(Ok(page))) => page.records.len().into(),
        Ok(_) => "granted".into(),
        Err(why) => why.to_string().into(),
    }
}
