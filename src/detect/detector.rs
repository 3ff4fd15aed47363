//! Events in, hits out.
//!
//! Owns the way of an event through the rules and buckets.

use std::collections::{BTreeMap, BTreeSet};

use super::bucket::Outcome;
use super::matcher::{Matcher, RuleSet, bit};
use super::rule::{Limit, Rule, Subject};
use super::rules::Rules;
use super::table::Table;
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
    /// The rules of each subject.
    subjects: Vec<(Subject, RuleSet)>,
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
        let subjects = Subject::NAMES.map(|(_, subject)| {
            let own = rules.iter().enumerate().filter(|(_, (_, rule))| rule.subject == subject);
            (subject, own.fold(0, |set, (place, _)| set | bit(place)))
        });
        let subjects = subjects.into_iter().filter(|(_, rules)| *rules != 0).collect();
        Self { rules, places, subjects, matcher: Matcher::default(), table: Table::new(capacity) }
    }

    /// Takes one event; `now` stands in for the time of a line that has none.
    pub fn observe(&mut self, event: &Event<'_>, now: Timestamp) -> Vec<Hit> {
        let matching = self.matcher.matching(event, &self.rules);
        let mut hits = Vec::new();
        if matching == 0 {
            return hits;
        }
        // A log's clock may run a little ahead. What lies further in the future is wrong, or
        // forged: it must not outlive everything, nor age what others have counted.
        let at = event.time.unwrap_or(now).min(now.plus(AHEAD));
        self.table.expire(at);
        for (subject, rules) in &self.subjects {
            if matching & rules == 0 {
                continue;
            }
            let Some(named) = subject.of(event) else { continue };
            let about = places(matching & rules).filter_map(|place| self.rules.get(place));
            let about = about.filter(|(_, rule)| counts(rule, event));
            let about = about.map(|(print, rule)| (*print, rule));
            self.table.update(&named, at, about, |rule, bucket| {
                let outcome = bucket.add(&rule.limit, rule.cooldown, at, || counted(rule, event));
                if outcome == Outcome::Enough
                    && let Some(value) = named.value()
                {
                    hits.push(hit(rule, value, at));
                }
                outcome
            });
        }
        hits
    }

    /// The names of the rules that are about an event, whether or not they fire for it.
    pub fn matching(&mut self, event: &Event<'_>) -> Vec<String> {
        let matching = self.matcher.matching(event, &self.rules);
        let rules = places(matching).filter_map(|place| self.rules.get(place));
        rules.map(|(_, rule)| rule.name.clone()).collect()
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

/// The places in a set, from the first.
fn places(mut set: RuleSet) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = set.trailing_zeros();
        // What is in it is below its number of bits.
        set &= set.wrapping_sub(1);
        usize::try_from(place).ok().filter(|_| place < RuleSet::BITS)
    })
}

/// Whether the event has what the rule counts.
fn counts(rule: &Rule, event: &Event<'_>) -> bool {
    match &rule.limit {
        Limit::Every | Limit::Bucket { .. } => true,
        Limit::Distinct { field, .. } => event.field(*field).is_some(),
    }
}

/// The value that a `distinct` rule counts.
fn counted(rule: &Rule, event: &Event<'_>) -> u64 {
    match &rule.limit {
        Limit::Every | Limit::Bucket { .. } => 0,
        Limit::Distinct { field, .. } => event.field(*field).map_or(0, hash),
    }
}

fn hit(rule: &Rule, value: Value, at: Timestamp) -> Hit {
    Hit {
        rule: rule.name.clone(),
        value,
        at,
        confidence: rule.confidence,
        tags: rule.tags.clone(),
        tlp: rule.tlp,
    }
}

/// Tells different values of a field apart.
fn hash(value: FieldValue<'_>) -> u64 {
    let digest = match value {
        FieldValue::Number(number) => return number,
        FieldValue::Text(text) => blake3::hash(&text.decoded()),
        FieldValue::Ip(ip) => blake3::hash(ip.to_string().as_bytes()),
        FieldValue::Network(network) => blake3::hash(network.to_string().as_bytes()),
    };
    let (first, _) = digest.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
    u64::from_be_bytes(*first)
}
