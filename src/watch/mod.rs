//! The logs: follow, rotate, resume.
//!
//! Owns the files and the journal; emits lines and knows no indicator. One thread
//! for all files: woken by `notify`, backed by a slow poll, because notifications
//! get lost (network file systems, bind mounts); one more for each unit of the
//! journal. It must never open anything but a regular file beneath a configured
//! folder, and never believe a field of the journal that journald did not set.

mod checkpoint;
mod file;
mod folder;
mod follower;
mod journal;
mod lines;
mod open;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::metrics::Metrics;
use crate::model::Source;

use follower::Follower;
use journal::Following;

pub use journal::Journal;

/// How long a change may go unnoticed when no notification comes.
const POLL: Duration = Duration::from_secs(1);

/// What to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One file, under this name whatever is rotated.
    File(PathBuf),
    /// Every `*.log` directly in a folder (Zeek).
    Dir(PathBuf),
    /// A unit of the journal.
    Journal(Journal),
}

impl Target {
    /// What was configured, under which its checkpoint is kept.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) | Self::Dir(path) => path.to_string_lossy().into_owned(),
            Self::Journal(journal) => format!("journal:{}", journal.unit),
        }
    }
}

/// Where to begin in a file that is there at the start and has no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At its end.
    Now,
    /// At its beginning.
    Start,
}

/// One thing to follow.
#[derive(Clone, Debug)]
pub struct Follow {
    /// The format of its lines.
    pub source: Source,
    /// What it is.
    pub target: Target,
    /// Where to begin the first time.
    pub from: From,
    /// Where it was left: the last [`Batch::checkpoint`] that was kept.
    pub checkpoint: Option<Vec<u8>>,
}

/// Lines of one file in their order, and the place after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The format of the lines.
    pub source: Source,
    /// [`Target::name`], under which the checkpoint is kept.
    pub target: String,
    /// The file's name in its folder, or the journal's unit. After a rotation both
    /// files have it, the older one first. Of no meaning where there are no lines.
    pub file: String,
    /// Lines that begin with `#` at the beginning of this file, when following
    /// began behind them: sent once, with the first lines after the file was
    /// opened. At most 64 lines and 16 KiB; context, not counted as lines.
    pub head: Vec<Vec<u8>>,
    /// The lines, without their ends; invalid UTF-8 as it is.
    pub lines: Vec<Vec<u8>>,
    /// Lines that come after these, as far as they are there and a parser may want to see
    /// them ([`crate::parse::look_ahead`]). Context; they come again.
    pub ahead: Vec<Vec<u8>>,
    /// Files of earlier batches that are no longer followed: what was kept
    /// about them can be forgotten. To be taken after the lines.
    pub gone: Vec<String>,
    /// Opaque. Following on from it gives every later line once.
    pub checkpoint: Vec<u8>,
}

/// What follows. It ends when this is dropped.
#[derive(Debug)]
pub struct Watch {
    journals: Vec<Following>,
    stop: Arc<AtomicBool>,
    wake: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Follows until dropped. Blocks on `batches` when the reader is slow: what
    /// is not read yet waits in the files.
    pub fn start(
        follows: Vec<Follow>,
        metrics: Metrics,
        batches: SyncSender<Batch>,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (wake, woken) = sync_channel(1);
        let (mut followers, mut journals, mut files) = (Vec::new(), Vec::new(), Vec::new());
        for follow in follows {
            let metrics = metrics.clone();
            match follow.target.clone() {
                Target::File(path) => {
                    followers.push(Follower::one(&path, follow, metrics));
                    files.push(path);
                }
                Target::Dir(path) => followers.push(Follower::logs(&path, follow, metrics)),
                Target::Journal(journal) => {
                    journals.push(Following::start(journal, follow, metrics, batches.clone())?);
                }
            }
        }
        followers.iter_mut().for_each(|follower| follower.pass_over(&files));
        let mut task = Task {
            followers,
            batches,
            stop: Arc::clone(&stop),
            woken,
            notifier: Notifier::new(wake.clone()),
        };
        let thread =
            std::thread::Builder::new().name("dtim-watch".to_owned()).spawn(move || task.run())?;
        Ok(Self { journals, stop, wake, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Full means that it is woken already.
        self.wake.try_send(()).ok();
        self.journals.clear();
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed by now; there is nothing else to do about it.
            drop(thread.join());
        }
    }
}

struct Task {
    followers: Vec<Follower>,
    batches: SyncSender<Batch>,
    stop: Arc<AtomicBool>,
    woken: Receiver<()>,
    notifier: Notifier,
}

impl Task {
    fn run(&mut self) {
        loop {
            self.notifier.watch(&self.followers);
            // A turn each, until nobody has anything: one busy file starves no other.
            while self.turn_each() {}
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            match self.woken.recv_timeout(POLL) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// True if somebody has more to read.
    fn turn_each(&mut self) -> bool {
        let mut more = false;
        for follower in &mut self.followers {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            let Some(batch) = follower.turn(Instant::now()) else { continue };
            more = true;
            if self.batches.send(batch).is_err() {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
        more
    }
}

/// Wakes the thread when something happens in a followed folder. Without it the poll goes on.
struct Notifier {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Notifier {
    fn new(wake: SyncSender<()>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own looking is an access: waking up for it would never end.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                // Full means that the thread is woken already.
                wake.try_send(()).ok();
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                tracing::warn!(%error, "no notifications about log files: they are looked at every second");
            })
            .ok();
        Self { watcher, watched: BTreeSet::new() }
    }

    /// Watches the folders that are not watched yet; one that is missing is tried again later.
    fn watch(&mut self, followers: &[Follower]) {
        let Some(watcher) = &mut self.watcher else { return };
        for follower in followers {
            let folder = follower.folder();
            if self.watched.contains(folder) || !folder.is_dir() {
                continue;
            }
            if watcher.watch(folder, RecursiveMode::NonRecursive).is_ok() {
                self.watched.insert(folder.to_owned());
            }
        }
    }
}
