//! Several connections with one peer: what `paths` decides is carried out here.

use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::core::ConnectedPoint;
use libp2p::multiaddr::{Multiaddr, Protocol as Part};
use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};

use super::actor::{Actor, dice};
use super::address::{far_end, ip, without_peer};
use super::paths::{self, Connection, Keeper};
use super::reach::Path;
use super::role::Role;

/// Between two attempts to reach a silent peer another way.
const RETRY_SILENT: Duration = Duration::from_secs(5);

impl Actor {
    /// What is known of a connection when it is made.
    pub(super) fn connection(
        &self,
        peer: &PeerId,
        id: ConnectionId,
        endpoint: &ConnectedPoint,
        now: Instant,
    ) -> Connection {
        let (address, own) = match endpoint {
            ConnectedPoint::Dialer { address, .. } => (without_peer(address), None),
            ConnectedPoint::Listener { local_addr, send_back_addr } => {
                (far_end(local_addr, send_back_addr), ip(local_addr))
            }
        };
        // Nobody comes through a NAT straight, unless this node punched a hole
        // for a member that is connected through a relay.
        let let_in = || {
            let link = self.links.get(peer);
            let relayed = link.is_some_and(|link| paths::has(&link.connections, Path::Relayed));
            relayed && self.nat.reach.verdict(now) != Some(true)
        };
        let path = if endpoint.is_relayed() {
            Path::Relayed
        } else if endpoint.is_listener() && let_in() {
            Path::Punched
        } else {
            Path::Direct
        };
        let heard = Some(now);
        Connection { id, address, path, dialled: endpoint.is_dialer(), own, opened: now, heard }
    }

    /// A ping was answered; or the peer does not answer any.
    pub(super) fn heard(
        &mut self,
        peer: &PeerId,
        connection: ConnectionId,
        heard: Option<Instant>,
    ) {
        let link = self.links.get_mut(peer);
        let mut connections = link.into_iter().flat_map(|link| &mut link.connections);
        if let Some(connection) = connections.find(|it| it.id == connection) {
            connection.heard = heard;
        }
    }

    /// Closes connections that are left over, and looks for better paths.
    pub(super) fn look_at_paths(&mut self, now: Instant) {
        let me = *self.swarm.local_peer_id();
        let (mut surplus, mut silent, mut relayed) = (Vec::new(), Vec::new(), Vec::new());
        for (peer, link) in &mut self.links {
            let role = self.swarm.behaviour().admission.role(peer);
            let keeper = match role {
                Role::Infrastructure => Keeper::Dialled,
                Role::Member | Role::Stranger if me < *peer => Keeper::Newest,
                Role::Member | Role::Stranger => Keeper::Other,
            };
            surplus.extend(paths::surplus(&link.connections, keeper, now));
            let tried = link.tried.is_some_and(|tried| now - tried < RETRY_SILENT);
            if paths::all_silent(&link.connections, now) && !tried {
                link.tried = Some(now);
                silent.push(*peer);
            }
            if role == Role::Member && paths::best(&link.connections) == Some(Path::Relayed) {
                relayed.push(*peer);
            }
        }
        for connection in surplus {
            self.swarm.close_connection(connection);
        }
        for peer in silent {
            tracing::debug!(%peer, "does not answer: tried another way");
            let addresses = self.book.addresses(&peer);
            self.dial_beside(peer, addresses, PeerCondition::NotDialing);
        }
        for (peer, again) in self.nat.attempts.due(&relayed, now, dice()) {
            self.try_straight(peer, again);
        }
        self.count_paths();
    }

    /// Tries to leave the relay: straight, and, by a fresh line through the relay,
    /// another hole punch, which its far end begins. The fresh line also starts
    /// what a relay allows one line from nothing.
    fn try_straight(&mut self, peer: PeerId, again: bool) {
        let straight = self.book.straight(&peer);
        self.dial_beside(peer, straight, PeerCondition::NotDialing);
        let line = self.links.get(&peer).and_then(|link| {
            let dialled = link.connections.iter().filter(|it| it.dialled);
            dialled.max_by_key(|it| it.opened).map(|it| it.address.clone())
        });
        if let Some(line) = line.filter(|_| again) {
            self.dial_beside(peer, vec![line], PeerCondition::Always);
        }
    }

    /// Dials a peer besides what the book does.
    pub(super) fn dial_beside(
        &mut self,
        peer: PeerId,
        mut addresses: Vec<Multiaddr>,
        condition: PeerCondition,
    ) {
        if addresses.is_empty() {
            return;
        }
        self.name_relay(peer, &mut addresses);
        let options = DialOpts::peer_id(peer).condition(condition).addresses(addresses).build();
        if let Err(error) = self.swarm.dial(options) {
            tracing::debug!(%peer, %error, "not dialled again");
        }
    }

    /// A line through a relay says whose relay it is only if that was dialled with
    /// its key.
    pub(super) fn name_relay(&self, peer: PeerId, addresses: &mut [Multiaddr]) {
        if self.role(&peer) == Role::Infrastructure {
            for address in addresses {
                address.push(Part::P2p(peer));
            }
        }
    }

    fn count_paths(&self) {
        for path in Path::ALL {
            let on_path = self.links.iter().filter(|(peer, link)| {
                self.role(peer) == Role::Member && paths::best(&link.connections) == Some(path)
            });
            let gauge = self.metrics.members_by_path.with_label_values(&[path.name()]);
            gauge.set(i64::try_from(on_path.count()).unwrap_or(i64::MAX));
        }
    }

    /// This host lost an address: connections from there are dead, and what could
    /// not be reached before may be reached now.
    pub(super) fn own_address_lost(&mut self, address: &Multiaddr, now: Instant) {
        let Some(lost) = ip(address) else { return };
        let connections = self.links.values().flat_map(|link| &link.connections);
        let dead: Vec<ConnectionId> =
            connections.filter(|it| it.own == Some(lost)).map(|it| it.id).collect();
        for connection in dead {
            self.swarm.close_connection(connection);
        }
        self.book.network_changed(now);
    }
}
