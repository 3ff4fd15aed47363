//! `dtim completions` and `dtim man`: made from the command line itself.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use super::args::Cli;
use super::failure::Failure;
use super::output::Output;

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dtim completions bash > /etc/bash_completion.d/dtim
  dtim completions zsh > \"${fpath[1]}/_dtim\"
  dtim completions fish > ~/.config/fish/completions/dtim.fish")]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write the manual pages of all commands into a folder, or print the first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dtim man | man -l -
  dtim man /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// Where the pages go; it is made if it is missing
    dir: Option<PathBuf>,
}

impl CompletionsArgs {
    pub(super) fn act(self, output: &mut Output<'_>) -> Result<(), Failure> {
        // Into memory first: the generator panics when the reader is gone.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "dtim", &mut script);
        output.out.write_all(&script)?;
        Ok(())
    }
}

impl ManArgs {
    pub(super) fn act(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let mut command = Cli::command();
        command.build();
        let Some(dir) = self.dir else {
            return Ok(clap_mangen::Man::new(command).render(&mut output.out)?);
        };
        let cannot = |error| {
            Failure::failed(format!("the pages cannot be written to {}: {error}", dir.display()))
                .help("name a folder that you may write to")
        };
        fs::create_dir_all(&dir).map_err(cannot)?;
        for page in write_pages(command, "", &dir).map_err(cannot)? {
            output.line(&page.display().to_string())?;
        }
        Ok(())
    }
}

/// The page of a command and those of its commands: `dtim.1`, `dtim-peers.1`, `dtim-peers-list.1`, …
fn write_pages(command: Command, above: &str, dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let name = match above {
        "" => command.get_name().to_owned(),
        _ => format!("{above}-{}", command.get_name()),
    };
    let mut page = Vec::new();
    let below: Vec<Command> = command.get_subcommands().cloned().collect();
    clap_mangen::Man::new(command.display_name(name.clone())).render(&mut page)?;
    let path = dir.join(format!("{name}.1"));
    fs::write(&path, page)?;
    let mut written = vec![path];
    for command in below {
        written.extend(write_pages(command, &name, dir)?);
    }
    Ok(written)
}
