//! Real processes of this program.
//!
//! Owns every process that the demonstration starts: all are in one process
//! group, and none outlives its owner unless it is told to.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::DemoError;

/// How long the processes have for their own end, before they are killed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked whether they have ended.
const PAUSE: Duration = Duration::from_millis(20);
/// Lines of a log that an error shows.
const TAIL: usize = 5;

/// All processes.
#[derive(Debug)]
pub struct Processes {
    program: PathBuf,
    /// The first process leads the group.
    group: Option<Pid>,
    running: Vec<Process>,
}

#[derive(Debug)]
struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Processes {
    /// None yet; the program is this one.
    pub fn new() -> io::Result<Self> {
        Ok(Self { program: std::env::current_exe()?, group: None, running: Vec::new() })
    }

    /// Runs a command to its end and gives its standard output.
    pub fn output(
        &self,
        name: &'static str,
        config: &Path,
        arguments: &[&str],
    ) -> Result<Vec<u8>, DemoError> {
        let output = self.command(config, arguments).output()?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(DemoError::Ended { name, command: arguments.join(" "), said })
    }

    /// Starts a service that writes what it logs into `log`.
    pub fn start(
        &mut self,
        name: &'static str,
        config: &Path,
        argument: &str,
        log: PathBuf,
    ) -> Result<(), DemoError> {
        use std::os::unix::process::CommandExt as _;
        let mut command = self.command(config, &[argument]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        command.process_group(self.group.map_or(0, |group| group.as_raw_nonzero().get()));
        let child = command.spawn()?;
        if self.group.is_none() {
            self.group = Some(Pid::from_child(&child));
        }
        self.running.push(Process { name, child, log });
        Ok(())
    }

    /// An error if a process has ended that should run.
    pub fn check(&mut self) -> Result<(), DemoError> {
        for process in &mut self.running {
            if let Some(status) = process.child.try_wait()? {
                let said = tail(&process.log);
                return Err(DemoError::Ended {
                    name: process.name,
                    command: status.to_string(),
                    said,
                });
            }
        }
        Ok(())
    }

    /// Leaves them running and says which group they are.
    pub fn leave(mut self) -> Option<i32> {
        self.running.clear();
        self.group.take().map(|group| group.as_raw_nonzero().get())
    }

    /// Asks all to end and kills what has not ended in time. True if nothing had to be killed.
    pub async fn stop(mut self) -> bool {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        let ended = |process: &mut Process| matches!(process.child.try_wait(), Ok(Some(_)));
        while Instant::now() < deadline {
            if self.running.iter_mut().all(ended) {
                self.group = None;
                return true;
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }

    fn command(&self, config: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(config).args(arguments);
        // Nothing of the caller's settings may reach the demonstration; the logs are in UTC.
        let ours = |name: &OsStr| name.to_string_lossy().starts_with("DTIM_");
        for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command.env_remove("NOTIFY_SOCKET").env("TZ", "UTC");
        command
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group
            && let Err(error) = kill_process_group(group, signal)
        {
            tracing::debug!(%error, "the processes had ended already");
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        for process in &mut self.running {
            if let Err(error) = process.child.wait() {
                tracing::debug!(%error, name = process.name, "no end to wait for");
            }
        }
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n")
}
