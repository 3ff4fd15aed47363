//! Attacks by what is asked on the streams between two members: questions that
//! are none, questions without end, and questions that pry.

use clap::ValueEnum;
use dtim::model::{ContentId, Day};
use dtim::reconcile::{self, Set};
use dtim::wire::{DeliverAsk, SyncAnswer, SyncAsk};
use futures::stream::{FuturesUnordered, StreamExt as _};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use serde_json::json;

use super::sent;
use crate::claims::{Draft, now};
use crate::peer::{Asker, DELIVER, SYNC};
use crate::report::{hex, say};
use crate::session::Session;
use crate::{Problem, Stage};

/// Questions of one member at a time: as many streams as a node takes.
const AT_ONCE: usize = 16;

/// The number of the first claim that is delivered.
const DELIVERED: u32 = 10_000;

/// On which streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stream {
    Sync,
    Deliver,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Question {
    /// 100 KiB
    Oversized,
    /// Bytes that are no message
    Noise,
    /// Another number than any message has
    Unknown,
    /// A comparison that is none
    BadComparison,
    /// More ids than one may ask for
    Greedy,
    /// A comparison of everything
    Compare,
    /// A thousand claims that nobody has
    Fetch,
    /// "I have news"
    News,
    /// A claim, marked amber
    Amber,
    /// A claim, marked green
    Green,
    /// A claim with a wrong signature
    Forged,
    /// "I saw these", about what nobody heard of
    Attest,
}

/// Asks on a stream of its own; what came back, if anything.
pub(crate) async fn ask(asker: &Asker, stream: Stream, question: &[u8]) -> Option<Vec<u8>> {
    let protocol = match stream {
        Stream::Sync => SYNC,
        Stream::Deliver => DELIVER,
    };
    let mut stream = asker.open(protocol).await.ok()?;
    stream.write_all(question).await.ok()?;
    stream.close().await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    (!answer.is_empty()).then_some(answer)
}

/// Asks so many times, many at once.
pub(crate) async fn pester(
    stage: &Stage,
    stream: Stream,
    question: Question,
    count: u32,
) -> Result<Vec<Session>, Problem> {
    let sessions = stage.join().await?;
    say(&json!({ "event": "began" }));
    for session in &sessions {
        let mut running = FuturesUnordered::new();
        let (mut answered, mut last) = (0, Vec::new());
        for number in 0..count {
            if running.len() >= AT_ONCE {
                if let Some(Some(answer)) = running.next().await {
                    answered += 1;
                    last = answer;
                }
            }
            let question = made(stage, question, number);
            if let Ok(DeliverAsk::Claim(claim)) = DeliverAsk::decode(&question) {
                say(&json!({ "event": "made", "content": ContentId::of(&claim).to_string() }));
            }
            let asker = session.asker.clone();
            running.push(async move { ask(&asker, stream, &question).await });
        }
        while let Some(answer) = running.next().await {
            if let Some(answer) = answer {
                answered += 1;
                last = answer;
            }
        }
        say(&json!({ "event": "answered", "count": answered, "last": hex(&last) }));
        sent("questions", count as usize);
    }
    Ok(sessions)
}

fn made(stage: &Stage, question: Question, number: u32) -> Vec<u8> {
    let ids = |count: u32| {
        let id = |place: u32| {
            ContentId(*blake3::hash(&(number * count + place).to_be_bytes()).as_bytes())
        };
        (0..count).map(id).collect::<Vec<_>>()
    };
    let claim = |draft: &Draft| DeliverAsk::Claim(stage.signer.sign(draft)).encode();
    // Others than are published: one pseudonym has one claim, and the later one counts.
    let right = Draft::plain(DELIVERED + number);
    match question {
        Question::Oversized => vec![0; 100 * 1024],
        Question::Noise => blake3::hash(&number.to_be_bytes()).as_bytes().to_vec(),
        // An array of one number: nine.
        Question::Unknown => vec![0x81, 0x09],
        Question::BadComparison => {
            SyncAsk::Compare { from: tomorrow(), message: vec![0xff; 100] }.encode()
        }
        Question::Greedy => SyncAsk::Fetch(ids(1_001)).encode(),
        Question::Compare => {
            let message = reconcile::open(&Set::default(), tomorrow()).unwrap_or_default();
            SyncAsk::Compare { from: tomorrow(), message }.encode()
        }
        Question::Fetch => SyncAsk::Fetch(ids(1_000)).encode(),
        Question::News => SyncAsk::News.encode(),
        Question::Amber => claim(&right.tlp("amber")),
        Question::Green => claim(&right),
        Question::Forged => {
            let mut bytes = stage.signer.sign(&right.tlp("amber"));
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
            DeliverAsk::Claim(bytes).encode()
        }
        Question::Attest => {
            let ids = ids(1_000).into_iter();
            let ids =
                ids.filter_map(|id| id.0.first_chunk().copied().map(dtim::model::IndicatorId));
            DeliverAsk::Attest(ids.collect()).encode()
        }
    }
}

/// The first day that takes part in a comparison.
pub(crate) fn tomorrow() -> Day {
    Day(u32::try_from(now() / 86_400 + 1).unwrap_or(u32::MAX))
}

/// Asks for claims by their ids, and for everything that takes part in sync (40).
pub(crate) async fn pry(stage: &Stage, ids: &[String]) -> Result<Vec<Session>, Problem> {
    let sessions = stage.join().await?;
    let ids = ids.iter().map(|id| id.parse()).collect::<Result<Vec<ContentId>, _>>()?;
    for session in &sessions {
        let question = SyncAsk::Fetch(ids.clone()).encode();
        let answer = ask(&session.asker, Stream::Sync, &question).await.ok_or("no answer")?;
        let SyncAnswer::Fetched { served, claims } = SyncAnswer::decode(&answer)? else {
            return Err("another answer than was asked for".into());
        };
        let given: Vec<String> =
            claims.iter().map(|claim| ContentId::of(claim).to_string()).collect();
        say(&json!({ "event": "given", "served": served, "claims": given }));
        let listed: Vec<String> =
            list(&session.asker).await?.iter().map(ToString::to_string).collect();
        say(&json!({ "event": "listed", "claims": listed }));
    }
    Ok(sessions)
}

/// Everything that a comparison tells somebody who has nothing.
pub(crate) async fn list(asker: &Asker) -> Result<Vec<ContentId>, Problem> {
    let (nothing, from) = (Set::default(), tomorrow());
    let mut found = Vec::new();
    let mut question = Some(reconcile::open(&nothing, from)?);
    while let Some(message) = question {
        let bytes = SyncAsk::Compare { from, message }.encode();
        let answer = ask(asker, Stream::Sync, &bytes).await.ok_or("no answer")?;
        let SyncAnswer::Compare { message, .. } = SyncAnswer::decode(&answer)? else {
            return Err("another answer than was asked for".into());
        };
        let told = reconcile::conclude(&nothing, from, &message)?;
        found.extend(told.missing);
        question = told.next;
    }
    Ok(found)
}
