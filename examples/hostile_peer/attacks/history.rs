//! Attacks by when and to whom something is said: replays, relays that change
//! what they pass on.

use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::Path;

use serde_json::json;

use super::sent;
use crate::claims::{self, Draft};
use crate::report::{hex, say, unhex};
use crate::session::{Heard, Session};
use crate::{Problem, Stage};

/// Publishes right claims, all to every victim.
pub(crate) async fn publish(
    stage: &Stage,
    numbers: Range<u32>,
    keep: Option<&Path>,
) -> Result<Vec<Session>, Problem> {
    let made: Vec<Vec<u8>> =
        numbers.map(|number| stage.signer.sign(&Draft::plain(number))).collect();
    if let Some(file) = keep {
        let lines = made.iter().fold(String::new(), |mut lines, claim| {
            writeln!(lines, "{}", hex(claim)).ok();
            lines
        });
        fs::write(file, lines)?;
    }
    let mut sessions = stage.join().await?;
    for session in &mut sessions {
        sent("claims", session.publish_all(&made).await);
    }
    Ok(sessions)
}

/// The claims of a file.
pub(crate) fn kept(file: &Path) -> Result<Vec<Vec<u8>>, Problem> {
    let text = fs::read_to_string(file)?;
    let claims: Option<Vec<Vec<u8>>> = text.lines().map(unhex).collect();
    claims.ok_or_else(|| "the file holds other than hexadecimal lines".into())
}

/// Publishes what was published before.
pub(crate) async fn replay(stage: &Stage, from: &Path) -> Result<Vec<Session>, Problem> {
    let claims = kept(from)?;
    let mut sessions = stage.join().await?;
    for session in &mut sessions {
        sent("replays", session.publish_all(&claims).await);
    }
    Ok(sessions)
}

/// Waits for a claim from the first victim and passes it on to all victims with
/// a lower marking, with a field more and under another pseudonym.
pub(crate) async fn alter(stage: &Stage) -> Result<Vec<Session>, Problem> {
    let mut sessions = stage.join().await?;
    let first = sessions.first_mut().ok_or("there must be a victim")?;
    say(&json!({ "event": "waiting" }));
    let claim = loop {
        if let Heard::Message(message) = first.next().await? {
            break message.data;
        }
    };
    let parts = claims::open(&claim).ok_or("what came is no claim")?;
    let altered = alterations(&parts);
    for session in &mut sessions {
        sent("altered", session.publish_all(&altered).await);
    }
    Ok(sessions)
}

fn alterations([payload, pseudonym, signature]: &[Vec<u8>; 3]) -> Vec<Vec<u8>> {
    // Both words have five letters, so the encoding stays right.
    let mut lowered = payload.clone();
    if let Some(at) = payload.windows(5).position(|word| word == b"green") {
        lowered[at..at + 5].copy_from_slice(b"white");
    }
    // Another field behind the last: 32, which later versions may use.
    let mut wider = payload.clone();
    wider[0] += 1;
    wider.extend([0x18, 32, 1]);
    let mut stolen = pseudonym.clone();
    stolen[0] ^= 1;
    vec![
        claims::envelope(&lowered, pseudonym, signature),
        claims::envelope(&wider, pseudonym, signature),
        claims::envelope(payload, &stolen, signature),
    ]
}

/// Under one pseudonym and revision, tells each victim another confidence.
pub(crate) async fn equivocate(stage: &Stage, number: u32) -> Result<Vec<Session>, Problem> {
    let mut sessions = stage.join().await?;
    for (place, session) in sessions.iter_mut().enumerate() {
        let draft = Draft::plain(number).number(6, 10 * (place as u64 + 1));
        session.publish(&stage.signer.sign(&draft)).await?;
        sent("versions", 1);
    }
    Ok(sessions)
}

/// Publishes revisions of one claim in the order that is asked for.
pub(crate) async fn revise(
    stage: &Stage,
    revisions: &[u64],
    number: u32,
) -> Result<Vec<Session>, Problem> {
    let draft = |revision: u64| Draft::plain(number).revision(revision).number(6, revision % 101);
    let made: Vec<Vec<u8>> =
        revisions.iter().map(|revision| stage.signer.sign(&draft(*revision))).collect();
    let mut sessions = stage.join().await?;
    for session in &mut sessions {
        sent("revisions", session.publish_all(&made).await);
    }
    Ok(sessions)
}
