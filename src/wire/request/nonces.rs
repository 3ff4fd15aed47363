//! Which signed requests were here before.

use std::collections::{BTreeSet, HashSet};

use super::{BadSignature, Signer, WINDOW};
use crate::model::Timestamp;

/// Requests that are remembered at most. Then the oldest is forgotten: a registration
/// that is repeated within its few minutes only says again what its signer said.
pub const MAX_NONCES: usize = 32_768;

/// The nonces of the last minutes. Pure: it is told the time.
#[derive(Clone, Debug)]
pub struct Nonces {
    capacity: usize,
    seen: HashSet<[u8; 16]>,
    /// By the time at which the signature is too old to be taken anyway.
    ends: BTreeSet<(Timestamp, [u8; 16])>,
}

impl Default for Nonces {
    fn default() -> Self {
        Self::new(MAX_NONCES)
    }
}

impl Nonces {
    /// Remembers at most so many.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, seen: HashSet::new(), ends: BTreeSet::new() }
    }

    /// Takes note of a request; an error if it was here before.
    pub fn first(&mut self, signer: &Signer, now: Timestamp) -> Result<(), BadSignature> {
        while let Some(oldest) = self.ends.first().copied() {
            if oldest.0 >= now && self.ends.len() < self.capacity {
                break;
            }
            self.ends.remove(&oldest);
            self.seen.remove(&oldest.1);
        }
        let mut name = [0; 16];
        blake3::Hasher::new()
            .update(signer.node.public_key())
            .update(signer.nonce.as_bytes())
            .finalize_xof()
            .fill(&mut name);
        if !self.seen.insert(name) {
            return Err(BadSignature::Replayed);
        }
        self.ends.insert((signer.created.plus(WINDOW), name));
        Ok(())
    }

    /// Requests remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.seen.len().max(self.ends.len())
    }
}
