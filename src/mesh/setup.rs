//! From settings to a swarm task that is ready to run.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libp2p::TransportError;
use libp2p::identity::Keypair;
use libp2p::metrics::Metrics as Recorder;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::{self, Swarm};
use libp2p::{PeerId, relay};
use tokio::sync::{mpsc, watch};

use super::actor::Actor;
use super::address::{peer_in, peer_of};
use super::behaviour::{Parts, Root};
use super::book::Book;
use super::discovery::Discovery;
use super::exchange::{Asked, Asking, Places};
use super::gossip;
use super::guard::Dialable;
use super::judge::{Desk, Judge};
use super::nat::Nat;
use super::quota::{self, Quotas};
use super::rate::Rate;
use super::role::Role;
use super::seen::Seen;
use super::status::Status;
use super::strikes::Strikes;
use super::{Command, Event, Settings, StartError, transport};

/// Answers of the judge that wait for the swarm.
const ANSWERS: usize = 1024;
/// Members and bootstraps stay connected; ping finds the dead.
const IDLE: Duration = Duration::from_secs(365 * 86_400);
/// A stranger that a bootstrap names is reported once in this time.
const DISCOVERED_WINDOW: Duration = Duration::from_secs(3600);
/// Strangers reported in that time.
const MAX_DISCOVERED: usize = 1024;

impl Actor {
    pub(super) fn new(
        settings: Settings,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Event>,
        asked: mpsc::Sender<Asked>,
        status: watch::Sender<Status>,
        seen: Arc<Seen>,
    ) -> Result<Self, StartError> {
        let now = Instant::now();
        let keys = Keypair::ed25519_from_bytes(settings.seed).map_err(|_| StartError::Identity)?;
        let bootstraps = with_keys(&settings.infrastructure)?;
        let dialable = Dialable::new(settings.allow_private);
        let swarm = listening_swarm(&settings, &keys, &dialable)?;
        let metrics = settings.metrics.clone();
        let judge = Judge::new(settings.community.clone(), Arc::clone(&seen), metrics.clone());
        let (verdicts, answers) = mpsc::channel(ANSWERS);
        let mut actor = Self {
            swarm,
            keys,
            book: Book::default(),
            discovery: Discovery::new(
                bootstraps.iter().map(|(peer, _)| *peer),
                settings.discoverable,
                settings.discover_every,
                now,
            ),
            nat: Nat::new(
                bootstraps.iter().map(|(peer, _)| *peer),
                &settings.external,
                settings.relay,
                now,
            ),
            dialable,
            topic: gossip::topic(&settings.community),
            namespace: format!("dtim/{}", settings.community),
            desk: Desk::open(judge, verdicts, events.clone())?,
            seen,
            strikes: Strikes::default(),
            own_claims: quota::OWN_CLAIMS.into(),
            asking: Asking::default(),
            places: Places::default(),
            exchanged: Quotas::new(quota::BYTES),
            asked,
            links: HashMap::new(),
            changes: HashMap::new(),
            discovered: Rate::new(1, DISCOVERED_WINDOW, MAX_DISCOVERED),
            allow_private: settings.allow_private,
            commands,
            answers,
            events,
            status,
            recorder: metrics.with_libp2p(Recorder::new),
            metrics,
        };
        for (peer, address) in bootstraps {
            actor.give_role(peer, Role::Infrastructure, &[address], now);
        }
        for (node, addresses) in settings.members {
            if let Some(peer) = peer_of(node) {
                actor.give_role(peer, Role::Member, &addresses, now);
            }
        }
        for address in settings.default_peers {
            actor.look_at(address, now);
        }
        Ok(actor)
    }
}

fn with_keys(addresses: &[Multiaddr]) -> Result<Vec<(PeerId, Multiaddr)>, StartError> {
    let with_key = |address: &Multiaddr| {
        let peer = peer_in(address).ok_or_else(|| StartError::NoKey(address.clone()))?;
        Ok((peer, address.clone()))
    };
    addresses.iter().map(with_key).collect()
}

fn listening_swarm(
    settings: &Settings,
    keys: &Keypair,
    dialable: &Dialable,
) -> Result<Swarm<Root>, StartError> {
    let me = keys.public().to_peer_id();
    let (through_relays, relay) = relay::client::new(me);
    let parts = Parts { max_connections: settings.max_connections, upnp: settings.upnp, relay };
    let root = Root::new(keys, &settings.community, parts, &settings.metrics)
        .map_err(StartError::Gossip)?;
    let connections = transport::build_with_relay(
        settings.transport,
        keys,
        &settings.listen,
        through_relays,
        dialable,
    )?;
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
    let mut swarm = Swarm::new(connections, root, me, config);
    for address in &settings.listen {
        swarm.listen_on(address.clone()).map_err(|error| StartError::Listen {
            address: address.clone(),
            cause: cause(error),
        })?;
    }
    for address in &settings.external {
        swarm.add_external_address(address.clone());
    }
    Ok(swarm)
}

/// What the system said: libp2p's own error says nothing of it.
fn cause(error: TransportError<std::io::Error>) -> String {
    match error {
        TransportError::MultiaddrNotSupported(_) => {
            "this kind of address is not supported".to_owned()
        }
        TransportError::Other(error) => match error.get_ref() {
            Some(inner) => inner.to_string(),
            None => error.to_string(),
        },
    }
}
