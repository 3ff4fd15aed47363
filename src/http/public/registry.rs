//! The registry: nodes register, and learn who else is there (section 10.1 of the
//! original document).

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::signed;
use crate::bootstrap::registry::{Page, Peer, Refusal, Registry, Wanted, Wish};
use crate::http::error::ApiError;
use crate::metrics::Metrics;
use crate::model::NodeId;
use crate::node::now;
use crate::wire::request::{BadSignature, Nonces, Signer};

/// The largest registration, in bytes: 16 addresses.
const MAX_BODY_BYTES: usize = 8 * 1024;

#[derive(Clone)]
struct Desk {
    registry: Registry,
    /// Held for a look into two maps.
    nonces: Arc<Mutex<Nonces>>,
    metrics: Metrics,
}

/// The routes of a registry.
pub fn router(registry: Registry, metrics: Metrics) -> Router {
    let desk = Desk { registry, nonces: Arc::default(), metrics };
    Router::new()
        .route("/api/v1/nodes/register", post(register))
        .route("/api/v1/peers", get(peers))
        .with_state(desk)
        .fallback(async || ApiError::not_found("no such route"))
        .method_not_allowed_fallback(async || {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "this route has other methods")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    public_key: String,
    endpoint: String,
    /// Beyond the original document: which mesh.
    community: Option<String>,
    /// Beyond the original document: multiaddrs.
    #[serde(default)]
    addresses: Vec<String>,
}

#[derive(Serialize)]
struct Registered {
    status: &'static str,
    peers: Vec<Listed>,
    /// Beyond the original document: for how many seconds.
    ttl: u64,
}

#[derive(Serialize)]
struct Listed {
    endpoint: String,
    public_key: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
}

impl From<Peer> for Listed {
    fn from(peer: Peer) -> Self {
        Self {
            endpoint: peer.endpoint,
            public_key: BASE64.encode(peer.node.public_key()),
            addresses: peer.addresses,
        }
    }
}

async fn register(
    State(desk): State<Desk>,
    client: Client,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body = read(&parts, body).await?;
    let signer = desk.signer(&parts, &body)?.ok_or_else(|| desk.unsigned(BadSignature::Form))?;
    let wish: Registration = serde_json::from_slice(&body)
        .map_err(|why| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, why))?;
    if public_key(&wish.public_key) != Some(signer.node) {
        let what = "public_key is not the key in keyid, which signed: base64 of its 32 bytes";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, what));
    }
    let community = wish.community.as_deref();
    let wished = Wish { community, endpoint: &wish.endpoint, addresses: &wish.addresses };
    let registered = desk.registry.register(signer.node, client.ip, &wished, signer.created);
    let (ttl, page) = registered.await.map_err(refused)?;
    let next = next(&page, community, None);
    let peers = page.peers.into_iter().map(Listed::from).collect();
    Ok((next, Json(Registered { status: "ok", peers, ttl })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    community: Option<String>,
    after: Option<u64>,
    limit: Option<usize>,
}

async fn peers(
    State(desk): State<Desk>,
    client: Client,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let Query(asked) = Query::<Asked>::try_from_uri(&parts.uri)
        .map_err(|why| ApiError::bad_request(why.body_text()))?;
    let signer = desk.signer(&parts, b"")?;
    let community = asked.community.as_deref();
    let wanted = Wanted { community, after: asked.after.unwrap_or_default(), limit: asked.limit };
    let node = signer.map(|signer| signer.node);
    let page = desk.registry.list(node, client.ip, &wanted).await.map_err(refused)?;
    let next = next(&page, community, asked.limit);
    let peers: Vec<Listed> = page.peers.into_iter().map(Listed::from).collect();
    Ok((next, Json(peers)).into_response())
}

impl Desk {
    /// Who signed a request that was not here before; nothing if nobody did.
    fn signer(&self, parts: &Parts, body: &[u8]) -> Result<Option<Signer>, ApiError> {
        let now = now();
        let signer = signed::signer(parts, body, now).map_err(|why| self.unsigned(why))?;
        if let Some(signer) = &signer {
            let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
            nonces.first(signer, now).map_err(|why| self.unsigned(why))?;
        }
        Ok(signer)
    }

    fn unsigned(&self, why: BadSignature) -> ApiError {
        self.metrics.bootstrap.registrations_refused.with_label_values(&[why.label()]).inc();
        ApiError::new(StatusCode::UNAUTHORIZED, why)
    }
}

async fn read(parts: &Parts, body: Body) -> Result<Vec<u8>, ApiError> {
    let json = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let json = json.and_then(|kind| kind.split(';').next()).map(str::trim);
    if !json.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        let what = "the body is to be application/json";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    }
    let too_large = |_| {
        let what = format!("the body has more than {MAX_BODY_BYTES} bytes, or broke off");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, what)
    };
    Ok(to_bytes(body, MAX_BODY_BYTES).await.map_err(too_large)?.to_vec())
}

fn public_key(text: &str) -> Option<NodeId> {
    let bytes = BASE64.decode(text).ok()?;
    bytes.try_into().ok().map(NodeId::from_public_key)
}

/// Where the next page is (RFC 8288), so that the answer can stay the plain list.
fn next(
    page: &Page,
    community: Option<&str>,
    limit: Option<usize>,
) -> Option<[(header::HeaderName, HeaderValue); 1]> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("after", &page.next?.to_string());
    query.extend_pairs(community.map(|community| ("community", community)));
    query.extend_pairs(limit.map(|limit| ("limit", limit.to_string())));
    let link = format!("</api/v1/peers?{}>; rel=\"next\"", query.finish());
    Some([(header::LINK, HeaderValue::from_str(&link).ok()?)])
}

fn refused(refusal: Refusal) -> ApiError {
    let status = match &refusal {
        Refusal::Unsigned => StatusCode::UNAUTHORIZED,
        Refusal::NotListed => StatusCode::FORBIDDEN,
        Refusal::Community(_) => StatusCode::NOT_FOUND,
        Refusal::Address(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::TooOften => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Stale => StatusCode::CONFLICT,
        Refusal::Full | Refusal::Busy => StatusCode::SERVICE_UNAVAILABLE,
    };
    let retry = match &refusal {
        Refusal::TooOften | Refusal::Busy => Some(60),
        Refusal::Full => Some(600),
        _ => None,
    };
    ApiError::new(status, refusal).retry_after(retry)
}
