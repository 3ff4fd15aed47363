//! A set of rules.
//!
//! Owns what holds of all rules together: unique names, bounds, and that their
//! examples are true.

use super::detector::{DEFAULT_CAPACITY, Detector};
use super::rule::{Example, Rule, Test};
use super::{builtin, read};
use crate::model::Timestamp;
use crate::parse::{Context, Reader};

/// The most rules at once: they are matched as bits of one word.
pub const MAX_RULES: usize = 128;
/// The most bytes of all patterns together, which bounds the automata (some 100 bytes a byte).
const MAX_PATTERN_BYTES: usize = 256 * 1024;

/// A set of rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules(Vec<Rule>);

/// What is wrong with a rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct RuleProblem {
    /// The line, from 1.
    pub line: Option<usize>,
    /// The rule, if it has a name.
    pub rule: Option<String>,
    /// What is wrong, and what to do.
    pub what: String,
}

/// `line 3: rule "x": what`
impl std::fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, "rule {rule:?}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl Rules {
    /// The rules that come with the program.
    pub fn builtin() -> Self {
        builtin::rules()
    }

    /// Reads a rule file; all problems at once.
    pub fn parse(toml: &str) -> Result<Self, Vec<RuleProblem>> {
        let rules = Self(read::rules(toml)?);
        Self::default().and(rules)
    }

    /// These and more; names must differ and the bounds hold.
    pub fn and(mut self, more: Self) -> Result<Self, Vec<RuleProblem>> {
        let mut problems = Vec::new();
        for rule in more.0 {
            if self.0.iter().any(|other| other.name == rule.name) {
                let what = "there is a rule of this name already: choose another name, or disable \
                            the built-in one in [detection] disable";
                problems.push(problem(&rule.name, what.to_owned()));
            } else {
                self.0.push(rule);
            }
        }
        let bytes: usize = self.0.iter().map(pattern_bytes).sum();
        if self.0.len() > MAX_RULES || bytes > MAX_PATTERN_BYTES {
            let what = format!(
                "there are too many rules or patterns: at most {MAX_RULES} rules with \
                 {MAX_PATTERN_BYTES} bytes of patterns"
            );
            problems.push(RuleProblem { line: None, rule: None, what });
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// Without the rules of these names.
    #[must_use]
    pub fn without(mut self, names: &[String]) -> Self {
        self.0.retain(|rule| !names.contains(&rule.name));
        self
    }

    /// The rules in order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// Tries every rule on its own examples.
    pub fn check_examples(&self) -> Vec<RuleProblem> {
        self.0.iter().flat_map(broken_examples).collect()
    }

    pub(super) fn into_vec(self) -> Vec<Rule> {
        self.0
    }
}

fn problem(rule: &str, what: String) -> RuleProblem {
    RuleProblem { line: None, rule: Some(rule.to_owned()), what }
}

fn pattern_bytes(rule: &Rule) -> usize {
    let bytes = |test: &Test| match test {
        Test::Number(_) => 0,
        Test::Text { equals, prefix, suffix, contains } => {
            [equals, prefix, suffix, contains].into_iter().flatten().map(String::len).sum()
        }
    };
    rule.conditions.iter().chain(&rule.unless).map(|condition| bytes(&condition.test)).sum()
}

fn broken_examples(rule: &Rule) -> Vec<RuleProblem> {
    let mut problems = Vec::new();
    for (examples, must_fire) in [(&rule.fires, true), (&rule.quiet, false)] {
        for example in examples {
            match named(rule, example) {
                Ok(fired) if fired == must_fire => {}
                Ok(true) => problems.push(problem(
                    &rule.name,
                    format!(
                        "it names an address in an example that must stay quiet: {:?}",
                        example.lines
                    ),
                )),
                Ok(false) => problems.push(problem(
                    &rule.name,
                    format!("it names nobody in an example that must fire: {:?}", example.lines),
                )),
                Err(line) => problems.push(problem(
                    &rule.name,
                    format!("an example is not a line of any of its sources: {line:?}"),
                )),
            }
        }
    }
    problems
}

/// Whether the rule alone names an address in the example's lines.
fn named<'e>(rule: &Rule, example: &'e Example) -> Result<bool, &'e str> {
    let mut detector = Detector::new(Rules(vec![rule.clone()]), DEFAULT_CAPACITY);
    // Examples are old lines; the year only matters to syslog's times.
    let now = Timestamp(4_102_444_800);
    let context = Context { now, utc_offset: 0, trusted_proxies: &[], own: &[] };
    let mut readers: Vec<Reader> = rule.sources.iter().copied().map(Reader::new).collect();
    let mut read = |line: &'e str| {
        let lines = readers.iter_mut();
        let mut read = lines.filter_map(|reader| reader.read(line.as_bytes(), &context).ok());
        read.next().ok_or(line)
    };
    let mut fired = false;
    for _ in 0..example.times {
        for line in example.lines.lines().filter(|line| !line.trim().is_empty()) {
            if let Some(event) = read(line)? {
                fired |= !detector.observe(&event, now).is_empty();
            }
        }
    }
    Ok(fired)
}
