//! A signed claim as it came, and who delivered it.

use serde::{Deserialize, Serialize};

use super::{Blob, Record};
use crate::assess::Heard;
use crate::model::{NodeId, Timestamp};
use crate::store::family::Family;
use crate::wire;

/// A claim, the bytes it came in, and whether it is our own.
#[derive(Clone, Debug)]
pub(in crate::store) struct KeptClaim {
    pub(in crate::store) heard: Heard,
    pub(in crate::store) bytes: Vec<u8>,
    /// Made here: members who deliver it only bring it back.
    pub(in crate::store) own: bool,
    /// The member whose share of the store it takes.
    pub(in crate::store) charged: Option<NodeId>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ClaimForm {
    bytes: Blob,
    delivered_by: Vec<Blob>,
    received: u64,
    own: bool,
    #[serde(default)]
    charged: Option<Blob>,
}

impl Record for KeptClaim {
    const FAMILY: Family = Family::Claims;
    const VERSION: u8 = 1;
    type Form = ClaimForm;

    fn to_form(&self) -> ClaimForm {
        ClaimForm {
            bytes: Blob(self.bytes.clone()),
            delivered_by: self.heard.delivered_by.iter().map(|n| n.public_key().into()).collect(),
            received: self.heard.received.seconds(),
            own: self.own,
            charged: self.charged.map(|node| node.public_key().into()),
        }
    }

    fn from_form(form: ClaimForm) -> Option<Self> {
        let (claim, pseudonym, content) = wire::reopen(&form.bytes.0).ok()?;
        let delivered_by = form
            .delivered_by
            .iter()
            .map(|node| node.array().map(NodeId::from_public_key))
            .collect::<Option<_>>()?;
        let received = Timestamp(form.received);
        let heard = Heard { claim, pseudonym, content, delivered_by, received };
        let charged = match form.charged {
            Some(node) => Some(NodeId::from_public_key(node.array()?)),
            None => None,
        };
        Some(Self { heard, bytes: form.bytes.0, own: form.own, charged })
    }
}
