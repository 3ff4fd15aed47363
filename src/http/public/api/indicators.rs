//! Reading indicators, and an organisation's own word on them.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::guard::Sees;
use super::types::{Detail, Error, Indicator, Leaves, New, NewScope, NewVote, Page};
use crate::http::error::ApiError;
use crate::http::json;
use crate::model::{Confidence, CustomFields, Kind, Scope, Tlp};
use crate::node::{NewIndicator, Node, Wanted};

/// Rows of a page, unless fewer are asked for.
const MAX_ROWS: usize = 1000;
/// Rows of a page when nothing is asked for.
const DEFAULT_ROWS: usize = 100;
/// What the operator is taken to be sure of when nothing is said.
const DEFAULT_CONFIDENCE: u8 = 80;

type Answer<T> = Result<Json<T>, ApiError>;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Of this type only.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    kind: Option<String>,
    /// That hold this text, in any case.
    search: Option<String>,
    /// As sure as this at least, 0 to 100.
    confidence: Option<u8>,
    /// The `next` of the page before: only what changed after it.
    cursor: Option<String>,
    /// At most so many, up to 1000; 100 if nothing is said.
    limit: Option<usize>,
}

/// A page of indicators, the oldest change first.
#[utoipa::path(
    get, path = "/api/v1/indicators", params(Asked), security(("token" = [])),
    responses(
        (status = 200, body = Page),
        (status = 400, description = "The query cannot be read", body = Error),
        (status = 401, body = Error), (status = 403, body = Error), (status = 429, body = Error),
    )
)]
pub(super) async fn list(
    State(node): State<Node>,
    Sees(view): Sees,
    query: Result<Query<Asked>, QueryRejection>,
) -> Answer<Page> {
    let Query(asked) = query.map_err(|why| ApiError::bad_request(why.body_text()))?;
    let kind = asked.kind.map(|kind| kind.parse::<Kind>()).transpose();
    let wanted = Wanted {
        kind: kind.map_err(ApiError::bad_request)?,
        text: asked.search,
        confidence: asked.confidence.unwrap_or_default(),
        after: asked.cursor.as_deref().map(cursor).transpose()?.unwrap_or_default(),
        limit: asked.limit.unwrap_or(DEFAULT_ROWS).clamp(1, MAX_ROWS),
    };
    let found = node.sights(view, wanted).await?;
    let indicators = found.sights.iter().map(Indicator::from).collect();
    Ok(Json(Page { indicators, next: found.next.to_string(), more: found.more }))
}

/// One indicator by its id or its value, and why it has its confidence.
#[utoipa::path(
    get, path = "/api/v1/indicators/{indicator}", security(("token" = [])),
    params(("indicator" = String, Path, description = "Its id, or its value")),
    responses(
        (status = 200, body = Detail),
        (status = 401, body = Error), (status = 403, body = Error), (status = 429, body = Error),
        (status = 404, description = "Nothing is known of it that the token shows", body = Error),
        (status = 422, description = "Neither an id nor a value", body = Error),
    )
)]
pub(super) async fn show(
    State(node): State<Node>,
    Sees(view): Sees,
    indicator: Result<Path<String>, PathRejection>,
) -> Answer<Detail> {
    let sight = node.sight_of(view, named(indicator)?).await?;
    Ok(Json((&sight).into()))
}

/// Adds an indicator as this organisation's own word. Needs scope red.
#[utoipa::path(
    post, path = "/api/v1/indicators", request_body = New, security(("token" = [])),
    responses(
        (status = 201, body = Detail),
        (status = 400, description = "The body cannot be read", body = Error),
        (status = 401, body = Error), (status = 403, body = Error), (status = 429, body = Error),
        (status = 415, description = "Not JSON", body = Error),
        (status = 422, description = "Not fit to be an indicator", body = Error),
        (status = 507, description = "The store is full", body = Error),
    )
)]
pub(super) async fn add(
    State(node): State<Node>,
    Sees(view): Sees,
    body: Result<Json<New>, JsonRejection>,
) -> Result<Response, ApiError> {
    let indicator = node.add_indicator(read_new(read(body)?)?).await?;
    let sight = node.sight_of(view, indicator.to_string()).await?;
    Ok((StatusCode::CREATED, Json(Detail::from(&sight))).into_response())
}

fn read_new(body: New) -> Result<NewIndicator, ApiError> {
    let unfit = |why: &dyn std::fmt::Display| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let kind = body.kind.map(|kind| kind.parse::<Kind>()).transpose().map_err(|why| unfit(&why))?;
    let confidence = Confidence::new(body.confidence.unwrap_or(DEFAULT_CONFIDENCE))
        .ok_or_else(|| unfit(&"confidence is a number from 0 to 100"))?;
    let tags = body.tags.iter().map(|tag| tag.parse()).collect::<Result<_, _>>();
    let said = body.tlp.is_some() || !body.recipients.is_empty();
    let tlp = body.tlp.map_or(Ok(Tlp::Red), |tlp| tlp.parse()).map_err(|why| unfit(&why))?;
    let mut custom = CustomFields::new();
    for (name, value) in body.custom_fields {
        custom.insert(name, json::read_custom(value)?);
    }
    Ok(NewIndicator {
        value: body.value,
        kind,
        confidence,
        tags: tags.map_err(|why| unfit(&why))?,
        scope: said.then(|| Scope::new(tlp, body.recipients)),
        custom,
    })
}

/// Sets how far an indicator may travel. Needs scope red.
#[utoipa::path(
    patch, path = "/api/v1/indicators/{indicator}", request_body = NewScope,
    security(("token" = [])),
    params(("indicator" = String, Path, description = "Its id, or its value")),
    responses(
        (status = 200, body = Leaves),
        (status = 400, description = "The body cannot be read", body = Error),
        (status = 401, body = Error), (status = 403, body = Error), (status = 429, body = Error),
        (status = 404, body = Error),
        (status = 415, description = "Not JSON", body = Error),
        (status = 422, description = "Nothing to share, or nobody to share it with", body = Error),
    )
)]
pub(super) async fn share(
    State(node): State<Node>,
    indicator: Result<Path<String>, PathRejection>,
    body: Result<Json<NewScope>, JsonRejection>,
) -> Answer<Leaves> {
    let (indicator, body) = (named(indicator)?, read(body)?);
    let tlp =
        body.tlp.parse().map_err(|why| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, why))?;
    let shared = node.share(indicator, Scope::new(tlp, body.recipients)).await?;
    Ok(Json((&shared).into()))
}

/// Takes back whatever was told of an indicator. Needs scope red.
#[utoipa::path(
    post, path = "/api/v1/indicators/{indicator}/retract", security(("token" = [])),
    params(("indicator" = String, Path, description = "Its id, or its value")),
    responses(
        (status = 200, body = Leaves),
        (status = 401, body = Error), (status = 403, body = Error), (status = 429, body = Error),
        (status = 404, body = Error),
        (status = 422, description = "Nothing was told that could be taken back", body = Error),
    )
)]
pub(super) async fn retract(
    State(node): State<Node>,
    indicator: Result<Path<String>, PathRejection>,
) -> Answer<Leaves> {
    let retracted = node.retract(vec![named(indicator)?]).await?;
    let gone = || ApiError::not_found("this node has heard nothing about it");
    retracted.first().map(|shared| Json(shared.into())).ok_or_else(gone)
}

/// Votes an indicator a false positive here, or takes that back.
#[utoipa::path(
    post, path = "/api/v1/indicators/{indicator}/vote", request_body = NewVote,
    security(("token" = [])),
    params(("indicator" = String, Path, description = "Its id, or its value")),
    responses(
        (status = 200, body = Detail),
        (status = 400, description = "The body cannot be read", body = Error),
        (status = 401, body = Error), (status = 403, body = Error), (status = 429, body = Error),
        (status = 404, body = Error),
        (status = 415, description = "Not JSON", body = Error),
        (status = 422, description = "Neither an id nor a value", body = Error),
    )
)]
pub(super) async fn vote(
    State(node): State<Node>,
    Sees(view): Sees,
    indicator: Result<Path<String>, PathRejection>,
    body: Result<Json<NewVote>, JsonRejection>,
) -> Answer<Detail> {
    let (indicator, body) = (named(indicator)?, read(body)?);
    // Nobody votes on what they cannot see.
    let id = node.sight_of(view, indicator).await?.told.value.id().to_string();
    node.vote(id.clone(), body.false_positive).await?;
    Ok(Json((&node.sight_of(view, id).await?).into()))
}

pub(super) fn cursor(text: &str) -> Result<u64, ApiError> {
    text.parse().map_err(|_| ApiError::bad_request("the cursor is not one that this node gave"))
}

fn named(path: Result<Path<String>, PathRejection>) -> Result<String, ApiError> {
    path.map(|Path(indicator)| indicator).map_err(|why| ApiError::bad_request(why.body_text()))
}

fn read<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, ApiError> {
    body.map(|Json(body)| body).map_err(|why| ApiError::new(why.status(), why.body_text()))
}
