//! Where a target was left, as the store keeps it. Pure.

use serde::{Deserialize, Serialize};

/// The version of the encoding.
const VERSION: u8 = 1;
/// Bytes at the beginning of a file by which it is known.
pub(super) const FINGERPRINT_BYTES: usize = 1024;
/// Files that one checkpoint names at most: a folder's, and those that rotate while they are read.
pub(super) const MAX_FILES: usize = 1024;

/// When a file was last written, as the system says: seconds and nanoseconds since 1970.
pub(super) type Modified = (i64, i64);

/// Which file it is: numbers that the system gives out again, so also its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) fingerprint: Fingerprint,
}

/// A hash of the first bytes of a file, as many as there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    pub(super) length: usize,
    hash: [u8; 16],
}

impl Fingerprint {
    /// Of the beginning of a file; only the first 1,024 bytes count.
    pub(super) fn of(beginning: &[u8]) -> Self {
        let length = beginning.len().min(FINGERPRINT_BYTES);
        let mut hash = [0; 16];
        let counted = beginning.get(..length).unwrap_or_default();
        blake3::Hasher::new().update(counted).finalize_xof().fill(&mut hash);
        Self { length, hash }
    }

    /// Whether a file that begins like this is the same, perhaps grown.
    pub(super) fn matches(&self, beginning: &[u8]) -> bool {
        // Nothing is the beginning of everything.
        self.length == 0 || beginning.get(..self.length).is_some_and(|same| Self::of(same) == *self)
    }
}

/// A file and how far it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Its name when it was last seen under the followed name.
    pub(super) name: String,
    pub(super) identity: Identity,
    pub(super) position: u64,
    /// The position stands in the middle of a line, whose rest is left out.
    #[serde(default)]
    pub(super) skip: bool,
    /// When it was last written, as far as it was read.
    #[serde(default)]
    pub(super) modified: Modified,
}

/// All files of a target that are not read to their end for good, and the last that are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    version: u8,
    pub(super) places: Vec<Place>,
    /// Rotated files that were let go: they are not read again.
    #[serde(default)]
    pub(super) done: Vec<Place>,
}

impl Checkpoint {
    pub(super) fn new(places: Vec<Place>, done: Vec<Place>) -> Self {
        Self { version: VERSION, places, done }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // Encoding into memory of a type without maps of odd keys does not fail.
        serde_cbor::to_vec(self).unwrap_or_default()
    }

    /// None for bytes that are no checkpoint of this version: then the target is new.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let checkpoint: Self = serde_cbor::from_slice(bytes).ok()?;
        (checkpoint.version == VERSION
            && checkpoint.places.len() <= MAX_FILES
            && checkpoint.done.len() <= MAX_FILES)
            .then_some(checkpoint)
    }
}
