//! The connections with one peer: which of them to close, when they are silent,
//! and when to try a straighter path. Pure: the caller tells the time and closes.
//!
//! A new path is made before the old one goes, so a peer is never away while its
//! connections change.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::ConnectionId;

use super::reach::Path;

/// A connection that is not needed any more is closed after this: what was asked
/// over it has been answered by then.
const GRACE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 30 });
/// A straight connection has shown after this that it carries, and the relay is
/// left; what a relay lets through is limited.
const PROVEN: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 6 });
/// Without the answer to a ping for so long, a connection may be dead: another is
/// tried beside it. A ping is sent every [`PING`].
const SILENT: Duration = Duration::from_secs(15);
/// How often to ask each connection whether it lives: an address that changed
/// behind a NAT shows in nothing else.
pub(super) const PING: Duration = Duration::from_secs(5);
/// From a relayed connection to the first straight attempt, beside the hole punch.
const FIRST_ATTEMPT: Duration = Duration::from_secs(3);
/// Between two attempts to leave the relay.
const NEXT_ATTEMPT: Duration = Duration::from_secs(300);

/// A connection with a peer.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    /// Its other end.
    pub(super) address: Multiaddr,
    pub(super) path: Path,
    pub(super) dialled: bool,
    /// This node's own end, if it is known.
    pub(super) own: Option<IpAddr>,
    pub(super) opened: Instant,
    /// When the last ping was answered; nothing if the peer answers none.
    pub(super) heard: Option<Instant>,
}

impl Connection {
    /// Whether it has not answered for too long.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.heard.is_some_and(|heard| now.duration_since(heard) > SILENT)
    }

    fn is_settled(&self, now: Instant) -> bool {
        now.duration_since(self.opened) > GRACE
    }

    /// Whether it carries without a relay.
    fn is_proven(&self, now: Instant) -> bool {
        let answered = self.heard.is_none_or(|heard| heard > self.opened);
        self.path != Path::Relayed && now.duration_since(self.opened) > PROVEN && answered
    }
}

/// The best path to a peer, if there is any.
pub(super) fn best(connections: &[Connection]) -> Option<Path> {
    connections.iter().map(|connection| connection.path).max()
}

/// Whether one of them takes a path.
pub(super) fn has(connections: &[Connection], path: Path) -> bool {
    connections.iter().any(|connection| connection.path == path)
}

/// Whether a peer has not answered over any connection.
pub(super) fn all_silent(connections: &[Connection], now: Instant) -> bool {
    connections.iter().all(|connection| connection.is_silent(now))
}

/// Who closes what is left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    /// This side, and the newest is kept. If both sides chose among equals, each
    /// might close what the other keeps.
    Newest,
    /// The other side chooses among equals.
    Other,
    /// A bootstrap: what this side dialled is kept, since a reservation hangs on
    /// it; what the bootstrap dialled was a test.
    Dialled,
}

/// The connections that are not needed any more.
pub(super) fn surplus(
    connections: &[Connection],
    keeper: Keeper,
    now: Instant,
) -> Vec<ConnectionId> {
    let relayed = |it: &&Connection| it.path == Path::Relayed;
    let lives = |it: &&Connection| !it.is_silent(now);
    let settled = |it: &&Connection| it.is_settled(now);
    let mut surplus = Vec::new();
    // What is dead while another lives may go at once, whoever keeps the rest.
    if connections.iter().filter(lives).any(|it| it.dialled || keeper != Keeper::Dialled) {
        surplus.extend(connections.iter().filter(|it| !lives(it)));
    }
    if keeper == Keeper::Dialled {
        surplus.extend(connections.iter().filter(settled).filter(|it| !it.dialled));
    } else if connections.iter().filter(lives).any(|it| it.is_proven(now)) {
        surplus.extend(connections.iter().filter(relayed));
    }
    if keeper == Keeper::Newest {
        for kind in [true, false] {
            let equals = || connections.iter().filter(|it| relayed(it) == kind && lives(it));
            let kept = equals().max_by_key(|it| it.opened).filter(settled);
            surplus.extend(equals().filter(|it| kept.is_some_and(|kept| kept.id != it.id)));
        }
    }
    let mut surplus: Vec<ConnectionId> = surplus.into_iter().map(|it| it.id).collect();
    surplus.sort_unstable();
    surplus.dedup();
    surplus
}

/// When to try the straight path to members that are behind a relay.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// Bounded by the members that are connected through a relay only.
    next: HashMap<PeerId, Attempt>,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    next: Instant,
    made: bool,
}

impl Attempts {
    /// Whose straight path to try now, of those who are connected through a relay
    /// only, and whether the hole punch is to be tried again as well: its three
    /// attempts at the beginning of a relayed connection are over by then.
    pub(super) fn due(
        &mut self,
        relayed: &[PeerId],
        now: Instant,
        dice: f64,
    ) -> Vec<(PeerId, bool)> {
        self.next.retain(|peer, _| relayed.contains(peer));
        let mut due = Vec::new();
        for peer in relayed {
            let first = Attempt { next: now + FIRST_ATTEMPT, made: false };
            let attempt = self.next.entry(*peer).or_insert(first);
            if attempt.next <= now {
                due.push((*peer, attempt.made));
                let pause = NEXT_ATTEMPT.mul_f64(0.9 + dice.clamp(0.0, 1.0) / 5.0);
                *attempt = Attempt { next: now + pause, made: true };
            }
        }
        due
    }
}
