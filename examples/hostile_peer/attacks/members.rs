//! Attacks by who somebody is: many, deaf, unwelcome, or one with many names.

use std::time::Duration;

use dtim::model::Value;
use serde_json::json;
use tokio::time::sleep;

use super::sent;
use crate::claims::Draft;
use crate::report::say;
use crate::session::{Manner, Session};
use crate::{Problem, Stage};

/// Between two messages, and two tries to come back.
const PAUSE: Duration = Duration::from_millis(20);

/// Publishes claims about values, each under several pseudonyms.
pub(crate) async fn accuse(
    stage: &Stage,
    values: &[String],
    pseudonyms: u32,
) -> Result<Vec<Session>, Problem> {
    let mut made = Vec::new();
    for value in values {
        let kind = Value::guess(value)?.kind().to_string();
        let payload = Draft::about(&kind, value).payload();
        for which in 0..pseudonyms {
            made.push(stage.signer.seal(&payload, &stage.signer.pseudonym(value, which)));
        }
    }
    let mut sessions = stage.join().await?;
    for session in &mut sessions {
        sent("accusations", session.publish_all(&made).await);
    }
    Ok(sessions)
}

/// Takes part under many identities that pass nothing on.
pub(crate) async fn eclipse(stage: &Stage, members: u8) -> Result<Vec<Session>, Problem> {
    let mut sessions = Vec::new();
    for seed in (stage.seed..=u8::MAX).take(members.into()) {
        sessions.extend(stage.join_as(&Manner::of(seed)).await?);
    }
    Ok(sessions)
}

/// Takes part and reads nothing.
pub(crate) async fn deaf(stage: &Stage) -> Result<Vec<Session>, Problem> {
    stage.join_as(&Manner { reads: false, ..Manner::of(stage.seed) }).await
}

/// Publishes one claim after the other until the victim closes, then comes back
/// again and again.
pub(crate) async fn persist(stage: &Stage, tries: u32) -> Result<Vec<Session>, Problem> {
    let mut number = 0;
    for _ in 0..=tries {
        let Ok(mut sessions) = stage.join().await else {
            sleep(PAUSE).await;
            continue;
        };
        let session = sessions.first_mut().ok_or("there must be a victim")?;
        while session.publish(&stage.signer.sign(&Draft::plain(number))).await.is_ok() {
            number += 1;
            sleep(PAUSE).await;
        }
        say(&json!({ "event": "sent away", "after": number }));
    }
    Ok(Vec::new())
}
