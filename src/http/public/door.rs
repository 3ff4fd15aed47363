//! Who may come in: connections and handshakes, in all and for each host. Pure but for
//! its lock; it is told the time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bootstrap::limiter::{Budget, Limiter};
use crate::model::{MINUTE, Timestamp};

/// Connections in all.
pub const MAX_CONNECTIONS: usize = 1024;
/// Connections of one host: an organisation's clients behind one address.
pub const MAX_PER_HOST: usize = 64;
/// Handshakes at a time, in all: many, because a small number that strangers can fill
/// would keep everybody out (threats.md, case 2).
pub const MAX_HANDSHAKES: usize = 256;
/// Handshakes of one host at a time.
pub const MAX_HANDSHAKES_PER_HOST: usize = 8;
/// Handshakes of one host in a while; each costs this machine a signature.
pub const ARRIVALS: Budget = Budget { requests: 600, seconds: MINUTE };
/// Hosts whose arrivals are remembered.
const MAX_HOSTS: usize = 4096;

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Its host has as many connections as one may have.
    Host,
    /// There are as many connections as there may be.
    Full,
    /// Too many handshakes are under way, of its host or in all.
    Handshakes,
    /// Its host comes too often.
    TooOften,
}

impl Closed {
    /// The metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Full => "full",
            Self::Handshakes => "handshakes",
            Self::TooOften => "too_often",
        }
    }
}

#[derive(Debug)]
struct Counts {
    /// Connections and handshakes by host; a host without either is not in it.
    hosts: HashMap<IpAddr, (usize, usize)>,
    connections: usize,
    handshakes: usize,
    arrivals: Limiter<IpAddr>,
}

/// The door. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Door {
    counts: Arc<Mutex<Counts>>,
}

impl Door {
    pub fn new() -> Self {
        let counts = Counts {
            hosts: HashMap::new(),
            connections: 0,
            handshakes: 0,
            arrivals: Limiter::new(ARRIVALS, MAX_HOSTS),
        };
        Self { counts: Arc::new(Mutex::new(counts)) }
    }

    /// Lets a connection in, whose handshake is still to come.
    pub fn enter(&self, ip: IpAddr, now: Timestamp) -> Result<Place, Closed> {
        let host = host(ip);
        let mut counts = self.lock();
        let (connections, handshakes) = counts.hosts.get(&host).copied().unwrap_or_default();
        if counts.handshakes >= MAX_HANDSHAKES || handshakes >= MAX_HANDSHAKES_PER_HOST {
            return Err(Closed::Handshakes);
        }
        if connections >= MAX_PER_HOST {
            return Err(Closed::Host);
        }
        if counts.connections >= MAX_CONNECTIONS {
            return Err(Closed::Full);
        }
        if !counts.arrivals.spend(&host, now) {
            return Err(Closed::TooOften);
        }
        counts.connections += 1;
        counts.handshakes += 1;
        counts.hosts.insert(host, (connections + 1, handshakes + 1));
        Ok(Place { door: self.clone(), host, shaking_hands: true })
    }

    /// Connections that are in.
    pub fn connections(&self) -> usize {
        self.lock().connections
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place; it is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    door: Door,
    host: IpAddr,
    shaking_hands: bool,
}

impl Place {
    /// The handshake is over.
    pub fn established(&mut self) {
        if std::mem::take(&mut self.shaking_hands) {
            let mut counts = self.door.lock();
            counts.handshakes = counts.handshakes.saturating_sub(1);
            if let Some((_, handshakes)) = counts.hosts.get_mut(&self.host) {
                *handshakes = handshakes.saturating_sub(1);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.established();
        let mut counts = self.door.lock();
        counts.connections = counts.connections.saturating_sub(1);
        if let Some((connections, _)) = counts.hosts.get_mut(&self.host) {
            *connections = connections.saturating_sub(1);
            if *connections == 0 {
                counts.hosts.remove(&self.host);
            }
        }
    }
}

/// An IPv4 address, or the /64 of an IPv6 address: one customer owns at least that much.
fn host(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}
