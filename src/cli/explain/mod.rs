//! `dtim explain`: what each line of a log would become, and why not.
//!
//! It looks at lines as a running node does, by the same function; nothing is
//! stored and nothing leaves.

mod lines;
mod show;
mod totals;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde_json::Value;

use self::lines::{Lines, Window};
use self::show::{Explained, Reason};
use self::totals::Totals;
use super::args::Global;
use super::failure::Failure;
use super::output::Output;
use super::settings::Settings;
use crate::model::{Source, Timestamp};
use crate::node::pipeline::Pipeline;
use crate::node::{self, Live};
use crate::parse::{Reader, look_ahead};

/// How much of a file is read at a time.
const READ_BYTES: usize = 256 * 1024;
/// After so many lines what the detector notes for the store is thrown away.
const CHANGES_EVERY: u64 = 4096;

/// Show what each line of a log would become, and why not
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is stored and nothing leaves. Rules that count do so over the lines of this file.

Examples:
  dtim explain --source nginx-access /var/log/nginx/access.log
  dtim explain --source ufw --summary /var/log/ufw.log
  journalctl -k | dtim explain --source ufw --json -"
)]
pub(super) struct ExplainArgs {
    /// Which log it is
    #[arg(long, value_parser = PossibleValuesParser::new(Source::ALL.map(Source::name)).try_map(|name| name.parse::<Source>()))]
    source: Source,
    /// Totals only
    #[arg(long)]
    summary: bool,
    /// The log; - or nothing is standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

impl ExplainArgs {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let settings = Settings::load_or_default(global, output)?;
        let live = Live::build(settings.loaded)?;
        let pipeline = Pipeline::new(live.rules.clone(), live.pipeline_settings());
        let explainer = Explainer { pipeline, source: self.source, now: node::now() };
        match self.file.filter(|file| file.as_os_str() != "-") {
            None => explainer.explain(io::stdin().lock(), self.summary, output),
            Some(file) => {
                let open = File::open(&file).map_err(|error| {
                    Failure::failed(format!("the log {} cannot be read: {error}", file.display()))
                        .help("name a file that you may read, or use sudo")
                })?;
                let reader = BufReader::with_capacity(READ_BYTES, open);
                explainer.explain(reader, self.summary, output)
            }
        }
    }
}

struct Explainer {
    pipeline: Pipeline,
    source: Source,
    now: Timestamp,
}

impl Explainer {
    fn explain(
        mut self,
        reader: impl BufRead,
        summary: bool,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        let mut format = Reader::new(self.source);
        let mut window = Window::new(Lines::new(reader), look_ahead(self.source));
        let mut totals = Totals::default();
        while let Some((number, line, ahead)) = window.next()? {
            let Some(line) = line else {
                totals.count_too_long();
                if !summary {
                    Explained::too_long(number).write(output)?;
                }
                continue;
            };
            let looked = self.pipeline.look(&mut format, line, ahead, self.now);
            totals.count(&looked);
            if number % CHANGES_EVERY == 0 {
                // Nobody stores them here.
                self.pipeline.detector().take_changed();
            }
            if !summary {
                let reason = self.reason(&looked);
                Explained::of(number, &looked, reason).write(output)?;
            }
        }
        if summary {
            let answer: Value = totals.as_json();
            output.answer(&answer, |output, _| totals.write(output))?;
        }
        Ok(())
    }

    /// Why a line makes no indicator.
    fn reason(&mut self, looked: &node::pipeline::Looked<'_>) -> Option<Reason> {
        if !looked.hits.is_empty() || !looked.refused.is_empty() {
            return None;
        }
        if looked.doubtful {
            return Some(Reason::Doubtful);
        }
        Some(match &looked.parsed {
            Err(why) => Reason::Unparsed(*why),
            Ok(None) => Reason::NoEvent,
            Ok(Some(event)) => match self.pipeline.matching(event) {
                rules if rules.is_empty() => Reason::NoRule,
                rules => Reason::NotYet(rules),
            },
        })
    }
}
