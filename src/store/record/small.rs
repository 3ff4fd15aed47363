//! The records with few fields.

use super::{Blob, Record};
use crate::model::{ContentId, Source, Timestamp};
use crate::store::family::Family;

/// A content id that was seen: of a claim that is stored, was replaced, or had no room.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct KeptContent {
    pub(in crate::store) content: ContentId,
    /// The key of its claim, if the claim is stored.
    pub(in crate::store) claim: Option<Vec<u8>>,
}

impl Record for KeptContent {
    const FAMILY: Family = Family::Content;
    const VERSION: u8 = 1;
    type Form = (Blob, Option<Blob>);

    fn to_form(&self) -> Self::Form {
        (self.content.as_bytes().into(), self.claim.clone().map(Blob))
    }

    fn from_form((content, claim): Self::Form) -> Option<Self> {
        Some(Self { content: ContentId(content.array()?), claim: claim.map(|key| key.0) })
    }
}

/// A bucket of the detector.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct KeptBucket {
    pub(in crate::store) key: Vec<u8>,
    pub(in crate::store) bucket: Vec<u8>,
}

impl Record for KeptBucket {
    const FAMILY: Family = Family::Detector;
    const VERSION: u8 = 1;
    type Form = (Blob, Blob);

    fn to_form(&self) -> Self::Form {
        (Blob(self.key.clone()), Blob(self.bucket.clone()))
    }

    fn from_form((key, bucket): Self::Form) -> Option<Self> {
        Some(Self { key: key.0, bucket: bucket.0 })
    }
}

/// How far a file was read.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct KeptOffset {
    pub(in crate::store) source: Source,
    pub(in crate::store) path: String,
    pub(in crate::store) bytes: Vec<u8>,
}

impl Record for KeptOffset {
    const FAMILY: Family = Family::Offsets;
    const VERSION: u8 = 1;
    type Form = (String, String, Blob);

    fn to_form(&self) -> Self::Form {
        (self.source.name().to_owned(), self.path.clone(), Blob(self.bytes.clone()))
    }

    fn from_form((source, path, bytes): Self::Form) -> Option<Self> {
        Some(Self { source: source.parse().ok()?, path, bytes: bytes.0 })
    }
}

/// What somebody outside says.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct KeptOutside {
    pub(in crate::store) until: Timestamp,
    pub(in crate::store) answer: Vec<u8>,
}

impl Record for KeptOutside {
    const FAMILY: Family = Family::Outside;
    const VERSION: u8 = 1;
    type Form = (u64, Blob);

    fn to_form(&self) -> Self::Form {
        (self.until.seconds(), Blob(self.answer.clone()))
    }

    fn from_form((until, answer): Self::Form) -> Option<Self> {
        Some(Self { until: Timestamp(until), answer: answer.0 })
    }
}

/// This operator's vote.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct KeptVote {
    pub(in crate::store) false_positive: bool,
    pub(in crate::store) at: Timestamp,
}

impl Record for KeptVote {
    const FAMILY: Family = Family::Votes;
    const VERSION: u8 = 1;
    type Form = (bool, u64);

    fn to_form(&self) -> Self::Form {
        (self.false_positive, self.at.seconds())
    }

    fn from_form((false_positive, at): Self::Form) -> Option<Self> {
        Some(Self { false_positive, at: Timestamp(at) })
    }
}
