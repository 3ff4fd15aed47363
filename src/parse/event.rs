//! What a line tells: who, when, and what was done.
//!
//! Owns the shape of events. It must never know a log format.

use std::net::IpAddr;

use ipnet::IpNet;

use super::text::Text;
use crate::model::{Source, Timestamp};

/// One thing that happened, as a log told it. Borrows the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event<'a> {
    /// When, if the line says so.
    pub time: Option<Timestamp>,
    /// Which log told it.
    pub source: Source,
    /// Who did it: the address at the other end of the socket, unless a trusted proxy names it.
    pub src_ip: Option<IpAddr>,
    /// What was done.
    pub body: Body<'a>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Body<'a> {
    /// A request to a web server.
    Http(Http<'a>),
    /// A packet that the kernel logged.
    Packet(Packet<'a>),
    /// A ban that another program decided.
    Ban(Ban<'a>),
}

/// A request to a web server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Http<'a> {
    /// The virtual host.
    pub host: Option<Text<'a>>,
    /// The name that the client claimed; anything at all.
    pub user: Option<Text<'a>>,
    /// The whole first line, garbage included.
    pub request: Text<'a>,
    /// Empty if the request was garbage.
    pub method: Text<'a>,
    /// As it was sent, with its query. Empty if the request was garbage.
    pub path: Text<'a>,
    /// Such as `HTTP/1.1`; empty if none was sent.
    pub protocol: Text<'a>,
    /// The answer's status.
    pub status: Option<u16>,
    /// Bytes of the answer.
    pub bytes: Option<u64>,
    /// Where the client says it came from.
    pub referer: Option<Text<'a>>,
    /// What the client says it is.
    pub user_agent: Option<Text<'a>>,
    /// What the request says about the hops before; a claim of whoever sent it.
    pub forwarded_for: Option<Text<'a>>,
}

/// A packet that the kernel logged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Packet<'a> {
    /// What was done with it, as the rule's prefix says.
    pub action: Action,
    /// The rule's prefix.
    pub prefix: &'a [u8],
    /// The interface it came in by; empty for what this host sends.
    pub interface_in: &'a [u8],
    /// The interface it leaves by; empty for what is meant for this host.
    pub interface_out: &'a [u8],
    /// Where it was going.
    pub dst_ip: Option<IpAddr>,
    /// `TCP`, `UDP`, `ICMP`, … or a number.
    pub proto: &'a [u8],
    /// The sender's port.
    pub src_port: Option<u16>,
    /// The port it was going to.
    pub dst_port: Option<u16>,
    /// TCP flags in the kernel's order, such as `SYN` or `ACK PSH FIN`.
    pub flags: &'a [u8],
}

impl Packet<'_> {
    /// `in`, `out`, `forward`, or nothing.
    pub fn direction(&self) -> &'static str {
        match (self.interface_in.is_empty(), self.interface_out.is_empty()) {
            (false, true) => "in",
            (true, false) => "out",
            (false, false) => "forward",
            (true, true) => "",
        }
    }
}

/// What a firewall did with a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// Dropped or rejected.
    Block,
    /// Let through.
    Allow,
    /// Looked at only; another line tells what became of it.
    Audit,
    /// Counted by a rate limit which did not (yet) block it.
    Limit,
    /// The prefix does not say.
    #[default]
    Unknown,
}

impl Action {
    /// The name in rules and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Allow => "allow",
            Self::Audit => "audit",
            Self::Limit => "limit",
            Self::Unknown => "unknown",
        }
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
