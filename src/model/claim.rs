//! What one reporter tells one audience about one indicator.

use std::collections::BTreeMap;

use super::{Confidence, Day, IndicatorId, Revision, Tag, Timestamp, Tlp, Value};

/// The most tags a claim may carry.
pub const MAX_TAGS: usize = 16;
/// The most custom fields a claim may carry.
pub const MAX_CUSTOM_FIELDS: usize = 16;

/// A claim, without the key that signs it. What is `None` or empty was not told.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The indicator.
    pub value: Value,
    /// How far it may travel.
    pub tlp: Tlp,
    /// The day it ends: from then on it is purged everywhere.
    pub until: Day,
    /// The highest of a pseudonym wins.
    pub revision: Revision,
    /// How sure the reporter is (level moderate and open).
    pub confidence: Option<Confidence>,
    /// First seen, rounded (level moderate and open).
    pub created: Option<Timestamp>,
    /// Last seen, rounded (level moderate and open).
    pub modified: Option<Timestamp>,
    /// How often, in buckets (level open).
    pub sightings: Option<SightingsBucket>,
    /// What it did (level open); sorted, each once.
    pub tags: Vec<Tag>,
    /// Scrubbed custom fields (level open).
    pub custom: CustomFields,
    /// The reporter takes it back.
    pub retracted: bool,
}

impl Claim {
    /// The indicator it speaks of.
    pub fn indicator(&self) -> IndicatorId {
        IndicatorId::of(&self.value)
    }
}

/// How often something was seen, coarse enough not to identify who saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SightingsBucket {
    /// Once.
    One,
    /// 2 to 4 times.
    Two,
    /// 5 to 9 times.
    Five,
    /// 10 times or more.
    Ten,
}

impl SightingsBucket {
    /// The bucket that a count falls in; zero counts as one.
    pub fn of(count: u64) -> Self {
        match count {
            0 | 1 => Self::One,
            2..=4 => Self::Two,
            5..=9 => Self::Five,
            _ => Self::Ten,
        }
    }

    /// The least count of the bucket: its number on the wire.
    pub fn floor(self) -> u64 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Five => 5,
            Self::Ten => 10,
        }
    }

    /// The bucket with that number on the wire.
    pub fn from_floor(floor: u64) -> Option<Self> {
        [Self::One, Self::Two, Self::Five, Self::Ten].into_iter().find(|b| b.floor() == floor)
    }
}

/// Custom fields by name.
pub type CustomFields = BTreeMap<String, CustomValue>;

/// The value of a custom field. Floats and CBOR tags are left out, because they
/// have more than one encoding and no indicator needs them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CustomValue {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// Named values.
    Map(BTreeMap<String, Self>),
}
