//! A listener with clients of every kind.

mod bounds;
mod registry;
mod tls;

use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Client, Public, serve_public};
use crate::keys::{Identity, Sealer};
use crate::metrics::Metrics;
use crate::node::now;
use crate::tls::{Keeper, Settings};

/// The node that listens.
fn identity() -> Identity {
    Identity::from_seed([1; 32])
}

struct Listening {
    address: SocketAddr,
    metrics: Metrics,
    stop: watch::Sender<bool>,
    ended: JoinHandle<()>,
    folder: TempDir,
}

impl Listening {
    /// The local CA's certificate.
    fn ca(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("tls/ca.pem")).unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

/// Settings of a node whose data lies in a folder, with more lines of configuration.
fn settings(folder: &Path, more: &str) -> Settings {
    let text = format!("[node]\ndata_dir = {:?}\n{more}", folder.to_str().unwrap());
    Settings::of(&crate::config::parse(&text, &[]).unwrap().config)
}

async fn listen(router: Router) -> Listening {
    listen_with(router, "", tempfile::tempdir().unwrap()).await
}

async fn listen_with(router: Router, more: &str, folder: TempDir) -> Listening {
    let settings = settings(folder.path(), more);
    let keeper = Keeper::new(settings, &identity(), &Sealer::new([2; 32]), now()).unwrap();
    let metrics = Metrics::new();
    let address = "127.0.0.1:0".parse().unwrap();
    let public = Public { address, router, keeper, metrics: metrics.clone() };
    let (stop, stopping) = watch::channel(false);
    let (address, ended) = serve_public(public, stopping).await.unwrap();
    Listening { address, metrics, stop, ended, folder }
}

/// Routes that tell who asks, and that misbehave.
fn routes() -> Router {
    let who = |client: Client| async move { format!("{:?}", client.proved) };
    Router::new()
        .route("/who", get(who))
        .route("/panic", get(async || -> &'static str { panic!("a fault of the test's own") }))
        .route("/echo", post(async |body: Bytes| body))
}
