//! What this node saw itself or was given. Evidence never leaves; only claims made from it do.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use super::claim::CustomFields;
use super::{Confidence, IndicatorId, Origin, Scope, Tag, Timestamp, Value};

/// One observation on this node.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// What was seen.
    pub value: Value,
    /// Who saw it.
    pub origin: Origin,
    /// When, by the log's own time.
    pub at: Timestamp,
    /// How sure the rule is.
    pub confidence: Confidence,
    /// What it did.
    pub tags: BTreeSet<Tag>,
    /// How far it may travel: the strictest of source and rule.
    pub scope: Scope,
    /// Custom fields, not yet scrubbed.
    pub custom: CustomFields,
}

/// All sightings of one indicator by one origin, folded into one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What was seen.
    pub value: Value,
    /// Who saw it.
    pub origin: Origin,
    /// The earliest sighting.
    pub first_seen: Timestamp,
    /// The latest sighting.
    pub last_seen: Timestamp,
    /// It counts nothing from then on, whatever its age; only what was imported says so.
    pub until: Option<Timestamp>,
    /// How many sightings; of what was imported, the most that was told.
    pub count: u64,
    /// The highest confidence of any of them; of what was imported, what was told times the
    /// trust in who told it.
    pub confidence: Confidence,
    /// The tags of all of them.
    pub tags: BTreeSet<Tag>,
    /// The strictest scope of any of them, unless the operator changed it.
    pub scope: Scope,
    /// Custom fields, not yet scrubbed.
    pub custom: CustomFields,
}

impl Evidence {
    /// The record that a first sighting makes.
    pub fn from_sighting(sighting: Sighting) -> Self {
        Self {
            value: sighting.value,
            origin: sighting.origin,
            first_seen: sighting.at,
            last_seen: sighting.at,
            until: None,
            count: 1,
            confidence: sighting.confidence,
            tags: sighting.tags,
            scope: sighting.scope,
            custom: sighting.custom,
        }
    }

    /// The indicator it speaks of.
    pub fn indicator(&self) -> IndicatorId {
        IndicatorId::of(&self.value)
    }

    /// Folds another record of the same indicator and origin into this one.
    /// The order in which records are folded does not matter.
    pub fn absorb(&mut self, other: Self) {
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.until = self.until.zip(other.until).map(|(a, b)| a.max(b));
        self.count = if self.origin.is_own() {
            self.count.saturating_add(other.count)
        } else {
            // The same file, imported twice, was not seen twice as often.
            self.count.max(other.count)
        };
        self.confidence = self.confidence.max(other.confidence);
        self.tags.extend(other.tags);
        self.scope = self.scope.strictest(&other.scope);
        for (name, value) in other.custom {
            // Two values of one field: the greater one stays, so that order does not matter.
            match self.custom.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                Entry::Occupied(mut entry) => {
                    if *entry.get() < value {
                        entry.insert(value);
                    }
                }
            }
        }
    }
}
