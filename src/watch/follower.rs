//! One target of files: reading those that are open, and where each is.
//! Which files these are is the matter of [`rotation`].

mod neighbours;
mod rotation;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::path::Path;
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, MAX_FILES, Modified, Place};
use super::file::{Followed, Rewritten};
use super::folder::Folder;
use super::open::NotOpened;
use super::{Batch, Follow, From};
use crate::metrics::Metrics;
use crate::model::Source;
use crate::parse;

/// How long a rotated file may stand still before nobody writes to it any more.
const GRACE: Duration = Duration::from_secs(10);
/// Rotated files that are read at a time. With more rotations than this within
/// the grace the oldest are let go early, when they are read to their end.
const MAX_ROTATED: usize = 64;
/// Rotated files that were let go and are remembered, so that none is read again.
const MAX_DONE: usize = 16;

/// Which names a target covers.
#[derive(Debug)]
enum Names {
    One(String),
    Logs,
}

/// Lines of one file.
#[derive(Default)]
struct Part {
    file: String,
    head: Vec<Vec<u8>>,
    lines: Vec<Vec<u8>>,
    ahead: Vec<Vec<u8>>,
}

/// A target that is followed.
#[derive(Debug)]
pub(super) struct Follower {
    source: Source,
    target: String,
    folder: Folder,
    names: Names,
    from: From,
    metrics: Metrics,
    /// What to go on from, until the first turn.
    left: Option<Option<Vec<u8>>>,
    current: BTreeMap<String, Followed>,
    /// Bounded by [`MAX_ROTATED`], or by the names when all of them rotate at once.
    rotated: Vec<Followed>,
    done: VecDeque<Place>,
    /// Names whose rotations are not all opened yet, and when the last that is
    /// was written.
    behind: BTreeMap<String, Modified>,
    /// The name that was read last: the next one has its turn.
    last: String,
    /// Names of which lines were given; [`Batch::gone`] takes them back.
    told: BTreeSet<String>,
    /// Why a name is not read, so that it is said once.
    refused: BTreeMap<String, NotOpened>,
    /// Files beside it that are followed, too.
    others: BTreeSet<String>,
    /// Files beside it that grew instead of it, so that it is said once.
    named: BTreeSet<String>,
    looked_beside: Option<Instant>,
    /// The places changed without a line.
    moved: bool,
}

impl Follower {
    /// Of one file, under this name whatever is rotated.
    pub(super) fn one(path: &Path, follow: Follow, metrics: Metrics) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let folder = path.parent().unwrap_or(Path::new("/"));
        Self::new(folder, Names::One(name.unwrap_or_default()), follow, metrics)
    }

    /// Of every log in a folder.
    pub(super) fn logs(folder: &Path, follow: Follow, metrics: Metrics) -> Self {
        Self::new(folder, Names::Logs, follow, metrics)
    }

    fn new(folder: &Path, names: Names, follow: Follow, metrics: Metrics) -> Self {
        Self {
            source: follow.source,
            target: follow.target.name(),
            folder: Folder::new(folder),
            names,
            from: follow.from,
            metrics,
            left: Some(follow.checkpoint),
            current: BTreeMap::new(),
            rotated: Vec::new(),
            done: VecDeque::new(),
            behind: BTreeMap::new(),
            last: String::new(),
            told: BTreeSet::new(),
            refused: BTreeMap::new(),
            others: BTreeSet::new(),
            named: BTreeSet::new(),
            looked_beside: None,
            moved: false,
        }
    }

    /// The folder to be notified about.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Reads a bounded part of what is new. None if nothing is.
    pub(super) fn turn(&mut self, now: Instant) -> Option<Batch> {
        if let Some(left) = self.left.take() {
            self.begin(left, now);
        }
        let mut part = self.read(now);
        if part.is_none() {
            // At the end of everything: only now can a new file stand under a name.
            self.retire(now);
            self.look(now);
            self.look_beside(now);
            part = self.read(now);
        }
        let moved = std::mem::take(&mut self.moved);
        if part.is_none() && !moved {
            return None;
        }
        let gone = if moved { self.gone() } else { Vec::new() };
        let part = part.unwrap_or_default();
        if !part.lines.is_empty() {
            self.told.insert(part.file.clone());
        }
        let lines = part.lines.len() as u64;
        self.metrics.lines.with_label_values(&[self.source.name()]).inc_by(lines);
        Some(Batch {
            source: self.source,
            target: self.target.clone(),
            file: part.file,
            head: part.head,
            lines: part.lines,
            ahead: part.ahead,
            gone,
            checkpoint: self.checkpoint(),
        })
    }

    fn checkpoint(&self) -> Vec<u8> {
        let places = self.rotated.iter().chain(self.current.values()).map(Followed::place);
        let done = self.done.iter().cloned().collect();
        Checkpoint::new(places.take(MAX_FILES).collect(), done).encode()
    }

    /// Names of which lines were given and that stand for no open file any more.
    fn gone(&mut self) -> Vec<String> {
        let stands = |name: &String| {
            self.current.contains_key(name) || self.rotated.iter().any(|file| file.name() == name)
        };
        let gone: Vec<String> = self.told.iter().filter(|name| !stands(name)).cloned().collect();
        self.told.retain(|name| !gone.contains(name));
        gone
    }

    /// Lines of one file. Rotated files come first, so that lines come in their
    /// order; what stands under the names only when those are read to their end,
    /// each in its turn.
    fn read(&mut self, now: Instant) -> Option<Part> {
        let mut part = self.read_rotated(now);
        if part.is_some() {
            return part;
        }
        let reader = Reader { metrics: &self.metrics, source: self.source, now };
        let mut rewritten = Vec::new();
        let last = self.last.as_str();
        for half in
            [(Bound::Excluded(last), Bound::Unbounded), (Bound::Unbounded, Bound::Included(last))]
        {
            let mut files = self.current.range_mut::<str, _>(half);
            part = part.or_else(|| files.find_map(|(_, file)| reader.read(file, &mut rewritten)));
        }
        for left in rewritten {
            self.recover(&left, now);
        }
        if let Some(part) = &part {
            self.last.clone_from(&part.file);
        }
        part
    }

    fn read_rotated(&mut self, now: Instant) -> Option<Part> {
        let reader = Reader { metrics: &self.metrics, source: self.source, now };
        let (mut part, open) = (None, self.rotated.len());
        self.rotated.retain_mut(|file| {
            let mut rewritten = Vec::new();
            if part.is_none() {
                part = reader.read(file, &mut rewritten);
            }
            // It is used for something else now, and was a log once.
            rewritten.is_empty()
        });
        self.moved |= self.rotated.len() < open;
        part
    }

    fn count(&self, event: &str) {
        self.metrics.tail_events.with_label_values(&[self.source.name(), event]).inc();
    }

    fn count_dropped(&self, reason: &str) {
        self.metrics.lines_dropped.with_label_values(&[self.source.name(), reason]).inc();
    }
}

struct Reader<'m> {
    metrics: &'m Metrics,
    source: Source,
    now: Instant,
}

impl Reader<'_> {
    /// Whole lines of a file, if it has any.
    fn read(&self, file: &mut Followed, rewritten: &mut Vec<Rewritten>) -> Option<Part> {
        // A turn may read the middle of a long line only: go on until there is a line or the end.
        loop {
            let turn = match file.turn(self.now) {
                Ok(turn) => turn,
                Err(error) => {
                    tracing::debug!(source = %self.source, %error, "a log file cannot be read now");
                    self.count("error", 1);
                    file.at_end = true;
                    return None;
                }
            };
            self.count("cut", turn.cut);
            if let Some(left) = turn.rewritten {
                self.count("truncated", 1);
                rewritten.push(left);
                return None;
            }
            if !turn.lines.is_empty() {
                let ahead = file.ahead(parse::look_ahead(self.source)).unwrap_or_default();
                let (file, head) = (file.name().to_owned(), file.take_head());
                return Some(Part { file, head, lines: turn.lines, ahead });
            }
            if !turn.read {
                return None;
            }
        }
    }

    fn count(&self, event: &str, times: u64) {
        self.metrics.tail_events.with_label_values(&[self.source.name(), event]).inc_by(times);
    }
}
