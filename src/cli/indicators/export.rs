//! `dtim indicators export`: what a view tells, as a file for other programs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::ask::Asking;
use crate::cli::failure::{Failure, strange_answer};
use crate::cli::output::Output;
use crate::cli::view::items;
use crate::http::client::target;
use crate::model::{Level, Tlp};

/// Types of objects that a bundle needs once, whatever it tells.
const SHARED: [&str; 3] = ["identity", "extension-definition", "marking-definition"];

/// Write what the node knows as a file for other programs
#[derive(Debug, Args)]
#[command(
    after_help = "The file tells what somebody may know who is shown the marking of --tlp: nothing
stricter is in it or has changed a number in it. Two exports of one view have the same ids;
other views have others.

Examples:
  dtim indicators export -o green.json
  dtim indicators export --format stix --tlp white --level open > public.json
  dtim indicators export --tlp amber --tlp-version 1 -o siem.json --json"
)]
pub(in crate::cli) struct ExportArgs {
    /// The format: a STIX 2.1 bundle
    #[arg(long, value_enum, default_value_t = Format::Stix)]
    format: Format,
    /// The strictest marking that is written: white, green, amber or red
    #[arg(long, default_value_t = Tlp::Green)]
    tlp: Tlp,
    /// How much is told: strict, moderate or open [default: that of the configuration]
    #[arg(long)]
    level: Option<Level>,
    /// In which objects markings are written: 1 for consumers that do not know TLP 2.0
    #[arg(long, value_name = "1|2", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    tlp_version: u8,
    /// The file; without it the bundle is written to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Stix,
}

impl ExportArgs {
    pub(super) fn act(self, node: &Asking, output: &mut Output<'_>) -> Result<(), Failure> {
        let Format::Stix = self.format;
        if self.tlp == Tlp::AmberStrict {
            return Err(Failure::wrong("what is amber+strict is shown with --tlp red only"));
        }
        let Some(path) = &self.output else {
            let count = self.write(node, &mut *output.out)?;
            output.note(&self.sentence(count));
            return Ok(());
        };
        let cannot =
            |error| Failure::failed(format!("{} cannot be written: {error}", path.display()));
        let mut file = BufWriter::new(File::create(path).map_err(cannot)?);
        let count = self.write(node, &mut file)?;
        file.flush().map_err(cannot)?;
        let answer = json!({ "file": path, "indicators": count, "tlp": self.tlp.name() });
        output.answer(&answer, |output, _| {
            output.line(&format!("{} in {}", self.sentence(count), path.display()))
        })
    }

    fn sentence(&self, count: u64) -> String {
        let indicators = if count == 1 { "indicator" } else { "indicators" };
        format!("{count} {indicators}, of markings up to {}", self.tlp)
    }

    /// Writes the bundle page by page.
    fn write(&self, node: &Asking, out: &mut dyn Write) -> Result<u64, Failure> {
        write!(out, "{{\"type\":\"bundle\",\"id\":\"bundle--{}\"", Uuid::new_v4())?;
        let (mut count, mut after) = (0, String::from("0"));
        let mut shared = BTreeSet::new();
        let mut begun = false;
        loop {
            let page = node.get(&self.path(&after))?;
            for object in items(&page, "/objects") {
                if !new(object, &mut shared) {
                    continue;
                }
                // STIX knows no empty list.
                let before = if begun { "," } else { ",\"objects\":[" };
                write!(out, "{before}\n{object}")?;
                begun = true;
            }
            count += page.get("indicators").and_then(Value::as_u64).unwrap_or_default();
            match page.get("next") {
                Some(Value::Null) => break,
                Some(next) => after = next.to_string(),
                None => return Err(strange_answer(&page, "next")),
            }
        }
        writeln!(out, "{}", if begun { "\n]}" } else { "}" })?;
        Ok(count)
    }

    fn path(&self, after: &str) -> String {
        let version = self.tlp_version.to_string();
        let mut query = vec![("tlp", self.tlp.name()), ("tlp_version", &version), ("after", after)];
        query.extend(self.level.map(|level| ("level", level.name())));
        target(&["export"], &query)
    }
}

/// Every page brings the objects that it needs; a bundle needs each once.
fn new(object: &Value, shared: &mut BTreeSet<String>) -> bool {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    !SHARED.contains(&text("type")) || shared.insert(text("id").to_owned())
}
