//! One rule: what it looks for and when that is enough.
//!
//! Owns the meaning of a `[[detection]]` table. It must never know how it is matched.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use ipnet::IpNet;

use crate::model::{Confidence, Source, Tag, Tlp};
use crate::parse::{Body, Event, Field};

/// One `[[detection]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, unique among all rules.
    pub name: String,
    /// What it means, for people.
    pub description: String,
    /// The logs it reads.
    pub sources: BTreeSet<Source>,
    /// All of these must hold. None: every event of these sources.
    pub conditions: Vec<Condition>,
    /// None of these may hold.
    pub unless: Vec<Condition>,
    /// When matching events are enough.
    pub limit: Limit,
    /// Seconds of event time in which it stays silent about an address it has named.
    pub cooldown: u64,
    /// Which address becomes the indicator; events are counted by it.
    pub subject: Subject,
    /// How sure it is.
    pub confidence: Confidence,
    /// What it calls the deed.
    pub tags: BTreeSet<Tag>,
    /// The widest marking that it allows.
    pub tlp: Option<Tlp>,
    /// Lines that it must name.
    pub fires: Vec<Example>,
    /// Lines that it must not name.
    pub quiet: Vec<Example>,
}

/// One field of the event and what must hold of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The field.
    pub field: Field,
    /// Which part of it (of the request's path only; else the whole).
    pub part: Part,
    /// What must hold.
    pub test: Test,
}

/// A part of a request's path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// With its query.
    #[default]
    Whole,
    /// Before the question mark.
    File,
    /// After the question mark.
    Query,
}

/// What must hold of a field. Any of the alternatives is enough.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Letters of either case are equal; a path's percent signs are decoded once.
    Text {
        /// It is one of these.
        equals: Vec<String>,
        /// It begins with one of these.
        prefix: Vec<String>,
        /// It ends with one of these.
        suffix: Vec<String>,
        /// It holds one of these.
        contains: Vec<String>,
    },
    /// It lies in one of these ranges.
    Number(Vec<RangeInclusive<u64>>),
}

/// When matching events are enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Each is.
    Every,
    /// When a bucket of so many is full, out of which one leaks every so many seconds.
    Bucket {
        /// How many fill it.
        capacity: u32,
        /// Seconds for one to leak.
        leak: u64,
    },
    /// When a field had so many different values within so many seconds.
    Distinct {
        /// The field.
        field: Field,
        /// How many.
        count: usize,
        /// Within how many seconds.
        window: u64,
    },
}

/// Which address of an event is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subject {
    /// Who did it.
    #[default]
    SrcIp,
    /// Whom a ban names, which may be a network.
    Network,
}

impl Subject {
    /// The address or network, if the event has one.
    pub(super) fn of(self, event: &Event<'_>) -> Option<IpNet> {
        match (self, &event.body) {
            (Self::SrcIp, _) => event.src_ip.map(IpNet::from),
            (Self::Network, Body::Ban(ban)) => Some(ban.network),
            (Self::Network, Body::Http(_) | Body::Packet(_)) => None,
        }
    }
}

/// Lines of a log that show what a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The lines.
    pub lines: String,
    /// How often they come, one after the other.
    pub times: u32,
}

impl Rule {
    /// Tells rules apart in stored state: it changes with whatever changes how the
    /// rule counts, so that a bucket is never read as another rule's.
    pub(super) fn fingerprint(&self) -> u64 {
        let counting = format!("{}\0{:?}\0{:?}", self.name, self.limit, self.subject);
        let hash = blake3::hash(counting.as_bytes());
        let (first, _) = hash.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
        u64::from_be_bytes(*first)
    }
}
