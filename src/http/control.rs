//! The control socket: what `dtim` asks of a running node.
//!
//! Who may open the socket is the node's operator, so there are no roles here.

use std::collections::BTreeSet;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use multiaddr::Multiaddr;
use serde::Deserialize;
use serde_json::{Value as Json_, json};
use tokio::sync::mpsc;

use super::error::ApiError;
use super::json;
use crate::model::{Confidence, CustomFields, CustomValue, Kind, Level, NodeId, Scope, Tag, Tlp};
use crate::node::peers::{ApprovedBy, Invite, Member, safety_number};
use crate::node::{NewIndicator, Node};
use crate::store::Filter;

/// The largest request body, in bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Rows of a list, unless fewer are asked for.
const MAX_ROWS: usize = 1_000;
/// Rows of a list when nothing is asked for.
const DEFAULT_ROWS: usize = 100;

type Answer = Result<Json<Json_>, ApiError>;

/// The routes of the control socket. A reload is asked for by a message on
/// `reload`, because only the process knows its configuration file.
pub fn router(
    node: Node,
    reload: mpsc::Sender<tokio::sync::oneshot::Sender<Result<Json_, String>>>,
) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/peers", get(peers))
        .route("/peers/candidates", get(candidates))
        .route("/peers/approve", post(approve))
        .route("/peers/revoke", post(revoke))
        .route("/peers/invite", post(invite))
        .route("/peers/{peer}", get(peer))
        .route("/indicators", get(list).post(add))
        .route("/indicators/{*indicator}", get(show))
        .route("/why", get(why))
        .route("/preview", get(preview))
        .route("/egress", get(egress))
        .route("/egress/verify", get(verify_egress))
        .with_state(node)
        .route("/reload", post(ask_reload).with_state(reload))
        .fallback(async || ApiError::not_found("no such route"))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

async fn ask_reload(
    State(reload): State<mpsc::Sender<tokio::sync::oneshot::Sender<Result<Json_, String>>>>,
) -> Answer {
    let (answer, answered) = tokio::sync::oneshot::channel();
    let stopping = || ApiError::bad_request("the node is stopping");
    reload.send(answer).await.map_err(|_| stopping())?;
    answered.await.map_err(|_| stopping())?.map(Json).map_err(ApiError::bad_request)
}

async fn status(State(node): State<Node>) -> Answer {
    Ok(Json(json::status(&node.status().await?)))
}

async fn peers(State(node): State<Node>) -> Answer {
    let status = node.status().await?;
    let peers: Vec<Json_> =
        status.members.iter().map(|member| json::member(member, &status.mesh)).collect();
    Ok(Json(json!({ "peers": peers })))
}

async fn candidates(State(node): State<Node>) -> Answer {
    let candidates: Vec<Json_> = node.candidates().iter().map(json::candidate).collect();
    Ok(Json(json!({ "candidates": candidates })))
}

async fn peer(State(node): State<Node>, Path(name): Path<String>) -> Answer {
    let id = node.find_peer(&name)?;
    let status = node.status().await?;
    let mut peer = match status.members.iter().find(|member| member.node == id) {
        Some(member) => json::member(member, &status.mesh),
        None => {
            node.candidates().iter().find(|c| c.node == id).map(json::candidate).unwrap_or_default()
        }
    };
    if let Some(fields) = peer.as_object_mut() {
        fields.insert("safety_number".to_owned(), safety_number(node.id(), id).into());
    }
    Ok(Json(peer))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approve {
    peer_id: Option<String>,
    invite: Option<String>,
    name: Option<String>,
    #[serde(default)]
    addresses: Vec<String>,
    organisation: Option<String>,
    trust: Option<f64>,
    #[serde(default)]
    attest: bool,
    level: Option<String>,
}

async fn approve(State(node): State<Node>, body: Result<Json<Approve>, JsonRejection>) -> Answer {
    let member = member_of(&node, read(body)?)?;
    let member = node.approve(member).await?;
    let reaches = format!(
        "What you mark white or green reaches {} and everybody whom {} approves: members pass it on.",
        member.name, member.name
    );
    let status = node.status().await?;
    Ok(Json(json!({
        "peer": json::member(&member, &status.mesh),
        "reaches": reaches,
        "safety_number": safety_number(node.id(), member.node),
    })))
}

fn member_of(node: &Node, body: Approve) -> Result<Member, ApiError> {
    let invite =
        body.invite.as_deref().map(Invite::parse).transpose().map_err(ApiError::bad_request)?;
    let community = &node.live().config.node.community;
    if let Some(invite) = invite.as_ref().filter(|invite| invite.community != *community) {
        let (theirs, ours) = (&invite.community, community);
        return Err(ApiError::bad_request(format!(
            "the invite is for the community {theirs}, this node is in {ours}"
        )));
    }
    let id: NodeId = match (&body.peer_id, &invite) {
        (Some(text), None) => {
            node.find_peer(text).or_else(|_| text.parse()).map_err(ApiError::bad_request)?
        }
        (None, Some(invite)) => invite.node,
        _ => return Err(ApiError::bad_request("name one of peer_id and invite")),
    };
    let mut addresses: Vec<Multiaddr> = Vec::new();
    for text in &body.addresses {
        addresses.push(text.parse().map_err(|_| {
            ApiError::bad_request(format!(
                "{text:?} is not a multiaddr such as /ip4/192.0.2.1/tcp/3031"
            ))
        })?);
    }
    addresses.extend(invite.map(|invite| invite.addresses).unwrap_or_default());
    let short: String =
        id.to_string().chars().rev().take(6).collect::<Vec<_>>().into_iter().rev().collect();
    let name = body.name.unwrap_or_else(|| format!("peer-{short}"));
    Ok(Member {
        node: id,
        organisation: body.organisation.unwrap_or_else(|| name.clone()),
        name,
        trust: body.trust.unwrap_or(0.5),
        attest: body.attest,
        level: body
            .level
            .map(|level| level.parse::<Level>())
            .transpose()
            .map_err(ApiError::bad_request)?,
        addresses,
        by: ApprovedBy::Operator,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    peer: String,
}

async fn revoke(State(node): State<Node>, body: Result<Json<Revoke>, JsonRejection>) -> Answer {
    let id = node.find_peer(&read(body)?.peer)?;
    let before = node.status().await?;
    let connections = before.mesh.peers.iter().filter(|peer| peer.node == id).count();
    let member = node.revoke(id).await?;
    Ok(Json(
        json!({ "peer": json::member(&member, &before.mesh), "connections_closed": connections }),
    ))
}

async fn invite(State(node): State<Node>) -> Answer {
    Ok(Json(json!({ "invite": node.invite().to_text() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    kind: Option<String>,
    search: Option<String>,
    after: Option<u64>,
    limit: Option<usize>,
}

async fn list(State(node): State<Node>, Query(query): Query<List>) -> Answer {
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

async fn show(State(node): State<Node>, Path(indicator): Path<String>) -> Answer {
    let found = node.find(indicator).await?;
    Ok(Json(json::found(&found, &node.members())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
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

async fn add(State(node): State<Node>, body: Result<Json<Add>, JsonRejection>) -> Answer {
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
    let tlp = body.tlp.map_or(Ok(Tlp::Red), |tlp| tlp.parse()).map_err(ApiError::bad_request)?;
    let mut custom = CustomFields::new();
    for (name, value) in body.custom {
        custom.insert(name, custom_value(value)?);
    }
    let new = NewIndicator {
        value: body.value,
        kind,
        confidence,
        tags,
        scope: Scope::new(tlp, body.to),
        custom,
    };
    let indicator = node.add_indicator(new).await?;
    let found = node.find(indicator.to_string()).await?;
    Ok(Json(json!({ "indicator": json::listed(&found.listed) })))
}

fn custom_value(value: Json_) -> Result<CustomValue, ApiError> {
    Ok(match value {
        Json_::Null => CustomValue::Null,
        Json_::Bool(truth) => CustomValue::Bool(truth),
        Json_::Number(number) => CustomValue::Integer(
            number
                .as_i64()
                .ok_or_else(|| ApiError::bad_request("numbers in custom fields are whole"))?,
        ),
        Json_::String(text) => CustomValue::Text(text),
        Json_::Array(items) => {
            CustomValue::List(items.into_iter().map(custom_value).collect::<Result<_, _>>()?)
        }
        Json_::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| Ok((name, custom_value(value)?)));
            CustomValue::Map(fields.collect::<Result<_, ApiError>>()?)
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneValue {
    value: Option<String>,
}

async fn why(State(node): State<Node>, Query(query): Query<OneValue>) -> Answer {
    let value = query.value.ok_or_else(|| ApiError::bad_request("name a value"))?;
    let why = node.why(value).await?;
    Ok(Json(json::why(&why, &node.members())))
}

async fn preview(State(node): State<Node>, Query(query): Query<OneValue>) -> Answer {
    let previews: Vec<Json_> = node.preview(query.value).await?.iter().map(json::preview).collect();
    Ok(Json(json!({ "previews": previews })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Egress {
    after: Option<u64>,
    limit: Option<usize>,
}

async fn egress(State(node): State<Node>, Query(query): Query<Egress>) -> Answer {
    let limit = query.limit.unwrap_or(DEFAULT_ROWS).clamp(1, MAX_ROWS);
    let rows = node.egress(query.after, limit).await?;
    let next = (rows.len() == limit).then(|| rows.last().map(|row| row.number)).flatten();
    let rows: Vec<Json_> = rows.iter().map(json::egress).collect();
    Ok(Json(json!({ "rows": rows, "next": next })))
}

async fn verify_egress(State(node): State<Node>) -> Answer {
    Ok(Json(json::egress_check(node.verify_egress().await?)))
}

/// A body that is not what the route reads is answered like every other error.
fn read<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, ApiError> {
    body.map(|Json(body)| body).map_err(|rejection| ApiError::bad_request(rejection.body_text()))
}
