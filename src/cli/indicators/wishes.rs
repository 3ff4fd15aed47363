//! `dtim indicators share`, `retract` and `vote`: the operator's word.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::ask::Asking;
use crate::cli::failure::{Failure, strange_answer};
use crate::cli::output::Output;
use crate::cli::table::Table;
use crate::cli::view::{defanged, items, reader, text, time};
use crate::model::Tlp;

/// Decide how far what this node saw of an indicator may travel
#[derive(Debug, Args)]
#[command(
    after_help = "Whoever was told and is no longer reached gets a retraction. Whom the names
mean is fixed now: who becomes a member or comes into a group later is not told.

Examples:
  dtim indicators share 203.0.113.7 --tlp green
  dtim indicators share 203.0.113.7 --tlp amber --to node-2 --to hospitals
  dtim indicators share 203.0.113.7 --tlp red           only here again"
)]
pub(in crate::cli) struct ShareArgs {
    /// Its value, also defanged, or its id
    indicator: String,
    /// How far it may travel: white, green, amber, amber+strict or red
    #[arg(long)]
    tlp: Tlp,
    /// Only to this member or group; may be given several times
    #[arg(long, value_name = "NAME")]
    to: Vec<String>,
}

/// Take back what this node told of indicators, and share them no more
#[derive(Debug, Args)]
#[command(after_help = "Later sightings do not share them again; `dtim indicators share` does.

Examples:
  dtim indicators retract 203.0.113.7
  dtim indicators retract 203.0.113.7 bad[.]example --json")]
pub(in crate::cli) struct RetractArgs {
    /// Their values, also defanged, or their ids
    #[arg(required = true, value_name = "INDICATOR")]
    indicators: Vec<String>,
}

/// Say that an indicator is a false positive here: it counts for nothing in any output
#[derive(Debug, Args)]
#[command(after_help = "A vote stays on this node. What this node told of it is taken back with
`dtim indicators retract`.

Examples:
  dtim indicators vote 203.0.113.7 --false-positive
  dtim indicators vote 203.0.113.7 --clear")]
pub(in crate::cli) struct VoteArgs {
    /// Its value, also defanged, or its id
    indicator: String,
    #[command(flatten)]
    vote: Vote,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Vote {
    /// It is none
    #[arg(long)]
    false_positive: bool,
    /// Take the vote back
    #[arg(long)]
    clear: bool,
}

impl ShareArgs {
    pub(super) fn act(self, node: &Asking, output: &mut Output<'_>) -> Result<(), Failure> {
        let body = json!({ "indicator": self.indicator, "tlp": self.tlp.name(), "to": self.to });
        output.answer(&node.post("/share", &body)?, |output, answer| {
            let to = match answer.get("to") {
                Some(Value::Array(names)) if names.is_empty() => "nobody".to_owned(),
                Some(Value::Array(_)) => text(answer, "/to"),
                _ => "everybody whom the marking allows".to_owned(),
            };
            output.line(&format!("{}  {}  to {to}", defanged(answer), text(answer, "/tlp")))?;
            leaves(output, [answer])
        })
    }
}

impl RetractArgs {
    pub(super) fn act(self, node: &Asking, output: &mut Output<'_>) -> Result<(), Failure> {
        let body = json!({ "indicators": self.indicators });
        output.answer(&node.post("/retract", &body)?, |output, answer| {
            let retracted = items(answer, "/retracted");
            output.line(&format!("{} taken back", retracted.len()))?;
            leaves(output, retracted)
        })
    }
}

impl VoteArgs {
    pub(super) fn act(self, node: &Asking, output: &mut Output<'_>) -> Result<(), Failure> {
        let false_positive = self.vote.false_positive;
        let body = json!({ "indicator": self.indicator, "false_positive": false_positive });
        output.answer(&node.post("/vote", &body)?, |output, answer| {
            let indicator =
                answer.get("indicator").ok_or_else(|| strange_answer(answer, "indicator"))?;
            let vote = if false_positive { "a false positive here" } else { "no vote" };
            let confidence = text(indicator, "/confidence");
            output.line(&format!("{}  {vote}  confidence {confidence}", defanged(indicator)))
        })
    }
}

/// What leaves because of the operator's word.
fn leaves<'a>(
    output: &mut Output<'_>,
    words: impl IntoIterator<Item = &'a Value>,
) -> Result<(), Failure> {
    let mut table = Table::new(&["INDICATOR", "LEAVES", "TO", "NOT BEFORE", "HELD BACK"]);
    for word in words {
        for leaving in items(word, "/leaves") {
            table.row([
                defanged(word),
                text(leaving, "/what"),
                reader(leaving),
                time(leaving, "/due"),
                text(leaving, "/held"),
            ]);
        }
    }
    output.line("")?;
    table.write(output, "nothing leaves")
}

/// Whom this node shared an indicator with, and what waits for them.
pub(super) fn shared(output: &mut Output<'_>, indicator: &Value) -> Result<(), Failure> {
    let rows = items(indicator, "/shared");
    if rows.is_empty() {
        return Ok(());
    }
    let mut table =
        Table::new(&["SHARED WITH", "TLP", "TOLD", "TAKEN BACK", "WAITS", "NOT BEFORE"]);
    for row in rows {
        table.row([
            reader(row),
            text(row, "/tlp"),
            time(row, "/told"),
            text(row, "/retracted"),
            text(row, "/waits"),
            time(row, "/due"),
        ]);
    }
    output.line("")?;
    table.write(output, "")
}
