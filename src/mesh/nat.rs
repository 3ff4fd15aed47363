//! Behind NAT: asking whether this node can be dialled, and holding places at
//! relays. What is decided stands in `reach` and `reserve`; here it is carried out.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::PeerCondition;
use libp2p::{PeerId, dcutr, identify, relay, upnp};

use super::actor::{Actor, dice};
use super::address::{is_global, is_relayed, node_of, relay_in, through, without_peer};
use super::autonat;
use super::paths::{self, Attempts};
use super::reach::{Claim, Path, Reach, Reachability, candidates};
use super::reserve::Reservations;
use super::role::Role;

/// A bootstrap that has been connected for so long and has not got through to this
/// node hardly will: it answers at once, or waits for what a NAT drops.
const SAYS_NOTHING: Duration = Duration::from_secs(2);
/// Addresses of this node that one relay may name.
const MAX_RELAYED: usize = 4;

/// Whether and how others reach this node.
pub(super) struct Nat {
    pub(super) reach: Reach,
    pub(super) reservations: Reservations,
    pub(super) attempts: Attempts,
    /// Whether a relay is to be used at all.
    relay: bool,
    /// Connected bootstraps that answer AutoNAT; bounded by the config.
    able: HashSet<PeerId>,
    /// Whether this node's addresses have changed since its peers were told.
    moved: bool,
    /// Told to others because a bootstrap got through; bounded by `reach`.
    proven: HashSet<Multiaddr>,
    said: Reachability,
}

impl Nat {
    /// With the bootstraps and what the operator says about this node's addresses.
    pub(super) fn new<'a>(
        bootstraps: impl IntoIterator<Item = PeerId>,
        external: impl IntoIterator<Item = &'a Multiaddr>,
        relay: bool,
        now: Instant,
    ) -> Self {
        let mut reach = Reach::default();
        for address in external {
            reach.claim(address, Claim::Operator);
        }
        Self {
            reach,
            reservations: Reservations::new(bootstraps, now),
            attempts: Attempts::default(),
            relay,
            able: HashSet::new(),
            moved: false,
            proven: HashSet::new(),
            said: Reachability::Unknown,
        }
    }
}

impl Actor {
    pub(super) fn reachability(&self, now: Instant) -> Reachability {
        let punched = self.links.iter().any(|(peer, link)| {
            self.role(peer) == Role::Member && paths::best(&link.connections) == Some(Path::Punched)
        });
        let reserved = self.nat.reservations.held() > 0;
        Reachability::new(self.nat.reach.verdict(now), reserved, punched)
    }

    /// Asks whoever is to be asked, and acts on what is known by now.
    pub(super) fn look_at_reach(&mut self, now: Instant) {
        self.say_how_reached(now);
        self.introduce();
        self.ask_bootstraps(now);
        self.tell_what_is_proven(now);
        if self.wants_relay(now) {
            for (relay, address) in self.nat.reservations.due(now) {
                match self.swarm.listen_on(address) {
                    Ok(listener) => self.nat.reservations.asked(&relay, listener),
                    Err(error) => {
                        tracing::debug!(%relay, %error, "the relay cannot be asked");
                        self.nat.reservations.refused(&relay, now, dice());
                    }
                }
            }
        }
        self.look_for_lost(now);
    }

    /// Members that are not where they were said to be, or of which nobody said
    /// where they are: others are asked, and it is tried whether they hold a place
    /// at one of this node's own bootstraps, since no address is needed for that.
    fn look_for_lost(&mut self, now: Instant) {
        let lines: Vec<Multiaddr> = self
            .links
            .iter()
            .filter_map(|(peer, link)| {
                let line = link.connections.iter().find(|it| it.dialled)?;
                (self.role(peer) == Role::Infrastructure).then(|| through(*peer, &line.address))
            })
            .collect();
        if lines.is_empty() && !self.somebody_to_ask() {
            return;
        }
        for peer in self.book.lost(now) {
            if self.role(&peer) == Role::Member {
                self.look_up(peer);
                let nobody_yet = PeerCondition::DisconnectedAndNotDialing;
                self.dial_beside(peer, lines.clone(), nobody_yet);
            }
        }
    }

    /// The connection with a bootstrap that this node made.
    fn line_to(&self, bootstrap: &PeerId) -> Option<ConnectionId> {
        let connections = &self.links.get(bootstrap)?.connections;
        connections.iter().find(|it| it.dialled).map(|it| it.id)
    }

    fn ask_bootstraps(&mut self, now: Instant) {
        for server in self.nat.able.clone() {
            let Some(line) = self.line_to(&server) else { continue };
            let autonat = self.swarm.behaviour_mut().autonat.inner_mut();
            if !autonat.is_asking(&server)
                && let Some(address) = self.nat.reach.due(server, now)
            {
                autonat.ask(server, line, address);
            }
        }
    }

    /// Others are told the addresses at which a bootstrap got through, as long as
    /// it does.
    fn tell_what_is_proven(&mut self, now: Instant) {
        let proven: HashSet<Multiaddr> = self.nat.reach.proven(now).cloned().collect();
        if proven == self.nat.proven {
            return;
        }
        for gone in self.nat.proven.difference(&proven) {
            self.swarm.remove_external_address(gone);
        }
        for new in proven.difference(&self.nat.proven) {
            self.swarm.add_external_address(new.clone());
        }
        self.nat.proven = proven;
        self.external_changed(now);
    }

    /// This node is met elsewhere from now on: bootstraps and members are told, a
    /// moment later, because changes come in groups.
    pub(super) fn external_changed(&mut self, now: Instant) {
        self.discovery.addresses_changed(now);
        self.nat.moved = true;
        self.publish_status();
    }

    /// Tells the connected peers where this node is met, which identify by itself
    /// does every five minutes.
    fn introduce(&mut self) {
        if std::mem::take(&mut self.nat.moved) {
            let peers: Vec<PeerId> = self.links.keys().copied().collect();
            self.swarm.behaviour_mut().identify.push(peers);
        }
    }

    fn wants_relay(&self, now: Instant) -> bool {
        let says_nothing = || {
            self.links.iter().any(|(peer, link)| {
                self.role(peer) == Role::Infrastructure
                    && link.connections.iter().any(|it| now - it.opened > SAYS_NOTHING)
            })
        };
        match self.nat.reach.verdict(now) {
            Some(reachable) => self.nat.relay && !reachable,
            None => self.nat.relay && says_nothing(),
        }
    }

    /// A bootstrap was dialled and is there.
    pub(super) fn bootstrap_found(&mut self, peer: PeerId, address: &Multiaddr, now: Instant) {
        self.nat.reservations.connected(&peer, address, now);
        self.dialable.set_relay(peer, true);
        self.book.relay_found(&peer, now);
    }

    /// The last connection with a bootstrap is gone.
    pub(super) fn bootstrap_lost(&mut self, peer: &PeerId) {
        self.nat.reservations.disconnected(peer);
        self.nat.able.remove(peer);
        self.dialable.set_relay(*peer, false);
    }

    /// What a bootstrap says about itself and about where it sees this node. Of
    /// others nothing is believed about this node's own address.
    pub(super) fn on_bootstrap_identified(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        info: &identify::Info,
    ) {
        if self.role(&peer) != Role::Infrastructure || self.line_to(&peer) != Some(connection) {
            return;
        }
        if info.protocols.contains(&autonat::ASK) {
            self.nat.able.insert(peer);
        }
        let seen = without_peer(&info.observed_addr);
        let mut candidates = candidates(&seen, self.swarm.listeners());
        candidates.retain(|address| self.may_dial(address));
        self.nat.reach.observed(peer, &candidates);
        // Also the port of this very connection: it may be the one that the NAT
        // keeps for this node, through which a hole is punched.
        if !is_relayed(&seen) && self.may_dial(&seen) && !candidates.contains(&seen) {
            candidates.push(seen);
        }
        for candidate in candidates {
            self.swarm.behaviour_mut().identify.propose(candidate);
        }
    }

    pub(super) fn on_autonat(&mut self, event: &autonat::Event) {
        let autonat::Event { server, address, tested } = event;
        tracing::debug!(%server, %address, tested = tested.label(), "a bootstrap was asked");
        self.metrics.autonat_tests.with_label_values(&[tested.label()]).inc();
        self.nat.reach.tested(*server, address, *tested, Instant::now());
        // The connection that it made for that is not needed any more.
        let Some(link) = self.links.get(server) else { return };
        for test in link.connections.iter().filter(|it| !it.dialled) {
            self.swarm.close_connection(test.id);
        }
    }

    pub(super) fn on_relay(&mut self, event: &relay::client::Event) {
        match event {
            relay::client::Event::ReservationReqAccepted { relay_peer_id, renewal, .. } => {
                let label = if *renewal { "renewed" } else { "granted" };
                self.metrics.relay_reservations.with_label_values(&[label]).inc();
                if self.nat.reservations.granted(relay_peer_id)
                    && let Some(bootstrap) = node_of(relay_peer_id)
                {
                    tracing::info!(%bootstrap, "members reach this node through this bootstrap");
                }
                self.publish_status();
            }
            relay::client::Event::OutboundCircuitEstablished { relay_peer_id, .. } => {
                tracing::debug!(relay = %relay_peer_id, "a line through the relay");
            }
            relay::client::Event::InboundCircuitEstablished { src_peer_id, .. } => {
                tracing::debug!(peer = %src_peer_id, "somebody comes through the relay");
            }
        }
    }

    /// A listener ended: a place at a relay, or a port of this host.
    pub(super) fn on_listener_closed(
        &mut self,
        listener: ListenerId,
        addresses: &[Multiaddr],
        reason: &Result<(), std::io::Error>,
    ) {
        let ended = self.nat.reservations.ended(listener, Instant::now(), dice());
        let Some((relay, held)) = ended else {
            tracing::error!(?reason, "a listener ended: nobody can connect there any more");
            return;
        };
        tracing::debug!(%relay, ?reason, held, "no place at the relay");
        let label = if held { "lost" } else { "refused" };
        self.metrics.relay_reservations.with_label_values(&[label]).inc();
        for address in addresses {
            self.swarm.remove_external_address(address);
        }
        if held && let Some(bootstrap) = node_of(&relay) {
            tracing::info!(%bootstrap, "this bootstrap holds no place for this node any more");
        }
        self.external_changed(Instant::now());
    }

    /// A relay names itself by a number, where the operator named it by a name:
    /// registries list only numbers.
    pub(super) fn on_relayed_address(&mut self, address: Multiaddr) {
        let same = |other: &&Multiaddr| relay_in(other) == relay_in(&address);
        let named = self.swarm.external_addresses().filter(same).count();
        if named < MAX_RELAYED && is_global(&address) && self.may_dial(&address) {
            self.swarm.add_external_address(address);
            self.external_changed(Instant::now());
        }
    }

    pub(super) fn on_punched(&mut self, event: dcutr::Event) {
        let peer = event.remote_peer_id;
        match event.result {
            Ok(connection) => {
                self.metrics.hole_punches.with_label_values(&["punched"]).inc();
                let link = self.links.get_mut(&peer);
                let mut connections = link.into_iter().flat_map(|link| &mut link.connections);
                if let Some(punched) = connections.find(|it| it.id == connection) {
                    punched.path = Path::Punched;
                }
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "no hole could be punched");
                self.metrics.hole_punches.with_label_values(&["failed"]).inc();
            }
        }
    }

    pub(super) fn on_upnp(&mut self, event: upnp::Event) {
        match event {
            upnp::Event::NewExternalAddr { external_addr, .. } => {
                tracing::info!("the router forwards a port to this node (UPnP)");
                self.nat.reach.claim(&external_addr, Claim::Router);
            }
            upnp::Event::ExpiredExternalAddr { external_addr, .. } => {
                tracing::info!("the router no longer forwards a port to this node (UPnP)");
                self.nat.reach.unclaim(&external_addr);
            }
            upnp::Event::GatewayNotFound => {
                tracing::info!("no router answers to UPnP: no port is forwarded to this node");
            }
            upnp::Event::NonRoutableGateway => {
                tracing::info!(
                    "the router that answers to UPnP is itself behind NAT: no port is forwarded"
                );
            }
        }
        self.publish_status();
    }

    /// Tells the metrics, and when that has changed the log and Kademlia.
    fn say_how_reached(&mut self, now: Instant) {
        let reachability = self.reachability(now);
        for state in Reachability::ALL {
            let gauge = self.metrics.reachability.with_label_values(&[state.name()]);
            gauge.set(i64::from(state == reachability));
        }
        if reachability != self.nat.said {
            tracing::info!(%reachability, "how others reach this node has changed");
            self.nat.said = reachability;
            self.answer_lookups(reachability == Reachability::Public);
        }
    }
}
