//! Indicators: what the node knows, adding, sharing, taking back, voting.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use super::{Answer, DEFAULT_ROWS, MAX_ROWS, read};
use crate::http::error::ApiError;
use crate::http::json;
use crate::model::{Confidence, CustomFields, Kind, Scope, Tag, Tlp};
use crate::node::{NewIndicator, Node};
use crate::store::Filter;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    kind: Option<String>,
    search: Option<String>,
    after: Option<u64>,
    limit: Option<usize>,
}

pub(super) async fn list(State(node): State<Node>, Query(query): Query<List>) -> Answer {
    let filter = Filter {
        kind: query
            .kind
            .map(|kind| kind.parse::<Kind>())
            .transpose()
            .map_err(ApiError::bad_request)?,
        text: query.search,
        after: query.after,
        limit: query.limit.unwrap_or(DEFAULT_ROWS).clamp(1, MAX_ROWS),
    };
    let (listed, next) = node.list(filter).await?;
    let indicators: Vec<Json_> = listed.iter().map(json::listed).collect();
    Ok(Json(json!({ "indicators": indicators, "next": next })))
}

pub(super) async fn show(State(node): State<Node>, Path(indicator): Path<String>) -> Answer {
    let found = node.find(indicator).await?;
    Ok(Json(json::found(&found, &node.members())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Add {
    value: String,
    kind: Option<String>,
    confidence: Option<u8>,
    #[serde(default)]
    tags: BTreeSet<String>,
    tlp: Option<String>,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    custom: serde_json::Map<String, Json_>,
}

pub(super) async fn add(
    State(node): State<Node>,
    body: Result<Json<Add>, JsonRejection>,
) -> Answer {
    let body = read(body)?;
    let kind =
        body.kind.map(|kind| kind.parse::<Kind>()).transpose().map_err(ApiError::bad_request)?;
    let percent = body.confidence.unwrap_or(80);
    let confidence = Confidence::new(percent)
        .ok_or_else(|| ApiError::bad_request("confidence is a number from 0 to 100"))?;
    let mut tags = BTreeSet::new();
    for tag in &body.tags {
        tags.insert(tag.parse::<Tag>().map_err(ApiError::bad_request)?);
    }
    // Private unless the operator says otherwise (design section 4).
    let said = body.tlp.is_some() || !body.to.is_empty();
    let tlp = body.tlp.map_or(Ok(Tlp::Red), |tlp| tlp.parse()).map_err(ApiError::bad_request)?;
    let mut custom = CustomFields::new();
    for (name, value) in body.custom {
        custom.insert(name, json::read_custom(value)?);
    }
    let new = NewIndicator {
        value: body.value,
        kind,
        confidence,
        tags,
        scope: said.then(|| Scope::new(tlp, body.to)),
        custom,
    };
    let indicator = node.add_indicator(new).await?;
    let found = node.find(indicator.to_string()).await?;
    Ok(Json(json!({ "indicator": json::listed(&found.listed) })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Share {
    indicator: String,
    tlp: String,
    #[serde(default)]
    to: Vec<String>,
}

pub(super) async fn share(
    State(node): State<Node>,
    body: Result<Json<Share>, JsonRejection>,
) -> Answer {
    let body = read(body)?;
    let tlp = body.tlp.parse().map_err(ApiError::bad_request)?;
    let shared = node.share(body.indicator, Scope::new(tlp, body.to)).await?;
    Ok(Json(json::shared(&shared, &node.members())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retract {
    indicators: Vec<String>,
}

pub(super) async fn retract(
    State(node): State<Node>,
    body: Result<Json<Retract>, JsonRejection>,
) -> Answer {
    let retracted = node.retract(read(body)?.indicators).await?;
    let members = node.members();
    let retracted: Vec<Json_> = retracted.iter().map(|one| json::shared(one, &members)).collect();
    Ok(Json(json!({ "retracted": retracted })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vote {
    indicator: String,
    false_positive: bool,
}

pub(super) async fn vote(
    State(node): State<Node>,
    body: Result<Json<Vote>, JsonRejection>,
) -> Answer {
    let body = read(body)?;
    let value = node.vote(body.indicator, body.false_positive).await?;
    let found = node.find(value.id().to_string()).await?;
    Ok(Json(json!({ "indicator": json::listed(&found.listed) })))
}
