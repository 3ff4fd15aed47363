//! Tokens of the public listener.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use super::{Answer, read};
use crate::http::error::ApiError;
use crate::node::{NewToken, Node};
use crate::store::TokenRecord;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    name: String,
    scope: String,
    role: String,
    trust: Option<f64>,
}

pub(super) async fn create(
    State(node): State<Node>,
    body: Result<Json<Create>, JsonRejection>,
) -> Answer {
    let body = read(body)?;
    let new = NewToken {
        name: body.name,
        scope: body.scope.parse().map_err(ApiError::bad_request)?,
        role: body.role.parse().map_err(ApiError::bad_request)?,
        trust: body.trust.unwrap_or(0.5),
    };
    let (token, record) = node.create_token(new).await?;
    Ok(Json(json!({ "token": token, "is": described(&record) })))
}

pub(super) async fn list(State(node): State<Node>) -> Answer {
    let tokens: Vec<Json_> = node.tokens().iter().map(described).collect();
    Ok(Json(json!({ "tokens": tokens })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoke {
    name: String,
}

pub(super) async fn revoke(
    State(node): State<Node>,
    body: Result<Json<Revoke>, JsonRejection>,
) -> Answer {
    let revoked = node.revoke_token(&read(body)?.name).await?;
    Ok(Json(json!({ "revoked": described(&revoked) })))
}

fn described(token: &TokenRecord) -> Json_ {
    json!({
        "name": token.name,
        "scope": token.scope.name(),
        "role": token.role.name(),
        "trust": token.trust,
        "created": token.created.to_string(),
        "used": token.used.map(|used| used.to_string()),
    })
}
