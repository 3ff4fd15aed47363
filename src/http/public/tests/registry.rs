//! The registry's routes, with the client that nodes use and with others.

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Certificate;
use serde_json::{Value, json};
use url::Url;

use super::super::registry_router;
use super::{Listening, listen};
use crate::bootstrap::{Bootstrap, RelayLimits, Settings, start};
use crate::config::Admit;
use crate::keys::Identity;
use crate::lookup::registry::{NoAnswer, Registry};
use crate::mesh::transport::Transport;
use crate::metrics::Metrics;
use crate::model::{Community, NodeId, Timestamp};
use crate::node::now;
use crate::wire::request::{self, Headers};

const REGISTER: &str = "/api/v1/nodes/register";

fn identity(n: u8) -> Identity {
    Identity::from_seed([n; 32])
}

fn key(n: u8) -> String {
    BASE64.encode(identity(n).node_id().public_key())
}

async fn registry(admit: Admit, listed: &[NodeId]) -> (Listening, Bootstrap) {
    let settings = Settings {
        seed: [255; 32],
        listen: vec!["/memory/0".parse().unwrap()],
        external: Vec::new(),
        admit,
        listed: listed.iter().copied().collect(),
        communities: vec![Community::new("here").unwrap()],
        allow_private_addresses: false,
        max_connections: 16,
        // The tests of one process share its memory.
        max_memory: 1 << 40,
        relay: RelayLimits {
            reservation: Duration::from_secs(60),
            circuit: Duration::from_secs(60),
            circuit_bytes: 1 << 20,
        },
        transport: Transport::Memory,
        metrics: Metrics::new(),
    };
    let metrics = settings.metrics.clone();
    let bootstrap = start(settings).await.unwrap();
    (listen(registry_router(bootstrap.registry(), metrics)).await, bootstrap)
}

/// The client that nodes use.
fn node(listening: &Listening, n: u8) -> Registry {
    let url = Url::parse(&format!("https://localhost:{}", listening.address.port())).unwrap();
    let community = Community::new("here").unwrap();
    Registry::new(&url, Some(&listening.ca()), identity(n), community, true).unwrap()
}

/// Any other client.
struct Other<'a> {
    listening: &'a Listening,
    client: reqwest::Client,
}

impl<'a> Other<'a> {
    fn of(listening: &'a Listening) -> Self {
        let ca = Certificate::from_pem(&listening.ca()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        Self { listening, client }
    }

    fn sign(&self, n: u8, body: &str, at: Timestamp, nonce: &str) -> Headers {
        let authority = format!("localhost:{}", self.listening.address.port());
        let body = body.as_bytes();
        let (method, path, query) = ("POST", REGISTER, "");
        let request = request::Request { method, path, query, authority: &authority, body };
        request::sign(&request, &identity(n), at, nonce)
    }

    async fn post(&self, body: &str, kind: &str, headers: &Headers) -> (StatusCode, Value) {
        let url = format!("https://localhost:{}{REGISTER}", self.listening.address.port());
        let mut request = self
            .client
            .post(url)
            .header("content-type", kind)
            .header("signature-input", &headers.input)
            .header("signature", &headers.signature);
        if let Some(digest) = &headers.digest {
            request = request.header("content-digest", digest);
        }
        let answer = request.body(body.to_owned()).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let url = format!("https://localhost:{}{path}", self.listening.address.port());
        let answer = self.client.get(url).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }
}

#[tokio::test]
async fn two_nodes_find_each_other() {
    let (listening, _bootstrap) = registry(Admit::Open, &[]).await;
    let (first, second) = (node(&listening, 1), node(&listening, 2));
    let address = "/ip4/8.8.8.8/tcp/3031".parse().unwrap();
    let alone = first.register("https://one.example.org:3030", &[address], now()).await.unwrap();
    assert_eq!((alone.ttl, alone.peers.len()), (Some(7200), 1), "itself");
    let both = second.register("/ip4/9.9.9.9/tcp/3031", &[], now()).await.unwrap();
    let nodes: Vec<NodeId> = both.peers.iter().map(|named| named.node).collect();
    assert_eq!(nodes, [1, 2].map(|n| identity(n).node_id()));
    assert_eq!(both.peers[0].addresses, ["/ip4/8.8.8.8/tcp/3031".parse().unwrap()]);
    assert_eq!(node(&listening, 3).peers(now()).await.unwrap(), both.peers, "also unsigned");
}

#[tokio::test]
async fn the_bodies_are_those_of_the_original_document() {
    let (listening, _bootstrap) = registry(Admit::Open, &[]).await;
    let other = Other::of(&listening);
    let body = json!({ "public_key": key(1), "endpoint": "https://node.example.com:3030" });
    let body = body.to_string();
    let (status, answer) =
        other.post(&body, "application/json", &other.sign(1, &body, now(), "a")).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let peer = json!({ "endpoint": "https://node.example.com:3030", "public_key": key(1) });
    assert_eq!(answer, json!({ "status": "ok", "peers": [peer], "ttl": 7200 }));
    assert_eq!(other.get("/api/v1/peers").await, (StatusCode::OK, json!([peer])));
}

#[tokio::test]
async fn a_listed_registry_answers_the_listed_only() {
    let (listening, _bootstrap) = registry(Admit::Listed, &[identity(1).node_id()]).await;
    let (listed, stranger) = (node(&listening, 1), node(&listening, 2));
    listed.register("https://one.example.org", &[], now()).await.unwrap();
    assert_eq!(listed.peers(now()).await.unwrap().len(), 1, "it signs where it must");
    let refused = stranger.register("https://two.example.org", &[], now()).await.unwrap_err();
    assert!(matches!(refused, NoAnswer::Refused { status: 403, .. }), "{refused}");
    let refused = stranger.peers(now()).await.unwrap_err();
    assert!(matches!(refused, NoAnswer::Refused { status: 403, .. }), "{refused}");
    let (status, answer) = Other::of(&listening).get("/api/v1/peers").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{answer}");
}

#[tokio::test]
async fn bad_requests_get_the_right_status_and_change_nothing() {
    let (listening, bootstrap) = registry(Admit::Open, &[]).await;
    let other = Other::of(&listening);
    let json = "application/json";
    let good = json!({ "public_key": key(1), "endpoint": "https://a.example.org" }).to_string();
    let unsigned = Headers::default();
    let (other_key, at) = (other.sign(2, &good, now(), "b"), now().minus(301));
    for (body, kind, headers, expected) in [
        (good.as_str(), json, unsigned, StatusCode::UNAUTHORIZED),
        (&good, json, other_key, StatusCode::UNPROCESSABLE_ENTITY),
        (&good, json, other.sign(1, &good, at, "c"), StatusCode::UNAUTHORIZED),
        (&good, json, other.sign(1, "{}", now(), "d"), StatusCode::UNAUTHORIZED),
        (&good, "text/plain", other.sign(1, &good, now(), "e"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("{", json, other.sign(1, "{", now(), "f"), StatusCode::UNPROCESSABLE_ENTITY),
        ("", json, other.sign(1, "", now(), "g"), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let (status, answer) = other.post(body, kind, &headers).await;
        assert_eq!(status, expected, "{body} {answer}");
        assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()), "{answer}");
    }
    for field in ["\"role\": \"admin\"", "\"community\": \"elsewhere\"", "\"addresses\": [\"x\"]"] {
        let body = good.replacen('{', &format!("{{{field}, "), 1);
        let (status, _) = other.post(&body, json, &other.sign(1, &body, now(), field)).await;
        assert_ne!(status, StatusCode::OK, "{field}");
    }
    let huge = format!("{}{}", good, " ".repeat(10_000));
    let (status, _) = other.post(&huge, json, &other.sign(1, &huge, now(), "h")).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let deep = "[".repeat(5_000);
    let (status, _) = other.post(&deep, json, &other.sign(1, &deep, now(), "i")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    for (path, expected) in [
        ("/api/v1/nodes/register", StatusCode::METHOD_NOT_ALLOWED),
        ("/api/v1/peers?after=x", StatusCode::BAD_REQUEST),
        ("/api/v1/peers?who=x", StatusCode::BAD_REQUEST),
        ("/api/v1/peers?community=elsewhere", StatusCode::NOT_FOUND),
        ("/", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(other.get(path).await.0, expected, "{path}");
    }
    assert_eq!(other.get("/api/v1/peers").await, (StatusCode::OK, json!([])));
    assert_eq!(bootstrap.status().borrow().registrations, 0);
}

#[tokio::test]
async fn a_request_is_good_once() {
    let (listening, _bootstrap) = registry(Admit::Open, &[]).await;
    let other = Other::of(&listening);
    let body = json!({ "public_key": key(1), "endpoint": "https://a.example.org" }).to_string();
    let signed = other.sign(1, &body, now(), "once");
    assert_eq!(other.post(&body, "application/json", &signed).await.0, StatusCode::OK);
    let (status, answer) = other.post(&body, "application/json", &signed).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{answer}");
    let again = other.sign(1, &body, now(), "twice");
    assert_eq!(other.post(&body, "application/json", &again).await.0, StatusCode::OK);
}

#[tokio::test]
async fn long_lists_come_in_pages_and_the_client_reads_them_all() {
    let (listening, bootstrap) = registry(Admit::Open, &[]).await;
    // Each out of a network of its own.
    for n in 0..250_u8 {
        let wish = crate::bootstrap::registry::Wish {
            community: None,
            endpoint: "/ip4/8.8.8.8/tcp/1",
            addresses: &[],
        };
        let from = [8, 8, n, 1].into();
        let node = NodeId::from_public_key([n; 32]);
        bootstrap.registry().register(node, from, &wish, now()).await.unwrap();
    }
    let (_, page) = Other::of(&listening).get("/api/v1/peers").await;
    assert_eq!(page.as_array().map(Vec::len), Some(100));
    let (_, page) = Other::of(&listening).get("/api/v1/peers?limit=7").await;
    assert_eq!(page.as_array().map(Vec::len), Some(7));
    let all = node(&listening, 1).peers(now()).await.unwrap();
    let mut nodes: Vec<NodeId> = all.into_iter().map(|named| named.node).collect();
    nodes.sort();
    nodes.dedup();
    assert_eq!(nodes.len(), 250);
}
