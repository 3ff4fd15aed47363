//! `dtim egress`: the ledger of everything that left.

use clap::Args;
use serde_json::Value;

use super::args::Global;
use super::ask::Asking;
use super::failure::Failure;
use super::output::Output;
use super::table::Table;
use super::view::{defanged, items, reader, text, time};
use crate::http::client::target;

/// List everything that left this node, or verify that list
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dtim egress --limit 20
  dtim egress --after 120 --json
  dtim egress --verify         status 1 if a row was changed, removed or moved")]
pub(super) struct EgressArgs {
    /// At most so many rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: Option<u32>,
    /// Only rows after this number
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// Check the hash chain over all rows instead
    #[arg(long, conflicts_with_all = ["limit", "after"])]
    verify: bool,
}

impl EgressArgs {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let node = Asking::new(global, output)?;
        if self.verify {
            let answer = node.get("/egress/verify")?;
            output.answer(&answer, verified)?;
            let ok = answer.get("ok") == Some(&Value::Bool(true));
            return if ok { Ok(()) } else { Err(Failure::TOLD_NO) };
        }
        let limit = self.limit.map(|limit| limit.to_string());
        let after = self.after.map(|after| after.to_string());
        let query = [("limit", &limit), ("after", &after)];
        let query: Vec<(&str, &str)> =
            query.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))).collect();
        output.answer(&node.get(&target(&["egress"], &query))?, list)
    }
}

fn verified(output: &mut Output<'_>, answer: &Value) -> Result<(), Failure> {
    if answer.get("ok") == Some(&Value::Bool(true)) {
        return output.line(&format!("{} rows, all as they were written", text(answer, "/rows")));
    }
    let how = text(answer, "/how");
    let how = if how.is_empty() { "changed, removed or moved".to_owned() } else { how };
    output.line(&format!("row {} is not as it was written: {how}", text(answer, "/broken_at")))
}

fn list(output: &mut Output<'_>, answer: &Value) -> Result<(), Failure> {
    let mut table = Table::new(&["NUMBER", "AT", "KIND", "VALUE", "TO", "LEVEL", "FIELDS"]);
    for row in items(answer, "/rows") {
        let to = match text(row, "/members") {
            members if members.is_empty() => reader(row),
            members => format!("{}, {members} members", reader(row)),
        };
        let fields = match row.get("fields") {
            Some(Value::Object(fields)) => fields.keys().cloned().collect::<Vec<_>>().join(", "),
            _ => text(row, "/fields"),
        };
        let (what, value) = match text(row, "/what").as_str() {
            "passed_on" => (
                "passed on".to_owned(),
                format!("{} claims, {} bytes", text(row, "/claims"), text(row, "/bytes")),
            ),
            "attested" => {
                ("attested".to_owned(), format!("{} indicators", text(row, "/indicators")))
            }
            _ => (text(row, "/kind"), defanged(row)),
        };
        table.row([
            text(row, "/number"),
            time(row, "/at"),
            what,
            value,
            to,
            text(row, "/level"),
            fields,
        ]);
    }
    table.write(output, "nothing has left this node")?;
    match text(answer, "/next") {
        next if next.is_empty() => {}
        next => output.note(&format!("more with `dtim egress --after {next}`")),
    }
    Ok(())
}
