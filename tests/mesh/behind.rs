//! Members behind routers, and what is outside: bootstraps and a member that all reach.

use std::net::Ipv4Addr;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::meeting::Meeting;
use crate::mesh::{alone, folder};
use crate::nat::{Mapping, Nat};
use crate::net::Net;
use crate::node::{Node, PORT, Way};
use crate::wait::{found_within, within};

/// Deadline of what should happen soon.
pub const SOON: Duration = Duration::from_secs(120);

/// What carries the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Tcp,
    Quic,
}

impl Carrier {
    /// Where one listens at an address.
    pub fn at(self, address: Ipv4Addr) -> String {
        match self {
            Self::Tcp => format!("/ip4/{address}/tcp/{PORT}"),
            Self::Quic => format!("/ip4/{address}/udp/{PORT}/quic-v1"),
        }
    }
}

/// What there is.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub carrier: Carrier,
    pub mapping: Mapping,
    pub bootstraps: usize,
    /// Whether there is a member with a public address.
    pub public: bool,
}

/// Two members behind routers of their own, perhaps a third that all reach, and
/// bootstraps. All members approved each other, and know the bootstraps and no address
/// of a member.
pub struct Behind {
    // The order is that of dropping: processes end before their namespaces.
    /// Two behind routers; then, if the plan has it, the public one.
    pub nodes: Vec<Node>,
    pub bootstraps: Vec<Meeting>,
    pub nats: [Nat; 2],
    _net: Net,
    _folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Behind {
    /// Makes everything and starts the bootstraps; none, with a word, where there can be
    /// no namespaces.
    pub fn new(plan: Plan) -> Option<Self> {
        let alone = alone();
        let net = Net::new(2 + usize::from(plan.public) + plan.bootstraps)?;
        let folder = folder();
        let nats = [0, 1].map(|node| Nat::new(&net, node, plan.mapping));
        let first = 2 + usize::from(plan.public);
        let bootstraps = (0..plan.bootstraps)
            .map(|n| Meeting::new(n, folder.path(), net.place(first + n), plan.carrier));
        let mut bootstraps: Vec<Meeting> = bootstraps.collect();
        bootstraps.iter_mut().for_each(Meeting::start);
        let mut places: Vec<_> = nats.iter().map(Nat::place).collect();
        places.extend(plan.public.then(|| net.place(2)));
        let nodes = places.into_iter().enumerate();
        let nodes: Vec<Node> = nodes.map(|(n, place)| Node::new(n, folder.path(), place)).collect();
        let behind = Self { nodes, bootstraps, nats, _net: net, _folder: folder, _alone: alone };
        behind.configure(plan.carrier);
        Some(behind)
    }

    fn configure(&self, carrier: Carrier) {
        let bootstraps: Vec<String> = self.bootstraps.iter().map(Meeting::address).collect();
        let listen = carrier.at(Ipv4Addr::UNSPECIFIED);
        let network = format!("listen = [{listen:?}]\nbootstraps = {bootstraps:?}\n");
        for node in &self.nodes {
            let others = self.nodes.iter().filter(|other| other.peer_id != node.peer_id);
            let peers: String = others.map(Node::as_peer_somewhere).collect();
            node.write_config(&network, "info,dtim=debug", &peers);
        }
    }

    /// Starts the members and waits until all are connected with all.
    pub fn started(mut self) -> Self {
        self.nodes.iter_mut().for_each(Node::spawn);
        self.nodes.iter().for_each(Node::answers);
        self.are_connected();
        self
    }

    /// Waits until all are connected with all.
    pub fn are_connected(&self) {
        for one in &self.nodes {
            for other in self.nodes.iter().filter(|other| other.peer_id != one.peer_id) {
                within(SOON, &format!("{} reaches {}", one.name, other.name), || {
                    (one.way_to(other) != Way::None).then_some(())
                });
            }
        }
    }

    /// Waits until the two behind routers reach each other directly; how long that took.
    pub fn are_direct(&self, deadline: Duration) -> Option<Duration> {
        let start = Instant::now();
        let [one, two] = [&self.nodes[0], &self.nodes[1]];
        let direct =
            || (one.way_to(two) == Way::Direct && two.way_to(one) == Way::Direct).then_some(());
        found_within(deadline, direct).map(|()| start.elapsed())
    }

    /// Waits until no member has a connection through a bootstrap any more.
    pub fn have_left_the_relay(&self) {
        for one in &self.nodes {
            for other in self.nodes.iter().filter(|other| other.peer_id != one.peer_id) {
                within(SOON, &format!("{} leaves the relay to {}", one.name, other.name), || {
                    let ends = one.ends_at(other);
                    let relayed = ends.iter().any(|end| end.contains("/p2p-circuit"));
                    (!ends.is_empty() && !relayed).then_some(())
                });
            }
        }
    }

    /// Each of the two behind routers tells the other something new.
    pub fn exchange(&self, deadline: Duration, first: u32) -> Duration {
        let start = Instant::now();
        let values = crate::mesh::values(first, 2);
        for (from, value) in [0, 1].into_iter().zip(&values) {
            self.nodes[from]
                .post(&["indicators"], &json!({ "value": value, "tlp": "green" }))
                .unwrap();
        }
        for (to, value) in [1, 0].into_iter().zip(&values) {
            let left = deadline.saturating_sub(start.elapsed());
            within(left, &format!("node {to} hears of {value}"), || self.nodes[to].knows(value));
        }
        start.elapsed()
    }
}
