//! One open file that is read as it grows.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{Instant, SystemTime};

use super::checkpoint::{FINGERPRINT_BYTES, Fingerprint, Identity, Place};
use super::lines::Lines;
use super::open::{self, Opened};

/// Bytes that one turn reads at most.
const TURN_BYTES: usize = 256 * 1024;

/// What a turn found.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Whole lines.
    pub(super) lines: Vec<Vec<u8>>,
    /// Lines that were cut at the limit.
    pub(super) cut: u64,
    /// The file was emptied or written anew under our hands: what was written
    /// between our last read and that may be lost.
    pub(super) truncated: bool,
    /// Anything was read.
    pub(super) read: bool,
}

/// An open file, how far it was read, and by what it is known.
#[derive(Debug)]
pub(super) struct Followed {
    file: File,
    name: String,
    identity: Identity,
    lines: Lines,
    /// When it last grew.
    pub(super) grew: Instant,
}

impl Followed {
    /// From the beginning.
    pub(super) fn from_start(opened: Opened, name: &str, now: Instant) -> std::io::Result<Self> {
        Self::at(opened, name, 0, false, now)
    }

    /// From its end on. If that is in the middle of a line, the rest of it is left out.
    pub(super) fn from_end(opened: Opened, name: &str, now: Instant) -> std::io::Result<Self> {
        let size = size(&opened);
        let mut last = [b'\n'];
        if size > 0 {
            opened.file.read_exact_at(&mut last, size - 1)?;
        }
        Self::at(opened, name, size, last != [b'\n'], now)
    }

    /// From where it was left.
    pub(super) fn resume(opened: Opened, place: &Place, now: Instant) -> std::io::Result<Self> {
        Self::at(opened, &place.name, place.position, false, now)
    }

    fn at(
        opened: Opened,
        name: &str,
        position: u64,
        skip: bool,
        now: Instant,
    ) -> std::io::Result<Self> {
        let identity = open::identity(&opened)?;
        let lines = Lines::at(position, skip);
        Ok(Self { file: opened.file, name: name.to_owned(), identity, lines, grew: now })
    }

    /// When it was last written, if the system says.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        self.file.metadata().and_then(|metadata| metadata.modified()).ok()
    }

    /// Whether another open file is this one.
    pub(super) fn is(&self, other: &Opened) -> bool {
        (self.identity.device, self.identity.inode) == (other.stat.st_dev, other.stat.st_ino)
    }

    /// The place to follow on from.
    pub(super) fn place(&self) -> Place {
        Place { name: self.name.clone(), identity: self.identity, position: self.lines.position() }
    }

    /// Reads what is there, a bounded part of it.
    pub(super) fn turn(&mut self, now: Instant) -> std::io::Result<Turn> {
        let mut turn = Turn { truncated: self.begin_anew_if_rewritten()?, ..Turn::default() };
        let mut bytes = vec![0; TURN_BYTES];
        let length = self.file.read_at(&mut bytes, self.lines.taken())?;
        bytes.truncate(length);
        if length > 0 {
            turn.read = true;
            turn.cut = self.lines.take(&bytes, &mut turn.lines);
            self.grew = now;
            self.learn_beginning()?;
        }
        Ok(turn)
    }

    /// The rest, when nobody writes to it any more: a last line without an end is a line.
    pub(super) fn finish(&mut self) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        self.lines.end(&mut lines);
        lines
    }

    /// copytruncate, or a program that writes its log anew: the file is shorter
    /// than what was read of it, or begins differently.
    fn begin_anew_if_rewritten(&mut self) -> std::io::Result<bool> {
        let size = self.file.metadata()?.len();
        let same = size >= self.lines.taken()
            && self.identity.fingerprint.matches(&open::beginning(&self.file)?);
        if !same {
            self.lines = Lines::at(0, false);
            self.identity.fingerprint = Fingerprint::of(&open::beginning(&self.file)?);
        }
        Ok(!same)
    }

    /// A file that was short is known by more of its beginning as it grows.
    fn learn_beginning(&mut self) -> std::io::Result<()> {
        if self.identity.fingerprint.length < FINGERPRINT_BYTES {
            self.identity.fingerprint = Fingerprint::of(&open::beginning(&self.file)?);
        }
        Ok(())
    }
}

fn size(opened: &Opened) -> u64 {
    u64::try_from(opened.stat.st_size).unwrap_or_default()
}
