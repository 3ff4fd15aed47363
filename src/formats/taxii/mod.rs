//! TAXII 2.1 (OASIS Standard, 10 June 2021): its resources, filters, times and media type.
//!
//! Owns what the protocol says and nothing of how it is carried: the server is in `http`,
//! the client in `lookup`. A collection is ordered by a stamp in microseconds that no two
//! of its objects share, so that paging by time and paging by cursor are the same thing.

mod cursor;
mod media;
mod query;
mod resource;
mod stamp;

#[cfg(test)]
mod tests;

pub use cursor::{BadCursor, Cursor};
pub use media::{MEDIA_TYPE, STIX_MEDIA_TYPE, accepts, is_taxii};
pub use query::{BadQuery, Endpoint, MAX_MATCHES, Query, Versions};
pub use resource::{
    ApiRoot, Collection, Collections, Discovery, Entry, Envelope, Error, Manifest, Status, Stored,
    VersionList, envelope,
};
pub use stamp::{BadStamp, Stamp};
