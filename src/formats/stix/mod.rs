//! STIX 2.1 (OASIS, 10 June 2021): indicators as other programs exchange them.
//!
//! Owns the mapping of the design document's section 9 in both directions: a value is a
//! pattern, a marking is one of the fixed TLP objects, and what STIX has no property for
//! stands in one registered extension.

mod export;
mod extension;
mod import;
mod namespace;
pub mod pattern;
mod split;
mod tally;
mod time;
mod tlp;

#[cfg(test)]
mod tests;

pub use export::{Writer, Written, indicator_alone, referred};
pub use extension::EXTENSION;
pub use import::{Imported, MAX_REFERENCES, Object, Reader, Refusal, Settings, evidence};
pub use namespace::Namespace;
pub use split::{BadBundle, MAX_AROUND_BYTES, MAX_OBJECT_BYTES, MAX_OBJECT_DEPTH, Splitter};
pub use tally::Tally;
pub use tlp::Family;
