//! One open file that is read as it grows.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::time::Instant;

use super::checkpoint::{FINGERPRINT_BYTES, Fingerprint, Identity, Modified, Place};
use super::lines::{Lines, MAX_LINE_BYTES};
use super::open::{self, Opened};

/// Bytes that one turn reads at most.
const TURN_BYTES: u64 = 256 * 1024;
/// Leading comment lines that are given along, at most.
const HEAD_LINES: usize = 64;
/// Bytes in which they are looked for.
const HEAD_BYTES: usize = 16 * 1024;

/// What a turn found.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Whole lines.
    pub(super) lines: Vec<Vec<u8>>,
    /// Lines that were cut at the limit.
    pub(super) cut: u64,
    /// Anything was read.
    pub(super) read: bool,
    /// The file was emptied or written anew under our hands.
    pub(super) rewritten: Option<Rewritten>,
}

/// A file that is not what it was: what was written between our last read and
/// that may be lost.
#[derive(Debug)]
pub(super) struct Rewritten {
    /// How far it had been read.
    pub(super) left: Place,
    /// A line was begun and its end is gone.
    pub(super) partial: bool,
}

/// An open file, how far it was read, and by what it is known.
#[derive(Debug)]
pub(super) struct Followed {
    file: File,
    name: String,
    identity: Identity,
    lines: Lines,
    modified: Modified,
    /// The comment lines before the place where we began, until they are given along.
    head: Vec<Vec<u8>>,
    /// When it last grew.
    pub(super) grew: Instant,
    /// Nothing was left to read the last time.
    pub(super) at_end: bool,
    /// A copy: nobody writes to it.
    pub(super) is_copy: bool,
}

impl Followed {
    /// From the beginning.
    pub(super) fn from_start(opened: Opened, name: &str, now: Instant) -> std::io::Result<Self> {
        Self::at(opened, name, 0, false, now)
    }

    /// From its end on. If that is in the middle of a line, the rest of it is left out.
    pub(super) fn from_end(opened: Opened, name: &str, now: Instant) -> std::io::Result<Self> {
        let size = opened.size();
        let mut last = [b'\n'];
        if size > 0 {
            opened.file.read_exact_at(&mut last, size - 1)?;
        }
        Self::at(opened, name, size, last != [b'\n'], now)
    }

    /// From where it was left.
    pub(super) fn resume(opened: Opened, place: &Place, now: Instant) -> std::io::Result<Self> {
        Self::at(opened, &place.name, place.position, place.skip, now)
    }

    /// The copy of a file, from where that was left.
    pub(super) fn copy(opened: Opened, place: &Place, now: Instant) -> std::io::Result<Self> {
        Ok(Self { is_copy: true, ..Self::resume(opened, place, now)? })
    }

    fn at(
        opened: Opened,
        name: &str,
        position: u64,
        skip: bool,
        now: Instant,
    ) -> std::io::Result<Self> {
        Ok(Self {
            identity: open::identity(&opened)?,
            modified: opened.modified(),
            head: head(&opened.file, position)?,
            lines: Lines::at(position, skip, MAX_LINE_BYTES),
            file: opened.file,
            name: name.to_owned(),
            grew: now,
            at_end: false,
            is_copy: false,
        })
    }

    /// The name under which it is followed.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// It is followed under another name from now on, whose reader knows nothing of it yet.
    pub(super) fn rename(&mut self, name: &str) -> std::io::Result<()> {
        if self.name != name {
            name.clone_into(&mut self.name);
            self.head = head(&self.file, self.lines.position())?;
        }
        Ok(())
    }

    /// When it was last written.
    pub(super) fn modified(&self) -> Modified {
        let metadata = self.file.metadata();
        metadata.map_or(self.modified, |metadata| (metadata.mtime(), metadata.mtime_nsec()))
    }

    /// Whether another open file is this one.
    pub(super) fn is(&self, other: &Opened) -> bool {
        (self.identity.device, self.identity.inode) == (other.stat.st_dev, other.stat.st_ino)
    }

    /// The place to follow on from.
    pub(super) fn place(&self) -> Place {
        Place {
            name: self.name.clone(),
            identity: self.identity,
            position: self.lines.position(),
            skip: self.lines.skips(),
            modified: self.modified,
        }
    }

    /// A line was begun whose end has not come.
    pub(super) fn is_partial(&self) -> bool {
        self.lines.is_partial()
    }

    /// The comment lines that stand before the first line that is given, once.
    pub(super) fn take_head(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.head)
    }

    /// Whole lines within so many bytes after those that were given, which come again.
    pub(super) fn ahead(&self, bytes: usize) -> std::io::Result<Vec<Vec<u8>>> {
        let mut text = vec![0; bytes];
        let length = self.file.read_at(&mut text, self.lines.position())?;
        text.truncate(length);
        let mut lines = Vec::new();
        Lines::at(0, false, MAX_LINE_BYTES).take(&text, &mut lines);
        Ok(lines)
    }

    /// Reads what is there, a bounded part of it.
    pub(super) fn turn(&mut self, now: Instant) -> std::io::Result<Turn> {
        let (taken, metadata) = (self.lines.taken(), self.file.metadata()?);
        let untouched = (metadata.mtime(), metadata.mtime_nsec()) == self.modified;
        if untouched && metadata.len() == taken {
            // Written anew to the same size in the same moment: seen when it grows.
            self.at_end = true;
            return Ok(Turn::default());
        }
        let new = metadata.len().saturating_sub(taken).min(TURN_BYTES);
        let mut bytes = vec![0; usize::try_from(new).unwrap_or_default()];
        let length = self.file.read_at(&mut bytes, taken)?;
        bytes.truncate(length);
        self.at_end = length == 0;
        // Only after reading: what was read before a change is never joined with what came after.
        if !self.is_still_the_same(&bytes)? {
            return Ok(Turn { rewritten: Some(self.begin_anew()), ..Turn::default() });
        }
        let mut turn = Turn::default();
        if length > 0 {
            turn.read = true;
            turn.cut = self.lines.take(&bytes, &mut turn.lines);
            self.grew = now;
        }
        Ok(turn)
    }

    /// False after copytruncate, or when a program wrote its log anew: the file
    /// is shorter than what was read of it, or begins differently.
    fn is_still_the_same(&mut self, read: &[u8]) -> std::io::Result<bool> {
        let metadata = self.file.metadata()?;
        let beginning = open::beginning(&self.file)?;
        let taken = self.lines.taken();
        let just_read =
            usize::try_from(taken).ok().and_then(|at| beginning.get(at..)).unwrap_or_default();
        let same = metadata.len() >= taken + read.len() as u64
            && self.identity.fingerprint.matches(&beginning)
            && just_read.iter().zip(read).all(|(one, other)| one == other);
        if same {
            self.modified = (metadata.mtime(), metadata.mtime_nsec());
            // A file that was short is known by more of its beginning as it grows.
            if self.identity.fingerprint.length < FINGERPRINT_BYTES && !read.is_empty() {
                self.identity.fingerprint = Fingerprint::of(&beginning);
            }
        }
        Ok(same)
    }

    fn begin_anew(&mut self) -> Rewritten {
        let rewritten = Rewritten { left: self.place(), partial: self.is_partial() };
        self.lines = Lines::at(0, false, MAX_LINE_BYTES);
        self.head.clear();
        self.identity.fingerprint = Fingerprint::default();
        self.at_end = false;
        rewritten
    }
}

/// The lines that begin with `#` at the beginning of a file, if we begin behind
/// them: without them nobody can read the lines that follow (Zeek).
fn head(file: &File, position: u64) -> std::io::Result<Vec<Vec<u8>>> {
    let before = usize::try_from(position).unwrap_or(usize::MAX).min(HEAD_BYTES);
    let bytes = open::first(file, before)?;
    let mut lines = Vec::new();
    Lines::at(0, false, MAX_LINE_BYTES).take(&bytes, &mut lines);
    lines.truncate(lines.iter().take(HEAD_LINES).take_while(|line| line.starts_with(b"#")).count());
    Ok(lines)
}
