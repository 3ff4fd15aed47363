//! What others hand in, and what became of it (TAXII 2.1 sections 4.3 and 5.5).
//!
//! It becomes evidence of class import: under its own marking, never wider than it says,
//! with what the token's word weighs. What came of it is kept for two days, for the token
//! that handed it in.

use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::access::Who;
use super::collections::Shelf;
use super::error::Refused;
use super::{Answer, Taxii, json};
use crate::formats::stix::{Imported, Object, Reader, Refusal, Settings, Splitter, evidence};
use crate::formats::taxii::{MEDIA_TYPE, Stamp, Status, Stored, is_taxii};
use crate::model::{DAY, Day, Timestamp, Tlp};
use crate::node::{self, Import, Node, Outcome};

/// Objects that one body may hold.
const MAX_OBJECTS: usize = 50_000;
/// Objects that a status lists by name; it counts all.
const MAX_LISTED: usize = 1000;
/// How long a status is kept, in seconds: longer than a day, as the standard wants it.
const KEPT: u64 = 2 * DAY;
/// Bodies a day, because each leaves a status of up to 100 KiB.
const MAX_A_DAY: u32 = 10_000;
/// Entries that the node takes at a time.
const BATCH: usize = 1000;

/// How many statuses were made today.
#[derive(Debug, Default)]
pub(super) struct Statuses(Mutex<(Day, u32)>);

impl Statuses {
    fn may_be_made(&self, now: Timestamp) -> bool {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if made.0 != now.day() {
            *made = (now.day(), 0);
        }
        made.1 = made.1.saturating_add(1);
        made.1 <= MAX_A_DAY
    }
}

/// A status as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The token that may read it.
    token: String,
    /// The message in JSON.
    status: Box<RawValue>,
}

/// Takes an envelope.
pub(super) async fn add(
    State(taxii): State<Taxii>,
    who: Who,
    Path(collection): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let shelf = Shelf::named(&taxii.node, &collection, &who)?;
    let Some(token) = who.token().filter(|_| who.writes(shelf)) else {
        return Err(Refused::forbidden("this collection can only be read"));
    };
    let sort = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !is_taxii(sort) || headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Refused::media_type());
    }
    let body = body.map_err(|why| match why.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refused::too_large(),
        _ => Refused::bad_request("the body was cut off"),
    })?;
    let now = node::now();
    if !taxii.statuses.may_be_made(now) {
        return Err(Refused::too_many());
    }
    let handed = taxii.node.blocking(move |_| Ok(take_apart(&body))).await??;
    let status = import(&taxii.node, handed, token.trust, now).await?;
    let message = json(&status)?;
    let raw = serde_json::from_slice(&message).map_err(|_| Refused::internal())?;
    let kept = json(&Kept { token: token.name.clone(), status: raw })?;
    taxii.node.keep(question(&status.id), kept, now.plus(KEPT)).await?;
    Ok((StatusCode::ACCEPTED, [(header::CONTENT_TYPE, MEDIA_TYPE)], message).into_response())
}

/// What became of an envelope.
pub(super) async fn status(
    State(taxii): State<Taxii>,
    who: Who,
    Path(status): Path<String>,
) -> Answer {
    let nothing = || Refused::not_found("there is no such status, or no longer");
    let token = who.token().ok_or_else(nothing)?;
    let id = Uuid::try_parse(&status).map_err(|_| nothing())?;
    let kept = taxii.node.kept(question(&id.to_string())).await?.ok_or_else(nothing)?;
    let kept: Kept = serde_json::from_slice(&kept).map_err(|_| nothing())?;
    if kept.token != token.name {
        return Err(nothing());
    }
    let body = kept.status.get().to_owned();
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response())
}

fn question(status: &str) -> Vec<u8> {
    format!("taxii status {status}").into_bytes()
}

/// An object that was handed in.
struct Handed {
    id: String,
    version: String,
    object: Object,
}

fn take_apart(body: &[u8]) -> Result<Vec<Handed>, Refused> {
    let (mut splitter, mut reader) = (Splitter::default(), Reader::default());
    let mut handed = Vec::new();
    let mut too_many = false;
    let split = splitter.take(body, |bytes| {
        if handed.len() == MAX_OBJECTS {
            too_many = true;
            return;
        }
        let (id, object) = reader.read(bytes);
        handed.push(Handed { id, version: version(bytes), object });
    });
    split.and_then(|()| splitter.finish()).map_err(Refused::bad_request)?;
    if too_many {
        return Err(Refused::too_large());
    }
    if handed.is_empty() {
        return Err(Refused::unprocessable("the envelope holds no objects"));
    }
    Ok(handed)
}

/// Hands over what the objects say, and notes for each what became of it.
async fn import(
    node: &Node,
    handed: Vec<Handed>,
    trust: f64,
    now: Timestamp,
) -> Result<Status, Refused> {
    // What does not say how far it may travel stays here.
    let settings = Settings { unmarked: Tlp::Red, trust };
    let mut status = Status {
        id: Uuid::new_v4().to_string(),
        status: "complete",
        request_timestamp: Stamp(now.0.saturating_mul(1_000_000)).to_string(),
        total_count: handed.len(),
        success_count: 0,
        successes: Vec::new(),
        failure_count: 0,
        failures: Vec::new(),
        pending_count: 0,
    };
    let mut waiting: Vec<(Stored, usize)> = Vec::new();
    let mut entries = Vec::new();
    for Handed { id, version, object } in handed {
        let mut stored = Stored { id, version, message: None };
        let said = match object {
            Object::Indicator(imported) => said(&imported, settings, now),
            Object::Refused(why) => Err(why),
            // What indicators refer to is understood with them; the rest tells none.
            Object::Other(_) => {
                stored.message = Some("nothing in it is an indicator".to_owned());
                Ok(Vec::new())
            }
        };
        match said {
            Ok(said) => {
                waiting.push((stored, said.len()));
                entries.extend(said);
            }
            Err(why) => note(&mut status, stored, Err(why.to_string())),
        }
        if entries.len() >= BATCH {
            write(node, &mut status, &mut waiting, &mut entries).await?;
        }
    }
    write(node, &mut status, &mut waiting, &mut entries).await?;
    Ok(status)
}

fn said(imported: &Imported, settings: Settings, now: Timestamp) -> Result<Vec<Import>, Refusal> {
    if imported.revoked {
        return Ok(imported.values.iter().cloned().map(Import::TakenBack).collect());
    }
    Ok(evidence(imported, settings, now)?.into_iter().map(Import::Told).collect())
}

/// Imports what has gathered. An object is a success if any of its values was taken.
async fn write(
    node: &Node,
    status: &mut Status,
    waiting: &mut Vec<(Stored, usize)>,
    entries: &mut Vec<Import>,
) -> Result<(), Refused> {
    let mut outcomes = Vec::with_capacity(entries.len());
    while !entries.is_empty() {
        let rest = entries.split_off(entries.len().min(BATCH));
        outcomes.extend(node.import(std::mem::replace(entries, rest)).await?);
    }
    let mut outcomes = outcomes.into_iter();
    for (stored, count) in waiting.drain(..) {
        let of_object: Vec<Outcome> = outcomes.by_ref().take(count).collect();
        let unfit = of_object.iter().find_map(|outcome| match outcome {
            Outcome::Unfit(why) => Some(why.to_string()),
            _ => None,
        });
        let all_unfit =
            count > 0 && of_object.iter().all(|outcome| matches!(outcome, Outcome::Unfit(_)));
        let result = unfit.filter(|_| all_unfit).map_or(Ok(()), Err);
        note(status, stored, result);
    }
    Ok(())
}

fn note(status: &mut Status, mut stored: Stored, result: Result<(), String>) {
    let (count, list) = match result {
        Ok(()) => (&mut status.success_count, &mut status.successes),
        Err(why) => {
            stored.message = Some(why);
            (&mut status.failure_count, &mut status.failures)
        }
    };
    *count += 1;
    if list.len() < MAX_LISTED {
        list.push(stored);
    }
}

/// The version that an object says it is of; a marking has none but its creation.
fn version(object: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Times {
        #[serde(default)]
        created: String,
        modified: Option<String>,
    }
    let times: Option<Times> = serde_json::from_slice(object).ok();
    let version = times.map(|times| times.modified.unwrap_or(times.created));
    version.filter(|version| version.len() <= 40).unwrap_or_default()
}
