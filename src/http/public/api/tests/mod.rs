//! The API of a node in this process: the table, the views, bad requests.

mod asking;
mod table;

use std::net::IpAddr;
use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use serde_json::Value as Json;
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::config;
use crate::http::public::client::{Client, Proved};
use crate::keys::files::{self, MasterSource};
use crate::metrics::Metrics;
use crate::model::{Confidence, CustomFields, Role, Scope, Tlp};
use crate::node::{NewIndicator, NewToken, Node, Running, Start};
use crate::privacy::tlp::ClientScope;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A node that runs, and its API.
struct Bench {
    running: Running,
    router: Router,
    _folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let running = start(folder.path());
        let router = crate::http::public_router(running.node.clone());
        Self { running, router, _folder: folder }
    }

    fn node(&self) -> &Node {
        &self.running.node
    }

    async fn token(&self, role: Role, scope: ClientScope) -> String {
        let name = format!("{role}-{}", scope.name());
        self.node().create_token(NewToken { name, scope, role, trust: 0.5 }).await.unwrap().0
    }

    async fn add(&self, value: &str, tlp: Tlp) {
        let new = NewIndicator {
            value: value.to_owned(),
            kind: None,
            confidence: Confidence::new(80).unwrap(),
            tags: ["scan".parse().unwrap()].into(),
            scope: Some(Scope::new(tlp, [])),
            custom: CustomFields::new(),
        };
        self.node().add_indicator(new).await.unwrap();
    }

    async fn ask(&self, method: Method, path: &str, token: &str, body: &str) -> (StatusCode, Json) {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn send(&self, mut request: Request<Body>) -> (StatusCode, Json) {
        request.extensions_mut().insert(Client { ip: HERE, proved: Proved::Nothing });
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Json::Null))
    }

    async fn get(&self, path: &str, token: &str) -> (StatusCode, Json) {
        self.ask(Method::GET, path, token, "").await
    }
}

fn start(folder: &Path) -> Running {
    let text = format!(
        "[node]\ncommunity = \"test\"\ndata_dir = {folder:?}\n\
         [network]\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\n\
         [privacy]\nlevel = \"open\"\n[hygiene]\nown = [\"acme-corp.de\"]\n"
    );
    let loaded = config::parse(&text, &[]).unwrap();
    let master = MasterSource::File(folder.join("master"));
    files::create(&folder.join("keys"), &master).unwrap();
    Start { loaded, master, metrics: Metrics::new() }.start().unwrap()
}
