//! Ids of what a node writes in one view.
//!
//! Only its creator may issue a new version of an object, and a copy that leaves something
//! out is a new object (section 3.6.2). So each node has ids of its own for each view, and
//! they stay the same from one export to the next. They are made with a secret: nobody else
//! can compute them, and two views, or two nodes, cannot be told to belong together by them.

use uuid::{Builder, Uuid};

use crate::keys::length_prefixed;
use crate::model::IndicatorId;

/// What the ids of one view are made with.
#[derive(Clone)]
pub struct Namespace([u8; 32]);

impl Namespace {
    /// From a secret that belongs to this node and view alone.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The id of an object about an indicator. `begun` is another number each time that what
    /// was revoked is told again: a revoked object never comes back (section 3.6.3).
    ///
    /// BLAKE3 keyed with the secret, so it is as random as a UUIDv4 is to be (RFC 9562
    /// section 5.4), which STIX prefers and the OASIS validator wants.
    pub fn id(&self, sort: &str, indicator: IndicatorId, begun: u64) -> Uuid {
        let parts = [sort.as_bytes(), indicator.as_bytes(), &begun.to_be_bytes()];
        let hash = blake3::keyed_hash(&self.0, &length_prefixed(&parts));
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash.as_bytes()).for_each(|(byte, hashed)| *byte = *hashed);
        Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// Shows nothing.
impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Namespace(..)")
    }
}
