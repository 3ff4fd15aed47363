//! `dtim demo`: the demonstration mesh.

use clap::Args;

use super::args::Global;
use super::failure::Failure;
use super::output::Output;
use crate::demo;

/// Show a mesh of real processes on this machine: what is shared, and what is not
#[derive(Debug, Args)]
#[command(after_help = "It ends by itself; status 0 only if everything was as it must be.

Examples:
  dtim demo
  dtim demo --keep             leave the mesh running to look around")]
pub(super) struct DemoArgs {
    /// Leave the mesh running, and print how to look around
    #[arg(long)]
    keep: bool,
}

impl DemoArgs {
    pub(super) fn act(self, _: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let options = demo::Options { keep: self.keep, json: output.json };
        let held = demo::run(options).map_err(Failure::failed)?;
        // What did not hold stands in the summary.
        if held { Ok(()) } else { Err(Failure::TOLD_NO) }
    }
}
