//! The folder of a target: what stands in it, and what rotation left there.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::checkpoint::{Modified, Place};
use super::open::{self, NotOpened, Opened};

/// Files of a folder that are followed at most.
pub(super) const MAX_NAMES: usize = 256;
/// Names in a folder that are looked at at most, in search of one file.
const MAX_ENTRIES: usize = 4096;
/// What rotation leaves that is no text.
const COMPRESSED: [&str; 6] = [".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip"];

/// A regular file in the folder, not opened yet: what was listed may be another
/// file by the time it is.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) modified: Modified,
    pub(super) name: String,
    pub(super) inode: u64,
}

/// A folder of logs.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn open(&self, name: &str) -> Result<Opened, NotOpened> {
        open::open(&self.0, name)
    }

    /// The names of logs in it.
    pub(super) fn logs(&self) -> Vec<String> {
        let is_log = |name: &str| name.ends_with(".log") && !name.starts_with('.');
        let mut names: Vec<String> =
            self.names().filter(|(name, _)| is_log(name)).map(|(name, _)| name).collect();
        names.sort_unstable();
        names.truncate(MAX_NAMES);
        names
    }

    /// What rotation made of a name, the file that was written first at the front.
    pub(super) fn rotations(&self, followed: &str) -> Vec<Entry> {
        self.entries(|name| is_rotation(name, followed))
    }

    /// The same. None if the names were moved on while they were listed: then a
    /// file may be missing, because its name was another one's when it was looked at.
    pub(super) fn settled_rotations(&self, followed: &str) -> Option<Vec<Entry>> {
        let (first, again) = (self.rotations(followed), self.rotations(followed));
        // Not when they were written: somebody may still write to them.
        let files = |entries: &[Entry]| -> BTreeSet<(String, u64)> {
            entries.iter().map(|entry| (entry.name.clone(), entry.inode)).collect()
        };
        (files(&first) == files(&again)).then_some(again)
    }

    /// A file under the name that rotation gave it.
    pub(super) fn renamed(&self, place: &Place) -> Option<Opened> {
        self.names().take(MAX_ENTRIES).find_map(|(name, entry)| {
            // The number is cheap to ask for and tells nearly all apart.
            let same = entry.metadata().is_ok_and(|m| m.ino() == place.identity.inode);
            let opened = same.then(|| self.open(&name).ok())??;
            (opened.has_numbers_of(place) && opened.continues(place)).then_some(opened)
        })
    }

    /// The copy that was made of a file before it was emptied, if it goes on where we stopped.
    pub(super) fn copy(&self, left: &Place) -> Option<Opened> {
        let copies = self.rotations(&left.name).into_iter().rev();
        let mut copies = copies.filter_map(|entry| self.open(&entry.name).ok());
        copies.find(|copy| {
            left.identity.fingerprint.length > 0
                && copy.size() > left.position
                && copy.continues(left)
        })
    }

    /// Names of the same stem that are no rotation, written after a time.
    pub(super) fn neighbours(&self, followed: &str, since: Modified) -> Vec<String> {
        let entries = self.entries(|name| {
            name != followed
                && stem(name) == stem(followed)
                && !is_rotation(name, followed)
                && !is_compressed(name)
        });
        entries.into_iter().filter(|e| e.modified > since).map(|entry| entry.name).collect()
    }

    fn entries(&self, wanted: impl Fn(&str) -> bool) -> Vec<Entry> {
        let named = self.names().filter(|(name, _)| wanted(name));
        let mut entries: Vec<Entry> = named
            .filter_map(|(name, entry)| {
                let metadata = entry.metadata().ok().filter(Metadata::is_file)?;
                let modified = (metadata.mtime(), metadata.mtime_nsec());
                Some(Entry { modified, name, inode: metadata.ino() })
            })
            .collect();
        entries.sort_unstable_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
        entries
    }

    #[allow(clippy::disallowed_methods)] // this module owns the log folders
    fn names(&self) -> impl Iterator<Item = (String, std::fs::DirEntry)> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry)))
    }
}

/// `access.log.1` and `access.log-20261124` of `access.log`, and nothing compressed.
fn is_rotation(name: &str, followed: &str) -> bool {
    let rest = name.strip_prefix(followed).unwrap_or_default();
    (rest.starts_with('.') || rest.starts_with('-')) && !is_compressed(name)
}

fn is_compressed(name: &str) -> bool {
    COMPRESSED.iter().any(|ending| name.ends_with(ending))
}

/// `fail2ban` of `fail2ban.log` and of `fail2ban-new.log`.
fn stem(name: &str) -> &str {
    name.split(['.', '-']).next().unwrap_or(name)
}
