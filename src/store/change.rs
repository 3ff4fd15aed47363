//! What can be written, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use multiaddr::Multiaddr;
use tokio::sync::oneshot;

use super::{StoreError, TokenRecord};
use crate::model::{
    Audience, ContentId, Evidence, Generation, IndicatorId, Level, NodeId, Origin, Scope, Sighting,
    Source, Timestamp, Value,
};
use crate::wire::{SignedClaim, Verified};

/// One change. All changes of one call are kept, or none is.
#[derive(Clone, Debug)]
pub enum Change {
    /// Absorbs one observation into the evidence of its indicator and origin.
    Sighting(Sighting),
    /// Absorbs what was imported into the import of its indicator.
    Import(Evidence),
    /// Forgets what was imported of an indicator: its author took it back.
    ImportTakenBack(IndicatorId),
    /// What was seen is to be told, as far as its evidence may travel. Whom directly
    /// is fixed the first time: later only those are told who were then.
    Tell {
        /// The indicator.
        indicator: IndicatorId,
        /// Whose evidence.
        origin: Origin,
        /// The members whom the sighting's scope names now.
        members: BTreeSet<NodeId>,
        /// When.
        hold: Hold,
    },
    /// The operator decides how far what this node saw may travel, and whom it is
    /// told. Later sightings do not change it. Whoever was told and is no longer
    /// reached is told that it is taken back.
    Scope {
        /// The indicator.
        indicator: IndicatorId,
        /// Only this origin's evidence; `None` is all that this node saw.
        only: Option<Origin>,
        /// How far it may travel from now on.
        scope: Scope,
        /// Whom that reaches now, each with the least generation of the next claim.
        audiences: BTreeMap<Audience, Generation>,
        /// When they are told.
        hold: Hold,
        /// When the others are told that it is taken back.
        take_back: Hold,
    },
    /// A bucket of the detector, or that it is empty.
    Detector {
        /// The bucket's name.
        key: Vec<u8>,
        /// Its state; `None` deletes it.
        bucket: Option<Vec<u8>>,
    },
    /// How far a file was read.
    Offset {
        /// The log format.
        source: Source,
        /// The file.
        path: String,
        /// The watcher's checkpoint, opaque here.
        bytes: Vec<u8>,
    },
    /// A claim that a member delivered.
    Heard {
        /// The claim.
        verified: Verified,
        /// Who delivered it.
        from: NodeId,
        /// When.
        at: Timestamp,
    },
    /// A claim of our own, about to be told to an audience.
    Own {
        /// The claim.
        signed: SignedClaim,
        /// To whom it speaks.
        audience: Audience,
        /// The generation of its pseudonym.
        generation: Generation,
        /// When it was made.
        at: Timestamp,
        /// It takes no part in sync before this time, unless two members have it.
        held: Option<Timestamp>,
    },
    /// Spoils its call unless the wish still stands: the operator may have thought
    /// again while the claim was made.
    StillWished(Pending),
    /// A wish was dealt with.
    OutboxDone {
        /// The wish. Another one that took its place stays.
        wish: Pending,
        /// Whether the claim that was last made for the audience has left.
        left: bool,
    },
    /// Nothing waits for a member any more, and nothing that it was told is remembered.
    OutboxDrop(NodeId),
    /// Something is about to leave this node.
    Egress(EgressRow),
    /// What is known of a peer from now on.
    PeerRecord(PeerRecord),
    /// Nothing is known of a peer from now on.
    ForgetPeer(NodeId),
    /// What is kept of a token from now on.
    Token(TokenRecord),
    /// A token, by its hash, is one no more.
    ForgetToken([u8; 32]),
    /// This operator's vote on an indicator.
    Vote {
        /// The indicator.
        indicator: IndicatorId,
        /// It is none.
        false_positive: bool,
        /// When.
        at: Timestamp,
    },
    /// What somebody outside says, kept for a while. It is never part of evidence.
    Outside {
        /// What was asked.
        question: Vec<u8>,
        /// The answer, opaque here.
        answer: Vec<u8>,
        /// The answer holds until then.
        until: Timestamp,
    },
    /// Only these are members now: what none of them delivered is to be fetched
    /// again, so that it weighs something once one of them has delivered it.
    Orphan {
        /// The members.
        members: BTreeSet<NodeId>,
    },
    /// A member says that it saw these itself. Those not known here are left out.
    Attested {
        /// The indicators.
        indicators: Vec<IndicatorId>,
        /// Who saw them.
        from: NodeId,
        /// When it said so.
        at: Timestamp,
    },
    /// The clock is believed: what ended by it may be purged.
    Clock {
        /// What it shows.
        now: Timestamp,
    },
    /// Deletes what has ended and gives a new stamp to what has aged by a step,
    /// a bounded part of it.
    Purge {
        /// What the clock shows.
        now: Timestamp,
        /// How many days the egress ledger is kept.
        egress_days: u32,
    },
}

/// Between which times something leaves; the store draws one of them for each audience,
/// so that they cannot be told to belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Not before this time.
    pub from: Timestamp,
    /// Not after this time.
    pub to: Timestamp,
}

impl Hold {
    /// At once.
    pub fn none(now: Timestamp) -> Self {
        Self { from: now, to: now }
    }
}

/// What an audience is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// What it was told is taken back.
    Withdraw,
    /// The operator shares it: no pause between two claims is kept.
    Share,
    /// Something was seen.
    Update,
}

impl What {
    const ALL: [Self; 3] = [Self::Withdraw, Self::Share, Self::Update];

    /// Whether it leaves before all else that is due.
    pub(super) fn is_urgent(self) -> bool {
        self == Self::Withdraw
    }

    pub(super) fn code(self) -> u8 {
        match self {
            Self::Withdraw => 0,
            Self::Share => 1,
            Self::Update => 2,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.code() == code)
    }
}

/// What waits to be told to an audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The indicator.
    pub indicator: IndicatorId,
    /// To whom.
    pub audience: Audience,
    /// What.
    pub what: What,
    /// Not before this time.
    pub due: Timestamp,
    /// Tells this wish from every other one.
    pub stamp: u64,
}

/// What came of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is the first of its kind: a new indicator for a sighting, a new claim, a new record.
    New,
    /// It changed what was there.
    Updated,
    /// It was there already; a further deliverer of a claim was noted.
    Known,
    /// A higher revision is stored; it was not kept.
    Older,
    /// It came under one of our own pseudonyms with a higher revision than ours
    /// and was kept: a clone of this node or an old backup is running.
    Clone,
    /// These wishes were made by it.
    Wished(Vec<Pending>),
    /// An egress row got this number.
    Egress(u64),
    /// What a purge did.
    Purged(Purged),
    /// It was not kept.
    Refused(Refused),
}

/// Why a single change was not kept, while the rest of its call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The store is full. A claim's content id is remembered nevertheless.
    #[error("the store is full")]
    Full,
    /// The member that delivered it fills its share. Its content id is remembered.
    #[error("the member fills its share of the store")]
    Share,
    /// There is no such evidence.
    #[error("this node holds no such evidence")]
    NoEvidence,
    /// The clock has jumped by more than a day since it was last believed.
    #[error("the clock has jumped by more than a day")]
    ClockJumped,
}

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Records that ended.
    pub ended: u64,
    /// Indicators that aged by a step.
    pub crossed: u64,
    /// More is left: purge again.
    pub more: bool,
}

/// Something that leaves this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressRow {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub audience: EgressAudience,
    /// What.
    pub what: Left,
}

/// What left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// A claim of our own.
    Own {
        /// The indicator.
        value: Value,
        /// At which privacy level.
        level: Level,
        /// The fields that were told.
        fields: Vec<String>,
        /// The claim's content id.
        content: ContentId,
    },
    /// That this node saw these itself.
    Attested {
        /// How many indicators.
        indicators: u64,
        /// BLAKE3 of their ids, one after the other.
        digest: ContentId,
    },
    /// Claims of others, fetched by a member.
    PassedOn {
        /// How many.
        claims: u64,
        /// How many bytes they have.
        bytes: u64,
        /// BLAKE3 of their content ids, one after the other.
        digest: ContentId,
    },
}

/// To whom something left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressAudience {
    /// To the community, by way of so many connected members.
    Mesh {
        /// How many.
        members: u32,
    },
    /// To one member.
    Member(NodeId),
}

/// What is known of a peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerRecord {
    /// Which node.
    pub node: NodeId,
    /// What it is to us.
    pub standing: Standing,
    /// The operator's name for it; empty for a candidate.
    pub name: String,
    /// The organisation that it belongs to; empty for a candidate.
    pub organisation: String,
    /// How much its claims weigh, 0 to 1.
    pub trust: f64,
    /// Whether it is told what we saw ourselves.
    pub attest: bool,
    /// The strictest privacy level for it, if it has one of its own.
    pub level: Option<Level>,
    /// Where it was reached, the last address first; at most [`MAX_PEER_ADDRESSES`] are kept.
    pub addresses: Vec<Multiaddr>,
    /// Since when it has this standing.
    pub since: Timestamp,
    /// When it was last connected, or knocked, or was discovered.
    pub seen: Option<Timestamp>,
}

/// How many addresses of one peer are kept.
pub const MAX_PEER_ADDRESSES: usize = 16;
/// How many candidates are kept: strangers can make any number of them. The one
/// that was seen the longest ago makes room.
pub const MAX_CANDIDATES: usize = 1000;

/// What a peer is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It knocked or was discovered, and waits for approval.
    Candidate,
    /// The operator approved it.
    Approved,
    /// The operator revoked it.
    Revoked,
}

/// The promise of an answer from the writer.
///
/// As a future or by [`Receipt::wait`], which blocks. `Ok` means that the
/// changes are on the disk.
#[derive(Debug)]
pub struct Receipt(pub(super) oneshot::Receiver<Result<Vec<Applied>, StoreError>>);

impl Receipt {
    /// Blocks until the changes are durable or refused. Not for async code.
    pub fn wait(self) -> Result<Vec<Applied>, StoreError> {
        futures::executor::block_on(self)
    }
}

impl Future for Receipt {
    type Output = Result<Vec<Applied>, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(context).map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
    }
}
