//! Whom to dial, where, and when again. Owns the addresses of the peers this
//! node wants to be connected with and the back-off of each. Pure: the caller
//! tells the time, rolls the dice and does the dialling.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::ConnectionId;

use super::address::{peer_in, without_peer};

/// The first pause after a failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause: a member that approves us late is met within this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A connection that closes sooner was not wanted by the other side: it counts
/// as a failure, so that who denies us is not asked again and again.
const STABLE: Duration = Duration::from_secs(10);
/// Addresses learnt for one peer, besides those the operator gave.
const MAX_LEARNT: usize = 8;
/// Strangers whose addresses are kept in case they are approved.
const MAX_CANDIDATES: usize = 256;

/// Addresses that the operator named without a key that is approved.
const MAX_PROBES: usize = 256;

/// An attempt to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dial {
    /// A wanted peer at its addresses.
    Peer(PeerId, Vec<Multiaddr>),
    /// Whoever answers at an address that the operator named.
    Address(Multiaddr),
}

/// How things stand with a wanted peer that is not connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Away {
    pub(super) peer: PeerId,
    pub(super) addresses: Vec<Multiaddr>,
    pub(super) failures: u32,
    pub(super) closed_at_once: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Idle { next: Instant },
    Dialing,
    Connected { since: Instant },
}

#[derive(Debug)]
struct Entry {
    fixed: Vec<Multiaddr>,
    /// Newest first.
    learnt: Vec<Multiaddr>,
    link: Link,
    failures: u32,
    closed_at_once: bool,
}

impl Entry {
    fn addresses(&self) -> Vec<Multiaddr> {
        self.fixed.iter().chain(&self.learnt).cloned().collect()
    }

    fn pause(&mut self, now: Instant, dice: f64) {
        self.link = Link::Idle { next: now + pause(self.failures, dice) };
    }
}

/// An address whose peer is not known beforehand.
#[derive(Debug)]
struct Probe {
    address: Multiaddr,
    peer: Option<PeerId>,
    running: Option<ConnectionId>,
    next: Instant,
    failures: u32,
}

/// The book.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Bounded by the roles that the operator gave.
    entries: HashMap<PeerId, Entry>,
    /// Bounded by `MAX_PROBES`.
    probes: Vec<Probe>,
    /// Bounded by `MAX_CANDIDATES`.
    candidates: HashMap<PeerId, Vec<Multiaddr>>,
}

impl Book {
    /// Wants a peer, from this moment on and without a pause.
    pub(super) fn want(&mut self, peer: PeerId, addresses: &[Multiaddr], now: Instant) {
        let learnt = self.candidates.remove(&peer).unwrap_or_default();
        let entry = self.entries.entry(peer).or_insert_with(|| Entry {
            fixed: Vec::new(),
            learnt: Vec::new(),
            link: Link::Idle { next: now },
            failures: 0,
            closed_at_once: false,
        });
        let probed = self.probes.iter().filter(|probe| probe.peer == Some(peer));
        let named = addresses.iter().chain(probed.map(|probe| &probe.address));
        for address in named.map(without_peer) {
            if !entry.fixed.contains(&address) {
                entry.fixed.push(address);
            }
        }
        for address in learnt.iter().rev() {
            remember(&mut entry.learnt, address);
        }
        entry.failures = 0;
        entry.closed_at_once = false;
        if let Link::Idle { .. } = entry.link {
            entry.link = Link::Idle { next: now };
        }
    }

    /// No longer wants a peer, nor who answers where it did.
    pub(super) fn unwant(&mut self, peer: &PeerId) {
        self.entries.remove(peer);
        self.probes.retain(|probe| probe.peer != Some(*peer));
    }

    /// Wants whoever answers at an address.
    pub(super) fn probe(&mut self, address: Multiaddr, now: Instant) {
        let known = self.probes.iter().any(|probe| probe.address == address);
        if !known && self.probes.len() < MAX_PROBES {
            let peer = peer_in(&address);
            self.probes.push(Probe { address, peer, running: None, next: now, failures: 0 });
        }
    }

    /// A peer can be met there, somebody says.
    pub(super) fn learn(&mut self, peer: PeerId, address: &Multiaddr) {
        let address = without_peer(address);
        if let Some(entry) = self.entries.get_mut(&peer) {
            if !entry.fixed.contains(&address) {
                remember(&mut entry.learnt, &address);
            }
        } else if self.candidates.len() < MAX_CANDIDATES || self.candidates.contains_key(&peer) {
            remember(self.candidates.entry(peer).or_default(), &address);
        }
    }

    /// What is to be dialled now. Each attempt ends with [`Self::connected`],
    /// [`Self::failed`] or, for an address, [`Self::probe_ended`].
    pub(super) fn due(&mut self, now: Instant) -> Vec<Dial> {
        let mut dials = Vec::new();
        for (peer, entry) in &mut self.entries {
            let addresses = entry.addresses();
            if !addresses.is_empty() && matches!(entry.link, Link::Idle { next } if next <= now) {
                entry.link = Link::Dialing;
                dials.push(Dial::Peer(*peer, addresses));
            }
        }
        for probe in &self.probes {
            let answered = probe.peer.is_some_and(|peer| self.entries.contains_key(&peer));
            if !answered && probe.running.is_none() && probe.next <= now {
                dials.push(Dial::Address(probe.address.clone()));
            }
        }
        dials
    }

    /// An address is being dialled.
    pub(super) fn probe_started(&mut self, address: &Multiaddr, connection: ConnectionId) {
        if let Some(probe) = self.probes.iter_mut().find(|probe| probe.address == *address) {
            probe.running = Some(connection);
        }
    }

    /// A dial of an address ended, with or without a peer. False if it was none.
    pub(super) fn probe_ended(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        now: Instant,
        dice: f64,
    ) -> bool {
        let Some(probe) = self.probes.iter_mut().find(|probe| probe.running == Some(connection))
        else {
            return false;
        };
        probe.running = None;
        probe.peer = peer.or(probe.peer);
        probe.failures = probe.failures.saturating_add(1);
        probe.next = now + pause(probe.failures, dice);
        true
    }

    /// A peer is connected, whoever dialled.
    pub(super) fn connected(&mut self, peer: &PeerId, now: Instant) {
        if let Some(entry) = self.entries.get_mut(peer)
            && !matches!(entry.link, Link::Connected { .. })
        {
            entry.link = Link::Connected { since: now };
        }
    }

    /// The last connection with a peer is gone.
    pub(super) fn disconnected(&mut self, peer: &PeerId, now: Instant, dice: f64) {
        let Some(entry) = self.entries.get_mut(peer) else { return };
        let lasted = match entry.link {
            Link::Connected { since } => now.duration_since(since),
            Link::Idle { .. } | Link::Dialing => Duration::ZERO,
        };
        entry.closed_at_once = lasted < STABLE;
        entry.failures = if entry.closed_at_once { entry.failures.saturating_add(1) } else { 0 };
        entry.pause(now, dice);
    }

    /// A dial of a wanted peer failed.
    pub(super) fn failed(&mut self, peer: &PeerId, now: Instant, dice: f64) {
        if let Some(entry) = self.entries.get_mut(peer)
            && entry.link == Link::Dialing
        {
            entry.failures = entry.failures.saturating_add(1);
            entry.closed_at_once = false;
            entry.pause(now, dice);
        }
    }

    /// The wanted peers that are not connected.
    pub(super) fn away(&self) -> impl Iterator<Item = Away> + '_ {
        self.entries.iter().filter(|(_, entry)| !matches!(entry.link, Link::Connected { .. })).map(
            |(peer, entry)| Away {
                peer: *peer,
                addresses: entry.addresses(),
                failures: entry.failures,
                closed_at_once: entry.closed_at_once,
            },
        )
    }
}

/// Puts an address first; the oldest goes when there are too many.
fn remember(addresses: &mut Vec<Multiaddr>, address: &Multiaddr) {
    addresses.retain(|other| other != address);
    addresses.insert(0, address.clone());
    addresses.truncate(MAX_LEARNT);
}

/// Doubling, capped, and between half and all of it, so that many nodes that
/// lost the same peer do not come back in step. `dice` is in 0..1.
fn pause(failures: u32, dice: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_PAUSE).mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0)
}
