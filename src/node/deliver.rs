//! Handing a claim to one member, outside gossip.
//!
//! The way itself is the mesh's (`/dtim/deliver/1`); here is what the outbox has to know
//! of it. It must never decide what is handed over: that is written down by then.

use super::Node;
use crate::mesh::Protocol;
use crate::model::NodeId;
use crate::wire::{DeliverAnswer, DeliverAsk, Outcome};

/// What came of handing a claim to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// The member has it durably.
    Stored,
    /// The member will never take it.
    Refused,
    /// Not now: it is tried again.
    NotNow,
}

impl Node {
    /// Hands the bytes of a signed claim to a member.
    pub(super) async fn deliver(&self, to: NodeId, bytes: Vec<u8>) -> Delivery {
        let ask = DeliverAsk::Claim(bytes).encode();
        let Ok(answer) = self.inner.mesh.ask(Protocol::Deliver, to, ask).await else {
            return Delivery::NotNow;
        };
        match DeliverAnswer::decode(&answer) {
            Ok(DeliverAnswer::Claim(Outcome::Stored)) => Delivery::Stored,
            Ok(DeliverAnswer::Claim(Outcome::Refused)) => Delivery::Refused,
            Ok(DeliverAnswer::Claim(Outcome::NotNow) | DeliverAnswer::Attest) | Err(_) => {
                Delivery::NotNow
            }
        }
    }
}
