//! The registry: when this node registers there, and who is found there.
//!
//! It registers only with `discoverable = true`. Whoever the registry names is a
//! candidate, or an address at which a member may be looked for; never a member.

use std::time::Duration;

use multiaddr::{Multiaddr, Protocol};
use tokio::sync::watch;

use super::{Live, Node, NodeError, clock};
use crate::keys::Identity;
use crate::lookup::registry::{Named, NoAnswer, Registry};
use crate::lookup::virustotal::back_off;
use crate::mesh::address::is_global;
use crate::model::{HOUR, MINUTE, Timestamp};
use crate::store::Change;

/// Between two looks at whether anything is due.
const LOOK: Duration = Duration::from_secs(1);
/// How soon an unchanged registration is renewed at the earliest, in seconds.
const MIN_RENEW: u64 = MINUTE;
/// How late at the latest, whatever the registry says: its table is soft state.
const MAX_RENEW: u64 = HOUR;
/// The longest CA file, in bytes.
const MAX_CA_BYTES: u64 = 1 << 20;

/// What is configured, if a registry is.
pub(super) fn client(live: &Live, identity: &Identity) -> Result<Option<Registry>, NodeError> {
    let network = &live.config.network;
    let Some(url) = &network.registry_url else { return Ok(None) };
    let ca = match &network.registry_ca {
        Some(path) => Some(super::live::read(&live.config.resolve(path), MAX_CA_BYTES)?),
        None => None,
    };
    let community = live.config.node.community.clone();
    let allow_private = network.allow_private_addresses;
    let ca = ca.as_ref().map(String::as_bytes);
    Registry::new(url.url(), ca, identity.clone(), community, allow_private)
        .map(Some)
        .map_err(|why| NodeError::Request(why.to_string()))
}

/// Where the asking stands.
struct Visitor {
    node: Node,
    registry: Registry,
    /// What was registered last.
    registered: Option<Vec<Multiaddr>>,
    register_at: Timestamp,
    ask_at: Timestamp,
    failures: u32,
}

impl Node {
    /// Registers and asks until told to stop; returns at once if there is no registry.
    pub(super) async fn registry_loop(
        self,
        registry: Option<Registry>,
        mut stop: watch::Receiver<bool>,
    ) {
        let Some(registry) = registry else { return };
        let now = clock::now();
        let mut visitor = Visitor {
            node: self,
            registry,
            registered: None,
            register_at: now,
            ask_at: now,
            failures: 0,
        };
        let visiting = async {
            loop {
                visitor.turn().await;
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stopping| *stopping) => {}
            () = visiting => {}
        }
    }

    /// Where others reach this node, as far as it knows.
    fn reached_at(&self) -> Vec<Multiaddr> {
        let allow_private = self.live().config.network.allow_private_addresses;
        let status = self.inner.mesh.status().borrow().clone();
        let mut addresses = status.external;
        addresses.retain(|address| {
            let named = matches!(
                address.iter().next(),
                Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_))
            );
            allow_private || named || is_global(address)
        });
        addresses.sort();
        addresses.dedup();
        addresses
    }

    /// The endpoint that others are told: the public listener where an address of this
    /// node names its host, or else where the mesh listens.
    fn endpoint(&self, addresses: &[Multiaddr]) -> Option<String> {
        let first = addresses.first()?;
        let Some(listen) = self.live().config.api.listen else { return Some(first.to_string()) };
        let host = |address: &Multiaddr| match address.iter().next()? {
            Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) => {
                Some(name.into_owned())
            }
            Protocol::Ip4(ip) => Some(ip.to_string()),
            Protocol::Ip6(ip) => Some(format!("[{ip}]")),
            _ => None,
        };
        let direct = addresses.iter().filter(|a| !a.iter().any(|p| p == Protocol::P2pCircuit));
        let host = direct.filter_map(host).next();
        Some(host.map_or_else(|| first.to_string(), |h| format!("https://{h}:{}", listen.port())))
    }

    /// Takes note of whom the registry names; what is to be stored of it.
    fn met(&self, named: Vec<Named>, now: Timestamp) -> Vec<Change> {
        let allow_private = self.live().config.network.allow_private_addresses;
        let others = named.into_iter().filter(|named| named.node != self.inner.id);
        others
            .flat_map(|Named { node, mut addresses }| {
                addresses.retain(|address| allow_private || is_global(address));
                self.saw_stranger(node, addresses, "registry", now)
            })
            .collect()
    }
}

impl Visitor {
    async fn turn(&mut self) {
        let now = clock::now();
        let discoverable = self.node.live().config.network.discoverable;
        let addresses = self.node.reached_at();
        let result = if discoverable && !addresses.is_empty() && self.must_register(&addresses, now)
        {
            self.register(addresses, now).await
        } else if self.ask_at <= now {
            self.ask(now).await
        } else {
            return;
        };
        match result {
            Ok(label) => {
                self.failures = 0;
                self.count(label);
            }
            Err(error) => self.failed(&error, now),
        }
    }

    /// Changed addresses are told once they could not be told before, at the pace of
    /// what a registry lets a node do.
    fn must_register(&self, addresses: &[Multiaddr], now: Timestamp) -> bool {
        let changed = self.registered.as_deref().is_some_and(|known| known != addresses);
        self.register_at <= now || (changed && self.failures == 0)
    }

    async fn register(
        &mut self,
        addresses: Vec<Multiaddr>,
        now: Timestamp,
    ) -> Result<&'static str, NoAnswer> {
        let Some(endpoint) = self.node.endpoint(&addresses) else { return Ok("registered") };
        let registered = self.registry.register(&endpoint, &addresses, now).await?;
        if self.registered.is_none() {
            tracing::info!("registered at the registry");
        }
        let ttl = registered.ttl.unwrap_or(2 * MAX_RENEW);
        self.register_at = now.plus((ttl / 2).clamp(MIN_RENEW, MAX_RENEW));
        self.registered = Some(addresses);
        self.met(registered.peers, now).await;
        Ok("registered")
    }

    async fn ask(&mut self, now: Timestamp) -> Result<&'static str, NoAnswer> {
        self.ask_at = now.plus(self.node.live().config.network.gossip_interval_seconds);
        let named = self.registry.peers(now).await?;
        self.met(named, now).await;
        Ok("listed")
    }

    async fn met(&self, named: Vec<Named>, now: Timestamp) {
        let learnt = named.iter().map(|named| (named.node, named.addresses.clone())).collect();
        // That the mesh stops is noticed elsewhere.
        self.node.inner.mesh.learn(learnt).await.ok();
        let changes = self.node.met(named, now);
        if !changes.is_empty()
            && let Err(error) = self.node.write(changes).await
        {
            tracing::warn!(%error, "candidates of the registry could not be stored");
        }
    }

    fn failed(&mut self, error: &NoAnswer, now: Timestamp) {
        self.count(error.label());
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            tracing::warn!(%error, "the registry gave no answer; it is asked again");
        } else {
            tracing::debug!(%error, "the registry gave no answer");
        }
        let retry_after = match error {
            NoAnswer::Busy { retry_after } => *retry_after,
            _ => None,
        };
        let wait = back_off(self.failures, retry_after, rand::random());
        self.register_at = self.register_at.max(now.plus(wait));
        self.ask_at = self.ask_at.max(now.plus(wait));
    }

    fn count(&self, result: &str) {
        self.node.inner.metrics.http.registry_requests.with_label_values(&[result]).inc();
    }
}
