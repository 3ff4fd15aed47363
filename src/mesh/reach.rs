//! Whether others reach this node, and how. Owns what is known of its own
//! addresses: who claims them, who sees them, who could dial them. Pure: the
//! caller tells the time and does the asking.
//!
//! One bootstrap alone that says "not reachable" is enough to reserve a place at
//! a relay: that costs little, while a node that wrongly believes it is reachable
//! is cut off.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::multiaddr::{Multiaddr, Protocol};

use super::address::{ip, is_relayed, without_peer};

/// A test that was not answered by then is asked again.
const PATIENCE: Duration = Duration::from_secs(60);
/// A bootstrap dials one host once a minute (threat case 14): after a refusal.
const REFUSED: Duration = Duration::from_secs(90);
/// An address is tested again after this: forwardings come and go.
const AGAIN: Duration = Duration::from_secs(900);
/// What a test said counts for so long.
const COUNTS: Duration = Duration::from_secs(3600);
/// Addresses of this node that are kept for one observer, each tested.
pub(super) const MAX_OBSERVED: usize = 4;

/// How a connection gets to its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Path {
    /// Through a relay, which sees encrypted bytes.
    Relayed,
    /// Straight, after both sides opened their NAT at once.
    Punched,
    /// Straight.
    Direct,
}

impl Path {
    /// Every path.
    pub const ALL: [Self; 3] = [Self::Direct, Self::Punched, Self::Relayed];

    /// The name, as it stands in metrics and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Punched => "punched",
            Self::Relayed => "relayed",
        }
    }
}

/// Whether others reach this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reachability {
    /// Nobody has tried yet, and there is no reservation.
    #[default]
    Unknown,
    /// Anybody who may can dial it.
    Public,
    /// Through a relay at first, and at least one member straight after that.
    Punched,
    /// Through a relay only.
    Relayed,
    /// Only members that it dials itself.
    Unreachable,
}

impl Reachability {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Unknown, Self::Public, Self::Punched, Self::Relayed, Self::Unreachable];

    /// From what is known: the tests, whether a relay holds a place for this
    /// node, and whether a hole to some member was punched.
    #[must_use]
    pub fn new(tested: Option<bool>, reserved: bool, punched: bool) -> Self {
        match (tested, reserved, punched) {
            (Some(true), _, _) => Self::Public,
            (_, true, true) => Self::Punched,
            (_, true, false) => Self::Relayed,
            (Some(false), false, _) => Self::Unreachable,
            (None, false, _) => Self::Unknown,
        }
    }

    /// The name, as it stands in metrics and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Public => "public",
            Self::Punched => "punched",
            Self::Relayed => "relayed",
            Self::Unreachable => "unreachable",
        }
    }
}

impl fmt::Display for Reachability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What came of dialling an address of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tested {
    /// The bootstrap came through.
    Reached,
    /// It did not.
    NotReached,
    /// It did not try, or did not say.
    NoAnswer,
}

impl Tested {
    /// The outcome as a metric label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::NotReached => "not_reached",
            Self::NoAnswer => "no_answer",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Vote {
    reached: bool,
    at: Instant,
}

#[derive(Debug)]
struct Turn {
    vote: Option<Vote>,
    next: Instant,
}

/// Who says that an address is this node's, other than those who see it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The operator, in the config.
    Operator,
    /// The router, which forwards a port.
    Router,
}

/// Who says that a host is this node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Learnt {
    /// The router (UPnP).
    Router,
    /// Two bootstraps, which reached it there. One alone could make this node
    /// take any address for its own, and say nothing about it.
    Bootstraps,
}

impl Learnt {
    /// The name, as it stands in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Router => "upnp",
            Self::Bootstraps => "autonat",
        }
    }
}

#[derive(Debug, Default)]
struct Own {
    claimed: Option<Claim>,
    /// Who sees this node there.
    observers: BTreeSet<PeerId>,
    /// By whom it was tested; bounded by the bootstraps of the config.
    turns: HashMap<PeerId, Turn>,
}

/// This node's addresses.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Bounded by what is claimed and by [`MAX_OBSERVED`] for each bootstrap.
    own: HashMap<Multiaddr, Own>,
}

impl Reach {
    /// Somebody who must know says that this node is there.
    pub(super) fn claim(&mut self, address: &Multiaddr, by: Claim) {
        self.own.entry(without_peer(address)).or_default().claimed = Some(by);
    }

    /// It is no longer claimed.
    pub(super) fn unclaim(&mut self, address: &Multiaddr) {
        if let Some(own) = self.own.get_mut(&without_peer(address)) {
            own.claimed = None;
        }
        self.forget_unseen();
    }

    /// Where a bootstrap sees this node now. What it saw before is forgotten.
    pub(super) fn observed(&mut self, observer: PeerId, addresses: &[Multiaddr]) {
        for own in self.own.values_mut() {
            own.observers.remove(&observer);
        }
        for address in addresses.iter().take(MAX_OBSERVED) {
            self.own.entry(address.clone()).or_default().observers.insert(observer);
        }
        self.forget_unseen();
    }

    fn forget_unseen(&mut self) {
        self.own.retain(|_, own| own.claimed.is_some() || !own.observers.is_empty());
    }

    /// Which address a bootstrap that is free shall dial now, if any. It dials only
    /// where it sees this node, so of what is claimed only the same host is asked
    /// for. It counts as asked; its answer or the end of patience moves things on.
    pub(super) fn due(&mut self, server: PeerId, now: Instant) -> Option<Multiaddr> {
        let seen = self.own.iter().filter(|(_, own)| own.observers.contains(&server));
        let hosts: Vec<IpAddr> = seen.filter_map(|(address, _)| ip(address)).collect();
        let due = |(address, own): &(&Multiaddr, &mut Own)| {
            ip(address).is_some_and(|host| hosts.contains(&host))
                && own.turns.get(&server).is_none_or(|turn| turn.next <= now)
        };
        let (address, own) = self.own.iter_mut().find(due)?;
        let turn = own.turns.entry(server).or_insert(Turn { vote: None, next: now });
        turn.next = now + PATIENCE;
        Some(address.clone())
    }

    /// What came of it.
    pub(super) fn tested(
        &mut self,
        server: PeerId,
        address: &Multiaddr,
        tested: Tested,
        now: Instant,
    ) {
        let Some(turn) = self.own.get_mut(address).and_then(|own| own.turns.get_mut(&server))
        else {
            return;
        };
        let (reached, pause) = match tested {
            Tested::Reached => (true, AGAIN),
            Tested::NotReached => (false, AGAIN),
            Tested::NoAnswer => {
                turn.next = now + REFUSED;
                return;
            }
        };
        *turn = Turn { vote: Some(Vote { reached, at: now }), next: now + pause };
    }

    /// Whether this node is reachable, if anybody knows: at one address at least,
    /// and no bootstrap says the contrary of it.
    pub(super) fn verdict(&self, now: Instant) -> Option<bool> {
        let public = self.own.values().any(|own| own.public(now));
        let refuted = || self.own.values().any(|own| own.votes(now).any(|reached| !reached));
        if public { Some(true) } else { refuted().then_some(false) }
    }

    /// The addresses that others saw and that were reached: worth telling.
    pub(super) fn proven(&self, now: Instant) -> impl Iterator<Item = &Multiaddr> {
        self.own
            .iter()
            .filter(move |(_, own)| own.claimed.is_none() && own.public(now))
            .map(|(address, _)| address)
    }

    /// The hosts that were learnt to be this node's.
    pub(super) fn hosts(&self, now: Instant) -> BTreeMap<IpAddr, Learnt> {
        let learnt = self.own.iter().filter_map(|(address, own)| {
            let agree = || own.public(now) && own.votes(now).count() >= 2;
            let learnt = match own.claimed {
                Some(Claim::Router) => Learnt::Router,
                Some(Claim::Operator) => return None,
                None => agree().then_some(Learnt::Bootstraps)?,
            };
            Some((ip(address)?, learnt))
        });
        learnt.collect()
    }
}

impl Own {
    fn votes(&self, now: Instant) -> impl Iterator<Item = bool> + '_ {
        let votes = self.turns.values().filter_map(|turn| turn.vote);
        votes.filter(move |vote| now.duration_since(vote.at) < COUNTS).map(|vote| vote.reached)
    }

    fn public(&self, now: Instant) -> bool {
        let mut reached = self.claimed.is_some();
        for vote in self.votes(now) {
            if !vote {
                return false;
            }
            reached = true;
        }
        reached
    }
}

/// Where this node may be, from where a peer sees one of its connections: at the
/// ports on which it listens, since the port of a connection may be one that the
/// NAT made up for it. Nothing if the peer speaks of a relay, or of a name.
pub(super) fn candidates<'a>(
    observed: &Multiaddr,
    listen: impl Iterator<Item = &'a Multiaddr>,
) -> Vec<Multiaddr> {
    let mut candidates = Vec::new();
    let Some(host) = observed.iter().next().filter(|_| !is_relayed(observed)) else {
        return candidates;
    };
    for address in listen.filter(|address| !is_relayed(address)) {
        let same_family = matches!(
            (address.iter().next(), &host),
            (Some(Protocol::Ip4(_)), Protocol::Ip4(_)) | (Some(Protocol::Ip6(_)), Protocol::Ip6(_))
        );
        let port = without_peer(address);
        let candidate = std::iter::once(host.clone()).chain(port.iter().skip(1)).collect();
        if same_family && !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
    candidates
}
