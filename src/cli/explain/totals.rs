//! What all lines of a file became together.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value as Json, json};

use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::table::{Table, facts};
use crate::model::Value;
use crate::node::pipeline::Looked;

/// Counts, and which values they were.
#[derive(Debug, Default)]
pub(super) struct Totals {
    lines: u64,
    events: u64,
    doubtful: u64,
    unparsed: BTreeMap<&'static str, u64>,
    hits: u64,
    rules: BTreeMap<String, u64>,
    refused: BTreeMap<&'static str, u64>,
    indicators: HashSet<Value>,
}

impl Totals {
    pub(super) fn count(&mut self, looked: &Looked<'_>) {
        self.lines += 1;
        self.doubtful += u64::from(looked.doubtful);
        match &looked.parsed {
            Ok(event) => self.events += u64::from(event.is_some()),
            Err(why) => *self.unparsed.entry(why.label()).or_default() += 1,
        }
        for hit in &looked.hits {
            self.hits += 1;
            match self.rules.get_mut(&hit.rule) {
                Some(count) => *count += 1,
                None => drop(self.rules.insert(hit.rule.clone(), 1)),
            }
            if !self.indicators.contains(&hit.value) {
                self.indicators.insert(hit.value.clone());
            }
        }
        for (_, why) in &looked.refused {
            *self.refused.entry(why.label()).or_default() += 1;
        }
    }

    pub(super) fn count_too_long(&mut self) {
        self.lines += 1;
        *self.unparsed.entry("too-long").or_default() += 1;
    }

    fn parsed(&self) -> u64 {
        self.lines - self.unparsed.values().sum::<u64>()
    }

    pub(super) fn as_json(&self) -> Json {
        json!({
            "lines": self.lines,
            "parsed": self.parsed(),
            "unparsed": self.unparsed,
            "events": self.events,
            "doubtful": self.doubtful,
            "sightings": self.hits,
            "indicators": self.indicators.len(),
            "rules": self.rules,
            "refused": self.refused,
        })
    }

    pub(super) fn write(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        facts(
            output,
            &[
                ("lines", self.lines.to_string()),
                ("parsed", self.parsed().to_string()),
                ("events", self.events.to_string()),
                ("doubtful", self.doubtful.to_string()),
                ("sightings", self.hits.to_string()),
                ("indicators", self.indicators.len().to_string()),
            ],
        )?;
        let not_parsed = self.unparsed.iter().map(|(why, count)| ("not parsed", *why, count));
        let rules = self.rules.iter().map(|(rule, count)| ("by rule", rule.as_str(), count));
        let refused = self.refused.iter().map(|(why, count)| ("refused", *why, count));
        let mut table = Table::new(&["", "", "TIMES"]);
        for (what, which, count) in not_parsed.chain(rules).chain(refused) {
            table.row([what.to_owned(), which.to_owned(), count.to_string()]);
        }
        if table.is_empty() {
            return Ok(());
        }
        output.line("")?;
        table.write(output, "")
    }
}
