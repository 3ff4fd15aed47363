//! The journalctl that reads for us: started, listened to, ended.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::model::Source;

/// Bytes of a complaint that are looked at.
const MAX_COMPLAINT_BYTES: u64 = 1024;
/// Different complaints that are passed on.
const MAX_COMPLAINTS: usize = 16;

/// How long a child may take to end after its output did.
const PATIENCE: Duration = Duration::from_secs(2);

/// The child of one journal, which two threads share: one reads what it says,
/// the other ends it.
#[derive(Debug, Default)]
pub(super) struct Shared {
    stopping: AtomicBool,
    child: Mutex<Option<Child>>,
    said: Mutex<BTreeSet<String>>,
}

/// How a child ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// It did what it was told to.
    pub(super) success: bool,
    /// It did not understand where to begin.
    pub(super) lost_cursor: bool,
}

impl Shared {
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Ends the child now, and every later one.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        if let Some(child) = self.child().as_mut() {
            // It may have ended by itself.
            child.kill().ok();
        }
    }

    /// The process that runs now.
    #[cfg(test)]
    pub(super) fn id(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// Says something to the operator, once.
    pub(super) fn warn(&self, source: Source, what: &str, remedy: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < MAX_COMPLAINTS && said.insert(what.to_owned()) {
            tracing::warn!(%source, remedy, "the journal is not read as it should be: {what}");
        }
    }

    /// Runs a child, gives what it writes to `read`, and returns when it has ended.
    pub(super) fn run(
        self: &Arc<Self>,
        mut command: Command,
        source: Source,
        read: impl FnOnce(&mut ChildStdout),
    ) -> std::io::Result<Ended> {
        // Its complaints are compared with what they are in English.
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let (output, complaints) = (child.stdout.take(), child.stderr.take());
        *self.child() = Some(child);
        if self.is_stopping() {
            self.stop();
        }
        let listener = complaints.map(|complaints| self.listen(source, complaints)).transpose();
        if let (Some(mut output), Ok(_)) = (output, &listener) {
            read(&mut output);
        }
        let success = self.reap()?;
        let lost_cursor = listener?.is_some_and(|listener| listener.join().unwrap_or_default());
        Ok(Ended { success, lost_cursor })
    }

    /// Waits for a child whose output is over. True if it did what it was told to.
    fn reap(&self) -> std::io::Result<bool> {
        let start = Instant::now();
        loop {
            // Locked for a moment only: somebody may want to end it.
            let mut child = self.child();
            let Some(running) = child.as_mut() else { return Ok(false) };
            if let Some(status) = running.try_wait()? {
                *child = None;
                return Ok(status.success());
            }
            if start.elapsed() > PATIENCE {
                running.kill()?;
            }
            drop(child);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Passes on what a child complains about. The thread ends with the child
    /// and says whether a complaint was about the cursor.
    fn listen(
        self: &Arc<Self>,
        source: Source,
        complaints: ChildStderr,
    ) -> std::io::Result<JoinHandle<bool>> {
        let shared = Arc::clone(self);
        let listen = move || {
            let mut complaints = BufReader::new(complaints);
            let mut lost_cursor = false;
            loop {
                let mut line = Vec::new();
                let mut bounded = complaints.by_ref().take(MAX_COMPLAINT_BYTES);
                if bounded.read_until(b'\n', &mut line).unwrap_or_default() == 0 {
                    return lost_cursor;
                }
                let line = String::from_utf8_lossy(&line);
                if line.contains("to cursor") {
                    lost_cursor = true;
                } else if !line.trim().is_empty() {
                    shared.warn(source, line.trim(), remedy(&line));
                }
            }
        };
        std::thread::Builder::new().name("dtim-journal-err".to_owned()).spawn(listen)
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to do about a complaint of journalctl's.
fn remedy(complaint: &str) -> &'static str {
    if complaint.contains("ermission") || complaint.contains("not seeing messages") {
        "let the node's user read the journal: put it into the group systemd-journal (on Debian adm does, too) and restart the node"
    } else if complaint.contains("No journal files") {
        "see whether journald keeps a journal on this machine: Storage= in journald.conf"
    } else {
        "see journalctl(1)"
    }
}
