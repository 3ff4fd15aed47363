//! The vocabulary: what an indicator, a sighting and a claim are.
//!
//! Owns the domain's types and their canonical forms. It must never do I/O,
//! read a clock or know how anything is encoded: no serde, no CBOR, no JSON.

mod canonical;
mod claim;
mod evidence;
mod ids;
mod kind;
mod role;
mod scope;
mod source;
mod tag;
mod time;
mod tlp;
mod value;

#[cfg(test)]
mod tests;

pub use claim::{Claim, CustomFields, CustomValue, MAX_CUSTOM_FIELDS, MAX_TAGS, SightingsBucket};
pub use evidence::{Evidence, Sighting};
pub use ids::{
    Audience, BadNodeId, Community, ContentId, Generation, IndicatorId, NodeId, Pseudonym, Revision,
};
pub use kind::{BadKind, CustomKind, Kind};
pub use role::{BadRole, Role};
pub use scope::{Recipients, Scope};
pub use source::{BadSource, Origin, Source};
pub use tag::{BadTag, MAX_TAG_BYTES, Tag};
pub use time::{DAY, Day, HOUR, MINUTE, Timestamp, WEEK};
pub use tlp::{BadLevel, BadTlp, Confidence, Level, Tlp};
pub use value::{NotCanonical, Value};
