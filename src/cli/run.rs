//! `dtim run`: a node, until it is told to stop.

use clap::Args;

use super::args::Global;
use super::daemon::{self, DaemonError};
use super::failure::Failure;
use super::logging::{LogArgs, LogLevel};
use super::output::Output;
use super::settings::Settings;
use super::{master, settings};
use crate::config::Loaded;

/// Run the node until SIGTERM or Ctrl-C; SIGHUP reads the configuration again
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dtim run
  dtim run --config /etc/dtim/config.toml --log-format json")]
pub(super) struct RunArgs {
    #[command(flatten)]
    log: LogArgs,
}

impl RunArgs {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let settings = Settings::load(global, output)?;
        let master = master::source(settings.config(), false, output)?;
        let log_level = self.log.start(&settings.config().node.log_level)?;
        settings.log_notices();
        let source = File { global: global.clone(), log_level };
        let runtime = tokio::runtime::Runtime::new()?;
        let ran = runtime.block_on(daemon::run(settings.loaded, master, source));
        // What does not end by itself must not hold up the end of the process.
        runtime.shutdown_background();
        ran.map_err(Failure::from)
    }
}

/// The configuration file, and the log level that it sets.
struct File {
    global: Global,
    log_level: LogLevel,
}

impl daemon::Source for File {
    fn read(&self) -> Result<Loaded, String> {
        let read = Settings::read(&self.global).map_err(|failure| failure.to_string())?;
        let settings = read
            .map_err(|problems| problems.iter().map(settings::at).collect::<Vec<_>>().join("; "))?;
        Ok(settings.loaded)
    }

    fn set_log_level(&self, level: &str) {
        self.log_level.set(level);
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        match error {
            DaemonError::Node(error) => error.into(),
            DaemonError::Listen(_) | DaemonError::Signals(_) | DaemonError::SlowStop => {
                Self::failed(error)
            }
        }
    }
}
