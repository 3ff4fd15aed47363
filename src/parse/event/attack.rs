//! What others judged: failed logins, alerts, bans.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::Kind;
use crate::parse::text::Text;

/// An attempt to log in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Login<'a> {
    /// The name that was tried; anything at all.
    pub user: Option<Text<'a>>,
    /// What came of it.
    pub outcome: Outcome,
    /// `password`, `publickey`, …; empty if it is not told.
    pub method: &'a [u8],
}

/// What came of an attempt to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Let in.
    Accepted,
    /// Wrong password, key or answer.
    Failed,
    /// There is no such user, or it may not log in.
    InvalidUser,
    /// Gone before it was let in.
    Disconnected,
    /// Too many failures in one connection.
    TooManyFailures,
    /// Spoke something else than the protocol, or offered nothing that fits.
    BadProtocol,
    /// A connection began or ended; nothing is wrong with that.
    Connection,
}

impl Outcome {
    /// The name in rules and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::InvalidUser => "invalid-user",
            Self::Disconnected => "disconnected",
            Self::TooManyFailures => "too-many-failures",
            Self::BadProtocol => "bad-protocol",
            Self::Connection => "connection",
        }
    }
}

/// What an intrusion detection system says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Alert<'a> {
    /// What it calls what it saw.
    pub signature: Text<'a>,
    /// The signature's number.
    pub signature_id: Option<u64>,
    /// The class that the signature belongs to.
    pub category: Text<'a>,
    /// 1 is the worst (Suricata).
    pub severity: Option<u64>,
    /// What was done about it: `allowed`, `blocked`, …
    pub action: &'a [u8],
    /// Which side attacks, where that is told or follows from which side is ours.
    pub attacker: Option<IpAddr>,
    /// A name outside that the traffic was about.
    pub domain: Option<Text<'a>>,
    /// More words.
    pub message: Text<'a>,
    /// What was recognised as an indicator that somebody listed.
    pub seen: Option<Seen<'a>>,
}

/// An indicator of a list, met in traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen<'a> {
    /// As the log has it.
    pub value: Text<'a>,
    /// What sort of value it is.
    pub kind: SeenKind,
}

/// What sort of value was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenKind {
    /// An address.
    Address,
    /// A network.
    Network,
    /// A domain name.
    Domain,
    /// A URL, perhaps without its scheme.
    Url,
    /// An e-mail address.
    Email,
    /// A file's hash; its length tells which.
    Hash,
}

impl SeenKind {
    /// The name in rules and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Network => "network",
            Self::Domain => "domain",
            Self::Url => "url",
            Self::Email => "email",
            Self::Hash => "hash",
        }
    }

    /// The indicator kind of a value of this sort; none for a hash of no known length.
    pub fn kind(self, value: &[u8]) -> Option<Kind> {
        Some(match (self, value.len()) {
            (Self::Address, _) => Kind::Ip,
            (Self::Network, _) => Kind::Cidr,
            (Self::Domain, _) => Kind::Domain,
            (Self::Url, _) => Kind::Url,
            (Self::Email, _) => Kind::Email,
            (Self::Hash, 32) => Kind::Md5,
            (Self::Hash, 40) => Kind::Sha1,
            (Self::Hash, 64) => Kind::Sha256,
            (Self::Hash, 128) => Kind::Sha512,
            (Self::Hash, _) => return None,
        })
    }
}

/// A ban that another program decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ban<'a> {
    /// The name of the jail.
    pub jail: &'a [u8],
    /// What was decided.
    pub action: BanAction,
    /// Whom it concerns; one address is a network of one.
    pub network: IpNet,
}

/// What was decided about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BanAction {
    /// Banned.
    Ban,
    /// Banned again after a restart; the deed lies further back.
    Restore,
    /// The ban ended.
    Unban,
}

impl BanAction {
    /// The name in rules and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ban => "ban",
            Self::Restore => "restore",
            Self::Unban => "unban",
        }
    }
}
