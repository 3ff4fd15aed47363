//! The warninglists that every node has, from `config/warninglists/`.

use std::sync::{Arc, LazyLock};

use super::Warninglist;

/// The files, by name.
pub(super) const FILES: [(&str, &str); 0] = [];

/// Parsed once: they are part of the program.
pub(super) fn warninglists() -> &'static [Arc<Warninglist>] {
    static PARSED: LazyLock<Vec<Arc<Warninglist>>> = LazyLock::new(|| {
        // A test proves that every one of them parses.
        FILES.iter().filter_map(|(_, json)| Warninglist::parse(json).ok()).map(Arc::new).collect()
    });
    &PARSED
}
