//! Places at relays: at which bootstrap to ask for one, and when again. Owns the
//! state of each. Pure: the caller tells the time, rolls the dice and listens.
//!
//! A reservation is a listener of libp2p's relay client, which renews it by
//! itself. It is never taken back: the client panics when the answer to a renewal
//! comes after its listener was removed. It ends with the connection.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Multiaddr;

use super::address::through;

/// Relays at which a place is held, so that one may fail.
const MOST: usize = 3;
/// The first pause after a refusal; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

#[derive(Debug)]
enum State {
    Idle { next: Instant },
    Asked(ListenerId),
    Held(ListenerId),
}

#[derive(Debug)]
struct Relay {
    /// Where it is, while it is connected.
    at: Option<Multiaddr>,
    state: State,
    failures: u32,
}

/// The relays and the places there.
#[derive(Debug)]
pub(super) struct Reservations {
    /// Bounded by the config.
    relays: HashMap<PeerId, Relay>,
}

impl Reservations {
    pub(super) fn new(relays: impl IntoIterator<Item = PeerId>, now: Instant) -> Self {
        let relay =
            |peer| (peer, Relay { at: None, state: State::Idle { next: now }, failures: 0 });
        Self { relays: relays.into_iter().map(relay).collect() }
    }

    /// This node dialled a relay and is connected straight with it.
    pub(super) fn connected(&mut self, relay: &PeerId, at: &Multiaddr, now: Instant) {
        let Some(relay) = self.relays.get_mut(relay) else { return };
        relay.at = Some(at.clone());
        // What was refused over another connection may be granted over this one.
        if let State::Idle { next } = &mut relay.state {
            *next = now;
            relay.failures = 0;
        }
    }

    /// The last connection with a relay is gone. Its listener ends by itself.
    pub(super) fn disconnected(&mut self, relay: &PeerId) {
        if let Some(relay) = self.relays.get_mut(relay) {
            relay.at = None;
        }
    }

    /// Where to listen now. Each must end with [`Self::asked`] or [`Self::refused`].
    pub(super) fn due(&self, now: Instant) -> Vec<(PeerId, Multiaddr)> {
        let busy = |relay: &&Relay| !matches!(relay.state, State::Idle { .. });
        let free = MOST.saturating_sub(self.relays.values().filter(busy).count());
        let due = self.relays.iter().filter_map(|(peer, relay)| match (&relay.at, &relay.state) {
            (Some(at), State::Idle { next }) if *next <= now => Some((*peer, through(*peer, at))),
            _ => None,
        });
        due.take(free).collect()
    }

    /// The relay is being asked.
    pub(super) fn asked(&mut self, relay: &PeerId, listener: ListenerId) {
        if let Some(relay) = self.relays.get_mut(relay) {
            relay.state = State::Asked(listener);
        }
    }

    /// The relay holds a place, or holds it for longer. True if it is a new one.
    pub(super) fn granted(&mut self, relay: &PeerId) -> bool {
        let Some(relay) = self.relays.get_mut(relay) else { return false };
        let State::Asked(listener) = relay.state else { return false };
        relay.state = State::Held(listener);
        relay.failures = 0;
        true
    }

    /// A listener ended; at which relay, and whether a place was lost, if it was
    /// one of these.
    pub(super) fn ended(
        &mut self,
        listener: ListenerId,
        now: Instant,
        dice: f64,
    ) -> Option<(PeerId, bool)> {
        let (peer, relay) = self.relays.iter_mut().find(|(_, relay)| match relay.state {
            State::Asked(other) | State::Held(other) => other == listener,
            State::Idle { .. } => false,
        })?;
        let held = matches!(relay.state, State::Held(_));
        relay.refused(now, dice);
        Some((*peer, held))
    }

    /// The relay cannot be asked.
    pub(super) fn refused(&mut self, relay: &PeerId, now: Instant, dice: f64) {
        if let Some(relay) = self.relays.get_mut(relay) {
            relay.refused(now, dice);
        }
    }

    /// Whether a relay holds a place.
    pub(super) fn holds(&self, relay: &PeerId) -> bool {
        self.relays.get(relay).is_some_and(|relay| matches!(relay.state, State::Held(_)))
    }

    /// How many places are held.
    pub(super) fn held(&self) -> usize {
        self.relays.values().filter(|relay| matches!(relay.state, State::Held(_))).count()
    }
}

impl Relay {
    fn refused(&mut self, now: Instant, dice: f64) {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let pause = doubled.min(LONGEST_PAUSE).mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0);
        self.state = State::Idle { next: now + pause };
    }
}
