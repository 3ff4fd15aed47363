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

struct FieldTests {
    field: Field,
    /// The rules that ask about this field.
    asked: Parts,
    numbers: Vec<(RangeInclusive<u64>, Sets)>,
    texts: Option<Texts>,
    memo: Memo<Parts>,
}

/// One automaton over all patterns of a field.
struct Texts {
    automaton: AhoCorasick,
    patterns: Vec<Pattern>,
    /// The rules that want nothing to be there.
    empty: Parts,
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
            if tests.asked.iter().all(|asked| rules & (asked.wanted | asked.barred) == 0) {
                continue;
            }
            let met = tests.met(event, &mut self.scratch);
            for (asked, met) in tests.asked.iter().zip(met) {
                rules &= (!asked.wanted | met.wanted) & !met.barred;
            }
            if rules == 0 {
                return 0;
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
        let mut tests = Self {
            field,
            asked: Parts::default(),
            numbers: Vec::new(),
            texts: None,
            memo: Memo::new(),
        };
        let mut literals = Literals::new();
        for (place, rule) in rules {
            for (conditions, barred) in [(&rule.conditions, false), (&rule.unless, true)] {
                for condition in conditions.iter().filter(|asks| asks.field == field) {
                    let sets = Sets::of(place, barred);
                    part_mut(&mut tests.asked, condition.part).add(sets);
                    match &condition.test {
                        Test::Number(ranges) => {
                            tests.numbers.extend(ranges.iter().map(|range| (range.clone(), sets)));
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
        if tests.asked == Parts::default() {
            return None;
        }
        tests.texts = Texts::new(literals);
        Some(tests)
    }

    fn met(&mut self, event: &Event<'_>, scratch: &mut Vec<u8>) -> Parts {
        match event.field(self.field) {
            Some(FieldValue::Number(number)) => {
                let mut met = Parts::default();
                for (range, rules) in &self.numbers {
                    if range.contains(&number) {
                        part_mut(&mut met, Part::Whole).add(*rules);
                    }
                }
                met
            }
            Some(FieldValue::Text(text)) => {
                let (percent, memo) = (self.field == Field::Path, &mut self.memo);
                self.texts.as_ref().map_or_else(Parts::default, |texts| {
                    memo.of(text, || {
                        let (bytes, file) = plain(text, percent, scratch);
                        texts.met(bytes, file)
                    })
                })
            }
            Some(FieldValue::Ip(_) | FieldValue::Network(_)) | None => Parts::default(),
        }
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
    fn new(places: Literals) -> Option<Self> {
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
        Some(Self { automaton, patterns, empty })
    }

    /// `file` is where the question mark stands, or the length.
    fn met(&self, text: &[u8], file: usize) -> Parts {
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
        met
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
