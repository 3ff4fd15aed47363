//! What a line tells: who, when, and what was done.
//!
//! Owns the shape of events. It must never know a log format.

mod attack;
mod traffic;
mod web;

use std::net::IpAddr;

pub use attack::{Alert, Ban, BanAction, Login, Outcome, Seen, SeenKind};
pub use traffic::{Action, Dns, File, Flow, Packet, Tls};
pub use web::{Http, Message};

use crate::model::{Source, Timestamp};

/// One thing that happened, as a log told it. Borrows the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event<'a> {
    /// When, if the line says so.
    pub time: Option<Timestamp>,
    /// Which log told it.
    pub source: Source,
    /// The kind of record, for logs that hold several: `alert`, `flow`, `notice`…; else empty.
    pub event_type: &'static str,
    /// Who did it: the address at the other end of the socket, unless a trusted proxy
    /// names it. Of traffic that was watched in passing: the sender.
    pub src_ip: Option<IpAddr>,
    /// The other end.
    pub link: Link<'a>,
    /// What was done.
    pub body: Body<'a>,
}

impl<'a> Event<'a> {
    /// An event of which nothing but its deed is known.
    pub fn new(source: Source, body: Body<'a>) -> Self {
        Self { time: None, source, event_type: "", src_ip: None, link: Link::default(), body }
    }
}

/// Where something was going, as far as the log tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Link<'a> {
    /// The other end's address.
    pub dst_ip: Option<IpAddr>,
    /// `TCP`, `UDP`, `ICMP`, … as the log spells it, or a number.
    pub proto: &'a [u8],
    /// The sender's port.
    pub src_port: Option<u16>,
    /// The port it was going to.
    pub dst_port: Option<u16>,
    /// Of watched traffic, where the client is known: `in` to us, `out` from us, `forward`
    /// between two of ours or two strangers; else empty.
    pub direction: &'static str,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Body<'a> {
    /// A request to a web server.
    Http(Http<'a>),
    /// A line of a web server's error log.
    Message(Message<'a>),
    /// A packet that the kernel logged.
    Packet(Packet<'a>),
    /// A connection, or part of one, that was watched in passing.
    Flow(Flow<'a>),
    /// A question to the name system.
    Dns(Dns<'a>),
    /// A TLS handshake.
    Tls(Tls<'a>),
    /// A file that was seen or scanned.
    File(File<'a>),
    /// An attempt to log in.
    Login(Login<'a>),
    /// What an intrusion detection system says.
    Alert(Alert<'a>),
    /// A ban that another program decided.
    Ban(Ban<'a>),
}
