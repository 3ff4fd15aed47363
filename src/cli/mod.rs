//! The command line.
//!
//! Owns words, exit statuses and what people read. It decides nothing about
//! indicators: a command asks the running node, or calls the same functions as
//! a node does. The only module that prints.

mod args;
mod ask;
mod bootstrap;
mod config;
mod daemon;
mod demo;
mod egress;
mod explain;
mod failure;
mod hygiene;
mod indicators;
mod init;
mod logging;
mod master;
mod output;
mod pages;
mod peers;
mod preview;
mod run;
mod settings;
mod status;
mod table;
mod tls;
mod tokens;
mod view;
mod why;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use self::args::Cli;
use self::failure::Failure;
use self::output::Output;

/// What `dtim` does: reads its command line, does what it says, and tells how it went.
pub fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        // Help and version too; clap knows which is which.
        Err(error) => error.exit(),
    };
    // https://no-color.org: set and not empty.
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|set: OsString| set.is_empty());
    // Not locked: a node's threads log while the command runs.
    let mut output = Output {
        bold_out: wanted && io::stdout().is_terminal(),
        bold_err: wanted && io::stderr().is_terminal(),
        out: &mut io::BufWriter::new(io::stdout()),
        err: &mut io::stderr(),
        json: cli.global.json,
    };
    let acted = cli.act(&mut output);
    let acted = acted.and_then(|()| Ok(output.out.flush()?));
    match acted {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // What was written before the failure is data all the same.
            drop(output.out.flush());
            let status = failure.status();
            if let Failure::Sentence { error, help, .. } = failure {
                output.error(&error);
                if let Some(help) = help.filter(|help| !help.is_empty()) {
                    output.help(&help);
                }
            }
            ExitCode::from(status)
        }
    }
}
