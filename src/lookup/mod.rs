//! Outside knowledge: clamd, which says what is malware, VirusTotal, which says what
//! others think of a value, and the registry, which says who else is there.
//!
//! Owns the connections to those who know, and the folder whose files they are asked
//! about. It knows no store and no indicator of this node. It must never open anything
//! but a regular file in that folder, never tell anybody a file, and never take from an
//! answer more than its bounds allow.

pub mod clamd;
pub mod feeds;
pub mod folder;
pub mod registry;
pub mod virustotal;

use crate::model::{MAX_TAG_BYTES, Tag};

#[cfg(test)]
mod tests;

/// A foreign name as a tag, `who:name`, in lower case and made to fit.
#[must_use]
pub fn tag(who: &str, name: &str) -> Option<Tag> {
    let plain = |c: char| {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() || "._:/+-".contains(c) { c } else { '-' }
    };
    let text: String =
        who.chars().chain([':']).chain(name.chars().map(plain)).take(MAX_TAG_BYTES).collect();
    text.parse().ok()
}
