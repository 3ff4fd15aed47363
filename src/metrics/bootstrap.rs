//! What a bootstrap counts.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry};

use super::{counter, counters, gauge};

/// The counters of the bootstrap role.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// Registrations held.
    pub registrations: IntGauge,
    /// Registrations refused, by reason.
    pub registrations_refused: IntCounterVec,
    /// Reservations held at the relay.
    pub relay_reservations: IntGauge,
    /// Connections that the relay carries.
    pub relay_circuits: IntGauge,
    /// What the relay was asked for (`reservation`, `circuit`), by what came of it:
    /// `accepted`, no place (`peer`, `neighbourhood`, `full`, `busy`), `no_reservation`,
    /// `failed`.
    pub relay_requests: IntCounterVec,
    /// Dials to test whether a node can be reached, by what came of them: `connected`,
    /// `failed`, or why there was none.
    pub dial_backs: IntCounterVec,
    /// Nodes that Kademlia finds.
    pub kademlia_nodes: IntGauge,
    /// Questions to Kademlia by kind.
    pub kademlia_requests: IntCounterVec,
    /// Peers that were shut out, by the service that they asked too often.
    pub peers_shut_out: IntCounterVec,
    /// Connections closed because memory ran out.
    pub connections_shed: IntCounter,
}

impl Bootstrap {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            registrations: gauge(registry, "registrations", "Registrations held by this bootstrap"),
            registrations_refused: counters(
                registry,
                "registrations_refused_total",
                "Registrations refused by this bootstrap",
                &["reason"],
            ),
            relay_reservations: gauge(
                registry,
                "relay_reservations",
                "Nodes that can be reached through this bootstrap's relay",
            ),
            relay_circuits: gauge(
                registry,
                "relay_circuits",
                "Connections that this bootstrap relays",
            ),
            relay_requests: counters(
                registry,
                "relay_requests_total",
                "Requests to this bootstrap's relay by what came of them",
                &["request", "result"],
            ),
            dial_backs: counters(
                registry,
                "dial_backs_total",
                "Dials of this bootstrap to test whether a node can be reached",
                &["result"],
            ),
            kademlia_nodes: gauge(
                registry,
                "kademlia_nodes",
                "Nodes that this bootstrap's Kademlia finds",
            ),
            kademlia_requests: counters(
                registry,
                "kademlia_requests_total",
                "Questions to this bootstrap's Kademlia",
                &["request"],
            ),
            peers_shut_out: counters(
                registry,
                "peers_shut_out_total",
                "Peers shut out for ten minutes because they asked this bootstrap too often",
                &["service"],
            ),
            connections_shed: counter(
                registry,
                "connections_shed_total",
                "Connections closed by this bootstrap because memory ran out",
            ),
        }
    }
}
