//! Applies changes, one after the other, to what a group of writes has changed
//! so far. Later changes see earlier ones; nothing reaches the disk before the
//! whole group is one batch.

mod attested;
mod claims;
mod ledger;
mod outbox;
mod peers;
mod places;
mod purge;
mod sightings;

use std::collections::BTreeMap;
use std::sync::Arc;

use rocksdb::WriteBatch;

use super::change::{Applied, Change, PeerRecord};
use super::database::Database;
use super::family::{self, Ends, Family, Id};
use super::index::{Counts, IndexChange};
use super::record::{
    self, KeptAttested, KeptBucket, KeptClaim, KeptContent, KeptEvidence, KeptIndicator,
    KeptOffset, KeptOutside, KeptOwn, KeptVote, Places, Record, State,
};
use super::sync::SyncChange;
use super::table::Table;
use super::{StoreError, TokenRecord};
use crate::model::{Day, Evidence, Timestamp, Value};

use places::Touched;
pub(super) use places::alive_in;

/// Where the writer's memory is kept in `meta`.
pub(super) const STATE_KEY: &[u8] = b"state";

/// What the writer knows besides the database. A group works on a copy, which
/// replaces the original once the group is durable.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// The part that is stored.
    pub(super) state: State,
    /// How many audiences wait to be told something.
    pub(super) pending: i64,
    /// When each candidate was last seen.
    pub(super) candidates: Arc<BTreeMap<Id, Timestamp>>,
    /// Rows without a claim that each member left today; bounded by the members.
    pub(super) remembered: BTreeMap<Id, (Day, u32)>,
    /// How many indicators there are of each kind.
    pub(super) kinds: Counts,
}

/// A group of writes while it is being put together.
pub(super) struct Draft<'a> {
    db: &'a Database,
    /// Microseconds since 1970.
    clock: u64,
    /// Set if the size limit is reached.
    full: Option<StoreError>,
    /// How many claims of others there is room for.
    most_claims: u64,
    memory: Memory,
    evidence: Table<KeptEvidence>,
    claims: Table<KeptClaim>,
    indicators: Table<KeptIndicator>,
    content: Table<KeptContent>,
    own: Table<KeptOwn>,
    detector: Table<KeptBucket>,
    offsets: Table<KeptOffset>,
    peers: Table<PeerRecord>,
    tokens: Table<TokenRecord>,
    votes: Table<KeptVote>,
    outside: Table<KeptOutside>,
    attested: Table<KeptAttested>,
    /// Rows of index families: there, or gone.
    marks: BTreeMap<(Family, Vec<u8>), bool>,
    /// Sealed ledger rows; `None` is deleted.
    ledger: BTreeMap<u64, Option<Vec<u8>>>,
    /// All of `content` before this key goes.
    content_until: Option<Vec<u8>>,
    /// Indicators that changed.
    touched: BTreeMap<Id, Touched>,
    /// What takes part in sync from now on, in the order of the changes.
    sync: Vec<SyncChange>,
    events: Events,
}

/// What a group did that is counted once it is durable.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Events {
    pub(super) egress_rows: u64,
    pub(super) without_room: u64,
    pub(super) candidates_evicted: u64,
}

/// A finished group.
pub(super) struct Group {
    pub(super) batch: WriteBatch,
    pub(super) taken: Taken,
}

/// What holds once a group is durable.
pub(super) struct Taken {
    pub(super) memory: Memory,
    pub(super) index: Vec<IndexChange>,
    pub(super) sync: Vec<SyncChange>,
    pub(super) events: Events,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        db: &'a Database,
        memory: Memory,
        clock: u64,
        full: Option<StoreError>,
        most_claims: u64,
    ) -> Self {
        Self {
            db,
            clock,
            full,
            most_claims,
            memory,
            evidence: Table::default(),
            claims: Table::default(),
            indicators: Table::default(),
            content: Table::default(),
            own: Table::default(),
            detector: Table::default(),
            offsets: Table::default(),
            peers: Table::default(),
            tokens: Table::default(),
            votes: Table::default(),
            outside: Table::default(),
            attested: Table::default(),
            marks: BTreeMap::new(),
            ledger: BTreeMap::new(),
            content_until: None,
            touched: BTreeMap::new(),
            sync: Vec::new(),
            events: Events::default(),
        }
    }

    /// Applies one change. An error spoils the whole call, and with it this draft.
    pub(super) fn apply(&mut self, change: &Change) -> Result<Applied, StoreError> {
        match change {
            Change::Sighting(seen) => self.absorb(Evidence::from_sighting(seen.clone()), seen.at),
            Change::Import(evidence) => self.absorb(evidence.clone(), evidence.last_seen),
            Change::ImportTakenBack(indicator) => self.import_taken_back(*indicator),
            Change::Tell { indicator, origin, members, hold } => {
                self.tell(*indicator, *origin, members, *hold)
            }
            Change::Scope { indicator, only, scope, audiences, hold, take_back } => {
                let (only, hold, take_back) = (*only, *hold, *take_back);
                self.scope(*indicator, &outbox::Word { only, scope, audiences, hold, take_back })
            }
            Change::Detector { key, bucket } => Ok(self.bucket(key, bucket.as_ref())),
            Change::Offset { source, path, bytes } => {
                let key = family::offset(&self.db.sealer, *source, path);
                let (path, bytes) = (path.clone(), bytes.clone());
                self.offsets.put(&key, KeptOffset { source: *source, path, bytes });
                Ok(Applied::Updated)
            }
            Change::Heard { verified, from, at } => self.heard(verified, *from, *at),
            Change::Own { signed, audience, generation, at, held } => {
                self.own_claim(signed, *audience, *generation, *at, *held)
            }
            Change::StillWished(wish) => self.still_wished(wish),
            Change::OutboxDone { wish, left } => self.outbox_done(wish, *left),
            Change::OutboxDrop(node) => self.outbox_drop(*node),
            Change::Egress(row) => self.left(row),
            Change::PeerRecord(peer) => self.peer(peer),
            Change::ForgetPeer(node) => Ok(self.forget(*node)),
            Change::Token(token) => {
                self.tokens.put(&family::token(&self.db.sealer, &token.hash), token.clone());
                Ok(Applied::Updated)
            }
            Change::ForgetToken(hash) => {
                self.tokens.delete(&family::token(&self.db.sealer, hash));
                Ok(Applied::Updated)
            }
            Change::Vote { indicator, false_positive, at } => {
                self.vote(*indicator, *false_positive, *at)
            }
            Change::Outside { question, answer, until } => {
                let key = family::outside(&self.db.sealer, question);
                self.mark(Family::Expiry, outside_expiry(*until, &key));
                let answer = answer.clone();
                self.outside.put(&key, KeptOutside { until: *until, answer });
                Ok(Applied::Updated)
            }
            Change::Orphan { members } => self.orphan(members),
            Change::Attested { indicators, from, at } => self.attested(indicators, *from, *at),
            Change::Clock { now } => {
                self.memory.state.last_time = Some(*now);
                Ok(Applied::Updated)
            }
            Change::Purge { now, egress_days } => self.purge(*now, *egress_days),
        }
    }

    /// Stamps what was touched and makes one batch of everything.
    pub(super) fn finish(mut self) -> Result<Group, StoreError> {
        let now = self.now();
        for (indicator, touched) in std::mem::take(&mut self.touched) {
            self.stamp(&indicator, touched, now)?;
        }
        let index = self
            .indicators
            .changed()
            .filter_map(|(key, record)| IndexChange::of(key, record))
            .collect();
        let mut batch = WriteBatch::default();
        if let Some(end) = &self.content_until {
            batch.delete_range_cf(self.db.family(Family::Content)?, &[][..], end.as_slice());
        }
        self.evidence.write(self.db, &mut batch)?;
        self.claims.write(self.db, &mut batch)?;
        self.indicators.write(self.db, &mut batch)?;
        self.content.write(self.db, &mut batch)?;
        self.own.write(self.db, &mut batch)?;
        self.detector.write(self.db, &mut batch)?;
        self.offsets.write(self.db, &mut batch)?;
        self.peers.write(self.db, &mut batch)?;
        self.tokens.write(self.db, &mut batch)?;
        self.votes.write(self.db, &mut batch)?;
        self.outside.write(self.db, &mut batch)?;
        self.attested.write(self.db, &mut batch)?;
        for ((family, key), there) in &self.marks {
            let family = self.db.family(*family)?;
            if *there { batch.put_cf(family, key, []) } else { batch.delete_cf(family, key) }
        }
        let ledger = self.db.family(Family::Egress)?;
        for (number, row) in &self.ledger {
            match row {
                Some(sealed) => batch.put_cf(ledger, family::egress(*number), sealed),
                None => batch.delete_cf(ledger, family::egress(*number)),
            }
        }
        let state = record::seal(&self.db.sealer, STATE_KEY, &self.memory.state)?;
        batch.put_cf(self.db.family(State::FAMILY)?, STATE_KEY, state);
        let taken = Taken { memory: self.memory, index, sync: self.sync, events: self.events };
        Ok(Group { batch, taken })
    }

    /// Gives a touched indicator its new stamp and its next crossing.
    fn stamp(
        &mut self,
        indicator: &Id,
        touched: Touched,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(mut record) = self.indicators.read_or_lost(self.db, indicator)? else {
            return Ok(());
        };
        record.added = self.next_stamp();
        if let Some(due) = record.due {
            self.unmark(Family::Due, family::due(due, indicator));
        }
        self.place(indicator, &mut record, touched, now)?;
        // What is overdue waits for the sweep: a change that a view does not show must
        // not be seen there by the steps that it brings forward.
        record.due = record.due.into_iter().chain(touched.crossing).min();
        if let Some(due) = record.due {
            self.mark(Family::Due, family::due(due, indicator));
        }
        self.indicators.put(indicator, record);
        Ok(())
    }

    /// Strictly increasing, even if the clock stands or steps back.
    fn next_stamp(&mut self) -> u64 {
        self.memory.state.last_added = self.clock.max(self.memory.state.last_added + 1);
        self.memory.state.last_added
    }

    /// Notes that an indicator was seen, and that what it tells has changed.
    fn touch(
        &mut self,
        indicator: &Id,
        value: &Value,
        seen: Timestamp,
        touched: Touched,
    ) -> Result<bool, StoreError> {
        let known = self.indicators.read_or_lost(self.db, indicator)?;
        let new = known.is_none();
        if new {
            *self.memory.kinds.entry(value.kind().label()).or_default() += 1;
        }
        let mut record = known.unwrap_or_else(|| KeptIndicator {
            value: value.clone(),
            first_seen: seen,
            last_seen: seen,
            added: 0,
            due: None,
            places: Places::default(),
        });
        record.first_seen = record.first_seen.min(seen);
        record.last_seen = record.last_seen.max(seen);
        self.indicators.put(indicator, record);
        self.touch_again(indicator, touched);
        Ok(new)
    }

    /// Notes that what a known indicator tells has changed.
    fn touch_again(&mut self, indicator: &Id, touched: Touched) {
        let before = self.touched.entry(*indicator).or_default();
        *before = before.and(touched);
    }

    /// Forgets what somebody outside said, unless something newer took its place.
    fn end_outside(&mut self, key: &[u8], today: Day) -> Result<bool, StoreError> {
        let kept = self.outside.read_or_lost(self.db, key)?;
        let ended = kept.is_some_and(|kept| kept.until.day() < today);
        if ended {
            self.outside.delete(key);
        }
        Ok(ended)
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.clock / 1_000_000)
    }

    fn mark(&mut self, family: Family, key: Vec<u8>) {
        self.marks.insert((family, key), true);
    }

    fn unmark(&mut self, family: Family, key: Vec<u8>) {
        self.marks.insert((family, key), false);
    }

    fn bucket(&mut self, key: &[u8], bucket: Option<&Vec<u8>>) -> Applied {
        let name = family::detector(&self.db.sealer, key);
        match bucket {
            Some(bucket) => {
                self.detector.put(&name, KeptBucket { key: key.to_vec(), bucket: bucket.clone() });
            }
            None => self.detector.delete(&name),
        }
        Applied::Updated
    }
}

/// On the day after its last.
fn outside_expiry(until: Timestamp, key: &[u8]) -> Vec<u8> {
    family::expiry(until.day().plus(1), Ends::Outside, key)
}
