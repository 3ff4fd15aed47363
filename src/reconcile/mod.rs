//! Which claims one side has that the other lacks, found with few bytes.
//!
//! Owns the compact set of what takes part ([`Set`]) and the messages with which
//! two sides compare theirs: range-based set reconciliation as the crate
//! `negentropy` does it. It must never decide what takes part, and never ask a
//! clock: the caller says from which day on.
//!
//! This is the seam for another mechanism: whoever syncs knows a [`Set`], an
//! opening message, an answer to it and what follows from the answer, and nothing
//! of how the messages come about. No message needs what was said before it, so a
//! comparison can be broken off and begun again anywhere.

mod set;
#[cfg(test)]
mod tests;

use negentropy::{Id, Negentropy};

use crate::model::{ContentId, Day};

pub use set::Set;
use set::View;

/// The longest message, in bytes: with its envelope it fits into 64 KiB.
pub const MAX_MESSAGE_BYTES: usize = 61_000;
/// Where negentropy stops adding to a message: an id list may run over by a range.
const FRAME: u64 = 58_000;

/// What an answer tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The other side has these and this side does not; at most as many as fit
    /// into a message.
    pub missing: Vec<ContentId>,
    /// This side has these and the other does not.
    pub extra: Vec<ContentId>,
    /// What to ask next. Nothing: the comparison is complete.
    pub next: Option<Vec<u8>>,
}

/// The message that begins a comparison of what ends on that day or later.
pub fn open(set: &Set, from: Day) -> Result<Vec<u8>, BadMessage> {
    Ok(Negentropy::owned(View::new(set, from), FRAME)?.initiate()?)
}

/// The answer of the other side. It keeps nothing in mind.
pub fn answer(set: &Set, from: Day, question: &[u8]) -> Result<Vec<u8>, BadMessage> {
    within(question)?;
    let answer = Negentropy::owned(View::new(set, from), FRAME)?.reconcile(question)?;
    within(&answer)?;
    Ok(answer)
}

/// What follows from an answer.
pub fn conclude(set: &Set, from: Day, answer: &[u8]) -> Result<Told, BadMessage> {
    within(answer)?;
    let mut comparison = Negentropy::owned(View::new(set, from), FRAME)?;
    comparison.set_initiator();
    let (mut have, mut need) = (Vec::new(), Vec::new());
    let next = comparison.reconcile_with_ids(answer, &mut have, &mut need)?;
    Ok(Told { missing: ids(need), extra: ids(have), next })
}

fn ids(ids: Vec<Id>) -> Vec<ContentId> {
    ids.into_iter().map(|id| ContentId(id.to_bytes())).collect()
}

fn within(message: &[u8]) -> Result<(), BadMessage> {
    if message.len() > MAX_MESSAGE_BYTES { Err(BadMessage::TooLong) } else { Ok(()) }
}

/// A message that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// Too many bytes.
    #[error("a message of the comparison is longer than {MAX_MESSAGE_BYTES} bytes")]
    TooLong,
    /// Not a message of negentropy, version 1.
    #[error("not a message of the comparison: {0}")]
    Malformed(String),
}

impl From<negentropy::Error> for BadMessage {
    fn from(error: negentropy::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}
