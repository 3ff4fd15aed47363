//! Why a claim is not taken: a metric label, a log field, a gossip verdict and a
//! line of `explain`, all from one value.

use super::MAX_CLAIM_BYTES;
use super::cbor::NotStrict;
use crate::ageing::Untimely;
use crate::hygiene::Unfit;
use crate::model::Tlp;

/// What gossip is told about a message that is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every node computes this from the bytes alone, so whoever sent it, or
    /// passed it on, is charged.
    Reject,
    /// Depends on this node, its clock or its load: nobody is to blame.
    Ignore,
}

/// Why a claim is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More bytes than a claim may have.
    #[error("the claim is longer than {MAX_CLAIM_BYTES} bytes")]
    TooLarge,
    /// Not deterministic CBOR.
    #[error("the claim is not deterministic CBOR: {0}")]
    Cbor(#[from] NotStrict),
    /// Strict CBOR, but not a claim.
    #[error("the claim does not fit its schema at: {field}")]
    Malformed {
        /// Where.
        field: &'static str,
    },
    /// A payload of another version.
    #[error("the claim is of a version that this node does not know")]
    Version,
    /// The value is spelt in another way than its canonical form.
    #[error("the claim's value is not in the canonical form of its kind")]
    NotCanonical,
    /// Not signed by its pseudonym for this community.
    #[error("the claim's signature is wrong")]
    Signature,
    /// A marking that never comes this way.
    #[error("a claim marked {0} must not come this way")]
    Tlp(Tlp),
    /// The fixed rules of hygiene refuse the value.
    #[error("the claim's value cannot be an indicator: {0}")]
    Unfit(Unfit),
    /// Nobody asked for it.
    #[error("the claim was not asked for")]
    NotAsked,
    /// Already seen.
    #[error("the claim was seen before")]
    SeenBefore,
    /// The member sent too much.
    #[error("the member sent more claims than its quota allows")]
    Quota,
    /// This node cannot keep up.
    #[error("this node is overloaded")]
    Overloaded,
    /// From more ahead of the clock than clocks differ.
    #[error("the claim's time lies ahead of this node's clock")]
    FromTheFuture,
    /// Would stay longer than its kind may.
    #[error("the claim ends later than its kind may last")]
    EndsTooLate,
    /// Is over.
    #[error("the claim has ended")]
    Ended,
}

impl Refusal {
    /// Every label, for metrics that show zeros.
    pub const LABELS: [&str; 15] = [
        "too_large",
        "cbor",
        "malformed",
        "version",
        "not_canonical",
        "signature",
        "tlp",
        "unfit",
        "not_asked",
        "seen_before",
        "quota",
        "overloaded",
        "from_the_future",
        "ends_too_late",
        "ended",
    ];

    /// The metric label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Cbor(_) => "cbor",
            Self::Malformed { .. } => "malformed",
            Self::Version => "version",
            Self::NotCanonical => "not_canonical",
            Self::Signature => "signature",
            Self::Tlp(_) => "tlp",
            Self::Unfit(_) => "unfit",
            Self::NotAsked => "not_asked",
            Self::SeenBefore => "seen_before",
            Self::Quota => "quota",
            Self::Overloaded => "overloaded",
            Self::FromTheFuture => "from_the_future",
            Self::EndsTooLate => "ends_too_late",
            Self::Ended => "ended",
        }
    }

    /// What gossip is told.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::TooLarge
            | Self::Cbor(_)
            | Self::Malformed { .. }
            | Self::Version
            | Self::NotCanonical
            | Self::Signature
            | Self::Tlp(_)
            | Self::Unfit(_)
            | Self::NotAsked => Verdict::Reject,
            Self::SeenBefore
            | Self::Quota
            | Self::Overloaded
            | Self::FromTheFuture
            | Self::EndsTooLate
            | Self::Ended => Verdict::Ignore,
        }
    }
}

impl From<Unfit> for Refusal {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl From<Untimely> for Refusal {
    fn from(untimely: Untimely) -> Self {
        match untimely {
            Untimely::FromTheFuture => Self::FromTheFuture,
            Untimely::EndsTooLate => Self::EndsTooLate,
            Untimely::Ended => Self::Ended,
        }
    }
}
