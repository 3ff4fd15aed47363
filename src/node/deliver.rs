//! Handing a claim to one member, outside gossip.
//!
//! The way itself is the mesh's (`/dtim/deliver/1`); here is what the outbox has to know
//! of it. It must never decide what is handed over: that is written down by then.

use super::Node;
use crate::mesh::Protocol;
use crate::model::NodeId;
use crate::wire::{DeliverAnswer, DeliverAsk, Outcome};

impl Node {
    /// Hands the bytes of a signed claim to a member. Without an answer it is not now.
    pub(super) async fn deliver(&self, to: NodeId, bytes: Vec<u8>) -> Outcome {
        let ask = DeliverAsk::Claim(bytes).encode();
        let Ok(answer) = self.inner.mesh.ask(Protocol::Deliver, to, ask).await else {
            return Outcome::NotNow;
        };
        match DeliverAnswer::decode(&answer) {
            Ok(DeliverAnswer::Claim(outcome)) => outcome,
            Ok(DeliverAnswer::Attest) | Err(_) => Outcome::NotNow,
        }
    }
}
