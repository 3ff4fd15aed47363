//! Imports and exports.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value as Json_, json};

use super::{Answer, MAX_ROWS, read};
use crate::formats::stix::Family;
use crate::http::error::ApiError;
use crate::http::import::ImportEntry;
use crate::model::{Level, Tlp};
use crate::node::{Export, Import, Node, Outcome};
use crate::privacy::tlp::{ClientScope, Path};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entries {
    entries: Vec<ImportEntry>,
}

/// `POST /import`: one outcome an entry, in their order.
pub(super) async fn import(
    State(node): State<Node>,
    body: Result<Json<Entries>, JsonRejection>,
) -> Answer {
    let entries = read(body)?.entries.into_iter().map(ImportEntry::read);
    let entries: Vec<Import> = entries.collect::<Result<_, _>>()?;
    let outcomes = node.import(entries).await?;
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Unfit(unfit) => json!({ "outcome": unfit.label(), "reason": unfit.to_string() }),
        other => json!({ "outcome": other.label() }),
    };
    Ok(Json(json!({ "outcomes": outcomes.iter().map(outcome).collect::<Vec<Json_>>() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    tlp: String,
    level: Option<String>,
    tlp_version: Option<u8>,
    after: Option<u64>,
    limit: Option<usize>,
}

/// A page of an export.
#[derive(Serialize)]
pub(super) struct Page {
    objects: Box<RawValue>,
    indicators: usize,
    next: Option<u64>,
}

/// `GET /export`: what a view tells, the first changed first.
pub(super) async fn export(
    State(node): State<Node>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page>, ApiError> {
    let level = wanted.level.map(|level| level.parse::<Level>()).transpose();
    let export = Export {
        path: path_of(wanted.tlp.parse().map_err(ApiError::bad_request)?)?,
        level: level.map_err(ApiError::bad_request)?,
        family: match wanted.tlp_version {
            None | Some(2) => Family::Two,
            Some(1) => Family::One,
            Some(_) => return Err(ApiError::bad_request("tlp_version is 1 or 2")),
        },
    };
    let limit = wanted.limit.unwrap_or(MAX_ROWS).clamp(1, MAX_ROWS);
    let page = node.export_stix(export, wanted.after.unwrap_or(0), limit).await?;
    let objects = String::from_utf8([b"[", page.objects.as_slice(), b"]"].concat());
    let objects = objects.map_err(ApiError::bad_request)?;
    let objects = RawValue::from_string(objects).map_err(ApiError::bad_request)?;
    Ok(Json(Page { objects, indicators: page.indicators, next: page.next }))
}

/// The view that shows a marking and everything wider.
fn path_of(tlp: Tlp) -> Result<Path, ApiError> {
    Ok(match tlp {
        Tlp::White => Path::PublicEndpoint,
        Tlp::Green => Path::Client(ClientScope::Green),
        Tlp::Amber => Path::Client(ClientScope::Amber),
        Tlp::Red => Path::Client(ClientScope::Red),
        Tlp::AmberStrict => {
            return Err(ApiError::bad_request("what is amber+strict is shown with red only"));
        }
    })
}
