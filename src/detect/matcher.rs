//! Many rules against one event, at once.
//!
//! Owns the compiled form: for each source and field one test for all rules. It must
//! never allocate for an event that matches nothing.

use std::ops::RangeInclusive;

use super::rule::{Part, Rule, Test};
use super::texts::{self, Literals, Texts};
use crate::model::Source;
use crate::parse::{Event, Field, FieldKind, FieldValue, Getter};

/// A set of rules by their place. One word: [`super::MAX_RULES`] is its bound.
pub(super) type RuleSet = u128;

/// Every rule there can be.
const ALL: RuleSet = RuleSet::MAX;

/// Sets by the part of the field that they speak of.
pub(super) type Parts = [Sets; 3];

/// The rules that want something, and those that will not have it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sets {
    wanted: RuleSet,
    barred: RuleSet,
}

/// All rules, compiled for each source when its first event comes: most nodes have few.
#[derive(Default)]
pub(super) struct Matcher {
    sources: Vec<(Source, Option<Compiled>)>,
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
    get: Getter,
    /// The rules that ask about this field.
    asked: RuleSet,
    /// Those possible for an event without such a field.
    without: RuleSet,
    numbers: Numbers,
    texts: Option<Texts>,
}

/// From each number up to the next, the rules that are possible.
struct Numbers(Vec<(u64, RuleSet)>);

impl Sets {
    fn of(place: usize, barred: bool) -> Self {
        let bit = bit(place);
        if barred { Self { wanted: 0, barred: bit } } else { Self { wanted: bit, barred: 0 } }
    }

    pub(super) fn add(&mut self, more: Self) {
        self.wanted |= more.wanted;
        self.barred |= more.barred;
    }
}

impl Matcher {
    /// The rules whose conditions the event meets. The place of a rule in the slice, which
    /// must always be the same one, is its place in the set.
    pub(super) fn matching(&mut self, event: &Event<'_>, rules: &[(u64, Rule)]) -> RuleSet {
        let source = event.source;
        let Some((_, compiled)) = self.sources.iter_mut().find(|(known, _)| *known == source)
        else {
            self.sources.push((source, Compiled::new(source, rules)));
            return self.matching(event, rules);
        };
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

/// The set of one place.
pub(super) fn bit(place: usize) -> RuleSet {
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
                            texts::add(&mut literals, equals, part, (true, true), sets);
                            texts::add(&mut literals, prefix, part, (true, false), sets);
                            texts::add(&mut literals, suffix, part, (false, true), sets);
                            texts::add(&mut literals, contains, part, (false, false), sets);
                        }
                    }
                }
            }
        }
        (asked != Parts::default()).then(|| Self {
            field,
            get: field.getter(),
            asked: asked.iter().fold(0, |all, sets| all | sets.wanted | sets.barred),
            without: possible(&asked, &Parts::default()),
            numbers: Numbers::new(&asked, &ranges),
            texts: Texts::new(asked, literals, field == Field::Path),
        })
    }

    /// The rules that the event's value leaves possible, those that do not ask among them.
    #[inline]
    fn possible(&mut self, event: &Event<'_>, scratch: &mut Vec<u8>) -> RuleSet {
        match ((self.get)(event), &mut self.texts) {
            (Some(FieldValue::Number(number)), _) => self.numbers.possible(number),
            (Some(FieldValue::Text(text)), Some(texts)) => {
                texts.possible(text.raw(), text.escape(), scratch)
            }
            _ => self.without,
        }
    }
}

/// What is left of all rules when of those that ask these are met.
pub(super) fn possible(asked: &Parts, met: &Parts) -> RuleSet {
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

pub(super) fn part_mut(parts: &mut Parts, part: Part) -> &mut Sets {
    let [whole, file, query] = parts;
    match part {
        Part::Whole => whole,
        Part::File => file,
        Part::Query => query,
    }
}
