//! Log formats: the bytes of one line in, one event out.
//!
//! Owns what a line of each source means. It must never guess: a field that a
//! stranger can write is never taken for the address of the client, and a line
//! that is not of its format is refused with a reason. No regular expressions,
//! no allocation on the way of an ordinary line, no clock.

mod event;
mod fail2ban;
mod field;
mod frame;
mod json;
mod nginx_access;
mod request;
mod scan;
mod text;
mod time;
mod ufw;

#[cfg(test)]
mod tests;

use ipnet::IpNet;

pub use event::{Action, Ban, BanAction, Body, Event, Http, Packet};
pub use field::{Field, FieldKind, FieldValue};
pub use text::{Escape, Text};

use crate::model::{Source, Timestamp};

/// What a line alone does not tell.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// Roughly when the line was written: syslog's time has no year.
    pub now: Timestamp,
    /// Seconds east of Greenwich, for logs whose time has no zone.
    pub utc_offset: i32,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: &'c [IpNet],
}

/// Reads one line (without its line end; a trailing CR is ignored).
///
/// `Ok(None)` is a genuine line of that log which tells of nothing that we look for.
pub fn parse<'a>(
    source: Source,
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let line = line.trim_ascii_end();
    if line.is_empty() {
        return Err(Unparsed::Empty);
    }
    match source {
        Source::NginxAccess => nginx_access::parse(line, context),
        Source::Ufw => ufw::parse(line, context),
        Source::Fail2ban => fail2ban::parse(line, context),
        Source::Suricata
        | Source::Zeek
        | Source::Clamav
        | Source::NginxError
        | Source::ApacheAccess
        | Source::ApacheError
        | Source::Sshd => Err(Unparsed::NoParserYet),
    }
}

/// Why a line could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unparsed {
    /// This version has no parser for the source.
    #[error("this version cannot read this source yet")]
    NoParserYet,
    /// Nothing but white space.
    #[error("the line is empty")]
    Empty,
    /// Not a line of this log at all.
    #[error("not a line of this format")]
    NotThisFormat,
    /// No address stands where this format has it.
    #[error("no address where this format has the client's")]
    NoAddress,
    /// No time stands where this format has it.
    #[error("no time where this format has it")]
    NoTime,
    /// It ends before the fields that matter.
    #[error("the line ends too early")]
    CutShort,
    /// A number is none, or is out of range.
    #[error("a number of this format is not one")]
    BadNumber,
    /// It can be read in two ways which name two addresses; a stranger wrote one of them.
    #[error("the line can be read in two ways that name two different clients")]
    Ambiguous,
}

impl Unparsed {
    /// The name in metric labels and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::NoParserYet => "no-parser-yet",
            Self::Empty => "empty",
            Self::NotThisFormat => "not-this-format",
            Self::NoAddress => "no-address",
            Self::NoTime => "no-time",
            Self::CutShort => "cut-short",
            Self::BadNumber => "bad-number",
            Self::Ambiguous => "ambiguous",
        }
    }
}
