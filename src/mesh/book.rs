//! Whom to dial, where, and when again. Owns the addresses of the peers this
//! node wants to be connected with and the back-off of each. Pure: the caller
//! tells the time, rolls the dice and does the dialling.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::ConnectionId;

use super::address::{is_relayed, peer_in, relay_in, without_peer};

/// The first pause after a failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause: a member that approves us late is met within this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A connection that closes sooner was not wanted by the other side: it counts
/// as a failure, so that who denies us is not asked again and again.
const STABLE: Duration = Duration::from_secs(10);
/// Addresses learnt for one peer, besides those the operator gave.
const MAX_LEARNT: usize = 8;
/// Addresses dialled in one attempt: as many as libp2p dials at a time, because
/// what waits has run out of time when its turn comes. The others have the next.
const AT_ONCE: usize = 8;
/// Failures after which others are asked where a peer is.
const LOST: u32 = 2;
/// The first pause between two such questions; it doubles with each.
const FIRST_LOOKUP: Duration = Duration::from_secs(2);
/// The longest: who comes back without an address is found within this.
const LONGEST_LOOKUP: Duration = Duration::from_secs(300);
/// Peers that are looked for at once.
const LOOKUPS: usize = 4;
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
    /// What the operator gave and what was good before, newest last.
    fixed: Vec<Multiaddr>,
    /// Newest first.
    learnt: Vec<Multiaddr>,
    /// Where somebody else answered; bounded by the others.
    elsewhere: Vec<Multiaddr>,
    link: Link,
    failures: u32,
    closed_at_once: bool,
    lookups: u32,
    next_lookup: Instant,
}

impl Entry {
    fn new(now: Instant) -> Self {
        Self {
            fixed: Vec::new(),
            learnt: Vec::new(),
            elsewhere: Vec::new(),
            link: Link::Idle { next: now },
            failures: 0,
            closed_at_once: false,
            lookups: 0,
            next_lookup: now,
        }
    }

    /// All addresses, those that are given and those that are learnt in turn.
    fn addresses(&self) -> Vec<Multiaddr> {
        let (mut fixed, mut learnt) = (self.fixed.iter().rev(), self.learnt.iter());
        let mut addresses = Vec::new();
        loop {
            let pair = [learnt.next(), fixed.next()];
            if pair == [None, None] {
                return addresses;
            }
            addresses.extend(pair.into_iter().flatten().cloned());
        }
    }

    /// The addresses for the next attempt.
    fn attempt(&mut self) -> Vec<Multiaddr> {
        let mut addresses = self.addresses();
        addresses.retain(|address| !self.elsewhere.contains(address));
        if addresses.is_empty() {
            self.elsewhere.clear();
            addresses = self.addresses();
        }
        if addresses.len() > AT_ONCE {
            let turn = usize::try_from(self.failures).unwrap_or_default().wrapping_mul(AT_ONCE);
            let first = turn % addresses.len();
            addresses.rotate_left(first);
            addresses.truncate(AT_ONCE);
        }
        addresses
    }

    fn pause(&mut self, now: Instant, dice: f64) {
        self.link = Link::Idle { next: now + pause(self.failures, dice) };
    }

    /// Not later than that, if it is waited for.
    fn hurry(&mut self, at: Instant) {
        if let Link::Idle { next } = &mut self.link {
            *next = at.min(*next);
        }
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
        let entry = self.entries.entry(peer).or_insert_with(|| Entry::new(now));
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

    /// A peer can be met there, somebody says. Who moved is met soon.
    pub(super) fn learn(&mut self, peer: PeerId, address: &Multiaddr, now: Instant) {
        let address = without_peer(address);
        if let Some(entry) = self.entries.get_mut(&peer) {
            if entry.fixed.contains(&address) {
                return;
            }
            if !entry.learnt.contains(&address) {
                entry.hurry(now + FIRST_PAUSE);
            }
            remember(&mut entry.learnt, &address);
        } else if self.candidates.len() < MAX_CANDIDATES || self.candidates.contains_key(&peer) {
            remember(self.candidates.entry(peer).or_default(), &address);
        }
    }

    /// What is to be dialled now. Each attempt ends with [`Self::connected`],
    /// [`Self::failed`] or, for an address, [`Self::probe_ended`].
    pub(super) fn due(&mut self, now: Instant) -> Vec<Dial> {
        let mut dials = Vec::new();
        for (peer, entry) in &mut self.entries {
            if !matches!(entry.link, Link::Idle { next } if next <= now) {
                continue;
            }
            let addresses = entry.attempt();
            if !addresses.is_empty() {
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
            entry.elsewhere.clear();
            entry.lookups = 0;
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

    /// Somebody else answered where a peer was looked for. An address that was
    /// only learnt is forgotten, one that the operator gave is left out until
    /// nothing else is left.
    pub(super) fn answered_by_another(&mut self, peer: &PeerId, address: &Multiaddr) {
        let Some(entry) = self.entries.get_mut(peer) else { return };
        let address = without_peer(address);
        entry.learnt.retain(|other| *other != address);
        if entry.fixed.contains(&address) && !entry.elsewhere.contains(&address) {
            entry.elsewhere.push(address);
        }
    }

    /// This host is in another network now: what failed before may succeed.
    pub(super) fn network_changed(&mut self, now: Instant) {
        for entry in self.entries.values_mut() {
            entry.failures = 0;
            entry.hurry(now);
        }
        for probe in &mut self.probes {
            probe.failures = 0;
            probe.next = probe.next.min(now);
        }
    }

    /// A relay can be used: who is behind it can be met, and it can be asked.
    pub(super) fn relay_found(&mut self, relay: &PeerId, now: Instant) {
        for entry in self.entries.values_mut() {
            (entry.lookups, entry.next_lookup) = (0, now);
            let behind = |address: &Multiaddr| relay_in(address).as_ref() == Some(relay);
            if entry.fixed.iter().chain(&entry.learnt).any(behind) {
                entry.hurry(now);
            }
        }
    }

    /// Where to dial a wanted peer once more that is connected.
    pub(super) fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        let all = self.entries.get(peer).map_or_else(Vec::new, Entry::addresses);
        all.into_iter().take(AT_ONCE).collect()
    }

    /// The same without a relay.
    pub(super) fn straight(&self, peer: &PeerId) -> Vec<Multiaddr> {
        let all = self.entries.get(peer).map_or_else(Vec::new, Entry::addresses);
        all.into_iter().filter(|address| !is_relayed(address)).take(AT_ONCE).collect()
    }

    /// Whether a wanted peer is known to be there.
    pub(super) fn knows(&self, peer: &PeerId, address: &Multiaddr) -> bool {
        let known = |entry: &Entry| entry.fixed.contains(address) || entry.learnt.contains(address);
        self.entries.get(peer).is_some_and(known)
    }

    /// Every address that the operator named or that was good before.
    pub(super) fn named(&self) -> impl Iterator<Item = &Multiaddr> {
        let fixed = self.entries.values().flat_map(|entry| &entry.fixed);
        fixed.chain(self.probes.iter().map(|probe| &probe.address))
    }

    /// The wanted peers about whom others are to be asked now, since they are
    /// where nobody said, or not where they were.
    pub(super) fn lost(&mut self, now: Instant) -> Vec<PeerId> {
        let mut lost = Vec::new();
        for (peer, entry) in &mut self.entries {
            let gone = entry.failures >= LOST || entry.fixed.is_empty() && entry.learnt.is_empty();
            let connected = matches!(entry.link, Link::Connected { .. });
            if lost.len() < LOOKUPS && gone && !connected && entry.next_lookup <= now {
                let doubled = FIRST_LOOKUP.saturating_mul(1 << entry.lookups.min(16));
                entry.next_lookup = now + doubled.min(LONGEST_LOOKUP);
                entry.lookups = entry.lookups.saturating_add(1);
                lost.push(*peer);
            }
        }
        lost
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
