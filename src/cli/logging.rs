//! What a long-running command logs, on stderr.

use std::env;
use std::io::{self, IsTerminal as _};

use clap::{Args, ValueEnum};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, fmt, reload};

use super::failure::Failure;

/// How a long-running command logs.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct LogArgs {
    /// How log lines are written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, env = "DTIM_LOG_FORMAT")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people
    #[default]
    Human,
    /// One object a line
    Json,
}

/// Changes the log level while the command runs.
#[derive(Debug)]
pub(super) struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogArgs {
    /// From here on everything is logged. Whoever wrote what is logged cannot move
    /// the terminal's cursor: control characters are escaped (RUSTSEC-2025-0055).
    pub(super) fn start(self, level: &str) -> Result<LogLevel, Failure> {
        let filter = filter(level).map_err(Failure::wrong)?;
        let (filter, handle) = reload::Layer::new(filter);
        let lines = fmt::layer().with_writer(io::stderr);
        // The journal has a clock of its own.
        let in_journal = env::var_os("JOURNAL_STREAM").is_some() && !io::stderr().is_terminal();
        let no_colour = env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        let lines = match self.log_format {
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
            LogFormat::Human if in_journal => lines.with_ansi(false).without_time().boxed(),
            LogFormat::Human => lines.with_ansi(io::stderr().is_terminal() && !no_colour).boxed(),
        };
        // Only a second start could fail, and a process has one.
        tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .try_init()
            .map_err(Failure::failed)?;
        Ok(LogLevel(handle))
    }
}

/// libp2p warns of what peers do wrong, so that strangers could fill the log, and
/// yamux calls it an error; it warns of what is not wrong as well. Metrics count it. What
/// the operator says of them wins.
fn filter(level: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    EnvFilter::try_new(format!("libp2p=error,yamux=off,{level}"))
}

impl LogLevel {
    /// Takes over a level that the configuration found right.
    pub(super) fn set(&self, level: &str) {
        let set = filter(level)
            .map_err(|error| error.to_string())
            .and_then(|filter| self.0.reload(filter).map_err(|error| error.to_string()));
        if let Err(error) = set {
            tracing::warn!(%error, "the log level was not changed");
        }
    }
}
