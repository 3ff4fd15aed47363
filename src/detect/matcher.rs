//! Many rules against one event, at once.
//!
//! Owns the compiled form: for each source and field one automaton over all
//! patterns of all rules. It must never allocate for an event that matches nothing.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::memo::Memo;
use super::rule::{Part, Rule, Test};
use crate::model::Source;
use crate::parse::{Event, Field, FieldKind, FieldValue, Text};

/// A set of rules by their place. One word: [`super::MAX_RULES`] is its bound.
pub(super) type RuleSet = u128;

/// Every rule there can be.
const ALL: RuleSet = RuleSet::MAX;

/// Sets by the part of the field that they speak of.
type Parts = [Sets; 3];

/// The rules that want something, and those that will not have it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Sets {
    wanted: RuleSet,
    barred: RuleSet,
}

/// More pattern bytes than this, and the automaton is the smaller, slower kind.
const DENSE_BYTES: usize = 16 * 1024;

/// All rules, compiled for each source when its first event comes: most nodes have few.
#[derive(Default)]
pub(super) struct Matcher {
    sources: BTreeMap<Source, Option<Compiled>>,
    /// Decoded text; kept, so that it is allocated once.
    scratch: Vec<u8>,
}

/// The rules of one source.
struct Compiled {
    rules: RuleSet,
    /// Cheap fields first.
    fields: Vec<FieldTests>,
}

/// What the rules ask about one field. Each value of it leaves some rules possible.
struct FieldTests {
    field: Field,
    /// The rules that ask about this field.
    asked: RuleSet,
    /// Those possible for an event without such a field.
    without: RuleSet,
    numbers: Numbers,
    texts: Option<Texts>,
    memo: Memo<RuleSet>,
}

/// From each number up to the next, the rules that are possible.
struct Numbers(Vec<(u64, RuleSet)>);

/// One automaton over all patterns of a field.
struct Texts {
    automaton: AhoCorasick,
    patterns: Vec<Pattern>,
    /// The rules that want nothing to be there.
    empty: Parts,
    /// The rules that ask.
    asked: Parts,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    part: Part,
    at_start: bool,
    at_end: bool,
}

struct Pattern {
    place: Place,
    rules: Sets,
}

impl Sets {
    fn of(place: usize, barred: bool) -> Self {
        let bit = bit(place);
        if barred { Self { wanted: 0, barred: bit } } else { Self { wanted: bit, barred: 0 } }
    }

    fn add(&mut self, more: Self) {
        self.wanted |= more.wanted;
        self.barred |= more.barred;
    }
}

impl Matcher {
    /// The rules whose conditions the event meets. The place of a rule in the slice, which
    /// must always be the same one, is its place in the set.
    pub(super) fn matching(&mut self, event: &Event<'_>, rules: &[(u64, Rule)]) -> RuleSet {
        let source = event.source;
        let compiled = self.sources.entry(source).or_insert_with(|| Compiled::new(source, rules));
        let Some(compiled) = compiled else { return 0 };
        let mut rules = compiled.rules;
        for tests in &mut compiled.fields {
            if rules & tests.asked != 0 {
                rules &= tests.possible(event, &mut self.scratch);
            }
        }
        rules
    }
}

impl Compiled {
    fn new(source: Source, rules: &[(u64, Rule)]) -> Option<Self> {
        let own = || {
            let places = rules.iter().map(|(_, rule)| rule).enumerate();
            places.filter(move |(_, rule)| rule.sources.contains(&source))
        };
        let all = own().fold(0, |set, (place, _)| set | bit(place));
        let mut fields: Vec<FieldTests> =
            Field::ALL.iter().filter_map(|field| FieldTests::new(*field, own())).collect();
        fields.sort_by_key(|tests| cost(tests.field));
        (all != 0).then_some(Self { rules: all, fields })
    }
}

/// Numbers and short texts first: they rule out most.
fn cost(field: Field) -> u8 {
    match field {
        field if field.kind() == FieldKind::Number => 0,
        Field::EventType
        | Field::Action
        | Field::Direction
        | Field::Proto
        | Field::Flags
        | Field::Method
        | Field::State => 1,
        Field::Path => 3,
        Field::UserAgent
        | Field::Request
        | Field::Referer
        | Field::ForwardedFor
        | Field::Message
        | Field::Signature => 4,
        _ => 2,
    }
}

fn bit(place: usize) -> RuleSet {
    u32::try_from(place).ok().and_then(|place| RuleSet::from(1_u8).checked_shl(place)).unwrap_or(0)
}

impl FieldTests {
    fn new<'r>(field: Field, rules: impl Iterator<Item = (usize, &'r Rule)>) -> Option<Self> {
        let mut asked = Parts::default();
        let mut ranges = Vec::new();
        let mut literals = Literals::new();
        for (place, rule) in rules {
            for (conditions, barred) in [(&rule.conditions, false), (&rule.unless, true)] {
                for condition in conditions.iter().filter(|asks| asks.field == field) {
                    let sets = Sets::of(place, barred);
                    part_mut(&mut asked, condition.part).add(sets);
                    match &condition.test {
                        Test::Number(tested) => {
                            ranges.extend(tested.iter().map(|range| (range.clone(), sets)));
                        }
                        Test::Text { equals, prefix, suffix, contains } => {
                            let part = condition.part;
                            add(&mut literals, equals, part, (true, true), sets);
                            add(&mut literals, prefix, part, (true, false), sets);
                            add(&mut literals, suffix, part, (false, true), sets);
                            add(&mut literals, contains, part, (false, false), sets);
                        }
                    }
                }
            }
        }
        (asked != Parts::default()).then(|| Self {
            field,
            asked: asked.iter().fold(0, |all, sets| all | sets.wanted | sets.barred),
            without: possible(&asked, &Parts::default()),
            numbers: Numbers::new(&asked, &ranges),
            texts: Texts::new(asked, literals),
            memo: Memo::new(),
        })
    }

    /// The rules that the event's value leaves possible, those that do not ask among them.
    fn possible(&mut self, event: &Event<'_>, scratch: &mut Vec<u8>) -> RuleSet {
        match (event.field(self.field), &self.texts) {
            (Some(FieldValue::Number(number)), _) => self.numbers.possible(number),
            (Some(FieldValue::Text(text)), Some(texts)) => {
                let percent = self.field == Field::Path;
                self.memo.of(text, || {
                    let (bytes, file) = plain(text, percent, scratch);
                    texts.possible(bytes, file)
                })
            }
            _ => self.without,
        }
    }
}

/// What is left of all rules when of those that ask these are met.
fn possible(asked: &Parts, met: &Parts) -> RuleSet {
    let parts = asked.iter().zip(met);
    parts.fold(ALL, |all, (asked, met)| all & (!asked.wanted | met.wanted) & !met.barred)
}

impl Numbers {
    fn new(asked: &Parts, ranges: &[(RangeInclusive<u64>, Sets)]) -> Self {
        let ends = ranges.iter().filter_map(|(range, _)| range.end().checked_add(1));
        let mut starts: Vec<u64> =
            ranges.iter().map(|(range, _)| *range.start()).chain(ends).chain([0]).collect();
        starts.sort_unstable();
        starts.dedup();
        let with_rules = |start: u64| {
            let mut met = Parts::default();
            for (_, sets) in ranges.iter().filter(|(range, _)| range.contains(&start)) {
                part_mut(&mut met, Part::Whole).add(*sets);
            }
            (start, possible(asked, &met))
        };
        Self(starts.into_iter().map(with_rules).collect())
    }

    fn possible(&self, number: u64) -> RuleSet {
        let after = self.0.partition_point(|(start, _)| *start <= number);
        let place = after.checked_sub(1).and_then(|place| self.0.get(place));
        place.map_or(0, |(_, rules)| *rules)
    }
}

/// Every pattern once, with the rules that name it.
type Literals = BTreeMap<(String, Place), Sets>;

fn add(
    literals: &mut Literals,
    patterns: &[String],
    part: Part,
    (at_start, at_end): (bool, bool),
    sets: Sets,
) {
    for pattern in patterns {
        let place = Place { part, at_start, at_end };
        literals.entry((pattern.to_ascii_lowercase(), place)).or_default().add(sets);
    }
}

impl Texts {
    fn new(asked: Parts, places: Literals) -> Option<Self> {
        if places.is_empty() {
            return None;
        }
        let mut empty = Parts::default();
        let (mut literals, mut patterns) = (Vec::new(), Vec::new());
        for ((literal, place), rules) in places {
            if literal.is_empty() {
                part_mut(&mut empty, place.part).add(rules);
            } else {
                literals.push(literal);
                patterns.push(Pattern { place, rules });
            }
        }
        let bytes: usize = literals.iter().map(String::len).sum();
        let kind = if bytes <= DENSE_BYTES {
            AhoCorasickKind::DFA
        } else {
            AhoCorasickKind::ContiguousNFA
        };
        // Building fails only beyond 2^31 states; `rules::MAX_PATTERN_BYTES` is far below.
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(kind))
            .build(&literals)
            .ok()?;
        Some(Self { automaton, patterns, empty, asked })
    }

    /// `file` is where the question mark stands, or the length.
    fn possible(&self, text: &[u8], file: usize) -> RuleSet {
        let mut met = Parts::default();
        let bounds = |part| match part {
            Part::Whole => (0, text.len()),
            Part::File => (0, file),
            Part::Query => ((file + 1).min(text.len()), text.len()),
        };
        for found in self.automaton.find_overlapping_iter(text) {
            let Some(pattern) = self.patterns.get(found.pattern().as_usize()) else { continue };
            let Place { part, at_start, at_end } = pattern.place;
            let (low, high) = bounds(part);
            let inside = found.start() >= low && found.end() <= high;
            let anchored = (!at_start || found.start() == low) && (!at_end || found.end() == high);
            if inside && anchored {
                part_mut(&mut met, part).add(pattern.rules);
            }
        }
        for (part, empty) in [Part::Whole, Part::File, Part::Query].into_iter().zip(self.empty) {
            let (low, high) = bounds(part);
            if low == high {
                part_mut(&mut met, part).add(empty);
            }
        }
        possible(&self.asked, &met)
    }
}

fn part_mut(parts: &mut Parts, part: Part) -> &mut Sets {
    let [whole, file, query] = parts;
    match part {
        Part::Whole => whole,
        Part::File => file,
        Part::Query => query,
    }
}

/// The text as rules see it: the log's escapes resolved, and a path's percent signs
/// once. With it, where a path's query begins (its length, if it has none).
fn plain<'b>(text: Text<'b>, percent: bool, scratch: &'b mut Vec<u8>) -> (&'b [u8], usize) {
    let raw = text.raw();
    let has_percent = percent && memchr::memchr(b'%', raw).is_some();
    if text.is_plain() && !has_percent {
        let file = if percent { memchr::memchr(b'?', raw) } else { None };
        return (raw, file.unwrap_or(raw.len()));
    }
    scratch.clear();
    text.decode_into(scratch);
    // The server splits before it decodes: `%3F` is no question mark.
    let file = if percent { memchr::memchr(b'?', scratch) } else { None };
    let file = file.unwrap_or(scratch.len());
    let file = if percent { decode_percent(scratch, file) } else { file };
    (scratch, file)
}

/// Decodes in place; gives where `mark` has moved to.
fn decode_percent(bytes: &mut Vec<u8>, mark: usize) -> usize {
    let (mut read, mut write, mut moved) = (0, 0, None);
    while let Some(byte) = bytes.get(read).copied() {
        if read >= mark && moved.is_none() {
            moved = Some(write);
        }
        let decoded = (byte == b'%').then(|| {
            let digit = |at| bytes.get(at).and_then(|digit| char::from(*digit).to_digit(16));
            let value = digit(read + 1)? << 4 | digit(read + 2)?;
            u8::try_from(value).ok()
        });
        let (byte, step) = match decoded.flatten() {
            Some(decoded) => (decoded, 3),
            None => (byte, 1),
        };
        if let Some(slot) = bytes.get_mut(write) {
            *slot = byte;
        }
        write += 1;
        read += step;
    }
    bytes.truncate(write);
    moved.unwrap_or(write)
}
