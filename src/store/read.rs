//! Reading. Every method blocks on the disk; none waits for the writer.

use std::collections::BTreeMap;

use super::apply::STATE_KEY;
use super::change::{EgressRow, PeerRecord};
use super::family::{self, Family};
use super::index::{Filter, Page};
use super::record::{
    self, KeptAttested, KeptBucket, KeptClaim, KeptEvidence, KeptIndicator, KeptOffset,
    KeptOutside, KeptVote, LedgerRow, State,
};
use super::{Store, StoreError};
use crate::assess::Heard;
use crate::model::{Evidence, IndicatorId, NodeId, Source, Timestamp, Value};

/// What the store knows of an indicator as such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its kind and value.
    pub value: Value,
    /// When it was first seen by the logs' time, or first heard of.
    pub first_seen: Timestamp,
    /// When it was last seen or heard of.
    pub last_seen: Timestamp,
    /// The stamp of its last change: microseconds since 1970, none comes twice.
    pub added: u64,
}

/// A numbered row of the egress ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressEntry {
    /// Its number.
    pub number: u64,
    /// What left.
    pub row: EgressRow,
}

/// Whether the egress ledger is as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressCheck {
    /// Every row is there, unchanged, in its place.
    Whole {
        /// How many rows there are.
        rows: u64,
    },
    /// The first row that is not as it was written.
    Broken {
        /// Its number.
        number: u64,
        /// What is wrong with it.
        how: Break,
    },
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// It is not there.
    Missing,
    /// It was changed, or put in the place of another.
    Changed,
    /// It does not follow on the row before it: one of the two was replaced.
    Unlinked,
    /// No row was written under this number.
    Foreign,
}

/// How much the store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes on disk.
    pub bytes: u64,
    /// Bytes that it may take.
    pub max_bytes: u64,
    /// Indicators.
    pub indicators: u64,
    /// Indicators that lists and searches do not show, because the index in
    /// memory is full.
    pub unlisted: u64,
    /// Damaged records met since the start.
    pub damaged: u64,
}

impl Store {
    /// What this node saw of an indicator, one record an origin.
    pub fn evidence(&self, indicator: IndicatorId) -> Result<Vec<Evidence>, StoreError> {
        let prefix = family::indicator(&self.db().sealer, indicator);
        let records = self.db().records::<KeptEvidence>(&prefix)?;
        Ok(records.into_iter().map(|(_, kept)| kept.evidence).collect())
    }

    /// The claims of others on an indicator.
    pub fn heard(&self, indicator: IndicatorId) -> Result<Vec<Heard>, StoreError> {
        let prefix = family::indicator(&self.db().sealer, indicator);
        let records = self.db().records::<KeptClaim>(&prefix)?;
        Ok(records.into_iter().filter(|(_, kept)| !kept.own).map(|(_, kept)| kept.heard).collect())
    }

    /// The members that say they saw an indicator themselves.
    pub fn attested(&self, indicator: IndicatorId) -> Result<Vec<NodeId>, StoreError> {
        let prefix = family::indicator(&self.db().sealer, indicator);
        let records = self.db().records::<KeptAttested>(&prefix)?;
        Ok(records.into_iter().map(|(_, kept)| kept.node).collect())
    }

    /// What the store knows of an indicator as such.
    pub fn indicator(&self, indicator: IndicatorId) -> Result<Option<Known>, StoreError> {
        let key = family::indicator(&self.db().sealer, indicator);
        Ok(self.db().read::<KeptIndicator>(&key)?.map(|kept| Known {
            value: kept.value,
            first_seen: kept.first_seen,
            last_seen: kept.last_seen,
            added: kept.added,
        }))
    }

    /// The value of an id.
    pub fn value(&self, indicator: IndicatorId) -> Result<Option<Value>, StoreError> {
        Ok(self.indicator(indicator)?.map(|known| known.value))
    }

    /// A page of indicators, the last changed first.
    pub fn indicators(&self, filter: &Filter) -> Page {
        self.shared().index.list(filter)
    }

    /// What changed after a stamp, the first changed first, and the last stamp among them:
    /// what changes while somebody reads page after page comes again at the end.
    pub fn changed_since(&self, after: u64, limit: usize) -> Page {
        self.inner.shared.index.since(after, limit)
    }

    /// How many indicators there are, by the label of their kind.
    pub fn counts_by_kind(&self) -> BTreeMap<&'static str, u64> {
        self.shared().index.counts()
    }

    /// Whether this operator voted an indicator to be none.
    pub fn voted_false(&self, indicator: IndicatorId) -> Result<bool, StoreError> {
        let key = family::indicator(&self.db().sealer, indicator);
        Ok(self.db().read::<KeptVote>(&key)?.is_some_and(|vote| vote.false_positive))
    }

    /// The detector's buckets, by name. Damaged ones are left out and counted.
    pub fn detector(
        &self,
    ) -> Result<impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), StoreError>>, StoreError> {
        let records = self.db().sound_records::<KeptBucket>()?;
        Ok(records.map(|record| record.map(|(_, kept)| (kept.key, kept.bucket))))
    }

    /// How far a file was read: the watcher's checkpoint.
    pub fn offset(&self, source: Source, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let key = family::offset(&self.db().sealer, source, path);
        Ok(self.db().read::<KeptOffset>(&key)?.map(|kept| kept.bytes))
    }

    /// What somebody outside said to a question, if it still holds.
    pub fn outside(&self, question: &[u8], now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        let key = family::outside(&self.db().sealer, question);
        let kept = self.db().read::<KeptOutside>(&key)?.filter(|kept| kept.until > now);
        Ok(kept.map(|kept| kept.answer))
    }

    /// The peers. Damaged records are left out and counted.
    pub fn peers(&self) -> Result<Vec<PeerRecord>, StoreError> {
        self.db().sound_records()?.map(|record| record.map(|(_, peer)| peer)).collect()
    }

    /// Rows of the egress ledger after a number, the oldest first.
    pub fn egress(&self, after: Option<u64>, limit: usize) -> Result<Vec<EgressEntry>, StoreError> {
        let from = family::egress(after.map_or(0, |number| number.saturating_add(1)));
        self.db()
            .rows(Family::Egress, &[], &from)?
            .take(limit)
            .map(|row| {
                let row = row?;
                let kept: LedgerRow = record::open(&self.db().sealer, &row.key, &row.stored)?;
                let number = number_of(&row.key).unwrap_or(u64::MAX);
                Ok(EgressEntry { number, row: kept.row })
            })
            .collect()
    }

    /// Follows the egress ledger from end to end.
    pub fn verify_egress(&self) -> Result<EgressCheck, StoreError> {
        let chain = self.db().read::<State>(STATE_KEY)?.unwrap_or_default().ledger;
        let broken = |number, how| Ok(EgressCheck::Broken { number, how });
        let mut expected = chain.first;
        let mut previous = chain.anchor;
        for row in self.db().rows(Family::Egress, &[], &[])? {
            let row = row?;
            match number_of(&row.key) {
                Some(number) if number > expected && expected < chain.next => {
                    return broken(expected, Break::Missing);
                }
                // Written after the ends were read.
                Some(number) if number >= chain.next => break,
                Some(number) if number == expected => {}
                other => return broken(other.unwrap_or_default(), Break::Foreign),
            }
            let kept = record::open::<LedgerRow>(&self.db().sealer, &row.key, &row.stored);
            match kept {
                Err(_) => return broken(expected, Break::Changed),
                Ok(kept) if kept.previous != previous => return broken(expected, Break::Unlinked),
                Ok(_) => {}
            }
            previous = *blake3::hash(&row.stored).as_bytes();
            expected += 1;
        }
        if expected < chain.next {
            return broken(expected, Break::Missing);
        }
        if previous != chain.last {
            return broken(expected.saturating_sub(1), Break::Unlinked);
        }
        Ok(EgressCheck::Whole { rows: chain.next - chain.first })
    }

    /// The last time that was believed (see [`super::Change::Clock`]).
    pub fn last_time(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.db().read::<State>(STATE_KEY)?.and_then(|state| state.last_time))
    }

    /// How much the store holds.
    pub fn sizes(&self) -> Sizes {
        let shared = self.shared();
        let indicators = shared.index.counts().values().sum();
        Sizes {
            bytes: shared.bytes(),
            max_bytes: shared.max_bytes,
            indicators,
            unlisted: indicators.saturating_sub(shared.index.len()),
            damaged: shared.db.damaged(),
        }
    }
}

fn number_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}
