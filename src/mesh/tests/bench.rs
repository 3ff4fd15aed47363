//! The gate without a network: what the swarm tells a behaviour, in any order.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{self, ConnectionId, FromSwarm};
use libp2p::{PeerId, relay};
use proptest::prelude::*;

use super::gate::gossip;
use super::peer_id;
use crate::mesh::address::through;
use crate::mesh::gate::Gate;
use crate::mesh::punch::Punch;

/// One step of the property test without a network.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// With a peer, perhaps through a relay.
    Connect(u8, bool),
    Close(u8),
    Allow(u8, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0_u8..3, any::<bool>()).prop_map(|(peer, relayed)| Step::Connect(peer, relayed)),
        2 => (0_u8..3).prop_map(Step::Close),
        2 => (0_u8..3, any::<bool>()).prop_map(|(peer, may)| Step::Allow(peer, may)),
    ];
    proptest::collection::vec(step, 0..60)
}

/// The swarm as a behaviour sees it. Roles flip while connections are open,
/// which admission prevents, so the gate has to be right by itself.
struct Bench<B> {
    behaviour: B,
    open: HashMap<u8, Vec<(ConnectionId, ConnectedPoint)>>,
    next: usize,
}

/// The far end, straight or through a relay.
fn point(relayed: bool) -> ConnectedPoint {
    let straight: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
    let address = if relayed { through(peer_id(9), &straight) } else { straight };
    ConnectedPoint::Dialer { address, role_override: Endpoint::Dialer, port_use: PortUse::Reuse }
}

impl<B: swarm::NetworkBehaviour> Bench<B> {
    fn new(behaviour: B) -> Self {
        Self { behaviour, open: HashMap::new(), next: 0 }
    }

    fn connect(&mut self, seed: u8, relayed: bool) {
        let (peer_id, connection_id) = (peer_id(seed), ConnectionId::new_unchecked(self.next));
        self.next += 1;
        let point = point(relayed);
        self.behaviour
            .handle_established_outbound_connection(
                connection_id,
                peer_id,
                point.get_remote_address(),
                Endpoint::Dialer,
                PortUse::Reuse,
            )
            .unwrap();
        let open = self.open.entry(seed).or_default();
        self.behaviour.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
            peer_id,
            connection_id,
            endpoint: &point,
            failed_addresses: &[],
            other_established: open.len(),
        }));
        open.push((connection_id, point));
    }

    fn step(&mut self, step: Step, allow: fn(&mut B, PeerId, bool)) {
        match step {
            Step::Connect(seed, relayed) => self.connect(seed, relayed),
            Step::Close(seed) => self.close(seed),
            Step::Allow(seed, may) => allow(&mut self.behaviour, peer_id(seed), may),
        }
    }

    fn close(&mut self, seed: u8) {
        let open = self.open.entry(seed).or_default();
        if open.is_empty() {
            return;
        }
        let (connection_id, point) = open.remove(0);
        self.behaviour.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
            peer_id: peer_id(seed),
            connection_id,
            endpoint: &point,
            cause: None,
            remaining_established: open.len(),
        }));
    }

    fn close_all(&mut self) {
        for seed in 0..3 {
            while self.open.get(&seed).is_some_and(|open| !open.is_empty()) {
                self.close(seed);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn flips_under_open_connections_neither_panic_nor_leak(steps in steps()) {
        let mut bench = Bench::new(Gate::new(gossip()));
        for step in steps {
            bench.step(step, Gate::allow);
            let known = bench.behaviour.inner().all_peers().count();
            prop_assert_eq!(known, bench.behaviour.peers());
        }
        bench.close_all();
        prop_assert_eq!(bench.behaviour.peers(), 0);
        prop_assert_eq!(bench.behaviour.inner().all_peers().count(), 0);
    }

    /// Relayed, then straight, then the relayed one goes, in any order: DCUtR and
    /// the relay client keep tables of straight connections and panic when they
    /// hear of one that is not in them.
    #[test]
    fn paths_change_under_flips_without_a_panic(steps in steps()) {
        let me = peer_id(7);
        let (_transport, relay) = relay::client::new(me);
        let mut punch = Bench::new(Gate::new(Punch::new(me)));
        let mut relay = Bench::new(Gate::new(relay));
        for step in steps {
            punch.step(step, Gate::allow);
            relay.step(step, Gate::allow);
        }
        punch.close_all();
        relay.close_all();
        prop_assert_eq!((punch.behaviour.peers(), relay.behaviour.peers()), (0, 0));
    }
}

#[test]
fn gossip_panics_when_it_is_told_of_connections_that_are_not_its_own() {
    let mut bench = Bench::new(gossip());
    bench.connect(1, false);
    bench.connect(1, false);
    // A connection that gossip has no handler for, counted as if it had one.
    let foreign = [77, 1].map(|id| (ConnectionId::new_unchecked(id), point(false)));
    bench.open.insert(1, foreign.to_vec());
    let closed = catch_unwind(AssertUnwindSafe(|| bench.close(1)));
    assert!(closed.is_err());
}
