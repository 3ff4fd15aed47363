//! The folder that is scanned: which of its files are new, and how they are opened.
//!
//! Only files directly in it, because whoever may write there must not choose what is
//! read: no symbolic link, no second name of a file elsewhere, no pipe.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

#[cfg(test)]
mod tests;

/// Files that one look brings at most, the oldest change first; the others come later.
pub const MAX_FILES: usize = 10_000;
/// A file that changed within this many nanoseconds may still be written.
const QUIET: u64 = 2_000_000_000;
/// The version of an encoded [`Mark`].
const VERSION: u8 = 1;

/// The place of a file in the order of scanning: when it last changed in any way
/// (`st_ctime`, which nobody can set), and its inode. Everything up to a mark is done,
/// and what changes again comes behind it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Nanoseconds since 1970.
    changed: u64,
    inode: u64,
}

impl Mark {
    /// Everything that was there at a time, in nanoseconds since 1970. What changed
    /// just before it is not taken for that: the clock of file systems goes in ticks.
    #[must_use]
    pub fn at(now: u64) -> Self {
        Self { changed: now.saturating_sub(QUIET), inode: 0 }
    }

    /// As the store keeps it.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let numbers = [self.changed, self.inode].map(u64::to_be_bytes);
        std::iter::once(VERSION).chain(numbers.into_iter().flatten()).collect()
    }

    /// None for bytes that are no mark of this version.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (changed, inode) = rest.split_first_chunk()?;
        let mark = Self {
            changed: u64::from_be_bytes(*changed),
            inode: u64::from_be_bytes(inode.try_into().ok()?),
        };
        (*version == VERSION).then_some(mark)
    }

    fn of(stat: &Stat) -> Self {
        let seconds = u64::try_from(stat.st_ctime).unwrap_or_default();
        let changed = seconds.saturating_mul(1_000_000_000);
        #[allow(clippy::useless_conversion)] // signed on some machines
        let nanoseconds = u64::try_from(stat.st_ctime_nsec).unwrap_or_default();
        Self { changed: changed.saturating_add(nanoseconds), inode: stat.st_ino }
    }
}

/// A new file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the order.
    pub mark: Mark,
    /// Its name in the folder.
    name: OsString,
}

/// What one look brought.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Files that nobody writes any more, in their order.
    pub ready: Vec<Entry>,
    /// Further files: still written, or more than one look brings.
    pub waiting: usize,
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Nothing is looked at yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files behind `done` that have been left alone for two seconds at `now`
    /// (nanoseconds since 1970).
    pub fn look(&self, done: Mark, now: u64) -> io::Result<Listing> {
        // After the clock was set back, what it showed before must hide nothing.
        let done = done.min(Mark { changed: now, inode: u64::MAX });
        let folder = self.open_folder()?;
        let mut ready = BTreeMap::new();
        let mut waiting = 0;
        for row in Dir::read_from(&folder)? {
            let row = row?;
            let name = row.file_name();
            // It may be gone by now.
            let Ok(stat) = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let mark = Mark::of(&stat);
            if !is_plain(&stat) || mark <= done {
                continue;
            }
            if mark.changed.saturating_add(QUIET) > now {
                waiting += 1;
                continue;
            }
            ready.insert(mark, os_string(name.to_bytes()));
            if ready.len() > MAX_FILES {
                ready.pop_last();
                waiting += 1;
            }
        }
        let ready = ready.into_iter().map(|(mark, name)| Entry { mark, name }).collect();
        Ok(Listing { ready, waiting })
    }

    /// Opens a file, and says how many bytes it has. None if it is gone, has changed
    /// since the look or is no plain file any more.
    pub fn open(&self, entry: &Entry) -> io::Result<Option<(File, u64)>> {
        let folder = self.open_folder()?;
        let fd = match beneath(&folder, &entry.name) {
            Err(Errno::NOENT | Errno::LOOP | Errno::XDEV | Errno::NXIO) => return Ok(None),
            opened => opened?,
        };
        let stat = rustix::fs::fstat(&fd)?;
        if !is_plain(&stat) || Mark::of(&stat) != entry.mark {
            return Ok(None);
        }
        Ok(Some((File::from(fd), u64::try_from(stat.st_size).unwrap_or_default())))
    }

    fn open_folder(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(rustix::fs::open(&self.path, flags, Mode::empty())?)
    }
}

/// A file with one name.
fn is_plain(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink == 1
}

fn beneath(folder: &OwnedFd, name: &OsString) -> Result<OwnedFd, Errno> {
    // NONBLOCK: opening a pipe must not wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    match rustix::fs::openat2(folder, name, flags, Mode::empty(), resolve) {
        // Kernels before 5.6 and some sandboxes have no openat2. A name that a folder
        // gave has no slash, and NOFOLLOW refuses a link.
        Err(Errno::NOSYS | Errno::PERM) => rustix::fs::openat(folder, name, flags, Mode::empty()),
        opened => opened,
    }
}

fn os_string(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStringExt as _;
    OsString::from_vec(bytes.to_vec())
}
