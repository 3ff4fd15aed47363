//! A mesh: a network, the nodes on it, and who approved whom.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::graph::Graph;
use crate::hop::Hop;
use crate::net::{Net, PREFIX, SWITCH, home};
use crate::node::Node;
use crate::wait::{found_within, within};

/// Deadline of what should happen at once.
const SOON: Duration = Duration::from_secs(60);
/// With fewer neighbours in its mesh than these a node asks for more (`mesh_n_low`).
const ENOUGH: usize = 3;

/// What is different from an ordinary mesh.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    /// On every way between two nodes.
    pub delay: Option<Duration>,
    /// More keys of `[network]`.
    pub network: &'static str,
    /// Claims are not logged: for so many that the logs would fill this machine.
    pub quiet: bool,
}

/// Only one mesh runs at a time: this machine is small, and the figures of two would be of
/// neither.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder for those who run, removed when dropped, and by a later run if this one is killed.
pub fn folder() -> TempDir {
    let prefix = format!("{PREFIX}{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir_in(home()).unwrap()
}

/// Running nodes.
pub struct Mesh {
    // The order is that of dropping: processes end before their namespaces.
    pub nodes: Vec<Node>,
    pub hops: Vec<Hop>,
    pub net: Net,
    pub graph: Graph,
    _folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Mesh {
    /// Makes the nodes; none, with a word, where there can be no namespaces.
    pub fn new(graph: Graph, terms: Terms) -> Option<Self> {
        let alone = alone();
        let net = Net::new(graph.size)?;
        let folder = folder();
        let nodes: Vec<Node> =
            (0..graph.size).map(|n| Node::new(n, folder.path(), net.place(n))).collect();
        let mut hops = Vec::new();
        let mut address = |to: usize| {
            let direct = nodes[to].address();
            let Some(delay) = terms.delay else { return direct };
            hops.push(Hop::new(&net.switch(), SWITCH, direct, delay));
            hops[hops.len() - 1].address
        };
        for (number, node) in nodes.iter().enumerate() {
            let peers = graph.neighbours(number).map(|n| nodes[n].as_peer(address(n)));
            node.configure(terms, &peers.collect::<String>());
        }
        Some(Self { nodes, hops, net, graph, _folder: folder, _alone: alone })
    }

    /// Makes and starts the nodes and waits until claims flow.
    pub fn start(graph: Graph) -> Option<Self> {
        Some(Self::new(graph, Terms::default())?.started())
    }

    /// Starts the nodes and waits until claims flow.
    pub fn started(mut self) -> Self {
        let mesh = &mut self;
        mesh.nodes.iter_mut().for_each(Node::spawn);
        mesh.nodes.iter().for_each(Node::answers);
        mesh.is_tied();
        self
    }

    /// Waits until all neighbours are connected and gossip knows them.
    pub fn is_tied(&self) {
        for (number, node) in self.nodes.iter().enumerate() {
            let wanted: BTreeSet<&str> =
                self.graph.neighbours(number).map(|n| self.nodes[n].name.as_str()).collect();
            within(SOON, &format!("{} is tied to {wanted:?}", node.name), || {
                let connected = node.connected();
                let gossips = connected.iter().filter(|(_, gossips)| *gossips).count();
                (connected.len() == wanted.len() && gossips >= ENOUGH.min(wanted.len()))
                    .then_some(())
            });
        }
    }

    /// Each value is added by the next of `by`, so many a second in all.
    pub fn add(&self, by: &[usize], values: &[String], rate: f64) {
        let start = Instant::now();
        for (at, value) in values.iter().enumerate() {
            let due = start + Duration::from_secs_f64(at as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let node = &self.nodes[by[at % by.len()]];
            node.post(&["indicators"], &json!({ "value": value, "tlp": "green" })).unwrap();
        }
    }

    /// Each of `by` finds its share of the values in its log, at once, as attackers of the
    /// last so many days.
    pub fn attack(&self, by: &[usize], values: &[String], days: usize) {
        let share = values.len().div_ceil(by.len());
        for (number, values) in by.iter().zip(values.chunks(share)) {
            self.nodes[*number].is_attacked_by(values, days);
        }
    }

    /// Waits until each of `among` knows so many indicators. How long that took.
    pub fn all_know(&self, among: &[usize], count: usize, deadline: Duration) -> Duration {
        let start = Instant::now();
        for &number in among {
            let left = deadline.saturating_sub(start.elapsed());
            let mut knows = 0;
            let node = &self.nodes[number];
            let enough = || {
                knows = node.count();
                (knows >= count as u64).then_some(())
            };
            found_within(left, enough).unwrap_or_else(|| {
                panic!("{} knows {knows} of {count} after {deadline:?}", node.name)
            });
        }
        start.elapsed()
    }

    /// Everybody.
    pub fn everybody(&self) -> Vec<usize> {
        (0..self.nodes.len()).collect()
    }

    /// Fails unless each of `among` lists exactly these values.
    pub fn all_list(&self, among: &[usize], values: &BTreeSet<String>) {
        for &number in among {
            let listed: BTreeSet<String> = self.nodes[number].values().into_iter().collect();
            let missing = values.difference(&listed).count();
            let more = listed.difference(values).count();
            assert!(missing + more == 0, "node {number}: {missing} missing, {more} too many");
        }
    }

    /// All end in order.
    pub fn stop(self) {
        self.stop_and(|| ());
    }

    /// All end in order; then something is done before their folders go.
    pub fn stop_and(mut self, then: impl FnOnce()) {
        self.nodes.iter_mut().for_each(Node::stop);
        then();
    }
}

/// Addresses that nobody has as their own and no list calls benign, from the `first` on.
pub fn values(first: u32, count: usize) -> Vec<String> {
    let base = u32::from(std::net::Ipv4Addr::new(45, 128, 0, 1));
    let value = |n| std::net::Ipv4Addr::from(base + n).to_string();
    (first..first + count as u32).map(value).collect()
}
