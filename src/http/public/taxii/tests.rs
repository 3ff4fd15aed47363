//! The whole server over a node in the test's own process.

mod clients;
mod inbox;
mod pages;
mod refusals;

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value as Json;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::{MEDIA_TYPE, router};
use crate::config;
use crate::keys::files::{self, MasterSource};
use crate::metrics::Metrics;
use crate::model::{Confidence, Evidence, Origin, Role, Scope, Timestamp, Tlp, Value};
use crate::node::{Import, NewToken, Node, Running, Start, now};

/// A node and its routes.
struct Server {
    _dir: TempDir,
    running: Option<Running>,
    node: Node,
    router: Router,
    tokens: BTreeMap<&'static str, String>,
}

/// Tokens, named after their scope and their role.
const TOKENS: [&str; 7] = [
    "green-reader",
    "amber-reader",
    "red-reader",
    "green-writer",
    "amber-writer",
    "amber-admin",
    "red-bouncer",
];

/// What came back.
struct Came {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Came {
    fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn ids(&self) -> Vec<String> {
        let json = self.json();
        let objects = json["objects"].as_array().cloned().unwrap_or_default();
        objects.iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// A node that lives in a folder, with more settings.
fn start(dir: &std::path::Path, settings: &str) -> Running {
    let text = format!(
        "[node]\ncommunity = \"test\"\ndata_dir = {dir:?}\n\
         [network]\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\nallow_private_addresses = true\n\
         [privacy]\nhold = [\"0s\", \"0s\"]\n[hygiene]\nown = [\"acme-corp.de\"]\n{settings}"
    );
    let loaded = config::parse(&text, &[]).unwrap_or_else(|problems| panic!("{problems:?}"));
    let master = MasterSource::File(dir.join("master"));
    files::create(&dir.join("keys"), &master).unwrap();
    Start { loaded, master, metrics: Metrics::new() }.start().unwrap()
}

impl Server {
    async fn new(settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let running = start(dir.path(), settings);
        let node = running.node.clone();
        let router = router(node.clone());
        let mut tokens = BTreeMap::new();
        for name in TOKENS {
            let (scope, role) = name.split_once('-').unwrap();
            let (scope, role): (_, Role) = (scope.parse().unwrap(), role.parse().unwrap());
            let new = NewToken { name: name.to_owned(), scope, role, trust: 0.5 };
            tokens.insert(name, node.create_token(new).await.unwrap().0);
        }
        Self { _dir: dir, running: Some(running), node, router, tokens }
    }

    /// A token by its name; what is no name is no token either.
    fn token(&self, name: &str) -> String {
        self.tokens.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    async fn ask(&self, request: Request<Body>) -> Came {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 64 << 20).await.unwrap().to_vec();
        Came { status: head.status, headers: head.headers, body }
    }

    async fn get(&self, token: &str, path: &str) -> Came {
        let request = Request::get(path)
            .header(header::ACCEPT, MEDIA_TYPE)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token(token)));
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, token: &str, body: impl Into<Body>) -> Came {
        let request = Request::post("/taxii2/dtim/collections/inbox/objects/")
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token(token)));
        self.ask(request.body(body.into()).unwrap()).await
    }

    /// Tells it indicators.
    async fn import(&self, values: impl IntoIterator<Item = (Value, Tlp)>) {
        let all = values.into_iter().map(|(value, tlp)| Import::Told(evidence(value, tlp)));
        let all: Vec<Import> = all.collect();
        for some in all.chunks(1000) {
            self.node.import(some.to_vec()).await.unwrap();
        }
    }

    async fn stop(mut self) {
        self.running.take().unwrap().stop().await;
    }
}

fn evidence(value: Value, tlp: Tlp) -> Evidence {
    let seen = now();
    Evidence {
        value,
        origin: Origin::Import,
        first_seen: seen,
        last_seen: seen,
        until: Some(Timestamp(seen.0 + 86_400)),
        count: 1,
        confidence: Confidence::new(80).unwrap(),
        tags: BTreeSet::new(),
        scope: Scope::new(tlp, []),
        custom: [].into(),
    }
}

/// The `n`th of a row of public addresses.
fn ip(n: u32) -> Value {
    let [_, b, c, d] = n.to_be_bytes();
    Value::guess(&format!("45.{}.{c}.{d}", 80 + b)).unwrap()
}

fn objects(collection: &str, query: &str) -> String {
    format!("/taxii2/dtim/collections/{collection}/objects/?{query}")
}
