//! Tokens: making, listing, revoking.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use super::{Answer, read};
use crate::http::error::ApiError;
use crate::model::{ClientRole, Timestamp};
use crate::node::Node;
use crate::privacy::tlp::ClientScope;
use crate::store::TokenRecord;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    name: String,
    scope: String,
    role: String,
}

pub(super) async fn create(
    State(node): State<Node>,
    body: Result<Json<Create>, JsonRejection>,
) -> Answer {
    let body = read(body)?;
    let scope: ClientScope = body.scope.parse().map_err(ApiError::bad_request)?;
    let role: ClientRole = body.role.parse().map_err(ApiError::bad_request)?;
    let (secret, token) = node.create_token(body.name, scope, role).await?;
    let mut json = token_json(&token);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("token".to_owned(), secret.into());
    }
    Ok(Json(json))
}

pub(super) async fn list(State(node): State<Node>) -> Answer {
    let tokens: Vec<Json_> = node.tokens().await?.iter().map(token_json).collect();
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
    let name = read(body)?.name;
    node.revoke_token(name.clone()).await?;
    Ok(Json(json!({ "revoked": name })))
}

fn token_json(token: &TokenRecord) -> Json_ {
    json!({
        "name": token.name,
        "scope": token.scope.name(),
        "role": token.role.name(),
        "created": token.created.to_string(),
        "last_used": token.used.as_ref().map(Timestamp::to_string),
    })
}
