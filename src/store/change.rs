//! What can be written, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use tokio::sync::oneshot;

use super::StoreError;
use super::who::{MAX_TOKENS, PeerRecord, TokenRecord};
use crate::model::{
    Audience, ContentId, Generation, IndicatorId, Level, NodeId, Origin, Scope, Sighting, Source,
    Timestamp, Value,
};
use crate::wire::{SignedClaim, Verified};

/// One change. All changes of one call are kept, or none is.
#[derive(Clone, Debug)]
pub enum Change {
    /// Absorbs one observation into the evidence of its indicator and origin.
    Sighting(Sighting),
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
    /// A client's token from now on. Refused if another has its name, or there are as
    /// many as there may be.
    Token(TokenRecord),
    /// A token was used.
    TokenUsed {
        /// Its hash.
        hash: [u8; 32],
        /// When.
        at: Timestamp,
    },
    /// A token is good no more.
    ForgetToken(String),
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
    /// Another token has the name.
    #[error("another token has this name")]
    NameTaken,
    /// There are as many tokens as there may be.
    #[error("there are {MAX_TOKENS} tokens already")]
    TooMany,
    /// There is no such token.
    #[error("there is no token of this name")]
    NoToken,
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
