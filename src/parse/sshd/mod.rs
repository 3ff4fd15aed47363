//! OpenSSH's server, as syslog and the journal keep it.
//!
//! Owns which of its sentences name a client. The user's name in them is a stranger's
//! text and may hold the rest of a sentence, so an address is taken from its place at
//! the fixed end (or beginning) of one; a sentence that can be read in two ways which
//! name two clients is refused. It must never take a host name for an address.

mod client;
mod sentences;

use super::event::{Body, Event, Link};
use super::text::{Escape, Text};
use super::{Context, Unparsed, frame};
use crate::model::Source;

/// `frame sshd[pid]: sentence`; other programs' lines in the same log tell of nothing.
pub(super) fn parse<'a>(
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let frame = frame::frame(line, context)?;
    // From OpenSSH 9.8 on a connection is served by a program of its own.
    if !matches!(frame.program, b"sshd" | b"sshd-session" | b"sshd-auth") {
        return Ok(None);
    }
    let Some(said) = sentences::read(once(frame.message))? else { return Ok(None) };
    let link =
        Link { src_port: said.client.port, dst_port: None, proto: b"TCP", ..Link::default() };
    let mut login = said.login;
    login.user = login.user.filter(|user| !user.is_empty());
    let event = Event::new(Source::Sshd, Body::Login(login));
    Ok(Some(Event { time: frame.time, src_ip: said.client.ip, link, ..event }))
}

/// rsyslog's `message repeated 5 times: [ sentence]` counts as one more time: how often is
/// a number that it writes, but the first time was a line of its own, and a rule that
/// counts lines must not be filled by one.
fn once(message: &[u8]) -> &[u8] {
    let inner = || {
        let mut rest = message.strip_prefix(b"message repeated ")?;
        super::scan::number(super::scan::take_until(&mut rest, b' ')?)?;
        rest.strip_prefix(b"times: [")?.strip_suffix(b"]")
    };
    inner().unwrap_or(message).trim_ascii()
}

/// A text as OpenSSH writes it: control characters as `\ooo`, which stay.
fn text(raw: &[u8]) -> Option<Text<'_>> {
    Some(Text::new(raw, Escape::None))
}
