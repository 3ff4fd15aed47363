//! The column families and the layout of their keys.
//!
//! Whatever would tell a value, a peer or a path is a keyed hash here; only
//! times and days stand in the clear, because the order of keys is what they
//! are for. Index families (`added`, `due`, `expiry`) have no values: the record
//! that they name holds the same number under its seal and decides.

use uuid::Uuid;

use crate::formats::stix::Namespace;
use crate::keys::Sealer;
use crate::model::{
    Audience, ContentId, Day, IndicatorId, NodeId, Origin, Pseudonym, Source, Timestamp, Tlp,
};
use crate::privacy::tlp::View;

/// A keyed hash.
pub(super) type Id = [u8; 16];

/// The column families (design section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// indicator ‖ origin, of an import with its marking → what this node saw or imported.
    Evidence,
    /// indicator ‖ pseudonym → a signed claim, its deliverers.
    Claims,
    /// indicator → value, first and last seen, its stamps.
    Indicators,
    /// view ‖ stamp ‖ indicator.
    Added,
    /// object ‖ view ‖ indicator.
    Objects,
    /// time ‖ indicator.
    Due,
    /// day ‖ what ‖ key of the record that ends.
    Expiry,
    /// day ‖ content → content id and where its claim is.
    Content,
    /// bucket's key → bucket.
    Detector,
    /// source and path → checkpoint.
    Offsets,
    /// node → what is known of it.
    Peers,
    /// indicator ‖ audience → what was sent, what is due.
    Outbox,
    /// audience ‖ urgent first ‖ time ‖ indicator, of rows of `outbox` that wait.
    Waiting,
    /// number → what left this node.
    Egress,
    /// indicator → this operator's vote.
    Votes,
    /// question → what somebody outside says.
    Outside,
    /// indicator ‖ node → that member saw it itself.
    Attested,
    /// token → what is kept of it.
    Tokens,
    /// Schema, canary, last times.
    Meta,
}

impl Family {
    /// Every family.
    pub(super) const ALL: [Self; 19] = [
        Self::Evidence,
        Self::Claims,
        Self::Indicators,
        Self::Added,
        Self::Objects,
        Self::Due,
        Self::Expiry,
        Self::Content,
        Self::Detector,
        Self::Offsets,
        Self::Peers,
        Self::Outbox,
        Self::Waiting,
        Self::Egress,
        Self::Votes,
        Self::Outside,
        Self::Attested,
        Self::Tokens,
        Self::Meta,
    ];

    /// Its name in the database.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Claims => "claims",
            Self::Indicators => "indicators",
            Self::Added => "added",
            Self::Objects => "objects",
            Self::Due => "due",
            Self::Expiry => "expiry",
            Self::Content => "content",
            Self::Detector => "detector",
            Self::Offsets => "offsets",
            Self::Peers => "peers",
            Self::Outbox => "outbox",
            Self::Waiting => "waiting",
            Self::Egress => "egress",
            Self::Votes => "votes",
            Self::Outside => "outside",
            Self::Attested => "attested",
            Self::Tokens => "tokens",
            Self::Meta => "meta",
        }
    }
}

/// What an `expiry` row ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ends {
    /// A record of `evidence`.
    Evidence,
    /// A record of `claims`.
    Claim,
    /// What was sent, in a record of `outbox`.
    Sent,
    /// A record of `outside`.
    Outside,
    /// A record of `attested`.
    Attested,
}

impl Ends {
    /// Whether the record's key begins with an indicator's.
    pub(super) fn of_indicator(self) -> bool {
        self != Self::Outside
    }

    fn code(self) -> u8 {
        match self {
            Self::Evidence => 0,
            Self::Claim => 1,
            Self::Sent => 2,
            Self::Outside => 3,
            Self::Attested => 4,
        }
    }
}

pub(super) fn indicator(sealer: &Sealer, id: IndicatorId) -> Id {
    sealer.keyed("indicator", id.as_bytes())
}

pub(super) fn evidence(indicator: &Id, origin: Origin) -> Vec<u8> {
    [indicator.as_slice(), origin.name().as_bytes()].concat()
}

/// Each marking of imports has a record of its own: what somebody hands in under a
/// stricter one must not take back, where that is not shown, what another told.
pub(super) fn import(indicator: &Id, origin: Origin, tlp: Tlp) -> Vec<u8> {
    [evidence(indicator, origin).as_slice(), b" ", tlp.name().as_bytes()].concat()
}

pub(super) fn claim(sealer: &Sealer, indicator: &Id, pseudonym: &Pseudonym) -> Vec<u8> {
    [*indicator, sealer.keyed("pseudonym", pseudonym.as_bytes())].concat()
}

pub(super) fn audience(sealer: &Sealer, audience: Audience) -> Id {
    let name = match audience {
        Audience::Mesh => b"mesh".to_vec(),
        Audience::Peer(node) => node.to_peer_id_bytes(),
    };
    sealer.keyed("audience", &name)
}

pub(super) fn outbox(sealer: &Sealer, indicator: &Id, to: Audience) -> Vec<u8> {
    [*indicator, audience(sealer, to)].concat()
}

/// The parts of a key of `outbox`: indicator and audience.
pub(super) fn split_outbox(row: &[u8]) -> Option<(Id, Id)> {
    let (indicator, audience) = row.split_first_chunk::<16>()?;
    Some((*indicator, audience.try_into().ok()?))
}

/// What waits for an audience; what is urgent stands before all else.
pub(super) fn waiting_for(audience: &Id, urgent: bool) -> Vec<u8> {
    [audience.as_slice(), &[u8::from(!urgent)]].concat()
}

pub(super) fn waiting(audience: &Id, urgent: bool, due: Timestamp, indicator: &Id) -> Vec<u8> {
    [&waiting_for(audience, urgent), due.seconds().to_be_bytes().as_slice(), indicator].concat()
}

/// Of a key of `waiting`: when it is due, and the key of its row in `outbox`.
pub(super) fn split_waiting(key: &[u8]) -> Option<(Timestamp, Vec<u8>)> {
    let (audience, rest) = key.split_first_chunk::<16>()?;
    let (due, indicator) = rest.get(1..)?.split_first_chunk::<8>()?;
    Some((Timestamp(u64::from_be_bytes(*due)), [indicator, audience].concat()))
}

pub(super) fn attested(sealer: &Sealer, indicator: &Id, node: NodeId) -> Vec<u8> {
    [*indicator, peer(sealer, node)].concat()
}

/// The first byte of a view's rows.
pub(super) fn view(view: View) -> u8 {
    match view {
        View::Public => 0,
        View::Green => 1,
        View::Amber => 2,
        View::Red => 3,
    }
}

/// Where the rows of a view from a stamp on begin.
pub(super) fn added_from(of: View, stamp: u64) -> Vec<u8> {
    [&[view(of)], stamp.to_be_bytes().as_slice()].concat()
}

pub(super) fn added(of: View, stamp: u64, indicator: &Id) -> Vec<u8> {
    [&added_from(of, stamp), indicator.as_slice()].concat()
}

/// Of a key of `added`: the stamp and the indicator.
pub(super) fn split_added(key: &[u8]) -> Option<(u64, Id)> {
    split_time(key.get(1..)?)
}

/// Where the indicator of an object is found.
pub(super) fn object(object: Uuid, of: View, indicator: &Id) -> Vec<u8> {
    [object.as_bytes().as_slice(), &[view(of)], indicator].concat()
}

/// The namespace of a view's objects: no other node has it, and no other view.
pub(super) fn namespace(sealer: &Sealer, of: View) -> Namespace {
    let half = |use_: &str| sealer.keyed(use_, of.name().as_bytes());
    let mut secret = [0; 32];
    let halves = half("namespace").into_iter().chain(half("namespace, second half"));
    secret.iter_mut().zip(halves).for_each(|(to, from)| *to = from);
    Namespace::new(secret)
}

/// The id of an indicator's object, which a view has shown since then.
pub(super) fn object_of(namespace: &Namespace, id: IndicatorId, since: u64) -> Uuid {
    namespace.id("indicator", id, since)
}

pub(super) fn due(at: Timestamp, indicator: &Id) -> Vec<u8> {
    [at.seconds().to_be_bytes().as_slice(), indicator].concat()
}

pub(super) fn expiry(day: Day, what: Ends, record: &[u8]) -> Vec<u8> {
    [day.0.to_be_bytes().as_slice(), &[what.code()], record].concat()
}

/// The parts of an `expiry` key.
pub(super) fn split_expiry(key: &[u8]) -> Option<(Day, Ends, &[u8])> {
    let (day, rest) = key.split_first_chunk::<4>()?;
    let (code, record) = rest.split_first()?;
    let all = [Ends::Evidence, Ends::Claim, Ends::Sent, Ends::Outside, Ends::Attested];
    let what = all.into_iter().find(|what| what.code() == *code)?;
    Some((Day(u32::from_be_bytes(*day)), what, record))
}

/// The parts of a `due` key, or of an `added` key behind its view.
pub(super) fn split_time(key: &[u8]) -> Option<(u64, Id)> {
    let (time, indicator) = key.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*time), indicator.try_into().ok()?))
}

/// The indicator that a key of `evidence`, `claims` or `outbox` begins with.
pub(super) fn indicator_of(key: &[u8]) -> Option<Id> {
    key.first_chunk::<16>().copied()
}

pub(super) fn content(sealer: &Sealer, until: Day, id: &ContentId) -> Vec<u8> {
    [until.0.to_be_bytes().as_slice(), &sealer.keyed("content", id.as_bytes())].concat()
}

/// The day that a key of `content` begins with.
pub(super) fn day_of(key: &[u8]) -> Option<Day> {
    key.first_chunk::<4>().map(|day| Day(u32::from_be_bytes(*day)))
}

pub(super) fn detector(sealer: &Sealer, bucket: &[u8]) -> Id {
    sealer.keyed("detector", bucket)
}

pub(super) fn offset(sealer: &Sealer, source: Source, path: &str) -> Id {
    let name = [source.name().as_bytes(), b"\0", path.as_bytes()].concat();
    sealer.keyed("offset", &name)
}

pub(super) fn outside(sealer: &Sealer, question: &[u8]) -> Id {
    sealer.keyed("outside", question)
}

pub(super) fn peer(sealer: &Sealer, node: NodeId) -> Id {
    sealer.keyed("peer", node.public_key())
}

pub(super) fn token(sealer: &Sealer, hash: &[u8; 32]) -> Id {
    sealer.keyed("token", hash)
}

pub(super) fn egress(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}
