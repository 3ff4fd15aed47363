//! The one struct of counters, passed in where something is counted.
//!
//! The only place that knows Prometheus (and the OpenMetrics registry in which
//! libp2p keeps its own). Labels are bounded: never a peer, an indicator or an
//! organisation.

mod bootstrap;
mod feeds;
mod http;
mod text;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{
    Encoder as _, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

pub use bootstrap::Bootstrap;
pub use feeds::Feeds;
pub use http::Http;

/// Every counter of a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    /// libp2p's own counters, in its own registry.
    libp2p: Arc<Mutex<prometheus_client::registry::Registry>>,
    /// Lines read by source.
    pub lines: IntCounterVec,
    /// Lines that did not parse, by source and reason.
    pub parse_failures: IntCounterVec,
    /// Sightings by source.
    pub sightings: IntCounterVec,
    /// Detector buckets evicted because the table was full.
    pub detector_evictions: IntCounter,
    /// What happened to followed logs, by source and event: `rotated`, `let_go_early`,
    /// `cut` (a line at 64 KiB), `error`, `refused`, `gone`, `checkpoint_unreadable`,
    /// `neighbour` (another file grows instead); possible gaps: `truncated`, `gap`.
    pub tail_events: IntCounterVec,
    /// Lines that were not passed on, by source and reason: `unterminated`,
    /// `rewritten` (its file was, before it ended), `not_an_entry` (of the journal).
    pub lines_dropped: IntCounterVec,
    /// Files of the scanned folder, by what came of them.
    pub scans: IntCounterVec,
    /// New files of the scanned folder that clamd has not seen yet.
    pub scan_waiting: IntGauge,
    /// Questions to VirusTotal by what came of them.
    pub lookups: IntCounterVec,
    /// Indicators that wait until VirusTotal may be asked about them.
    pub lookup_waiting: IntGauge,
    /// Values refused by hygiene, by reason.
    pub hygiene_refusals: IntCounterVec,
    /// Claims by path (`gossip`, `own`, …) and verdict (`accept`, or the refusal's label).
    pub claims: IntCounterVec,
    /// Claims that the judge could not look at in time, by reason.
    pub judge_overflow: IntCounterVec,
    /// Times that no more was read from a member for a while, because it had taken
    /// its share of `time` or `bytes`, or too many of its messages were `unanswered`.
    pub paced: IntCounterVec,
    /// Times that gossip dropped messages for a member that did not read them in time.
    pub slow_members: IntCounter,
    /// Connected peers by role.
    pub peers: IntGaugeVec,
    /// Connected members by the straightest path to them.
    pub members_by_path: IntGaugeVec,
    /// 1 for the way in which others reach this node, 0 for all other ways.
    pub reachability: IntGaugeVec,
    /// Questions to bootstraps whether they can dial this node, by what came of them.
    pub autonat_tests: IntCounterVec,
    /// Places at relays by what became of them.
    pub relay_reservations: IntCounterVec,
    /// Attempts to leave a relay by what came of them.
    pub hole_punches: IntCounterVec,
    /// Connections refused, by reason.
    pub connections_refused: IntCounterVec,
    /// Members shut out for an hour, by what was too much: `rejected`, what every
    /// node refuses, or `quota`.
    pub shut_out: IntCounterVec,
    /// Strangers that knocked and were forgotten because the list was full.
    pub candidates_evicted: IntCounter,
    /// Indicators in the store by kind.
    pub indicators: IntGaugeVec,
    /// Claims waiting to leave.
    pub outbox: IntGauge,
    /// Claims of members for which there was no room.
    pub claims_without_room: IntCounter,
    /// Claims that take part in sync.
    pub sync_claims: IntGauge,
    /// Comparisons with members by what came of them.
    pub syncs: IntCounterVec,
    /// Bytes of sync by direction.
    pub sync_bytes: IntCounterVec,
    /// Questions of members by protocol and what came of them.
    pub exchanges: IntCounterVec,
    /// Egress rows written.
    pub egress_rows: IntCounter,
    /// Seconds from handing changes to the writer until they were durable.
    pub store_write_seconds: Histogram,
    /// Changes in one committed group.
    pub store_group_changes: Histogram,
    /// Bytes that the store takes on disk.
    pub store_bytes: IntGauge,
    /// What HTTPS counts.
    pub http: Http,
    /// What is counted of feeds.
    pub feeds: Feeds,
    /// What a bootstrap counts.
    pub bootstrap: Bootstrap,
}

impl Metrics {
    /// A fresh set, registered under the prefix `dtim_`.
    ///
    /// # Panics
    /// Never: the names are fixed, distinct and valid.
    #[must_use]
    #[allow(clippy::too_many_lines)] // a line or two for each metric
    pub fn new() -> Self {
        let registry = Registry::new();
        let metrics = Self {
            lines: counters(&registry, "watch_lines_total", "Log lines read", &["source"]),
            parse_failures: counters(
                &registry,
                "parse_failures_total",
                "Log lines that did not parse",
                &["source", "reason"],
            ),
            sightings: counters(&registry, "sightings_total", "Sightings by source", &["source"]),
            detector_evictions: counter(
                &registry,
                "detector_evictions_total",
                "Detector buckets evicted because the table was full",
            ),
            tail_events: counters(
                &registry,
                "tail_events_total",
                "Rotations, truncations, gaps and errors of followed files",
                &["source", "event"],
            ),
            lines_dropped: counters(
                &registry,
                "watch_lines_dropped_total",
                "Log lines that were not passed on",
                &["source", "reason"],
            ),
            scans: counters(
                &registry,
                "scans_total",
                "Files of the scanned folder by what came of them",
                &["result"],
            ),
            scan_waiting: gauge(
                &registry,
                "scan_waiting_files",
                "New files of the scanned folder that clamd has not seen yet",
            ),
            lookups: counters(
                &registry,
                "lookups_total",
                "Questions to VirusTotal by what came of them",
                &["result"],
            ),
            lookup_waiting: gauge(
                &registry,
                "lookup_waiting_indicators",
                "Indicators that wait until VirusTotal may be asked about them",
            ),
            hygiene_refusals: counters(
                &registry,
                "hygiene_refusals_total",
                "Values refused by hygiene",
                &["reason"],
            ),
            claims: counters(
                &registry,
                "claims_total",
                "Claims by path and verdict",
                &["path", "verdict"],
            ),
            judge_overflow: counters(
                &registry,
                "judge_overflow_total",
                "Gossip messages that the judge could not answer in time",
                &["reason"],
            ),
            paced: counters(
                &registry,
                "members_paced_total",
                "Times that no more was read from a member for a while",
                &["reason"],
            ),
            slow_members: counter(
                &registry,
                "members_slow_total",
                "Times that messages for a member that did not read them were dropped",
            ),
            peers: gauges(&registry, "peers_connected", "Connected peers by role", &["role"]),
            members_by_path: gauges(
                &registry,
                "members_connected",
                "Connected members by the straightest path to them",
                &["path"],
            ),
            reachability: gauges(
                &registry,
                "reachability",
                "1 for the way in which others reach this node",
                &["state"],
            ),
            autonat_tests: counters(
                &registry,
                "autonat_tests_total",
                "Questions to bootstraps whether they can dial this node, by what came of them",
                &["result"],
            ),
            relay_reservations: counters(
                &registry,
                "relay_reservations_total",
                "Places at relays by what became of them",
                &["result"],
            ),
            hole_punches: counters(
                &registry,
                "hole_punches_total",
                "Attempts to leave a relay by what came of them",
                &["result"],
            ),
            connections_refused: counters(
                &registry,
                "connections_refused_total",
                "Connections refused",
                &["reason"],
            ),
            shut_out: counters(
                &registry,
                "members_shut_out_total",
                "Members shut out for an hour because they misbehaved",
                &["reason"],
            ),
            candidates_evicted: counter(
                &registry,
                "candidates_evicted_total",
                "Candidates forgotten because the list was full",
            ),
            indicators: gauges(
                &registry,
                "indicators",
                "Indicators in the store by kind",
                &["kind"],
            ),
            outbox: gauge(&registry, "outbox_claims", "Claims waiting to leave"),
            claims_without_room: counter(
                &registry,
                "claims_without_room_total",
                "Claims of members for which there was no room in the store or in their share",
            ),
            sync_claims: gauge(&registry, "sync_claims", "Claims that take part in sync"),
            syncs: counters(
                &registry,
                "syncs_total",
                "Comparisons with members by what came of them",
                &["result"],
            ),
            sync_bytes: counters(
                &registry,
                "sync_bytes_total",
                "Bytes of sync messages by direction",
                &["direction"],
            ),
            exchanges: counters(
                &registry,
                "exchanges_total",
                "Questions of members outside gossip by protocol and what came of them",
                &["protocol", "result"],
            ),
            egress_rows: counter(
                &registry,
                "egress_rows_total",
                "Rows written to the egress ledger",
            ),
            store_write_seconds: histogram(
                &registry,
                "store_write_seconds",
                "Time from handing changes to the writer until they were durable",
                &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0],
            ),
            store_group_changes: histogram(
                &registry,
                "store_group_changes",
                "Changes in one committed group",
                &[1.0, 10.0, 100.0, 1000.0, 10000.0],
            ),
            store_bytes: gauge(&registry, "store_bytes", "Bytes that the store takes on disk"),
            http: Http::new(&registry),
            feeds: Feeds::new(&registry),
            bootstrap: Bootstrap::new(&registry),
            libp2p: Arc::new(Mutex::new(prometheus_client::registry::Registry::default())),
            registry,
        };
        let build = gauges(&metrics.registry, "build_info", "Version of this binary", &["version"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        register(&metrics.registry, prometheus::process_collector::ProcessCollector::for_self());
        metrics
    }

    /// Runs `register` on libp2p's registry, in which the swarm and its
    /// behaviours keep their counters.
    pub fn with_libp2p<T>(
        &self,
        register: impl FnOnce(&mut prometheus_client::registry::Registry) -> T,
    ) -> T {
        register(&mut self.libp2p.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The page for Prometheus: own and libp2p's counters in text format 0.0.4.
    #[must_use]
    pub fn page(&self) -> String {
        let mut own = Vec::new();
        // Encoding into memory fails only on inconsistent families, which `new` rules out.
        TextEncoder::new().encode(&self.registry.gather(), &mut own).ok();
        let mut foreign = String::new();
        let registry = self.libp2p.lock().unwrap_or_else(PoisonError::into_inner);
        prometheus_client::encoding::text::encode(&mut foreign, &registry).ok();
        String::from_utf8_lossy(&own).into_owned() + &text::text_format(&foreign)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn register(registry: &Registry, collector: impl prometheus::core::Collector + 'static) {
    // Two families of one name would be a mistake in this file, which the page's test finds.
    registry.register(Box::new(collector)).ok();
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("dtim")
}

macro_rules! family {
    ($name:ident, $type:ty) => {
        #[allow(clippy::expect_used)] // the names are literals of this file
        fn $name(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> $type {
            let family = <$type>::new(opts(name, help), labels).expect("a valid metric name");
            register(registry, family.clone());
            family
        }
    };
}
family!(counters, IntCounterVec);
family!(gauges, IntGaugeVec);

macro_rules! single {
    ($name:ident, $type:ty) => {
        #[allow(clippy::expect_used)] // the names are literals of this file
        fn $name(registry: &Registry, name: &str, help: &str) -> $type {
            let metric = <$type>::with_opts(opts(name, help)).expect("a valid metric name");
            register(registry, metric.clone());
            metric
        }
    };
}
single!(counter, IntCounter);
single!(gauge, IntGauge);

#[allow(clippy::expect_used)] // the names are literals of this file
fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
    let metric = Histogram::with_opts(opts).expect("a valid metric name");
    register(registry, metric.clone());
    metric
}
