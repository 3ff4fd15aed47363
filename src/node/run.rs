//! Starting and stopping, each in a written order.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Notify, watch as snapshot};

use super::peers::{Book, Member};
use super::pipeline::Pipeline;
use super::sync::Syncing;
use super::tokens::Tokens;
use super::{
    Inner, Live, Node, NodeError, WatcherStatus, clock, enrich, feeds, observe, receive, registry,
    scan,
};
use crate::config::{self, Config, DefaultPeer, Loaded, WatchPath};
use crate::keys::files::{self, Keys, MasterSource};
use crate::lookup::virustotal::VirusTotal;
use crate::mesh::{self, Mesh};
use crate::metrics::Metrics;
use crate::model::Source;
use crate::store::{self, Change, Standing, Store};
use crate::tls::{self, Keeper};
use crate::watch::{self, Follow, Journal, Target, Watch};

/// Content ids that the judge knows at the start.
const SEEN_AT_START: usize = 1_000_000;
/// Batches of lines between the watchers and the pipeline.
const BATCHES_IN_FLIGHT: usize = 8;
/// All of a shutdown must fit into this (design section 3).
const SHUTDOWN: Duration = Duration::from_secs(5);

/// What a node starts from.
#[derive(Clone, Debug)]
pub struct Start {
    /// The configuration.
    pub loaded: Loaded,
    /// Where the master key comes from; a passphrase has been asked for by now.
    pub master: MasterSource,
    /// The counters.
    pub metrics: Metrics,
}

/// A node that runs, and what it takes to stop it.
#[derive(Debug)]
pub struct Running {
    /// The node.
    pub node: Node,
    stop: snapshot::Sender<bool>,
    watch: Option<Watch>,
    threads: Vec<JoinHandle<()>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    /// Ends with the mesh.
    answering: tokio::task::JoinHandle<()>,
}

impl Start {
    /// Keys, store, mesh, watchers: in this order, so that each finds what it needs.
    pub fn start(self) -> Result<Running, NodeError> {
        let live = Live::build(self.loaded)?;
        let virustotal = enrich::client(&live)?;
        start(live, &self.master, self.metrics, virustotal)
    }
}

/// Starts with what has been read, and with whoever is asked about indicators.
pub(super) fn start(
    live: Live,
    master: &MasterSource,
    metrics: Metrics,
    virustotal: Option<VirusTotal>,
) -> Result<Running, NodeError> {
    let keys = files::load(&live.config.node.data_dir.join("keys"), master)?;
    let keeper = keeper(&live, &keys)?;
    let registry = registry::client(&live, &keys.identity)?;
    let feeds = feeds::reached(&live)?;
    let (store, book) = open_store(&live, &keys, &metrics)?;
    let seen = store.content_ids(SEEN_AT_START)?;
    let settings = mesh_settings(&live, &keys, &book, seen, &metrics);
    let (mesh, inbox) = mesh::start(settings)?;
    let follows = follows(&live.config, &store)?;
    let rules = live.rules.clone();
    let mut pipeline = Pipeline::new(rules, live.pipeline_settings());
    observe::restore(&store, &mut pipeline)?;
    let tokens = Tokens::load(&store)?;
    let node = assemble(live, keys, (store, tokens), mesh, metrics, book, keeper);
    let (lines, batches) = std::sync::mpsc::sync_channel(BATCHES_IN_FLIGHT);
    let (stop, stopping) = snapshot::channel(false);
    let observing = stopping.clone();
    let tasks = vec![
        tokio::spawn(node.clone().share_loop(stopping.clone())),
        tokio::spawn(node.clone().scan_loop(stopping.clone())),
        tokio::spawn(node.clone().enrich_loop(virustotal, stopping.clone())),
        tokio::spawn(node.clone().sweep_loop(stopping.clone())),
        tokio::spawn(node.clone().learn_loop(stopping.clone())),
        tokio::spawn(node.clone().sync_loop(stopping.clone())),
        tokio::spawn(node.clone().attest_loop(stopping.clone())),
        tokio::spawn(node.clone().registry_loop(registry, stopping.clone())),
        tokio::spawn(node.clone().feeds_loop(feeds, stopping.clone())),
    ];
    let answering = tokio::spawn(node.clone().answer_loop(inbox.asked));
    let observer = node.clone();
    let receiver = node.clone();
    let threads = vec![
        thread("observe", move || observe::run(&observer, pipeline, &batches, &observing))?,
        thread("receive", move || receive::run(&receiver, inbox.events))?,
    ];
    let watch = Watch::start(follows, node.metrics().clone(), lines)
        .map_err(|why| NodeError::Request(format!("the watchers could not be started: {why}")))?;
    Ok(Running { node, stop, watch: Some(watch), threads, tasks, answering })
}

impl Running {
    /// Stops in the order of the flow: no more lines, what was read is stored,
    /// the mesh closes, what it brought is stored, the store closes. False if
    /// that did not fit into five seconds.
    pub async fn stop(mut self) -> bool {
        self.stop.send_replace(true);
        let watch = self.watch.take();
        let threads = std::mem::take(&mut self.threads);
        let node = self.node.clone();
        let mesh = node.inner.mesh.clone();
        let store = self.node.inner.store.clone();
        let tasks = std::mem::take(&mut self.tasks);
        let orderly = async move {
            for task in tasks {
                task.await.ok();
            }
            mesh.stop().await;
            // Members were served until now.
            self.answering.await.ok();
            node.write_passed().await;
            tokio::task::spawn_blocking(move || {
                drop(watch);
                for thread in threads {
                    thread.join().ok();
                }
                store.close();
            })
            .await
            .ok();
        };
        tokio::time::timeout(SHUTDOWN, orderly).await.is_ok()
    }
}

fn assemble(
    live: Live,
    keys: Keys,
    (store, tokens): (Store, Tokens),
    mesh: Mesh,
    metrics: Metrics,
    book: Book,
    keeper: Option<Keeper>,
) -> Node {
    let paths = live.config.watchers.paths.iter();
    let watchers = paths.map(|(source, path)| {
        let path = target(&live.config, path).name();
        WatcherStatus { source: *source, path, lines: 0, parse_failures: 0, sightings: 0 }
    });
    let scanned = scan::folder(&live.config).map(|folder| WatcherStatus {
        source: Source::Clamav,
        path: folder.path().to_string_lossy().into_owned(),
        lines: 0,
        parse_failures: 0,
        sightings: 0,
    });
    let inner = Inner {
        id: keys.identity.node_id(),
        community: live.config.node.community.clone(),
        started: clock::now(),
        watchers: Mutex::new(watchers.chain(scanned).collect()),
        feeds: Mutex::new(feeds::unread(&live)),
        tokens,
        pseudonyms: keys.pseudonyms,
        sealer: keys.sealer,
        store,
        mesh,
        metrics,
        live: snapshot::channel(Arc::new(live)).0,
        book: Mutex::new(book),
        due: Notify::new(),
        syncing: Syncing::default(),
        keeper,
    };
    Node { inner: Arc::new(inner) }
}

/// The certificates of the public listener, made at first need.
fn keeper(live: &Live, keys: &Keys) -> Result<Option<Keeper>, NodeError> {
    if live.config.api.listen.is_none() {
        return Ok(None);
    }
    let settings = tls::Settings::of(&live.config);
    Ok(Some(Keeper::new(settings, &keys.identity, &keys.sealer, clock::now())?))
}

fn open_store(live: &Live, keys: &Keys, metrics: &Metrics) -> Result<(Store, Book), NodeError> {
    let options = store::Options {
        max_bytes: u64::from(live.config.storage.max_gib) << 30,
        metrics: metrics.clone(),
    };
    let store =
        Store::open(&live.config.node.data_dir.join("store"), keys.sealer.clone(), options)?;
    let own = keys.identity.node_id();
    let mut book = Book::default();
    let mut revoked = false;
    for record in store.peers()? {
        revoked |= record.standing == Standing::Revoked;
        super::peers::restore(&mut book, record);
    }
    book.set_configured(live.configured_members(own));
    if revoked {
        let members = book.members().map(|member: &Member| member.node).collect();
        store.write(vec![Change::Orphan { members }]).wait()?;
    }
    Ok((store, book))
}

fn mesh_settings(
    live: &Live,
    keys: &Keys,
    book: &Book,
    seen: Vec<crate::model::ContentId>,
    metrics: &Metrics,
) -> mesh::Settings {
    let network = &live.config.network;
    mesh::Settings {
        seed: *keys.identity.seed(),
        community: live.config.node.community.clone(),
        listen: network.listen.clone(),
        external: network.external_addresses.clone(),
        allow_private: network.allow_private_addresses,
        max_connections: usize::try_from(network.max_connections).unwrap_or(usize::MAX),
        members: book.members().map(|m: &Member| (m.node, m.addresses.clone())).collect(),
        infrastructure: network.bootstraps.clone(),
        default_peers: network
            .default_peers
            .iter()
            .filter_map(|peer| match peer {
                DefaultPeer::Address(address) => Some(address.clone()),
                // Peers that speak only HTTP come with the node API.
                DefaultPeer::Https(_) => None,
            })
            .collect(),
        discoverable: network.discoverable,
        discover_every: Duration::from_secs(network.gossip_interval_seconds),
        relay: network.relay,
        upnp: network.upnp,
        seen,
        metrics: metrics.clone(),
        transport: mesh::Transport::Network,
    }
}

/// What to follow, each from where the store last knew it.
fn follows(config: &Config, store: &Store) -> Result<Vec<Follow>, NodeError> {
    let mut follows = Vec::new();
    for (source, path) in &config.watchers.paths {
        let target = target(config, path);
        let checkpoint = store.offset(*source, &target.name())?;
        let from = match config.watchers.from {
            config::From::Now => watch::From::Now,
            config::From::Start => watch::From::Start,
        };
        follows.push(Follow { source: *source, target, from, checkpoint });
    }
    Ok(follows)
}

fn target(config: &Config, path: &WatchPath) -> Target {
    match path {
        WatchPath::File(path) => Target::File(config.resolve(path)),
        WatchPath::Dir(path) => Target::Dir(config.resolve(path)),
        WatchPath::Journal(unit) => {
            Target::Journal(Journal { unit: unit.clone(), directory: None })
        }
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, NodeError> {
    std::thread::Builder::new()
        .name(format!("dtim-{name}"))
        .spawn(work)
        .map_err(|why| NodeError::Request(format!("no thread could be started: {why}")))
}
