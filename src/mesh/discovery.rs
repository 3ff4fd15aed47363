//! When to register at a bootstrap and when to ask it who is there. Owns the
//! state of each bootstrap. Pure: the caller tells the time and does the asking.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;

/// Registrations in one answer. Without a limit a full registry answers with
/// more than a message may hold, and every question fails.
pub(super) const PAGE: u64 = 100;
/// Pages asked for in one round: a community of a thousand is read in one.
const MAX_PAGES: u32 = 10;
/// The pause after a refused or failed registration.
const RETRY: Duration = Duration::from_secs(60);
/// The pause until an address of this node is known, or has settled.
const SETTLE: Duration = Duration::from_secs(1);

/// What a bootstrap gave for the next question.
pub(super) type Cookie = Vec<u8>;

/// A question to a bootstrap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Register this node there.
    Register(PeerId),
    /// Who came since the cookie.
    Discover(PeerId, Option<Cookie>),
}

#[derive(Debug)]
struct Point {
    connected: bool,
    registered: bool,
    register_at: Instant,
    discover_at: Instant,
    cookie: Option<Cookie>,
    pages: u32,
}

/// The bootstraps.
#[derive(Debug)]
pub(super) struct Discovery {
    /// Bounded by the config.
    points: HashMap<PeerId, Point>,
    discoverable: bool,
    interval: Duration,
}

impl Discovery {
    pub(super) fn new(
        bootstraps: impl IntoIterator<Item = PeerId>,
        discoverable: bool,
        interval: Duration,
        now: Instant,
    ) -> Self {
        let point = |peer| {
            let point = Point {
                connected: false,
                registered: false,
                register_at: now,
                discover_at: now,
                cookie: None,
                pages: 0,
            };
            (peer, point)
        };
        Self { points: bootstraps.into_iter().map(point).collect(), discoverable, interval }
    }

    /// The bootstraps and whether this node is registered there.
    pub(super) fn points(&self) -> impl Iterator<Item = (PeerId, bool)> + '_ {
        self.points.iter().map(|(peer, point)| (*peer, point.registered))
    }

    /// What to ask now. A question counts as asked; its answer, failure or the
    /// next round moves things on.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Ask> {
        let mut asks = Vec::new();
        for (peer, point) in self.points.iter_mut().filter(|(_, point)| point.connected) {
            if self.discoverable && point.register_at <= now {
                point.register_at = now + RETRY;
                asks.push(Ask::Register(*peer));
            }
            if point.discover_at <= now {
                point.discover_at = now + self.interval;
                asks.push(Ask::Discover(*peer, point.cookie.clone()));
            }
        }
        asks
    }

    /// A connection with a bootstrap: it may have restarted and forgotten us,
    /// and its cookies mean nothing any more.
    pub(super) fn connected(&mut self, peer: &PeerId, now: Instant) {
        if let Some(point) = self.points.get_mut(peer) {
            *point = Point {
                connected: true,
                registered: false,
                register_at: now,
                discover_at: now,
                cookie: None,
                pages: 0,
            };
        }
    }

    pub(super) fn disconnected(&mut self, peer: &PeerId) {
        if let Some(point) = self.points.get_mut(peer) {
            point.connected = false;
            point.registered = false;
        }
    }

    /// Registered for so many seconds: again when half of them are over.
    pub(super) fn registered(&mut self, peer: &PeerId, ttl: u64, now: Instant) {
        if let Some(point) = self.points.get_mut(peer) {
            point.registered = true;
            point.register_at = now + (Duration::from_secs(ttl) / 2).max(RETRY);
        }
    }

    pub(super) fn register_failed(&mut self, peer: &PeerId) {
        if let Some(point) = self.points.get_mut(peer) {
            point.registered = false;
        }
    }

    /// There is nothing to register yet.
    pub(super) fn no_address(&mut self, peer: &PeerId, now: Instant) {
        if let Some(point) = self.points.get_mut(peer) {
            point.register_at = now + SETTLE;
        }
    }

    /// What is registered is no longer true.
    pub(super) fn addresses_changed(&mut self, now: Instant) {
        for point in self.points.values_mut() {
            point.register_at = now + SETTLE;
        }
    }

    /// An answer with so many registrations. A full page has a next one. False
    /// if it holds more than was asked for: such a bootstrap is not to be trusted.
    pub(super) fn discovered(
        &mut self,
        peer: &PeerId,
        registrations: usize,
        cookie: Cookie,
        now: Instant,
    ) -> bool {
        let count = u64::try_from(registrations).unwrap_or(u64::MAX);
        let Some(point) = self.points.get_mut(peer) else { return false };
        if count > PAGE {
            point.discover_at = now + self.interval * MAX_PAGES;
            return false;
        }
        point.cookie = Some(cookie);
        point.pages += 1;
        if count == PAGE && point.pages < MAX_PAGES {
            point.discover_at = now;
        } else {
            point.pages = 0;
        }
        true
    }

    /// The bootstrap did not answer, or did not know the cookie.
    pub(super) fn discover_failed(&mut self, peer: &PeerId) {
        if let Some(point) = self.points.get_mut(peer) {
            point.cookie = None;
            point.pages = 0;
        }
    }
}
