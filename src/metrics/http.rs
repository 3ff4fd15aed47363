//! What HTTPS counts: the public listener and the questions to a registry.

use prometheus::{IntCounterVec, IntGauge, Registry};

use super::{counters, gauge};

/// The counters of HTTPS.
#[derive(Clone, Debug)]
pub struct Http {
    /// Open connections of the public listener.
    pub connections: IntGauge,
    /// Connections that the public listener closed before a request, by reason.
    pub refused: IntCounterVec,
    /// This node's questions to the registry by what came of them.
    pub registry_requests: IntCounterVec,
}

impl Http {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            connections: gauge(
                registry,
                "http_connections",
                "Open connections of the public listener",
            ),
            refused: counters(
                registry,
                "http_connections_refused_total",
                "Connections that the public listener closed before a request",
                &["reason"],
            ),
            registry_requests: counters(
                registry,
                "registry_requests_total",
                "Questions to the registry by what came of them",
                &["result"],
            ),
        }
    }
}
