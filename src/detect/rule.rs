//! One rule: what it looks for and when that is enough.
//!
//! Owns the meaning of a `[[detection]]` table. It must never know how it is matched.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;

use crate::model::{Confidence, Kind, Source, Tag, Tlp, Value};
use crate::parse::{Body, Escape, Event, Field, SeenKind, Text};

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

/// What of an event becomes the indicator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subject {
    /// Who did it.
    #[default]
    SrcIp,
    /// The other end.
    DstIp,
    /// The side of an alert that attacks.
    Attacker,
    /// Whom a ban names, which may be a network.
    Network,
    /// The name that an alert, a question or a handshake is about.
    Domain,
    /// A file's hash, the strongest that is told.
    Hash,
    /// A listed indicator that was met.
    Seen,
}

/// What a rule counts, and what becomes the indicator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Named {
    /// An address, or a network.
    Net(IpNet),
    /// Anything else. In a box, because nearly all are addresses, and there are many.
    Value(Box<Value>),
}

impl Subject {
    /// Every name in rule files, with what it means.
    pub(super) const NAMES: [(&'static str, Self); 7] = [
        ("src_ip", Self::SrcIp),
        ("dst_ip", Self::DstIp),
        ("attacker", Self::Attacker),
        ("network", Self::Network),
        ("domain", Self::Domain),
        ("hash", Self::Hash),
        ("seen", Self::Seen),
    ];

    /// What the event names, if it has such a thing and that is in form.
    pub(super) fn of(self, event: &Event<'_>) -> Option<Named> {
        match (self, &event.body) {
            (Self::SrcIp, _) => event.src_ip.map(Named::ip),
            (Self::DstIp, _) => event.link.dst_ip.map(Named::ip),
            (Self::Attacker, Body::Alert(alert)) => alert.attacker.map(Named::ip),
            (Self::Network, Body::Ban(ban)) => Some(Named::Net(ban.network)),
            (Self::Domain, Body::Alert(alert)) => Named::text(Kind::Domain, alert.domain?),
            (Self::Domain, Body::Dns(dns)) => Named::text(Kind::Domain, dns.query),
            (Self::Domain, Body::Tls(tls)) => Named::text(Kind::Domain, tls.server_name?),
            (Self::Domain, Body::Http(http)) => Named::text(Kind::Domain, http.host?),
            (Self::Hash, Body::File(file)) => {
                let hashes = [file.sha256, file.sha1, file.md5];
                let strongest = hashes.into_iter().find(|hash| !hash.is_empty())?;
                Named::text(SeenKind::Hash.kind(strongest)?, Text::new(strongest, Escape::None))
            }
            (Self::Seen, Body::Alert(alert)) => {
                let seen = alert.seen?;
                Named::text(seen.kind.kind(seen.value.raw())?, seen.value)
            }
            _ => None,
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

impl Named {
    fn ip(ip: IpAddr) -> Self {
        Self::Net(IpNet::from(ip))
    }

    fn text(kind: Kind, text: Text<'_>) -> Option<Self> {
        let text = text.decoded();
        let value = Value::parse(&kind, std::str::from_utf8(&text).ok()?).ok()?;
        // One address has one bucket, whoever named it.
        Some(match value.network() {
            Some(net) => Self::Net(net),
            None => Self::Value(Box::new(value)),
        })
    }

    /// The indicator.
    pub(super) fn value(&self) -> Option<Value> {
        match self {
            Self::Value(value) => Some(Value::clone(value)),
            Self::Net(net) if net.prefix_len() == net.max_prefix_len() => {
                Some(Value::from_ip(net.addr()))
            }
            Self::Net(net) => Value::parse(&Kind::Cidr, &net.to_string()).ok(),
        }
    }
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
