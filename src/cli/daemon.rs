//! A node as a service: its sockets, its signals, its end.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::Loaded;
use crate::http::{self, ListenError, Readiness};
use crate::keys::files::MasterSource;
use crate::metrics::Metrics;
use crate::node::{Node, NodeError, Start};

/// Reload requests that may wait.
const MAX_RELOADS_WAITING: usize = 4;

/// Why a node does not run, or ended badly.
#[derive(Debug, thiserror::Error)]
pub(super) enum DaemonError {
    /// The node did not start.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A socket could not be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system refused a signal handler.
    #[error("signals cannot be handled: {0}")]
    Signals(std::io::Error),
    /// The shutdown took longer than its deadline.
    #[error("the node did not stop in time; what it had acknowledged is safe")]
    SlowStop,
}

/// What the process reads again on SIGHUP.
pub(super) trait Source {
    /// The configuration as it stands in the file now, or everything that is wrong with it.
    fn read(&self) -> Result<Loaded, String>;
    /// Takes over a log level.
    fn set_log_level(&self, level: &str);
}

/// Runs a node until SIGTERM or SIGINT. A second signal ends the process at once.
pub(super) async fn run(
    loaded: Loaded,
    master: MasterSource,
    source: impl Source,
) -> Result<(), DaemonError> {
    let metrics = Metrics::new();
    let mut signals = Signals::new().map_err(DaemonError::Signals)?;
    let config = &loaded.config;
    let (metrics_listen, api_listen) = (config.metrics.listen, config.api.listen);
    let socket: PathBuf = config.resolve(&config.admin.control_socket);
    let running = Start { loaded, master, metrics: metrics.clone() }.start()?;
    let node = running.node.clone();

    let (stop, stopping) = watch::channel(false);
    let (reload, mut reloads) = mpsc::channel(MAX_RELOADS_WAITING);
    if let Some(address) = metrics_listen {
        let router = http::metrics_router(metrics.clone(), readiness(&node));
        let (bound, _) = http::serve_metrics(address, router, stopping.clone()).await?;
        tracing::info!(address = %bound, "metrics");
    }
    if let (Some(address), Some(keeper)) = (api_listen, node.keeper().cloned()) {
        let (router, metrics) = (http::public_router(node.clone()), metrics.clone());
        let public = http::Public { address, router, keeper, metrics };
        let (bound, _) = http::serve_public(public, stopping.clone()).await?;
        tracing::info!(address = %bound, "the public listener");
    }
    let control =
        http::serve_control(&socket, http::control_router(node.clone(), reload), stopping).await?;
    tracing::info!(peer_id = %node.id(), "the node runs");
    notify(sd_notify::NotifyState::Ready);

    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::ToEnd => break,
                Asked::ToReload => match reread(&node, &source).await {
                    Ok(done) => tracing::info!(%done, "configuration reloaded"),
                    Err(problems) => tracing::error!("the configuration is wrong and nothing was changed: {problems}"),
                },
            },
            Some(answer) = reloads.recv() => {
                let answer: oneshot::Sender<Result<Json, String>> = answer;
                // Whoever asked may be gone by now.
                answer.send(reread(&node, &source).await).ok();
            }
        }
    }
    tracing::info!("stopping");
    notify(sd_notify::NotifyState::Stopping);
    stop.send(true).ok();
    control.await.ok();
    let stopped = tokio::select! {
        stopped = running.stop() => stopped,
        () = signals.end() => false,
    };
    if stopped { Ok(()) } else { Err(DaemonError::SlowStop) }
}

async fn reread(node: &Node, source: &impl Source) -> Result<Json, String> {
    let loaded = source.read()?;
    let level = loaded.config.node.log_level.clone();
    let done = node.reload(loaded).await.map_err(|error| error.to_string())?;
    source.set_log_level(&level);
    for key in &done.needs_restart {
        tracing::warn!(key, "changed, but needs a restart");
    }
    Ok(json!({
        "needs_restart": done.needs_restart,
        "members_gone": done.members_gone,
        "members_changed": done.members_changed,
    }))
}

fn readiness(node: &Node) -> Readiness {
    let node = node.clone();
    Arc::new(move || {
        let mut reasons = Vec::new();
        if node.listen_addresses().is_empty() {
            reasons.push("the mesh listens nowhere yet".to_owned());
        }
        reasons
    })
}

/// Tells systemd; elsewhere nothing listens, which is fine.
pub(super) fn notify(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "systemd was not told");
    }
}

/// The signals that a service answers.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next that arrives.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::ToEnd,
            _ = self.interrupt.recv() => Asked::ToEnd,
            _ = self.hangup.recv() => Asked::ToReload,
        }
    }

    /// Waits until the process is asked to end.
    pub(super) async fn end(&mut self) {
        while self.next().await != Asked::ToEnd {}
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// SIGTERM, SIGINT.
    ToEnd,
    /// SIGHUP.
    ToReload,
}
