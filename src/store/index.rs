//! The search index: the values in memory, because on the disk they are sealed.
//!
//! Built at the start, bounded, and changed by the writer after each durable
//! group. What has no room in it is still counted and still found by its value.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::family::Id;
use super::record::KeptIndicator;
use crate::metrics::Metrics;
use crate::model::{IndicatorId, Kind, Value};

/// How many indicators can be listed and searched: about 200 bytes each.
pub(super) const MAX_INDEXED: usize = 2_000_000;
/// How many entries a search looks at before it lets the writer in.
const SLICE: usize = 20_000;

/// Which indicators to list, the last changed first.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this kind only.
    pub kind: Option<Kind>,
    /// That hold this text, in any case.
    pub text: Option<String>,
    /// That changed before this stamp: the `next` of the page before.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// An indicator in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: IndicatorId,
    /// Its kind and value.
    pub value: Value,
    /// The stamp of its last change: microseconds since 1970, none comes twice.
    pub added: u64,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The indicators.
    pub rows: Vec<Listed>,
    /// Where the next page begins, if there may be one.
    pub next: Option<u64>,
}

/// A change of one indicator.
pub(super) struct IndexChange {
    key: Id,
    now: Option<(Value, u64)>,
}

impl IndexChange {
    /// What the record under a key of `indicators` says.
    pub(super) fn of(key: &[u8], record: Option<&KeptIndicator>) -> Option<Self> {
        let now = record.map(|record| (record.value.clone(), record.added));
        Some(Self { key: key.try_into().ok()?, now })
    }
}

/// How many indicators there are, by the label of their kind.
pub(super) type Counts = BTreeMap<&'static str, u64>;

/// The index. Readers share it with the writer.
pub(super) struct Index {
    inner: RwLock<Inner>,
    max: usize,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Id, (Value, u64)>,
    by_stamp: BTreeMap<u64, Id>,
    counts: Counts,
}

impl Index {
    pub(super) fn new(max: usize) -> Self {
        Self { inner: RwLock::default(), max }
    }

    /// Takes over what a group changed, and how many there are now.
    pub(super) fn apply(&self, changes: Vec<IndexChange>, counts: &Counts, metrics: &Metrics) {
        let mut inner = self.write();
        for change in changes {
            if let Some((_, stamp)) = inner.entries.remove(&change.key) {
                inner.by_stamp.remove(&stamp);
            }
            if let Some((value, stamp)) = change.now
                && inner.entries.len() < self.max
            {
                inner.by_stamp.insert(stamp, change.key);
                inner.entries.insert(change.key, (value, stamp));
            }
        }
        inner.counts.clone_from(counts);
        for (kind, count) in counts {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            metrics.indicators.with_label_values(&[*kind]).set(count);
        }
    }

    /// A page of what fits the filter.
    pub(super) fn list(&self, filter: &Filter) -> Page {
        let text = filter.text.as_ref().map(|text| text.to_lowercase());
        let mut page = Page::default();
        let mut before = filter.after.unwrap_or(u64::MAX);
        loop {
            let inner = self.read();
            let mut seen = 0;
            for (stamp, key) in inner.by_stamp.range(..before).rev().take(SLICE) {
                if page.rows.len() == filter.limit {
                    page.next = Some(before);
                    return page;
                }
                seen += 1;
                before = *stamp;
                let Some((value, _)) = inner.entries.get(key) else { continue };
                let kind_fits = filter.kind.as_ref().is_none_or(|kind| kind == value.kind());
                let text_fits = text.as_ref().is_none_or(|text| holds(value.as_str(), text));
                if kind_fits && text_fits {
                    page.rows.push(Listed { id: value.id(), value: value.clone(), added: *stamp });
                }
            }
            if seen < SLICE {
                return page;
            }
        }
    }

    /// What changed after a stamp, the first changed first.
    pub(super) fn since(&self, after: u64, limit: usize) -> Page {
        let inner = self.read();
        let mut page = Page::default();
        for (stamp, key) in inner.by_stamp.range(after.saturating_add(1)..).take(limit) {
            page.next = Some(*stamp);
            if let Some((value, _)) = inner.entries.get(key) {
                page.rows.push(Listed { id: value.id(), value: value.clone(), added: *stamp });
            }
        }
        page
    }

    /// How many indicators there are, by the label of their kind.
    pub(super) fn counts(&self) -> Counts {
        self.read().counts.clone()
    }

    /// How many indicators have room in the index.
    pub(super) fn len(&self) -> u64 {
        self.read().entries.len() as u64
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a value holds a text that is in lower case.
fn holds(value: &str, text: &str) -> bool {
    // Most values are in lower case by their canonical form.
    if value.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
        value.to_lowercase().contains(text)
    } else {
        value.contains(text)
    }
}
