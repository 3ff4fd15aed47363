//! What crosses the network: the bytes of a signed claim and of a signed request, out
//! and in.
//!
//! Owns the CBOR of `proto/claim.cddl` and `proto/exchange.cddl`. It signs only
//! what the privacy filter made (`Shareable`), gives out only what it verified
//! (`Verified`), and keeps the bytes that came: nothing is encoded a second time.
//! It must never ask for the time, for local lists or for who sent something:
//! every node must come to the same answer from the same bytes.

mod cbor;
mod claim;
mod exchange;
mod refusal;
pub mod request;
mod signed;

#[cfg(test)]
mod tests;

use crate::model::Tlp;
use crate::privacy::tlp;

pub use cbor::{MAX_DEPTH, NotStrict, strict};
pub use claim::decode as decode_payload;
pub use exchange::{
    BadExchange, DeliverAnswer, DeliverAsk, MAX_ATTESTED, MAX_EXCHANGE_BYTES, MAX_FETCH, Outcome,
    Packing, SyncAnswer, SyncAsk,
};
pub use refusal::{Refusal, Verdict};
#[cfg(test)]
pub(crate) use signed::sign_claim;
pub use signed::{SignedClaim, Verified, reopen, sign, verify};

/// The longest signed claim, in bytes: 4 KiB.
pub const MAX_CLAIM_BYTES: usize = 4096;

/// The way by which a claim came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Gossip among the members.
    Gossip,
    /// Reconciliation with one member.
    Sync,
    /// Delivered to us by a member.
    Deliver,
    /// Posted by an approved peer that speaks only HTTPS.
    Http,
}

impl Path {
    /// Its name in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Gossip => "gossip",
            Self::Sync => "sync",
            Self::Deliver => "deliver",
            Self::Http => "http",
        }
    }

    /// Whether a marking may come this way: the same table as for the way out.
    fn carries(self, tlp: Tlp) -> bool {
        let allows = |path| tlp::allows(tlp, path);
        // Whoever delivers to us has named us.
        let delivery = tlp::Path::Direct { named: true };
        match self {
            Self::Gossip => allows(tlp::Path::Gossip),
            Self::Sync => allows(tlp::Path::Sync),
            Self::Deliver => allows(delivery),
            // It stands for all of these to a peer that speaks none of them.
            Self::Http => allows(tlp::Path::Gossip) || allows(delivery),
        }
    }
}
