//! What can go wrong in the store, in sentences for the operator.

use std::path::Path;

use crate::keys::Damaged;

/// Why the store refused. One group of writes can fail as a whole, so it can be
/// cloned to every caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error(
        "{dir} is in use by another dtim: stop that one first, or give this one its own \
         [node] data_dir"
    )]
    InUse {
        /// The store's folder.
        dir: String,
    },
    /// Written by a later version.
    #[error(
        "{dir} was written by {writer} with schema {found}, and this version reads schemas up to \
         {known}: install that version or a later one, or restore an older backup"
    )]
    NewerSchema {
        /// The store's folder.
        dir: String,
        /// The version that wrote it.
        writer: String,
        /// Its schema.
        found: u32,
        /// The newest schema that this version reads.
        known: u32,
    },
    /// The data key does not open it.
    #[error(
        "{dir} was sealed with another data key: restore the keys/ folder that belongs to it, or \
         move it away and let the peers fill a new one"
    )]
    WrongKey {
        /// The store's folder.
        dir: String,
    },
    /// The database's own files are damaged.
    #[error(
        "the database is damaged ({what}): restore it from a backup, or move {dir} away and let \
         the peers fill a new one"
    )]
    Corrupt {
        /// The store's folder.
        dir: String,
        /// The database's words, the file's name among them.
        what: String,
    },
    /// One record is damaged; the others are readable.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The size limit is reached.
    #[error(
        "the store holds {used} bytes and may hold {limit}: raise [storage] max_gib, or wait until \
         old indicators have ended; reading goes on"
    )]
    Full {
        /// What it holds, in bytes.
        used: u64,
        /// What it may hold, in bytes.
        limit: u64,
    },
    /// The disk did not take it, or did not give it.
    #[error(
        "the disk refused ({what}): free some space or mend the disk under {dir}; nothing of this \
         write was kept, and reading goes on"
    )]
    Disk {
        /// The store's folder.
        dir: String,
        /// The system's words.
        what: String,
    },
    /// A newer revision of an own claim is stored already, because it came back from the
    /// mesh, or the operator has decided otherwise meanwhile.
    #[error(
        "a newer revision of this claim, or another wish about it, is stored already: build the \
         claim again on top of that"
    )]
    Overtaken,
    /// The queue to the writer is full.
    #[error("the store is busy: try again in a moment")]
    Busy,
    /// The writer has ended.
    #[error("the store is closed: the node is stopping")]
    Closed,
    /// A record could not be encoded. That is a mistake in this program.
    #[error("a record of {family} could not be encoded; please report this")]
    Unwritable {
        /// The column family.
        family: &'static str,
    },
}

impl StoreError {
    /// Whether the same write may succeed later: when there is room again.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Disk { .. } | Self::Busy)
    }

    /// What RocksDB said, as one of ours.
    pub(super) fn of_rocks(dir: &Path, error: &rocksdb::Error) -> Self {
        let dir = dir.display().to_string();
        let what = error.as_ref().to_owned();
        match error.kind() {
            rocksdb::ErrorKind::IOError if what.contains("/LOCK") => Self::InUse { dir },
            rocksdb::ErrorKind::Corruption => Self::Corrupt { dir, what },
            _ => Self::Disk { dir, what },
        }
    }

    /// What the system said.
    pub(super) fn of_io(dir: &Path, error: &std::io::Error) -> Self {
        Self::Disk { dir: dir.display().to_string(), what: error.to_string() }
    }
}
