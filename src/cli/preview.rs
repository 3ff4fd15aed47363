//! `dtim preview`: what would leave this node, to whom, at which level.

use clap::Args;
use serde_json::Value;

use super::args::Global;
use super::ask::Asking;
use super::failure::Failure;
use super::output::Output;
use super::table::facts;
use super::view::{defanged, items, reader, text};
use crate::http::client::target;

/// Show the exact fields and bytes that would leave, to whom, at which level
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dtim preview                 everything that waits to leave
  dtim preview 203.0.113.7     one indicator, and why it would not leave
  dtim preview 203.0.113.7 --to node-2")]
pub(super) struct PreviewArgs {
    /// An indicator: its value, also defanged, or its id
    value: Option<String>,
    /// Only what would leave for this member, or for the mesh
    #[arg(long, value_name = "MEMBER|mesh")]
    to: Option<String>,
}

impl PreviewArgs {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let query = [("value", self.value.as_deref()), ("to", self.to.as_deref())];
        let query: Vec<(&str, &str)> =
            query.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        let answer = Asking::new(global, output)?.get(&target(&["preview"], &query))?;
        output.answer(&answer, show)
    }
}

fn show(output: &mut Output<'_>, answer: &Value) -> Result<(), Failure> {
    let previews = items(answer, "/previews");
    if previews.is_empty() {
        output.note("nothing waits to leave");
    }
    for (number, preview) in previews.iter().enumerate() {
        if number > 0 {
            output.line("")?;
        }
        show_one(output, preview)?;
    }
    Ok(())
}

fn show_one(output: &mut Output<'_>, preview: &Value) -> Result<(), Failure> {
    let leaves = match (text(preview, "/leaves"), text(preview, "/reason")) {
        (leaves, reason) if reason.is_empty() => leaves,
        (leaves, reason) => format!("{leaves}: {reason}"),
    };
    let size = text(preview, "/size");
    facts(
        output,
        &[
            ("indicator", defanged(preview)),
            ("to", reader(preview)),
            ("level", text(preview, "/level")),
            ("leaves", leaves),
            ("bytes", text(preview, "/bytes_hex")),
            ("size", if size.is_empty() { size } else { format!("{size} bytes") }),
        ],
    )?;
    let fields = preview.get("fields").and_then(Value::as_object);
    for (name, value) in fields.into_iter().flatten() {
        let value = match name.as_str() {
            "value" => defanged(preview),
            _ => text(value, ""),
        };
        // What is empty was not told.
        if !value.is_empty() {
            output.line(&format!("  {name:<12}{value}"))?;
        }
    }
    Ok(())
}
