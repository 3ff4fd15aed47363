//! `dtim why`: the sum behind a confidence.

use clap::Args;
use serde_json::Value;

use super::args::Global;
use super::ask::Asking;
use super::failure::{Failure, strange_answer};
use super::output::Output;
use super::table::{Table, facts};
use super::view::{defanged, duration, items, number, text, virustotal};
use crate::http::client::target;

/// Show the sum behind a confidence and a block decision
#[derive(Debug, Args)]
#[command(after_help = "Member names in the sum are for this node's operator only.

Examples:
  dtim why 203.0.113.7
  dtim why 'hxxp://bad[.]example/x' --json")]
pub(super) struct WhyArgs {
    /// An indicator: its value, also defanged, or its id
    value: String,
}

impl WhyArgs {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let path = target(&["why"], &[("value", &self.value)]);
        let answer = Asking::new(global, output)?.get(&path)?;
        output.answer(&answer, show)
    }
}

fn show(output: &mut Output<'_>, answer: &Value) -> Result<(), Failure> {
    let indicator = answer.get("indicator").ok_or_else(|| strange_answer(answer, "indicator"))?;
    let sum = answer.get("assessment").ok_or_else(|| strange_answer(answer, "assessment"))?;
    let block = match (text(sum, "/block"), text(sum, "/reason")) {
        (block, reason) if reason.is_empty() => block,
        (block, reason) => format!("{block}: {reason}"),
    };
    facts(
        output,
        &[
            ("indicator", defanged(indicator)),
            ("kind", text(indicator, "/kind")),
            ("confidence", format!("{} of 100", text(sum, "/confidence"))),
            ("sources", text(sum, "/sources")),
            ("block", block),
        ],
    )?;
    let mut table = Table::new(&["WHO", "WEIGHT", "CONFIDENCE", "AGE", "CONTRIBUTION", "NOTE"]);
    for term in items(sum, "/terms") {
        table.row([
            text(term, "/who"),
            share(term, "/weight"),
            text(term, "/confidence"),
            duration(number(term, "/age_seconds")),
            share(term, "/contribution"),
            text(term, "/note"),
        ]);
    }
    output.line("")?;
    table.write(output, "nobody has told anything about it")?;
    if !items(sum, "/terms").is_empty() {
        output.line("")?;
        output.line("confidence = 1 − Π (1 − contribution), in hundredths")?;
    }
    if let Some(said) = virustotal(answer) {
        output.line("")?;
        output.line(&format!("Not in the sum: {said}"))?;
    }
    Ok(())
}

fn share(of: &Value, pointer: &str) -> String {
    of.pointer(pointer).and_then(Value::as_f64).map_or_else(String::new, |x| format!("{x:.2}"))
}
