//! What a text was found to meet, remembered: a log repeats itself, and most lines of a
//! web server's hold a user agent and a path that it has seen a moment ago.
//!
//! Owns a bounded number of texts, each at one place that its hash chooses; a text that
//! comes to the same place drives out the one before. It must never answer for a text
//! that is not equal byte for byte.

use std::hash::Hasher as _;

use rustc_hash::FxHasher;

use crate::parse::{Escape, Text};

/// Places for texts.
const PLACES: usize = 512;
/// Longer texts are not remembered, in bytes.
const LONGEST: usize = 256;

/// Up to [`PLACES`] texts and what was found about each.
pub(super) struct Memo<T> {
    places: Vec<Option<Remembered<T>>>,
}

struct Remembered<T> {
    raw: Vec<u8>,
    escape: Escape,
    found: T,
}

impl<T: Copy> Memo<T> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new() }
    }

    /// What is remembered of a text, or what `find` finds, which is remembered then.
    pub(super) fn of(&mut self, text: Text<'_>, find: impl FnOnce() -> T) -> T {
        let raw = text.raw();
        if raw.len() > LONGEST {
            return find();
        }
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        let mut hasher = FxHasher::default();
        hasher.write(raw);
        let at = usize::try_from(hasher.finish() % PLACES as u64).unwrap_or_default();
        let Some(place) = self.places.get_mut(at) else { return find() };
        match place {
            Some(known) if known.raw == raw && known.escape == text.escape() => known.found,
            Some(other) => {
                other.raw.clear();
                other.raw.extend_from_slice(raw);
                other.escape = text.escape();
                other.found = find();
                other.found
            }
            None => {
                let found = find();
                *place = Some(Remembered { raw: raw.to_vec(), escape: text.escape(), found });
                found
            }
        }
    }
}
