//! Log formats: the bytes of one line in, one event out.
//!
//! Owns what a line of each source means. It must never guess: a field that a
//! stranger can write is never taken for the address of the client, and a line
//! that is not of its format is refused with a reason. No regular expressions,
//! no allocation on the way of an ordinary line, no clock.

mod apache_access;
mod apache_error;
mod clamav;
mod combined;
mod event;
mod fail2ban;
mod field;
mod frame;
mod json;
mod nginx_access;
mod nginx_error;
mod request;
mod scan;
mod side;
mod sshd;
mod suricata;
mod text;
mod time;
mod ufw;
mod zeek;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipnet::IpNet;

pub use event::{
    Action, Alert, Ban, BanAction, Body, Dns, Event, File, Flow, Http, Link, Login, Message,
    Outcome, Packet, Seen, SeenKind, Tls,
};
pub use field::{Field, FieldKind, FieldValue, Getter};
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
    /// The operator's own networks, besides those that are nobody's on the internet.
    pub own: &'c [IpNet],
}

impl Context<'_> {
    /// Whether an address is a proxy whose word is believed.
    fn is_proxy(&self, ip: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(&ip))
    }

    /// Whether an address is on our side: in an own network, or in one that does not
    /// exist on the internet (private, loopback, link-local, carrier NAT).
    pub fn is_ours(&self, ip: IpAddr) -> bool {
        self.own.iter().any(|net| net.contains(&ip)) || side::is_inner(ip)
    }

    /// Which way a connection went: `in` to us, `out` from us, or `forward` between two
    /// of ours or two strangers.
    fn direction(&self, client: IpAddr, server: IpAddr) -> &'static str {
        match (self.is_ours(client), self.is_ours(server)) {
            (false, true) => "in",
            (true, false) => "out",
            _ => "forward",
        }
    }
}

/// Reads the lines of one file, in their order.
#[derive(Debug)]
pub struct Reader {
    source: Source,
    /// What the file's header says about its columns.
    columns: zeek::Columns,
    /// Whether the records of this file stand in syslog's frames; the first one tells.
    framed: Option<bool>,
    last: time::Last,
}

impl Reader {
    /// For a file of this source.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            columns: zeek::Columns::default(),
            framed: None,
            last: time::Last::default(),
        }
    }

    /// The format of the lines.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Reads one line (without its line end; a trailing CR is ignored).
    ///
    /// `Ok(None)` is a genuine line of that log which tells of nothing that we look for.
    pub fn read<'a>(
        &mut self,
        line: &'a [u8],
        context: &Context<'_>,
    ) -> Result<Option<Event<'a>>, Unparsed> {
        if self.source == Source::Zeek {
            // Tabs at the end are empty columns.
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                return Err(Unparsed::Empty);
            }
            return zeek::parse(line, &mut self.columns, context);
        }
        let line = line.trim_ascii_end();
        if line.is_empty() {
            // clamscan's report is set in paragraphs.
            return if self.source == Source::Clamav { Ok(None) } else { Err(Unparsed::Empty) };
        }
        self.framed = self.framed.or_else(|| self.is_framed(line, context));
        match self.source {
            Source::NginxAccess => nginx_access::parse(line, &mut self.last, context),
            Source::NginxError => nginx_error::parse(line, context),
            Source::ApacheAccess => apache_access::parse(line, &mut self.last, context),
            Source::ApacheError => apache_error::parse(line, context),
            Source::Sshd => sshd::parse(line, context),
            Source::Ufw => ufw::parse(line, context),
            Source::Fail2ban => fail2ban::parse(line, context),
            Source::Suricata => suricata::parse(line, context),
            Source::Clamav => clamav::parse(line, context),
            Source::Zeek => Err(Unparsed::NotThisFormat),
        }
    }

    /// Whether the line's record stands in syslog's frame, of logs for which that matters.
    fn is_framed(&self, line: &[u8], context: &Context<'_>) -> Option<bool> {
        if self.begins_record()?(line, context) {
            return Some(false);
        }
        let frame = frame::frame(line, context).ok()?;
        frame.time.is_some().then_some(true)
    }

    /// Whether a line begins a record of a log in which a record may be several lines.
    fn begins_record(&self) -> Option<fn(&[u8], &Context<'_>) -> bool> {
        match self.source {
            Source::NginxError => Some(nginx_error::begins_record),
            Source::Clamav => Some(clamav::begins_record),
            _ => None,
        }
    }

    /// Whether a line may be part of another record: nginx's error log and clamd's hold
    /// paths as they are, and a stranger's path may hold line ends with whole lines between
    /// them. What tells is half a record after it, a line end in a request, or syslog's
    /// frame in a file without. `ahead` are the lines after it.
    pub fn may_be_forged(&self, line: &[u8], ahead: &[Vec<u8>], context: &Context<'_>) -> bool {
        let Some(begins_record) = self.begins_record() else { return false };
        if !begins_record(line, context) {
            return self.framed == Some(false) && self.is_framed(line, context) == Some(true);
        }
        let ends_a_line =
            |line: &[u8]| self.source == Source::NginxError && nginx_error::holds_a_line_end(line);
        if ends_a_line(line) {
            return true;
        }
        let mut bytes = line.len() + 1;
        for next in ahead {
            if bytes >= look_ahead(self.source) {
                return false;
            }
            if !begins_record(next, context) || ends_a_line(next) {
                return true;
            }
            bytes += next.len() + 1;
        }
        false
    }
}

/// How many bytes from the beginning of a line on [`Reader::may_be_forged`] wants to see: as long
/// as a record of nginx's error log can be (NGX_MAX_ERROR_STR), or a path in clamd's
/// (PATH_MAX) with what stands around it. None for logs whose records are lines.
pub fn look_ahead(source: Source) -> usize {
    match source {
        Source::NginxError => 2048,
        Source::Clamav => 2 * 4096,
        _ => 0,
    }
}

/// Reads one line that needs no line before it.
pub fn parse<'a>(
    source: Source,
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    Reader::new(source).read(line, context)
}

/// Why a line could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unparsed {
    /// A line of a log with columns came before the header that names them.
    #[error("no header before this line says which column is which")]
    NoHeader,
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
            Self::NoHeader => "no-header",
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
