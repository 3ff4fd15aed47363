//! Handing a claim to one member, outside gossip.
//!
//! The way itself is the mesh's (`/dtim/deliver/1`); here is what the outbox has to know
//! of it. It must never decide what is handed over: that is written down by then.

use super::Node;
use crate::model::NodeId;

/// What came of handing a claim to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// The member has it durably.
    #[allow(dead_code)] // until the protocol is there
    Stored,
    /// The member will never take it.
    #[allow(dead_code)] // until the protocol is there
    Refused,
    /// Not now: it is tried again.
    NotNow,
}

impl Node {
    /// Hands the bytes of a signed claim to a member.
    #[allow(clippy::unused_async)] // until the protocol is there
    pub(super) async fn deliver(&self, to: NodeId, bytes: Vec<u8>) -> Delivery {
        let _ = (to, bytes);
        Delivery::NotNow
    }
}
