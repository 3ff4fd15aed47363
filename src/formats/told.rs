//! What a view tells of an indicator, whatever the format.

use std::collections::BTreeSet;

use crate::model::{Confidence, CustomFields, Generation, Tag, Timestamp, Tlp, Value};

/// What one view tells of an indicator. The privacy filter has been over all of it; what is
/// `None` or empty is not told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The indicator.
    pub value: Value,
    /// How far it may travel.
    pub tlp: Tlp,
    /// Whom it is limited to; for the own organisation's clients only.
    pub recipients: BTreeSet<String>,
    /// How sure the view makes one, at the time of this version.
    pub confidence: Option<Confidence>,
    /// When it was first told; from then on it is valid.
    pub created: Timestamp,
    /// The time of this version.
    pub modified: Timestamp,
    /// When it ends; later than `created`.
    pub until: Timestamp,
    /// What it did.
    pub tags: Vec<Tag>,
    /// How often it was seen, in steps.
    pub sightings: Option<Sightings>,
    /// Custom fields.
    pub custom: CustomFields,
    /// It is taken back.
    pub revoked: bool,
    /// How often it was taken back and told again.
    pub generation: Generation,
}

/// How often and when something was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sightings {
    /// How often, in steps.
    pub count: u64,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}
