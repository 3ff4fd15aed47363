//! What one audience was told of one indicator, and what it is to be told.

use serde::{Deserialize, Serialize};

use super::{Blob, Record};
use crate::model::{Audience, Generation, IndicatorId, NodeId, Pseudonym, Timestamp};
use crate::store::What;
use crate::store::family::Family;

/// A row of the outbox. That there is one for a member says that the member is
/// among those whom the indicator was shared with.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct KeptOwn {
    pub(in crate::store) indicator: IndicatorId,
    pub(in crate::store) audience: Audience,
    pub(in crate::store) sent: Option<Sent>,
    pub(in crate::store) wish: Option<Wish>,
    /// Under which the next claim is made. It is above that of a claim that was
    /// taken back only if the operator shared the indicator again.
    pub(in crate::store) generation: Generation,
}

/// The claim that was last made for an audience.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct Sent {
    pub(in crate::store) pseudonym: Pseudonym,
    pub(in crate::store) generation: Generation,
    pub(in crate::store) at: Timestamp,
    /// Whether it surely left. One that was made and not marked may have left.
    pub(in crate::store) left: bool,
}

/// What an audience is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Wish {
    pub(in crate::store) what: What,
    pub(in crate::store) due: Timestamp,
    /// Tells this wish from every other one.
    pub(in crate::store) stamp: u64,
}

impl KeptOwn {
    /// A row of which nothing is known yet.
    pub(in crate::store) fn new(indicator: IndicatorId, audience: Audience) -> Self {
        Self { indicator, audience, sent: None, wish: None, generation: 0 }
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct OwnForm {
    indicator: Blob,
    member: Option<Blob>,
    sent: Option<(Blob, u32, u64, bool)>,
    wish: Option<(u8, u64, u64)>,
    generation: u32,
}

/// Version 1 knew one kind of wish, and told what had left by its time.
#[derive(Deserialize)]
struct FirstForm {
    indicator: Blob,
    member: Option<Blob>,
    sent: Option<(Blob, u32, u64)>,
    due: Option<u64>,
}

impl Record for KeptOwn {
    const FAMILY: Family = Family::Outbox;
    const VERSION: u8 = 2;
    type Form = OwnForm;

    fn to_form(&self) -> OwnForm {
        OwnForm {
            indicator: self.indicator.as_bytes().into(),
            member: match &self.audience {
                Audience::Mesh => None,
                Audience::Peer(node) => Some(node.public_key().into()),
            },
            sent: self.sent.as_ref().map(|sent| {
                (sent.pseudonym.as_bytes().into(), sent.generation, sent.at.seconds(), sent.left)
            }),
            wish: self.wish.map(|wish| (wish.what.code(), wish.due.seconds(), wish.stamp)),
            generation: self.generation,
        }
    }

    fn from_form(form: OwnForm) -> Option<Self> {
        let audience = match form.member {
            None => Audience::Mesh,
            Some(node) => Audience::Peer(NodeId::from_public_key(node.array()?)),
        };
        let sent = match form.sent {
            None => None,
            Some((pseudonym, generation, at, left)) => Some(Sent {
                pseudonym: Pseudonym(pseudonym.array()?),
                generation,
                at: Timestamp(at),
                left,
            }),
        };
        let wish = match form.wish {
            None => None,
            Some((what, due, stamp)) => {
                Some(Wish { what: What::from_code(what)?, due: Timestamp(due), stamp })
            }
        };
        let indicator = IndicatorId(form.indicator.array()?);
        Some(Self { indicator, audience, sent, wish, generation: form.generation })
    }

    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        let first: FirstForm =
            (version == 1).then(|| serde_cbor::from_slice(body).ok()).flatten()?;
        let generation = first.sent.as_ref().map_or(0, |(_, generation, _)| *generation);
        let left = |at: u64| first.due.is_none_or(|due| at < due);
        Self::from_form(OwnForm {
            indicator: first.indicator,
            member: first.member,
            sent: first.sent.map(|(by, generation, at)| (by, generation, at, left(at))),
            wish: first.due.map(|due| (What::Update.code(), due, 0)),
            generation,
        })
    }
}
