//! The records with few fields.

use serde::{Deserialize, Serialize};

use super::{Blob, Record};
use crate::model::{ContentId, Day, NodeId, Source, Timestamp};
use crate::store::family::Family;

/// A content id that was seen, and what became of its claim.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct KeptContent {
    pub(in crate::store) content: ContentId,
    pub(in crate::store) place: Whereabouts,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) enum Whereabouts {
    /// It is stored under this key.
    Stored {
        /// The key in `claims`.
        key: Vec<u8>,
        /// An own claim takes no part in sync before this time.
        held: Option<Timestamp>,
    },
    /// A higher revision is stored.
    Replaced,
    /// There was no room for it.
    NoRoom,
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ContentForm {
    content: Blob,
    claim: Option<Blob>,
    held: Option<u64>,
    no_room: bool,
}

impl Record for KeptContent {
    const FAMILY: Family = Family::Content;
    const VERSION: u8 = 2;
    type Form = ContentForm;

    fn to_form(&self) -> ContentForm {
        let (claim, held, no_room) = match &self.place {
            Whereabouts::Stored { key, held } => {
                (Some(Blob(key.clone())), held.map(Timestamp::seconds), false)
            }
            Whereabouts::Replaced => (None, None, false),
            Whereabouts::NoRoom => (None, None, true),
        };
        ContentForm { content: self.content.as_bytes().into(), claim, held, no_room }
    }

    fn from_form(form: ContentForm) -> Option<Self> {
        let place = match form.claim {
            Some(key) => Whereabouts::Stored { key: key.0, held: form.held.map(Timestamp) },
            None if form.no_room => Whereabouts::NoRoom,
            None => Whereabouts::Replaced,
        };
        Some(Self { content: ContentId(form.content.array()?), place })
    }

    /// Version 1 did not tell an own claim, nor one without room.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        let (content, claim): (Blob, Option<Blob>) =
            (version == 1).then(|| serde_cbor::from_slice(body).ok()).flatten()?;
        let place = match claim {
            Some(key) => Whereabouts::Stored { key: key.0, held: None },
            None => Whereabouts::Replaced,
        };
        Some(Self { content: ContentId(content.array()?), place })
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

/// That a member saw an indicator itself.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct KeptAttested {
    pub(in crate::store) node: NodeId,
    pub(in crate::store) until: Day,
}

impl Record for KeptAttested {
    const FAMILY: Family = Family::Attested;
    const VERSION: u8 = 1;
    type Form = (Blob, u32);

    fn to_form(&self) -> Self::Form {
        (self.node.public_key().into(), self.until.0)
    }

    fn from_form((node, until): Self::Form) -> Option<Self> {
        Some(Self { node: NodeId::from_public_key(node.array()?), until: Day(until) })
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
