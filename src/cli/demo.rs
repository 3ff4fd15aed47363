//! `dtim demo`: the demonstration mesh.

use clap::Args;

use super::args::Global;
use super::failure::Failure;
use super::output::Output;

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
    pub(super) fn act(self, _: &Global, _: &mut Output<'_>) -> Result<(), Failure> {
        Err(Failure::failed(format!("the demonstration is not built yet (keep: {})", self.keep)))
    }
}
