//! One target: which files stand under its names, what was rotated, where each is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::checkpoint::{Checkpoint, MAX_FILES, Place};
use super::file::Followed;
use super::open::{self, NotOpened, Opened};
use super::{Batch, Follow, From, Target};
use crate::metrics::Metrics;
use crate::model::Source;

/// How long a rotated file may stand still before nobody writes to it any more.
const GRACE: Duration = Duration::from_secs(10);
/// Rotated files that are read at a time; more rotations than this within the
/// grace retire the oldest early.
const MAX_ROTATED: usize = 16;
/// What rotation leaves that is no text.
const COMPRESSED: [&str; 5] = [".gz", ".bz2", ".xz", ".zst", ".lz4"];

/// Which names a target covers.
#[derive(Debug)]
enum Names {
    One(String),
    Logs,
}

/// A target that is followed.
#[derive(Debug)]
pub(super) struct Follower {
    source: Source,
    target: String,
    folder: PathBuf,
    names: Names,
    from: From,
    metrics: Metrics,
    /// What to go on from, until the first turn.
    left: Option<Option<Vec<u8>>>,
    current: BTreeMap<String, Followed>,
    rotated: Vec<Followed>,
    /// Why a name is not read, so that it is said once.
    refused: BTreeMap<String, NotOpened>,
    /// The places changed without a line.
    moved: bool,
}

impl Follower {
    pub(super) fn new(follow: Follow, metrics: Metrics) -> Self {
        let path = follow.target.path();
        let (folder, names) = match &follow.target {
            Target::File(_) => {
                let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
                (path.parent().unwrap_or(Path::new("/")), Names::One(name.unwrap_or_default()))
            }
            Target::Dir(_) => (path, Names::Logs),
        };
        Self {
            source: follow.source,
            target: path.to_string_lossy().into_owned(),
            folder: folder.to_owned(),
            names,
            from: follow.from,
            metrics,
            left: Some(follow.checkpoint),
            current: BTreeMap::new(),
            rotated: Vec::new(),
            refused: BTreeMap::new(),
            moved: false,
        }
    }

    /// The folder to be notified about.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads a bounded part of what is new. None if nothing is.
    pub(super) fn turn(&mut self, now: Instant) -> Option<Batch> {
        if let Some(left) = self.left.take() {
            self.begin(left, now);
        }
        let mut lines = self.read(now);
        if lines.is_empty() {
            // At the end of everything: only now can a new file stand under a name.
            self.look(now);
            lines = self.read(now);
            lines.extend(self.retire(now));
        }
        if lines.is_empty() && !std::mem::take(&mut self.moved) {
            return None;
        }
        self.metrics.lines.with_label_values(&[self.source.name()]).inc_by(lines.len() as u64);
        Some(Batch {
            source: self.source,
            target: self.target.clone(),
            lines,
            checkpoint: self.checkpoint(),
        })
    }

    fn checkpoint(&self) -> Vec<u8> {
        let places = self.rotated.iter().chain(self.current.values()).map(Followed::place);
        Checkpoint::new(places.take(MAX_FILES).collect()).encode()
    }

    /// Rotated files first, so that lines come in their order; what stands under
    /// the names only when those are read to their end.
    fn read(&mut self, now: Instant) -> Vec<Vec<u8>> {
        for at in 0..self.rotated.len() {
            let lines =
                self.rotated.get_mut(at).map(|file| turn(file, &self.metrics, self.source, now));
            match lines {
                Some(lines) if !lines.is_empty() => return lines,
                _ => {}
            }
        }
        let mut all = Vec::new();
        for file in self.current.values_mut() {
            all.extend(turn(file, &self.metrics, self.source, now));
        }
        all
    }

    /// Looks what stands under the names now.
    fn look(&mut self, now: Instant) {
        let names = self.names();
        if matches!(self.names, Names::Logs) {
            let gone: Vec<String> =
                self.current.keys().filter(|name| !names.contains(name)).cloned().collect();
            for name in gone {
                self.rotate(&name);
            }
        }
        for name in names {
            match open::open(&self.folder, &name) {
                Ok(opened) => {
                    self.refused.remove(&name);
                    if self.current.get(&name).is_some_and(|file| file.is(&opened)) {
                        continue;
                    }
                    let since = self.rotate(&name);
                    if let Some(since) = since {
                        // Two rotations between two looks: the file in the middle is read, too.
                        self.read_between(&name, since, now);
                    }
                    self.follow(Followed::from_start(opened, &name, now), &name);
                }
                // Renamed and not yet made anew: the open file is still the log.
                Err(NotOpened::Missing) => {}
                Err(why) => self.refuse(&name, why),
            }
        }
    }

    fn names(&self) -> Vec<String> {
        match &self.names {
            Names::One(name) => vec![name.clone()],
            Names::Logs => {
                let mut names: Vec<String> = entries(&self.folder)
                    .filter(|(name, _)| name.ends_with(".log") && !name.starts_with('.'))
                    .map(|(name, _)| name)
                    .collect();
                names.sort_unstable();
                // Room in a checkpoint for those that rotate.
                names.truncate(MAX_FILES - MAX_ROTATED);
                names
            }
        }
    }

    /// The open file no longer stands under its name. When it was last written.
    fn rotate(&mut self, name: &str) -> Option<SystemTime> {
        let old = self.current.remove(name)?;
        let modified = old.modified();
        self.count("rotated");
        self.rotated.push(old);
        self.moved = true;
        modified
    }

    fn follow(&mut self, file: std::io::Result<Followed>, name: &str) {
        match file {
            Ok(file) => {
                self.current.insert(name.to_owned(), file);
                self.moved = true;
            }
            Err(error) => {
                tracing::warn!(source = %self.source, %error, "a log file cannot be read");
                self.count("error");
            }
        }
    }

    /// Lets go of rotated files that nobody writes to any more.
    fn retire(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        let mut surplus = self.rotated.len().saturating_sub(MAX_ROTATED);
        let mut kept = Vec::new();
        for mut file in std::mem::take(&mut self.rotated) {
            if surplus > 0 || now.duration_since(file.grew) > GRACE {
                surplus = surplus.saturating_sub(1);
                lines.extend(file.finish());
                self.moved = true;
            } else {
                kept.push(file);
            }
        }
        self.rotated = kept;
        lines
    }

    /// The first turn: from the checkpoint, or as configured.
    fn begin(&mut self, left: Option<Vec<u8>>, now: Instant) {
        let checkpoint = left.as_deref().and_then(Checkpoint::decode);
        if left.is_some() && checkpoint.is_none() {
            tracing::warn!(source = %self.source, "where a log was left is unreadable: it is followed from now on");
            self.count("checkpoint_unreadable");
        }
        match checkpoint {
            Some(checkpoint) => {
                let rotated = checkpoint.places.iter().filter_map(|place| {
                    let modified = self.resume(place, now)?;
                    Some((modified, place.name.clone()))
                });
                if let Some((modified, name)) = rotated.max() {
                    self.read_between(&name, modified, now);
                }
                self.look(now);
            }
            None => self.begin_new(left.is_some(), now),
        }
    }

    fn begin_new(&mut self, at_end: bool, now: Instant) {
        for name in self.names() {
            match open::open(&self.folder, &name) {
                Ok(opened) => {
                    let file = if at_end || self.from == From::Now {
                        Followed::from_end(opened, &name, now)
                    } else {
                        Followed::from_start(opened, &name, now)
                    };
                    self.follow(file, &name);
                }
                Err(NotOpened::Missing) => {}
                Err(why) => self.refuse(&name, why),
            }
        }
    }

    /// Finds a file again: under its name, or under the name that rotation gave
    /// it. In that case, when it was last written.
    fn resume(&mut self, place: &Place, now: Instant) -> Option<SystemTime> {
        if let Ok(opened) = open::open(&self.folder, &place.name) {
            if same_file(&opened, place) {
                self.follow(Followed::resume(opened, place, now), &place.name);
                return None;
            }
            if (opened.stat.st_dev, opened.stat.st_ino)
                == (place.identity.device, place.identity.inode)
            {
                // Emptied while nobody looked, or its number was given to a new file.
                self.count("truncated");
                return None;
            }
        }
        let Some((opened, modified)) = self.renamed(place) else {
            self.count("gone");
            return None;
        };
        self.count("rotated");
        self.add_rotated(Followed::resume(opened, place, now));
        Some(modified)
    }

    /// Files that were made and rotated away while nobody looked.
    fn read_between(&mut self, name: &str, since: SystemTime, now: Instant) {
        for opened in self.rotated_between(name, since) {
            let known = |file: &Followed| file.is(&opened);
            if !self.rotated.iter().any(known) && !self.current.values().any(known) {
                self.add_rotated(Followed::from_start(opened, name, now));
            }
        }
    }

    fn add_rotated(&mut self, file: std::io::Result<Followed>) {
        match file {
            Ok(file) => self.rotated.push(file),
            Err(_) => self.count("error"),
        }
        self.moved = true;
    }

    fn renamed(&self, place: &Place) -> Option<(Opened, SystemTime)> {
        entries(&self.folder).take(4 * MAX_FILES).find_map(|(name, modified)| {
            let opened = open::open(&self.folder, &name).ok()?;
            same_file(&opened, place).then_some((opened, modified))
        })
    }

    /// Names that rotation gives, last written after a time, the oldest first.
    fn rotated_between(&self, followed: &str, since: SystemTime) -> Vec<Opened> {
        let is_rotated = |name: &str| {
            let rest = name.strip_prefix(followed).unwrap_or_default();
            (rest.starts_with('.') || rest.starts_with('-'))
                && !COMPRESSED.iter().any(|ending| name.ends_with(ending))
        };
        let mut between: Vec<(SystemTime, String)> = entries(&self.folder)
            .filter(|(name, modified)| is_rotated(name) && *modified > since)
            .map(|(name, modified)| (modified, name))
            .collect();
        between.sort_unstable();
        between.truncate(MAX_ROTATED);
        between.into_iter().filter_map(|(_, name)| open::open(&self.folder, &name).ok()).collect()
    }

    fn refuse(&mut self, name: &str, why: NotOpened) {
        if self.refused.get(name) == Some(&why) {
            return;
        }
        tracing::warn!(source = %self.source, ?why, "a name in a log folder is not read");
        self.count("refused");
        if self.refused.len() < MAX_FILES {
            self.refused.insert(name.to_owned(), why);
        }
    }

    fn count(&self, event: &str) {
        self.metrics.tail_events.with_label_values(&[self.source.name(), event]).inc();
    }
}

/// A turn of one file. None if it can no longer be read.
fn turn(file: &mut Followed, metrics: &Metrics, source: Source, now: Instant) -> Vec<Vec<u8>> {
    let count = |event: &str, times: u64| {
        metrics.tail_events.with_label_values(&[source.name(), event]).inc_by(times);
    };
    let mut lines = Vec::new();
    // A turn may read the middle of a long line only: go on until there is a line or the end.
    loop {
        match file.turn(now) {
            Ok(turn) => {
                count("cut", turn.cut);
                count("truncated", u64::from(turn.truncated));
                lines.extend(turn.lines);
                if !turn.read || !lines.is_empty() {
                    return lines;
                }
            }
            Err(error) => {
                tracing::debug!(%source, %error, "a log file cannot be read now");
                count("error", 1);
                return lines;
            }
        }
    }
}

fn same_file(opened: &Opened, place: &Place) -> bool {
    let size = u64::try_from(opened.stat.st_size).unwrap_or_default();
    (opened.stat.st_dev, opened.stat.st_ino) == (place.identity.device, place.identity.inode)
        && size >= place.position
        && open::beginning(&opened.file).is_ok_and(|b| place.identity.fingerprint.matches(&b))
}

/// Names in a folder and when each was last written.
#[allow(clippy::disallowed_methods)] // this module owns the log folders
fn entries(folder: &Path) -> impl Iterator<Item = (String, SystemTime)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        Some((entry.file_name().into_string().ok()?, modified.ok()?))
    })
}
