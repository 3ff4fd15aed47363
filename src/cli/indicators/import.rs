//! `dtim indicators import`: what other programs wrote, object by object.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value as Json, json};

use crate::cli::args::Global;
use crate::cli::ask::Asking;
use crate::cli::failure::{Failure, strange_answer};
use crate::cli::output::Output;
use crate::cli::settings::Settings;
use crate::cli::view::items;
use crate::formats::stix::{self, Imported, Object, Reader, Refusal, Splitter, Tally};
use crate::http::ImportEntry;
use crate::hygiene::{self, Lists};
use crate::model::{Evidence, Tlp, Value};
use crate::node::{self, Live};

/// How much of a file is read at a time, in bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// A request to the node holds at most so many entries,
const BATCH_ENTRIES: usize = 500;
/// and not much more than so many bytes of them.
const BATCH_BYTES: usize = 128 * 1024;

/// Read indicators that other programs wrote: a STIX 2.1 bundle
#[derive(Debug, Args)]
#[command(
    after_help = "What is imported is never an own sighting: all imports count as one source, and the
mesh is never told. What DTIM nodes wrote is recognised and not counted a second time. Each
object that becomes no indicator is named with its reason.

Examples:
  dtim indicators import feed.json --tlp green --trust 0.8
  curl -s https://feed.example/stix.json | dtim indicators import -
  dtim indicators import feed.json --dry-run --json"
)]
pub(in crate::cli) struct ImportArgs {
    /// The file, or - for standard input
    file: PathBuf,
    /// The marking of objects that have none: white, green, amber, amber+strict or red
    #[arg(long, default_value_t = Tlp::Red)]
    tlp: Tlp,
    /// How much it weighs, 0 to 1
    #[arg(long, default_value_t = 0.5, value_parser = trust)]
    trust: f64,
    /// Only say what would become of it; needs no running node
    #[arg(long)]
    dry_run: bool,
}

fn trust(text: &str) -> Result<f64, String> {
    let trust: f64 = text.parse().map_err(|_| "write a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&trust) { Ok(trust) } else { Err("it is between 0 and 1".to_owned()) }
}

/// Who says what comes of an indicator.
enum Judge {
    /// Nobody but hygiene.
    Lists(Box<Lists>),
    /// The node, which keeps what it takes.
    Node(Box<Asking>),
}

/// An import while it goes on.
struct Importing<'a, 'o> {
    settings: stix::Settings,
    judge: Judge,
    output: &'a mut Output<'o>,
    tally: Tally,
    /// What came of the values, by the label of the outcome.
    outcomes: BTreeMap<String, u64>,
    /// What waits for the node, and the objects that it comes from.
    batch: Vec<(String, Json)>,
    batch_bytes: usize,
}

impl ImportArgs {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let judge = if self.dry_run {
            let loaded = Settings::load_or_default(global, output)?.loaded;
            Judge::Lists(Box::new(Live::build(loaded)?.lists.as_ref().clone()))
        } else {
            Judge::Node(Box::new(Asking::new(global, output)?))
        };
        let cannot =
            |error| Failure::failed(format!("{} cannot be read: {error}", self.file.display()));
        let mut input: Box<dyn Read> = if self.file.as_os_str() == "-" {
            Box::new(io::stdin().lock())
        } else {
            Box::new(File::open(&self.file).map_err(cannot)?)
        };
        let settings = stix::Settings { unmarked: self.tlp, trust: self.trust };
        let mut importing = Importing {
            settings,
            judge,
            output,
            tally: Tally::default(),
            outcomes: BTreeMap::new(),
            batch: Vec::new(),
            batch_bytes: 0,
        };
        let read = importing.read(&mut input, cannot);
        // What came before an error was taken, and is said.
        importing.flush()?;
        importing.summary(self.dry_run)?;
        read
    }
}

impl Importing<'_, '_> {
    fn read(
        &mut self,
        input: &mut dyn Read,
        cannot: impl Fn(io::Error) -> Failure,
    ) -> Result<(), Failure> {
        let (mut splitter, mut reader) = (Splitter::default(), Reader::default());
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let length = match input.read(&mut piece) {
                Ok(0) => return splitter.finish().map_err(Failure::failed),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(cannot(error)),
            };
            let mut failed = Ok(());
            let taken = splitter.take(piece.get(..length).unwrap_or_default(), |object| {
                let (id, object) = reader.read(object);
                if failed.is_ok() {
                    failed = self.object(&id, &object);
                }
            });
            failed?;
            taken.map_err(Failure::failed)?;
        }
    }

    fn object(&mut self, id: &str, object: &Object) -> Result<(), Failure> {
        self.tally.count(object);
        match object {
            Object::Indicator(imported) => {
                for refused in &imported.refused {
                    self.refused(id, refused.label(), &refused.to_string())?;
                }
                self.imported(id, imported)
            }
            Object::Refused(refusal) => self.refused(id, refusal.label(), &refusal.to_string()),
            Object::Other(_) => Ok(()),
        }
    }

    fn imported(&mut self, id: &str, imported: &Imported) -> Result<(), Failure> {
        match stix::evidence(imported, self.settings, node::now()) {
            Ok(live) => {
                // Of several values some may have ended by the age of their kind.
                for _ in live.len()..imported.values.len() {
                    self.refuse(id, &Refusal::Ended)?;
                }
                live.iter().try_for_each(|evidence| self.told(id, evidence))
            }
            Err(Refusal::Revoked) => {
                imported.values.iter().try_for_each(|value| self.taken_back(id, value))
            }
            Err(refusal) => self.refuse(id, &refusal),
        }
    }

    /// Refuses what was read and cannot be taken now.
    fn refuse(&mut self, id: &str, refusal: &Refusal) -> Result<(), Failure> {
        self.tally.refuse(refusal.label());
        self.refused(id, refusal.label(), &refusal.to_string())
    }

    fn told(&mut self, id: &str, evidence: &Evidence) -> Result<(), Failure> {
        match &self.judge {
            Judge::Node(_) => self.send(id, &ImportEntry::told(evidence)),
            Judge::Lists(lists) => match hygiene::check(&evidence.value, lists) {
                Ok(()) => self.outcome("fit"),
                Err(unfit) => {
                    self.outcome(unfit.label())?;
                    self.refused(id, unfit.label(), &unfit.to_string())
                }
            },
        }
    }

    fn taken_back(&mut self, id: &str, value: &Value) -> Result<(), Failure> {
        match &self.judge {
            Judge::Node(_) => self.send(id, &ImportEntry::taken_back(value)),
            Judge::Lists(_) => self.outcome("taken_back"),
        }
    }

    fn send(&mut self, id: &str, entry: &ImportEntry) -> Result<(), Failure> {
        let entry = serde_json::to_value(entry).map_err(Failure::failed)?;
        self.batch_bytes += entry.to_string().len();
        self.batch.push((id.to_owned(), entry));
        if self.batch.len() >= BATCH_ENTRIES || self.batch_bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Hands what waits to the node.
    fn flush(&mut self) -> Result<(), Failure> {
        let Judge::Node(node) = &self.judge else { return Ok(()) };
        if self.batch.is_empty() {
            return Ok(());
        }
        let (ids, entries): (Vec<String>, Vec<Json>) =
            std::mem::take(&mut self.batch).into_iter().unzip();
        self.batch_bytes = 0;
        let answer = node.post("/import", &json!({ "entries": entries }))?;
        for (id, outcome) in ids.iter().zip(items(&answer, "/outcomes")) {
            let text = |name: &str| outcome.get(name).and_then(Json::as_str);
            let label = text("outcome").ok_or_else(|| strange_answer(&answer, "outcome"))?;
            self.outcome(label)?;
            if let Some(reason) = text("reason") {
                self.refused(id, label, reason)?;
            }
        }
        Ok(())
    }

    fn outcome(&mut self, label: &str) -> Result<(), Failure> {
        *self.outcomes.entry(label.to_owned()).or_default() += 1;
        Ok(())
    }

    /// Names an object that became no indicator, or a part of one.
    fn refused(&mut self, id: &str, label: &str, reason: &str) -> Result<(), Failure> {
        let id =
            if id.is_empty() { format!("object {}", self.tally.objects) } else { id.to_owned() };
        if self.output.json {
            return self.output.json_line(&json!({ "id": id, "refused": label, "reason": reason }));
        }
        self.output.line(&format!("{id}: {reason}"))
    }

    fn summary(&mut self, dry_run: bool) -> Result<(), Failure> {
        let Tally { objects, told, values, refused, others } = &self.tally;
        if self.output.json {
            return self.output.json_line(&json!({
                "objects": objects,
                "told": told,
                "values": values,
                "refused": refused,
                "others": others,
                "outcomes": self.outcomes,
                "dry_run": dry_run,
            }));
        }
        let mut lines = vec![format!("{objects} objects, {told} tell of {values} values")];
        for (label, count) in &self.outcomes {
            lines.push(format!("  {count} {}", in_words(label, dry_run)));
        }
        let refusals: u64 = refused.values().sum();
        if refusals > 0 {
            lines.push(format!("{refusals} refused"));
            lines.extend(refused.iter().map(|(label, count)| format!("  {count} {label}")));
        }
        for (name, count) in others {
            lines.push(format!("{count} of type {name}, which tells no indicator"));
        }
        lines.iter().try_for_each(|line| self.output.line(line))
    }
}

fn in_words(label: &str, dry_run: bool) -> String {
    match label {
        "new" => "are new".to_owned(),
        "known" => "were known".to_owned(),
        "fit" => "would be taken".to_owned(),
        "taken_back" if dry_run => "would be taken back".to_owned(),
        "taken_back" => "were taken back".to_owned(),
        "not_here" => "were taken back and are not here".to_owned(),
        unfit => format!("are not fit: {unfit}"),
    }
}
