//! Where the journal was left, as the store keeps it, and how journalctl is
//! told to go on from there. Pure.

use serde::{Deserialize, Serialize};

/// The version of the encoding.
const VERSION: u8 = 1;

/// A place in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    version: u8,
    /// The last entry that was taken.
    cursor: Option<String>,
    /// When that was, or from when on entries are taken: microseconds since 1970.
    at: u64,
}

impl Place {
    /// Before everything.
    pub(super) fn beginning() -> Self {
        Self::since(0)
    }

    /// Before what comes at that time or later.
    pub(super) fn since(at: u64) -> Self {
        Self { version: VERSION, cursor: None, at }
    }

    /// After an entry.
    pub(super) fn after(cursor: String, at: u64) -> Self {
        Self { version: VERSION, cursor: Some(cursor), at }
    }

    /// The same place without its cursor, which journalctl does not understand.
    pub(super) fn by_time(&self) -> Self {
        Self::since(self.at + 1)
    }

    /// The entry that journalctl repeats if the journal still has it.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The option for journalctl. `--cursor` begins with the entry itself, which
    /// tells whether it is still there; `--after-cursor` would pass over the first
    /// entry that is.
    pub(super) fn option(&self) -> Option<String> {
        match &self.cursor {
            Some(cursor) => Some(format!("--cursor={cursor}")),
            None if self.at == 0 => None,
            None => Some(format!("--since=@{}.{:06}", self.at / 1_000_000, self.at % 1_000_000)),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // Encoding into memory of a type without maps of odd keys does not fail.
        serde_cbor::to_vec(self).unwrap_or_default()
    }

    /// None for bytes that are no place of this version.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let place: Self = serde_cbor::from_slice(bytes).ok()?;
        (place.version == VERSION && place.at < u64::MAX).then_some(place)
    }
}
