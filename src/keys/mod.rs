//! The node's secrets: who it is, under which pseudonyms it speaks, how what
//! rests on disk is sealed.
//!
//! Owns every use of a secret key. It must never print one, never make one up
//! where one should have been loaded, and (but for `files`, the shell of the
//! feature `node`) never read a file or a random generator: nonces are passed in.

#[cfg(feature = "node")]
pub mod files;
mod master;
mod sealing;
mod signing;

#[cfg(test)]
mod tests;

pub use master::{BadKeyFile, BadMaster, KeyFile, MasterKey, Role, Stretching, WrongMaster};
pub use sealing::{Damaged, Place, Sealer};
pub use signing::{Identity, PseudonymKey, PseudonymSecret, verify, verify_node};

/// The parts one after the other, each behind its length (8 bytes, big-endian),
/// so that no two lists of parts give the same bytes.
pub fn length_prefixed(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}
