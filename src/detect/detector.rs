//! Events in, hits out.
//!
//! Owns the way of an event through the rules and buckets.

use std::collections::{BTreeMap, BTreeSet};

use super::bucket::Outcome;
use super::matcher::Matcher;
use super::rule::{Limit, Rule};
use super::rules::Rules;
use super::table::{Key, Table};
use crate::model::{Confidence, Tag, Timestamp, Tlp, Value};
use crate::parse::{Event, FieldValue};

/// How many buckets there may be, by default. A bucket takes up to 700 bytes
/// (a `distinct` rule just before it fires) and its key some 200, so at most some 60 MiB.
pub const DEFAULT_CAPACITY: usize = 65_536;

/// How far ahead of now an event may lie, in seconds.
const AHEAD: u64 = 300;

/// An address that a rule names.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The rule's name.
    pub rule: String,
    /// Whom it names.
    pub value: Value,
    /// When, by the log's own time.
    pub at: Timestamp,
    /// How sure the rule is.
    pub confidence: Confidence,
    /// What it calls the deed.
    pub tags: BTreeSet<Tag>,
    /// The widest marking that the rule allows.
    pub tlp: Option<Tlp>,
}

/// Rules and what they have counted.
pub struct Detector {
    rules: Vec<(u64, Rule)>,
    places: BTreeMap<u64, usize>,
    matcher: Matcher,
    table: Table,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Detector({} rules, {} buckets)", self.rules.len(), self.table.len())
    }
}

impl Detector {
    /// With nothing counted. `capacity` bounds how many rules and addresses are counted at once.
    pub fn new(rules: Rules, capacity: usize) -> Self {
        let rules = rules.into_vec();
        let rules: Vec<_> = rules.into_iter().map(|rule| (rule.fingerprint(), rule)).collect();
        let places = rules.iter().enumerate().map(|(place, (print, _))| (*print, place)).collect();
        Self { rules, places, matcher: Matcher::default(), table: Table::new(capacity) }
    }

    /// Takes one event; `now` stands in for the time of a line that has none.
    pub fn observe(&mut self, event: &Event<'_>, now: Timestamp) -> Vec<Hit> {
        let mut matching = self.matcher.matching(event, &self.rules);
        let mut hits = Vec::new();
        if matching == 0 {
            return hits;
        }
        // A log's clock may run a little ahead. What lies further in the future is wrong, or
        // forged: it must not outlive everything, nor age what others have counted.
        let at = event.time.unwrap_or(now).min(now.plus(AHEAD));
        self.table.expire(at);
        while matching != 0 {
            let place = matching.trailing_zeros();
            matching &= matching - 1;
            let rule = usize::try_from(place).ok().and_then(|place| self.rules.get(place));
            if let Some((print, rule)) = rule {
                hits.extend(count(&mut self.table, *print, rule, event, at));
            }
        }
        hits
    }

    /// The names of the rules that are about an event, whether or not they fire for it.
    pub fn matching(&mut self, event: &Event<'_>) -> Vec<String> {
        let matching = self.matcher.matching(event, &self.rules);
        let rules = self.rules.iter().enumerate();
        rules
            .filter(|(place, _)| {
                matching.checked_shr(u32::try_from(*place).unwrap_or(u32::MAX)).unwrap_or(0) & 1
                    == 1
            })
            .map(|(_, (_, rule))| rule.name.clone())
            .collect()
    }

    /// What the store must write (or, for none, delete) since the last call.
    pub fn take_changed(&mut self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        self.table.take_changed()
    }

    /// Takes back what `take_changed` gave, pair by pair, in any order. What no rule
    /// knows any more is deleted with the next change.
    pub fn restore(&mut self, key: &[u8], bytes: &[u8]) {
        let (rules, places) = (&self.rules, &self.places);
        self.table.restore(key, bytes, |print, bucket| {
            let (_, rule) = rules.get(*places.get(&print)?)?;
            Some(bucket.idle_after(&rule.limit, rule.cooldown))
        });
    }

    /// How many buckets there are.
    pub fn buckets(&self) -> usize {
        self.table.len()
    }

    /// How many buckets were lost to make room since the last call.
    pub fn take_evicted(&mut self) -> u64 {
        self.table.take_evicted()
    }
}

fn count(
    table: &mut Table,
    print: u64,
    rule: &Rule,
    event: &Event<'_>,
    at: Timestamp,
) -> Option<Hit> {
    let subject = rule.subject.of(event)?;
    let counted = match &rule.limit {
        Limit::Every | Limit::Bucket { .. } => 0,
        Limit::Distinct { field, .. } => hash(event.field(*field)?),
    };
    let key = Key { rule: print, subject };
    let outcome = table.update(
        &key,
        at,
        |bucket| bucket.add(&rule.limit, rule.cooldown, at, counted),
        |bucket| bucket.idle_after(&rule.limit, rule.cooldown),
    );
    let value = if outcome == Outcome::Enough { key.subject.value() } else { None };
    Some(Hit {
        rule: rule.name.clone(),
        value: value?,
        at,
        confidence: rule.confidence,
        tags: rule.tags.clone(),
        tlp: rule.tlp,
    })
}

/// Tells different values of a field apart.
fn hash(value: FieldValue<'_>) -> u64 {
    let bytes = match value {
        FieldValue::Number(number) => return number,
        FieldValue::Text(text) => text.decoded().into_owned(),
        FieldValue::Ip(ip) => ip.to_string().into_bytes(),
        FieldValue::Network(network) => network.to_string().into_bytes(),
    };
    let digest = blake3::hash(&bytes);
    let (first, _) = digest.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
    u64::from_be_bytes(*first)
}
