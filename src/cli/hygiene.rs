//! `dtim hygiene`: is a value fit to be an indicator here?

use clap::Subcommand;
use serde_json::json;

use super::args::Global;
use super::failure::Failure;
use super::output::Output;
use super::settings::Settings;
use crate::hygiene;
use crate::model::{Kind, Value};
use crate::node::Live;

/// See what is fit to be an indicator
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:
  dtim hygiene check 203.0.113.7")]
pub(super) enum HygieneCommand {
    /// Say whether a value is fit to be an indicator on this node; status 1 if it is not
    #[command(after_help = "Examples:
  dtim hygiene check 8.8.8.8
  dtim hygiene check 'hxxp://bad[.]example/x' --json
  dtim hygiene check ABC-123 --kind x-ticket")]
    Check {
        /// The value, also defanged
        value: String,
        /// Its kind, if it cannot be told from the value
        #[arg(long)]
        kind: Option<Kind>,
    },
}

impl HygieneCommand {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let Self::Check { value, kind } = self;
        let parsed = match &kind {
            Some(kind) => Value::parse(kind, &value),
            None => Value::guess(&value),
        };
        let value = parsed.map_err(|why| {
            Failure::wrong(format!("{value:?} is not an indicator: {why}"))
                .help("name its kind with --kind, such as --kind domain")
        })?;
        let settings = Settings::load_or_default(global, output)?;
        let lists = Live::build(settings.loaded).map_err(Failure::from)?.lists;
        let unfit = hygiene::check(&value, &lists).err();
        let answer = json!({
            "kind": value.kind().name(),
            "value": value.as_str(),
            "fit": unfit.is_none(),
            "reason": unfit.as_ref().map(ToString::to_string),
            "label": unfit.as_ref().map(hygiene::Unfit::label),
        });
        output.answer(&answer, |output, _| match &unfit {
            None => output.line(&format!("{} is fit to be an indicator", value.defanged())),
            Some(why) => output.line(&format!("{} is not fit: {why}", value.defanged())),
        })?;
        if unfit.is_none() { Ok(()) } else { Err(Failure::TOLD_NO) }
    }
}
