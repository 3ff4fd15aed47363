//! The warninglists that every node has, from `config/warninglists/`.

use std::sync::{Arc, LazyLock};

use super::Warninglist;

/// The files.
pub(super) const FILES: [&str; 16] = [
    include_str!("../../config/warninglists/benign-networks.json"),
    include_str!("../../config/warninglists/certificate-status.json"),
    include_str!("../../config/warninglists/eicar.json"),
    include_str!("../../config/warninglists/empty-files.json"),
    include_str!("../../config/warninglists/public-resolvers-names.json"),
    include_str!("../../config/warninglists/public-resolvers-v4.json"),
    include_str!("../../config/warninglists/public-resolvers-v6.json"),
    include_str!("../../config/warninglists/root-servers-names.json"),
    include_str!("../../config/warninglists/root-servers.json"),
    include_str!("../../config/warninglists/shared-hosting-suffixes.json"),
    include_str!("../../config/warninglists/time-servers-names.json"),
    include_str!("../../config/warninglists/time-servers.json"),
    include_str!("../../config/warninglists/top-domains.json"),
    include_str!("../../config/warninglists/update-services.json"),
    include_str!("../../config/warninglists/user-content-home-pages.json"),
    include_str!("../../config/warninglists/user-content-sites.json"),
];

/// Parsed once: they are part of the program.
pub(super) fn warninglists() -> &'static [Arc<Warninglist>] {
    static PARSED: LazyLock<Vec<Arc<Warninglist>>> = LazyLock::new(|| {
        // A test proves that every one of them parses.
        FILES.iter().filter_map(|json| Warninglist::parse(json).ok()).map(Arc::new).collect()
    });
    &PARSED
}
