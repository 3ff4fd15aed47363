//! A unit's entries in the journal, read by a child `journalctl`.
//!
//! Every local user may write entries and name their program as they like; what
//! they cannot choose are the fields that journald itself sets, which begin with
//! `_`. So a unit is followed by `_SYSTEMD_UNIT`, the control group of the process
//! that wrote, and not by `journalctl -u`, which also brings what others say
//! about the unit. Of sshd that is the listener and all that happens before a
//! login succeeds, failed logins among it. What comes after stands in a session's
//! scope, where the user's own processes write, too: it is not read. The kernel is
//! followed by `_TRANSPORT=kernel`.
//!
//! `journalctl --follow` shows entries of the running boot only, whatever it is told
//! about boots (`--merge` would show them, and those of other machines). So one
//! child reads what there is, of all boots, and ends; the next one follows.

mod child;
mod entry;
mod place;

#[cfg(test)]
mod tests;

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use super::lines::Lines;
use super::{Batch, Follow, From};
use crate::metrics::Metrics;
use crate::model::Source;

use child::Shared;
use entry::Entry;
use place::Place;

/// The unit that stands for the kernel.
const KERNEL: &str = "kernel";
/// All that is asked for; the places of an entry come anyway.
const FIELDS: &str = "MESSAGE,_HOSTNAME,SYSLOG_IDENTIFIER,_COMM,SYSLOG_PID,_PID";
/// Bytes that are read at a time: what one batch is made of.
const READ_BYTES: usize = 64 * 1024;
/// The longest entry, as JSON. A longer one is dropped and counted. A line of
/// 64 KiB has at most a quarter of it, even if every byte is written as a number.
const MAX_ENTRY_BYTES: usize = 1024 * 1024;
/// How long to wait before a child that ended is started again: at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A unit of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// A unit's own name with its type (`ssh.service`), or `kernel`.
    pub unit: String,
    /// Where the journal is, if it is not the system's. For tests.
    pub directory: Option<PathBuf>,
}

impl Journal {
    /// What an entry must have. All of it is set by journald, see above.
    fn matches(&self) -> String {
        match self.unit.as_str() {
            KERNEL => "_TRANSPORT=kernel".to_owned(),
            unit => format!("_SYSTEMD_UNIT={unit}"),
        }
    }
}

/// A journal that is followed until this is dropped. Its child ends with it; if
/// this process is killed, journalctl notices that nobody listens.
#[derive(Debug)]
pub(super) struct Following {
    shared: Arc<Shared>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Following {
    pub(super) fn start(
        journal: Journal,
        follow: Follow,
        metrics: Metrics,
        batches: SyncSender<Batch>,
    ) -> std::io::Result<Self> {
        Self::start_with(Path::new("journalctl"), PAUSES, journal, follow, metrics, batches)
    }

    fn start_with(
        program: &Path,
        pauses: (Duration, Duration),
        journal: Journal,
        follow: Follow,
        metrics: Metrics,
        batches: SyncSender<Batch>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (wake, woken) = sync_channel(1);
        let mut reader = Reader {
            source: follow.source,
            target: follow.target.name(),
            program: program.to_owned(),
            journal,
            place: Place::beginning(),
            caught_up: false,
            expected: None,
            metrics,
            batches,
            shared: Arc::clone(&shared),
        };
        let (from, left) = (follow.from, follow.checkpoint);
        let run = move || {
            reader.begin(from, left);
            reader.run(&woken, pauses);
        };
        let thread = std::thread::Builder::new().name("dtim-journal".to_owned()).spawn(run)?;
        Ok(Self { shared, wake: Some(wake), thread: Some(thread) })
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.shared.stop();
        self.wake.take();
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed by now; there is nothing else to do about it.
            drop(thread.join());
        }
    }
}

struct Reader {
    source: Source,
    target: String,
    program: PathBuf,
    journal: Journal,
    place: Place,
    /// All that there was is read: what comes now is followed.
    caught_up: bool,
    /// The entry that comes first if the journal still has it: it was taken before.
    expected: Option<String>,
    metrics: Metrics,
    batches: SyncSender<Batch>,
    shared: Arc<Shared>,
}

impl Reader {
    fn begin(&mut self, from: From, left: Option<Vec<u8>>) {
        match (left.as_deref().map(Place::decode), from) {
            (Some(Some(place)), _) => self.place = place,
            (None, From::Start) => {}
            (left, _) => {
                if left.is_some() {
                    tracing::warn!(source = %self.source, "where the journal was left is unreadable: it is followed from now on");
                    self.count("checkpoint_unreadable", 1);
                }
                self.place = Place::since(now());
                // If no entry comes before the next start, it still begins here.
                self.send(Vec::new());
            }
        }
    }

    fn run(&mut self, woken: &Receiver<()>, (first, most): (Duration, Duration)) {
        let mut pause = first;
        while !self.shared.is_stopping() {
            let began = Instant::now();
            self.caught_up = self.read_once();
            if self.caught_up {
                self.read_once();
                self.caught_up = false;
            }
            if began.elapsed() > most {
                pause = first;
            }
            if woken.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            pause = (pause * 2).min(most);
        }
    }

    /// Reads with one child until it ends. True if it did what it was told to.
    fn read_once(&mut self) -> bool {
        self.expected = self.place.cursor().map(str::to_owned);
        let (command, shared, source) = (self.command(), Arc::clone(&self.shared), self.source);
        let ended = shared.run(command, source, |output| self.read(output));
        if shared.is_stopping() {
            return false;
        }
        match ended {
            Ok(ended) if ended.success && !self.caught_up => return true,
            Ok(ended) if ended.lost_cursor => {
                self.gap();
                self.place = self.place.by_time();
            }
            Ok(_) => shared.warn(source, "journalctl ended", "nothing: it is started again"),
            Err(error) if error.kind() == ErrorKind::NotFound => shared.warn(
                source,
                "there is no journalctl",
                "install systemd's journalctl, or name a log file in [watchers] instead of journal:",
            ),
            Err(error) => {
                let what = format!("journalctl cannot be run: {error}");
                shared.warn(source, &what, "it is tried again");
            }
        }
        self.count("error", 1);
        false
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--output=json", "--all", "--no-pager"]);
        if self.caught_up {
            command.args(["--follow", "--no-tail"]);
        }
        command.arg(format!("--output-fields={FIELDS}")).args(self.place.option());
        if let Some(directory) = &self.journal.directory {
            command.arg("--directory").arg(directory);
        }
        command.arg(self.journal.matches());
        command
    }

    fn read(&mut self, output: &mut ChildStdout) {
        let mut bytes = vec![0; READ_BYTES];
        let mut splitter = Lines::at(0, false, MAX_ENTRY_BYTES);
        while !self.shared.is_stopping() {
            let length = match output.read(&mut bytes) {
                Ok(0) => return,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            let mut entries = Vec::new();
            splitter.take(bytes.get(..length).unwrap_or_default(), &mut entries);
            self.take(&entries);
        }
    }

    /// Makes a batch of entries.
    fn take(&mut self, entries: &[Vec<u8>]) {
        let (mut lines, mut moved) = (Vec::new(), false);
        // "-- No entries --" is for people.
        for entry in entries.iter().filter(|entry| !entry.starts_with(b"-- ")) {
            let Some(entry) = Entry::read(entry) else {
                let labels = [self.source.name(), "not_an_entry"];
                self.metrics.lines_dropped.with_label_values(&labels).inc();
                continue;
            };
            match self.expected.take() {
                Some(expected) if expected == entry.cursor => continue,
                // Who follows begins with the running boot, and had read all before.
                Some(_) if !self.caught_up => self.gap(),
                Some(_) | None => {}
            }
            self.count("cut", u64::from(entry.cut));
            self.place = Place::after(entry.cursor, entry.at);
            lines.extend(entry.line);
            moved = true;
        }
        if moved {
            self.send(lines);
        }
    }

    fn send(&mut self, lines: Vec<Vec<u8>>) {
        let count = lines.len() as u64;
        self.metrics.lines.with_label_values(&[self.source.name()]).inc_by(count);
        let batch = Batch {
            source: self.source,
            target: self.target.clone(),
            file: self.journal.unit.clone(),
            head: Vec::new(),
            lines,
            ahead: Vec::new(),
            gone: Vec::new(),
            checkpoint: self.place.encode(),
        };
        if self.batches.send(batch).is_err() {
            self.shared.stop();
        }
    }

    /// The entry that was taken last is gone, perhaps with some that were not.
    fn gap(&self) {
        self.count("gap", 1);
        self.shared.warn(
            self.source,
            "the entry that was read last is no longer there, and others may be missing",
            "let journald keep more: SystemMaxUse= and MaxRetentionSec= in journald.conf",
        );
    }

    fn count(&self, event: &str, times: u64) {
        self.metrics.tail_events.with_label_values(&[self.source.name(), event]).inc_by(times);
    }
}

/// Microseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or_default()
}
