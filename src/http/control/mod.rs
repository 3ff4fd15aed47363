//! The control socket: what `dtim` asks of a running node.
//!
//! Who may open the socket is the node's operator, so there are no roles here.

mod exchange;
mod indicators;
mod tokens;

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
use crate::model::{Level, NodeId};
use crate::node::Node;
use crate::node::peers::{ApprovedBy, Invite, Member, safety_number};

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
        .route("/indicators", get(indicators::list).post(indicators::add))
        .route("/indicators/{*indicator}", get(indicators::show))
        .route("/share", post(indicators::share))
        .route("/retract", post(indicators::retract))
        .route("/vote", post(indicators::vote))
        .route("/import", post(exchange::import))
        .route("/export", get(exchange::export))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/revoke", post(tokens::revoke))
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
struct OneValue {
    value: Option<String>,
}

async fn why(State(node): State<Node>, Query(query): Query<OneValue>) -> Answer {
    let value = query.value.ok_or_else(|| ApiError::bad_request("name a value"))?;
    let why = node.why(value).await?;
    Ok(Json(json::why(&why, &node.members())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preview {
    value: Option<String>,
    to: Option<String>,
}

async fn preview(State(node): State<Node>, Query(query): Query<Preview>) -> Answer {
    let previews = node.preview(query.value, query.to).await?;
    let members = node.members();
    let previews: Vec<Json_> = previews.iter().map(|one| json::preview(one, &members)).collect();
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
    let members = node.members();
    let rows: Vec<Json_> = rows.iter().map(|row| json::egress(row, &members)).collect();
    Ok(Json(json!({ "rows": rows, "next": next })))
}

async fn verify_egress(State(node): State<Node>) -> Answer {
    Ok(Json(json::egress_check(node.verify_egress().await?)))
}

/// A body that is not what the route reads is answered like every other error.
fn read<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, ApiError> {
    body.map(|Json(body)| body).map_err(|rejection| ApiError::bad_request(rejection.body_text()))
}
