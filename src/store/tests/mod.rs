//! What the store's tests share: a store in a folder of its own, with a clock
//! that the test turns, and claims that passed the wire.

mod claims;
mod durable;
mod evidence;
mod ledger;
mod opening;
mod outbox;
mod properties;
mod purge;
mod search;
mod sync;
mod views;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::{Applied, Change, Hold, Options, Store, StoreError, index};
use crate::ageing;
use crate::keys::{PseudonymSecret, Sealer};
use crate::metrics::Metrics;
use crate::model::{
    Audience, Claim, Community, Confidence, Kind, NodeId, Origin, Scope, Sighting, Source,
    Timestamp, Tlp, Value,
};
use crate::wire::{self, SignedClaim, Verified};

/// 2026-11-20, 12:00:00 UTC.
const NOW: Timestamp = Timestamp(1_795_176_000);
const GIB: u64 = 1 << 30;

/// A store and what it stands on.
struct Bench {
    dir: TempDir,
    clock: Arc<AtomicU64>,
    max_bytes: u64,
    max_indexed: usize,
    metrics: Metrics,
    store: Option<Store>,
}

impl Bench {
    fn new() -> Self {
        Self::with(GIB, index::MAX_INDEXED)
    }

    fn with(max_bytes: u64, max_indexed: usize) -> Self {
        let mut bench = Self::closed(max_bytes, max_indexed);
        bench.open();
        bench
    }

    /// An empty folder.
    fn closed(max_bytes: u64, max_indexed: usize) -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            clock: Arc::new(AtomicU64::new(NOW.0 * 1_000_000)),
            max_bytes,
            max_indexed,
            metrics: Metrics::new(),
            store: None,
        }
    }

    fn open(&mut self) {
        self.store = Some(self.try_open(sealer()).unwrap());
    }

    fn try_open(&self, sealer: Sealer) -> Result<Store, StoreError> {
        let clock = Arc::clone(&self.clock);
        let options = Options { max_bytes: self.max_bytes, metrics: self.metrics.clone() };
        let clock = Box::new(move || clock.load(Ordering::Relaxed));
        Store::open_by(&self.path(), sealer, options, self.max_indexed, clock)
    }

    fn reopen(&mut self) {
        self.store = None;
        self.open();
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    fn set_clock(&self, now: Timestamp) {
        self.clock.store(now.0 * 1_000_000, Ordering::Relaxed);
    }

    /// Writes and waits.
    fn write(&self, changes: Vec<Change>) -> Vec<Applied> {
        self.write_all(changes).unwrap()
    }

    fn write_all(&self, changes: Vec<Change>) -> Result<Vec<Applied>, StoreError> {
        self.store().write(changes).wait()
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }
}

fn sealer() -> Sealer {
    Sealer::new([7; 32])
}

/// The `n`th of a row of public addresses.
fn ip(n: u32) -> Value {
    let [_, _, c, d] = n.to_be_bytes();
    Value::parse(&Kind::Ip, &format!("45.83.{c}.{d}")).unwrap()
}

fn node(n: u8) -> NodeId {
    NodeId::from_public_key([n; 32])
}

fn sighting(value: Value, at: Timestamp) -> Sighting {
    Sighting {
        value,
        origin: Origin::Log(Source::Ufw),
        at,
        confidence: Confidence::new(70).unwrap(),
        tags: ["scan".parse().unwrap()].into(),
        scope: Scope::new(Tlp::Green, []),
        custom: [].into(),
    }
}

fn saw(value: Value, at: Timestamp) -> Change {
    Change::Sighting(sighting(value, at))
}

/// The wish to tell what ufw saw, at a time.
fn tell(value: &Value, members: &[NodeId], due: Timestamp) -> Change {
    let members = members.iter().copied().collect();
    let origin = Origin::Log(Source::Ufw);
    Change::Tell { indicator: value.id(), origin, members, hold: Hold::none(due) }
}

/// The operator's word on all that was seen.
fn word(value: &Value, scope: Scope, audiences: &[Audience]) -> Change {
    Change::Scope {
        indicator: value.id(),
        only: None,
        scope,
        audiences: audiences.iter().map(|audience| (*audience, 0)).collect(),
        hold: Hold::none(NOW),
        take_back: Hold::none(NOW),
    }
}

fn community() -> Community {
    Community::new("test").unwrap()
}

/// A claim by the `reporter`th reporter, made from a sighting at a time.
fn claim(value: &Value, tlp: Tlp, modified: Timestamp, revision: u64) -> Claim {
    Claim {
        value: value.clone(),
        tlp,
        until: ageing::end_of(value.kind(), modified),
        revision,
        confidence: Confidence::new(80),
        created: Some(modified),
        modified: Some(modified),
        sightings: None,
        tags: Vec::new(),
        custom: [].into(),
        retracted: false,
    }
}

fn signed(claim: &Claim, reporter: u8, audience: Audience) -> SignedClaim {
    let secret = PseudonymSecret::from_bytes([reporter; 32]);
    let key = secret.derive(&community(), claim.indicator(), audience, 0);
    wire::sign_claim(claim, &key, &community()).unwrap()
}

fn verified(claim: &Claim, reporter: u8) -> Verified {
    let path = if claim.tlp <= Tlp::Green { wire::Path::Gossip } else { wire::Path::Deliver };
    wire::verify(signed(claim, reporter, Audience::Mesh).bytes(), &community(), path).unwrap()
}

fn heard(claim: &Claim, reporter: u8, from: u8) -> Change {
    Change::Heard { verified: verified(claim, reporter), from: node(from), at: NOW }
}

fn own(claim: &Claim, audience: Audience) -> Change {
    let signed = signed(claim, 1, audience);
    Change::Own { signed, audience, generation: 0, at: NOW, held: None }
}
