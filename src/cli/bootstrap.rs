//! `dtim bootstrap`: a meeting point, until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use multiaddr::{Multiaddr, Protocol};
use serde_json::json;
use tokio::sync::watch;

use super::args::Global;
use super::daemon::{Asked, Signals, notify};
use super::failure::Failure;
use super::logging::LogArgs;
use super::master;
use super::output::Output;
use super::settings::{self, Settings};
use crate::bootstrap::{self, Bootstrap, Status};
use crate::config::Config;
use crate::http;
use crate::keys::files::{self, Keys};
use crate::mesh::transport::Transport;
use crate::metrics::Metrics;
use crate::node::now;
use crate::tls::{self, Keeper};

/// Run a public meeting point; it stores nothing and never sees an indicator
#[derive(Debug, Args)]
#[command(after_help = "It prints the addresses that nodes put into [network] bootstraps. With
[api] listen it is a registry over HTTPS too ([network] registry_url of the nodes).

Examples:
  dtim bootstrap
  dtim bootstrap --config /etc/dtim/bootstrap.toml --log-format json")]
pub(super) struct BootstrapArgs {
    #[command(flatten)]
    log: LogArgs,
}

impl BootstrapArgs {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let settings = Settings::load(global, output)?;
        let config = settings.config();
        let master = master::source(config, false, output)?;
        let keys =
            files::load(&config.node.data_dir.join("keys"), &master).map_err(Failure::failed)?;
        // Kept alive, so that the level stays what it is.
        let _level = self.log.start(&config.node.log_level)?;
        settings.log_notices();
        let runtime = tokio::runtime::Runtime::new()?;
        let ran = runtime.block_on(serve(global, config, &keys, output));
        runtime.shutdown_background();
        ran
    }
}

async fn serve(
    global: &Global,
    config: &Config,
    keys: &Keys,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let metrics = Metrics::new();
    let mut signals = Signals::new().map_err(Failure::failed)?;
    let seed = *keys.identity.seed();
    let mut bootstrap =
        bootstrap::start(wanted(config, seed, metrics.clone())).await.map_err(Failure::failed)?;
    let (stop, stopping) = watch::channel(false);
    let mut keeper = None;
    if let Some(address) = config.api.listen {
        let made = Keeper::new(tls::Settings::of(config), &keys.identity, &keys.sealer, now())?;
        let router = http::registry_router(bootstrap.registry(), metrics.clone());
        let public =
            http::Public { address, router, keeper: made.clone(), metrics: metrics.clone() };
        let served = http::serve_public(public, stopping.clone()).await;
        let (bound, _) = served.map_err(Failure::failed)?;
        tracing::info!(address = %bound, "the registry over HTTPS");
        keeper = Some(made);
    }
    if let Some(address) = config.metrics.listen {
        // It listens everywhere by now, and there is nothing else to be ready for.
        let router = http::metrics_router(metrics, Arc::new(Vec::new));
        http::serve_metrics(address, router, stopping).await.map_err(Failure::failed)?;
    }
    tell(&bootstrap, output)?;
    tracing::info!(peer_id = %bootstrap.node(), "the bootstrap runs");
    notify(sd_notify::NotifyState::Ready);
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::ToEnd => break,
                Asked::ToReload => reload(global, keeper.as_ref()),
            },
            // systemd starts it again.
            () = bootstrap.ended() => return Err(Failure::failed(
                "the bootstrap broke off by a fault of its own: start it again, and report what the log says",
            )),
        }
    }
    tracing::info!("stopping");
    notify(sd_notify::NotifyState::Stopping);
    stop.send_replace(true);
    tokio::select! {
        () = bootstrap.stop() => Ok(()),
        () = signals.end() => Err(Failure::failed("the bootstrap was ended before it had closed everything")),
    }
}

/// Reads the certificates that the configuration names now.
fn reload(global: &Global, keeper: Option<&Keeper>) {
    tracing::info!("certificates are read again; all else is read at the start only");
    let read = || {
        let Some(keeper) = keeper else { return Ok(()) };
        let read = Settings::read(global).map_err(|failure| failure.to_string())?;
        let settings = read
            .map_err(|problems| problems.iter().map(settings::at).collect::<Vec<_>>().join("; "))?;
        let settings = tls::Settings::of(settings.config());
        keeper.reload(settings, now()).map_err(|error| error.to_string())
    };
    if let Err(why) = read() {
        tracing::error!("nothing was changed: {why}");
    }
}

fn wanted(config: &Config, seed: [u8; 32], metrics: Metrics) -> bootstrap::Settings {
    let (network, role) = (&config.network, &config.bootstrap);
    bootstrap::Settings {
        seed,
        listen: network.listen.clone(),
        external: network.external_addresses.clone(),
        admit: role.admit,
        listed: role.listed.iter().copied().collect(),
        communities: role.communities.clone(),
        allow_private_addresses: network.allow_private_addresses,
        max_connections: usize::try_from(network.max_connections).unwrap_or(usize::MAX),
        relay: bootstrap::RelayLimits {
            reservation: bootstrap::RelayLimits::RESERVATION,
            circuit: Duration::from_secs(role.relay_max_circuit_duration),
            circuit_bytes: role.relay_max_circuit_bytes,
        },
        max_memory: bootstrap::MAX_MEMORY,
        transport: Transport::Network,
        metrics,
    }
}

/// The addresses to hand out, on stdout.
fn tell(bootstrap: &Bootstrap, output: &mut Output<'_>) -> Result<(), Failure> {
    let node = bootstrap.node();
    let addresses = addresses(&bootstrap.status().borrow(), node);
    if output.json {
        output.json_line(&json!({ "peer_id": node.to_string(), "addresses": addresses }))?;
    } else {
        for address in &addresses {
            output.line(address)?;
        }
    }
    output.out.flush()?;
    Ok(())
}

/// Those under which others reach it, or, if none is known, those at which it listens.
fn addresses(status: &Status, node: crate::model::NodeId) -> Vec<String> {
    let known = if status.external.is_empty() { &status.listen } else { &status.external };
    let named = |address: &Multiaddr| match address.iter().last() {
        Some(Protocol::P2p(_)) => address.to_string(),
        _ => format!("{address}/p2p/{node}"),
    };
    known.iter().map(named).collect()
}
