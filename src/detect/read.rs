//! Rule files.
//!
//! Owns their grammar and says everything that is wrong with one at once, with
//! the line. It must never ignore a key that it does not know.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::bucket::MAX_DISTINCT;
use super::rule::{Condition, Example, Limit, Part, Rule, Subject, Test};
use super::rules::RuleProblem;
use crate::model::{Confidence, Tlp};
use crate::parse::{Field, FieldKind};

/// Ten minutes: long enough that a flood makes few sightings, short enough to count its length.
const DEFAULT_COOLDOWN: u64 = 600;
/// The longest time that a rule may count or stay silent: a week of seconds.
const MAX_SECONDS: u64 = 7 * 86_400;
/// The most that a bucket may hold.
const MAX_CAPACITY: u64 = 1_000_000;
/// How often an example may come.
const MAX_TIMES: u64 = 10_000;

type Value<'i> = Spanned<DeValue<'i>>;

/// All rules of a file, or all that is wrong with it.
pub(super) fn rules(text: &str) -> Result<Vec<Rule>, Vec<RuleProblem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, rule: None, problems: Vec::new() };
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        reader.problem(at, error.message().to_owned());
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let mut rules = Vec::new();
    for (key, value) in document.get_ref() {
        match (&**key.get_ref(), value.get_ref().as_array()) {
            ("detection", Some(tables)) => {
                rules.extend(tables.iter().filter_map(|table| reader.rule(table)));
            }
            ("detection", None) => reader.wrong(value, "a list of tables: [[detection]]"),
            (other, _) => reader.unknown(key, other, &["detection"]),
        }
    }
    if reader.problems.is_empty() { Ok(rules) } else { Err(reader.problems) }
}

struct Reader<'t> {
    text: &'t str,
    /// The name of the rule that is being read.
    rule: Option<String>,
    problems: Vec<RuleProblem>,
}

const RULE_KEYS: [&str; 14] = [
    "name",
    "description",
    "sources",
    "match",
    "unless",
    "bucket",
    "distinct",
    "cooldown_seconds",
    "indicator",
    "confidence",
    "tags",
    "tlp",
    "fires",
    "quiet",
];

impl Reader<'_> {
    fn problem(&mut self, at: usize, what: String) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = Some(before.bytes().filter(|byte| *byte == b'\n').count() + 1);
        self.problems.push(RuleProblem { line, rule: self.rule.clone(), what });
    }

    fn wrong(&mut self, value: &Value<'_>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.problem(value.span().start, format!("here stands a {found}; it must be {wanted}"));
    }

    fn unknown<T>(&mut self, key: &Spanned<T>, name: &str, known: &[&str]) {
        let what = format!("unknown key {name:?}: there are {}", known.join(", "));
        self.problem(key.span().start, what);
    }

    fn table<'v, 'i>(&mut self, value: &'v Value<'i>) -> Option<&'v DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(value, "a table");
        }
        table
    }

    fn text(&mut self, value: &Value<'_>) -> Option<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong(value, "a text in quotes");
        }
        text
    }

    fn number(&mut self, value: &Value<'_>, range: RangeInclusive<u64>) -> Option<u64> {
        let integer = value.get_ref().as_integer();
        let number = integer.and_then(|int| u64::from_str_radix(int.as_str(), int.radix()).ok());
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let wanted = format!("a whole number from {} to {}", range.start(), range.end());
            self.wrong(value, &wanted);
        }
        number
    }

    fn list<T>(
        &mut self,
        value: &Value<'_>,
        mut item: impl FnMut(&mut Self, &Value<'_>) -> Option<T>,
    ) -> Vec<T> {
        match value.get_ref().as_array() {
            Some(items) => items.iter().filter_map(|value| item(self, value)).collect(),
            None => {
                self.wrong(value, "a list");
                Vec::new()
            }
        }
    }

    /// A text that some type reads.
    fn parsed<T: std::str::FromStr>(&mut self, value: &Value<'_>) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        match self.text(value)?.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problem(value.span().start, error.to_string());
                None
            }
        }
    }

    fn rule(&mut self, value: &Value<'_>) -> Option<Rule> {
        self.rule = None;
        let table = self.table(value)?;
        let (known, at) = (self.problems.len(), value.span().start);
        self.rule = table.get("name").and_then(|name| name.get_ref().as_str()).map(str::to_owned);
        let mut rule = Rule {
            name: self.rule.clone().unwrap_or_default(),
            description: String::new(),
            sources: BTreeSet::new(),
            conditions: Vec::new(),
            unless: Vec::new(),
            limit: Limit::Every,
            cooldown: DEFAULT_COOLDOWN,
            subject: Subject::SrcIp,
            confidence: Confidence::ZERO,
            tags: BTreeSet::new(),
            tlp: None,
            fires: Vec::new(),
            quiet: Vec::new(),
        };
        for (key, value) in table {
            self.rule_key(&mut rule, key, value);
        }
        if rule.name.is_empty() || !rule.name.bytes().all(|b| b.is_ascii_graphic()) {
            self.problem(at, "a rule needs a name without spaces".to_owned());
        }
        if rule.sources.is_empty() && self.problems.len() == known {
            self.problem(at, "it reads no log: name its sources".to_owned());
        }
        if table.contains_key("bucket") && table.contains_key("distinct") {
            self.problem(at, "it has a bucket and a distinct table: keep one".to_owned());
        }
        self.rule = None;
        (self.problems.len() == known).then_some(rule)
    }

    fn rule_key<T: AsRef<str>>(&mut self, rule: &mut Rule, key: &Spanned<T>, value: &Value<'_>) {
        match key.get_ref().as_ref() {
            "name" => rule.name = self.text(value).unwrap_or_default(),
            "description" => rule.description = self.text(value).unwrap_or_default(),
            "sources" => rule.sources = self.list(value, Self::parsed).into_iter().collect(),
            "match" => rule.conditions = self.conditions(value).unwrap_or_default(),
            "unless" => rule.unless = self.conditions(value).unwrap_or_default(),
            "bucket" => rule.limit = self.bucket(value).unwrap_or(Limit::Every),
            "distinct" => rule.limit = self.distinct(value).unwrap_or(Limit::Every),
            "cooldown_seconds" => {
                rule.cooldown = self.number(value, 0..=MAX_SECONDS).unwrap_or(DEFAULT_COOLDOWN);
            }
            "indicator" => {
                let named = self.text(value);
                let known = Subject::NAMES.iter().find(|(name, _)| Some(*name) == named.as_deref());
                match known {
                    Some((_, subject)) => rule.subject = *subject,
                    None => {
                        let names: Vec<_> = Subject::NAMES.iter().map(|(name, _)| *name).collect();
                        self.wrong(value, &format!("one of {}", names.join(", ")));
                    }
                }
            }
            "confidence" => {
                let percent = self.number(value, 0..=100).and_then(|n| u8::try_from(n).ok());
                rule.confidence = percent.and_then(Confidence::new).unwrap_or_default();
            }
            "tags" => rule.tags = self.list(value, Self::parsed).into_iter().collect(),
            "tlp" => rule.tlp = self.parsed::<Tlp>(value),
            "fires" => rule.fires = self.list(value, Self::example),
            "quiet" => rule.quiet = self.list(value, Self::example),
            other => self.unknown(key, other, &RULE_KEYS),
        }
    }

    fn bucket(&mut self, value: &Value<'_>) -> Option<Limit> {
        let (mut capacity, mut leak) = (None, None);
        for (key, value) in self.table(value)? {
            match &**key.get_ref() {
                "capacity" => capacity = self.number(value, 1..=MAX_CAPACITY),
                "leak_seconds" => leak = self.number(value, 1..=MAX_SECONDS),
                other => self.unknown(key, other, &["capacity", "leak_seconds"]),
            }
        }
        let (Some(capacity), Some(leak)) = (capacity, leak) else {
            self.problem(value.span().start, "a bucket needs capacity and leak_seconds".to_owned());
            return None;
        };
        Some(Limit::Bucket { capacity: u32::try_from(capacity).ok()?, leak })
    }

    fn distinct(&mut self, value: &Value<'_>) -> Option<Limit> {
        let (mut field, mut count, mut window) = (None, None, None);
        for (key, value) in self.table(value)? {
            match &**key.get_ref() {
                "field" => field = self.field(value),
                "count" => count = self.number(value, 1..=MAX_DISTINCT as u64),
                "window_seconds" => window = self.number(value, 1..=MAX_SECONDS),
                other => self.unknown(key, other, &["field", "count", "window_seconds"]),
            }
        }
        let (Some(field), Some(count), Some(window)) = (field, count, window) else {
            let what = "distinct needs field, count and window_seconds";
            self.problem(value.span().start, what.to_owned());
            return None;
        };
        Some(Limit::Distinct { field, count: usize::try_from(count).ok()?, window })
    }

    fn field(&mut self, value: &Value<'_>) -> Option<Field> {
        let field = self.text(value)?.parse().ok();
        if field.is_none() {
            let names: Vec<_> = Field::ALL.iter().map(|field| field.name()).collect();
            self.wrong(value, &format!("one of {}", names.join(", ")));
        }
        field
    }

    fn conditions(&mut self, value: &Value<'_>) -> Option<Vec<Condition>> {
        let mut conditions = Vec::new();
        for (key, value) in self.table(value)? {
            let name = &**key.get_ref();
            let (field, part) = match name {
                "file" => (Some(Field::Path), Part::File),
                "query" => (Some(Field::Path), Part::Query),
                name => (name.parse().ok(), Part::Whole),
            };
            let asks = |field: &Field| field.kind() != FieldKind::Address;
            let Some(field) = field.filter(asks) else {
                let fields = Field::ALL.iter().filter(|field| asks(field));
                let names: Vec<_> =
                    fields.map(|field| field.name()).chain(["file", "query"]).collect();
                self.unknown(key, name, &names);
                continue;
            };
            let test = match field.kind() {
                FieldKind::Number => Some(Test::Number(self.list(value, Self::range))),
                FieldKind::Text | FieldKind::Address => self.text_test(value),
            };
            conditions.extend(test.map(|test| Condition { field, part, test }));
        }
        Some(conditions)
    }

    /// `404` or `"400-499"`.
    fn range(&mut self, value: &Value<'_>) -> Option<RangeInclusive<u64>> {
        if let Some(text) = value.get_ref().as_str() {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            let bounds = low.trim().parse().ok().zip(high.trim().parse().ok());
            if let Some((low, high)) = bounds.filter(|(low, high)| low <= high) {
                return Some(low..=high);
            }
            self.wrong(value, "a number or a range such as \"400-499\"");
            return None;
        }
        self.number(value, 0..=u64::MAX).map(|number| number..=number)
    }

    /// A list (one of these), or a table of `equals`, `prefix`, `suffix`, `contains`.
    fn text_test(&mut self, value: &Value<'_>) -> Option<Test> {
        let [mut equals, mut prefix, mut suffix, mut contains] = [const { Vec::new() }; 4];
        if value.get_ref().is_array() {
            equals = self.list(value, Self::text);
        } else {
            for (key, value) in self.table(value)? {
                let list = match &**key.get_ref() {
                    "equals" => &mut equals,
                    "prefix" => &mut prefix,
                    "suffix" => &mut suffix,
                    "contains" => &mut contains,
                    other => {
                        self.unknown(key, other, &["equals", "prefix", "suffix", "contains"]);
                        continue;
                    }
                };
                *list = self.list(value, Self::text);
            }
        }
        if [&prefix, &suffix, &contains].into_iter().flatten().any(String::is_empty) {
            self.problem(value.span().start, "an empty text is in everything".to_owned());
        }
        Some(Test::Text { equals, prefix, suffix, contains })
    }

    /// A text of one or more lines, or `{ lines = "…", times = 5 }`.
    fn example(&mut self, value: &Value<'_>) -> Option<Example> {
        if value.get_ref().is_str() {
            return Some(Example { lines: self.text(value)?, times: 1 });
        }
        let (mut lines, mut times) = (None, Some(1));
        for (key, value) in self.table(value)? {
            match &**key.get_ref() {
                "lines" => lines = self.text(value),
                "times" => times = self.number(value, 1..=MAX_TIMES),
                other => self.unknown(key, other, &["lines", "times"]),
            }
        }
        if lines.is_none() {
            self.problem(value.span().start, "an example needs lines".to_owned());
        }
        Some(Example { lines: lines?, times: u32::try_from(times?).ok()? })
    }
}
