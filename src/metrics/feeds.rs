//! What is counted of feeds. None of them has its name in a label.

use prometheus::{IntCounter, IntCounterVec, Registry};

use super::{counter, counters};

/// What is counted of feeds.
#[derive(Clone, Debug)]
pub struct Feeds {
    /// Reads by what came of them.
    pub reads: IntCounterVec,
    /// Objects read.
    pub objects: IntCounter,
    /// Objects that gave no indicator, by reason.
    pub refusals: IntCounterVec,
}

impl Feeds {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            reads: counters(
                registry,
                "feed_reads_total",
                "Reads of feeds by what came of them",
                &["result"],
            ),
            objects: counter(registry, "feed_objects_total", "Objects read from feeds"),
            refusals: counters(
                registry,
                "feed_refusals_total",
                "Objects of feeds that gave no indicator, by reason",
                &["reason"],
            ),
        }
    }
}
