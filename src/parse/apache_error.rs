//! Apache's error log, 1.3 to 2.4.
//!
//! Owns the bracketed groups before the message. Apache escapes control characters and
//! quotes in a message, so a line is one record; but a message may begin with brackets
//! of its own, so the first client that is named is the only one.

use std::net::IpAddr;

use super::event::{Body, Event, Http, Link, Message};
use super::scan::{ip, literal, number, small, take_until};
use super::text::{Escape, Text};
use super::{Context, Unparsed, frame, request, time};
use crate::model::{Source, Timestamp};

#[derive(Default)]
struct Groups<'a> {
    module: &'a [u8],
    level: &'a [u8],
    client: Option<(Option<IpAddr>, Option<u16>)>,
}

/// `[time] [module:level] [pid …] [client addr:port] AHnnnnn: message, referer: R`
pub(super) fn parse<'a>(
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let (time, mut rest) = match own_time(line, context) {
        Some((time, rest)) => (Some(time), rest),
        // A format without a time begins with a group at once.
        None if line.starts_with(b"[") => (None, line),
        None => {
            let frame = frame::frame(line, context)?;
            if !matches!(frame.program, b"apache2" | b"httpd" | b"apache" | b"apache2-error") {
                return Err(Unparsed::NotThisFormat);
            }
            match own_time(frame.message, context) {
                Some((time, rest)) => (Some(time), rest),
                None => (frame.time, frame.message),
            }
        }
    };
    let groups = groups(&mut rest)?;
    let Some((ip, port)) = groups.client else { return Ok(None) };
    let (text, referer) = match memchr::memmem::rfind(rest, b", referer: ") {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 11..)),
        None => (rest, None),
    };
    let (code, text) = code(text);
    let text_of = |raw| Text::new(raw, Escape::Backslash);
    let referer = referer.filter(|referer| *referer != b"-").map(text_of);
    let http = Http { referer, ..Http::default() };
    let (level, module) = (groups.level, groups.module);
    let message = Message { level, module, code, text: text_of(text), http };
    let link = Link { src_port: port.filter(|port| *port != 0), ..Link::default() };
    let src_ip = request::client(ip, None, context);
    let event = Event::new(Source::ApacheError, Body::Message(message));
    Ok(Some(Event { time, src_ip, link, ..event }))
}

/// `[Mon Nov 23 20:00:40.057933 2026] `, or with an ISO time.
fn own_time<'a>(line: &'a [u8], context: &Context<'_>) -> Option<(Timestamp, &'a [u8])> {
    let mut rest = line.strip_prefix(b"[")?;
    let time = time::ctime(&mut rest, context).or_else(|| time::iso(&mut rest, context))?;
    literal(&mut rest, b"]")?;
    Some((time, rest.trim_ascii_start()))
}

/// The groups up to the client's; the message stays.
fn groups<'a>(rest: &mut &'a [u8]) -> Result<Groups<'a>, Unparsed> {
    let mut groups = Groups::default();
    let mut any = false;
    loop {
        let mut text = *rest;
        // `(36)File name too long: ` comes before the client.
        if let Some(after) = system_error(text) {
            text = after;
        }
        let Some(inside) = text.strip_prefix(b"[") else { break };
        let mut tail = inside;
        let Some(group) = take_until(&mut tail, b']') else { break };
        if let Some(client) = group.strip_prefix(b"client ").or(group.strip_prefix(b"remote ")) {
            // An IPv6 address in brackets of its own ends at the first of them.
            let client = match client.strip_prefix(b"[") {
                Some(address) => {
                    let port = take_until(&mut tail, b']').unwrap_or_default();
                    (ip(address), port.strip_prefix(b":").and_then(small))
                }
                None => address(client),
            };
            groups.client = Some(client);
            *rest = tail.trim_ascii_start();
            return Ok(groups);
        }
        if text.len() != rest.len() || !groups.take(group) {
            break;
        }
        any = true;
        *rest = tail.trim_ascii_start();
    }
    if any { Ok(groups) } else { Err(Unparsed::NotThisFormat) }
}

impl<'a> Groups<'a> {
    /// False if it is no group of Apache's, but the message's.
    fn take(&mut self, group: &'a [u8]) -> bool {
        const LEVELS: [&[u8]; 9] = [
            b"emerg", b"alert", b"crit", b"error", b"warn", b"notice", b"info", b"debug", b"trace",
        ];
        let is_level = |word: &[u8]| {
            LEVELS.iter().any(|level| word.starts_with(level))
                && word.iter().all(u8::is_ascii_alphanumeric)
        };
        if is_level(group) {
            self.level = group;
            return true;
        }
        if let Some(at) = memchr::memchr(b':', group) {
            let (module, level) = (group.get(..at), group.get(at + 1..));
            let plain = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-';
            if let (Some(module), Some(level)) = (module, level)
                && (level.is_empty() || is_level(level))
                && module.iter().all(plain)
            {
                (self.module, self.level) = (module, level);
                return true;
            }
        }
        [b"pid ".as_slice(), b"tid ", b"vhost ", b"host ", b"unique_id ", b"cid ", b"rid "]
            .iter()
            .any(|name| group.starts_with(name))
    }
}

/// `addr:port`, `addr`; an IPv6 address with a port is written without brackets.
fn address(text: &[u8]) -> (Option<IpAddr>, Option<u16>) {
    let with_port = || {
        let at = memchr::memrchr(b':', text)?;
        let (address, port) = (ip(text.get(..at)?)?, small(text.get(at + 1..)?)?);
        Some((Some(address), Some(port)))
    };
    // 2.2 wrote no port. `2001:db8::1:54321` is an address, too, but 2.4 always writes one.
    with_port().unwrap_or_else(|| (ip(text), None))
}

/// What comes after `(36)File name too long: `.
fn system_error(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b"(")?;
    number(take_until(&mut rest, b')')?)?;
    // The system's own words hold no colon; what comes after one may be a stranger's.
    let at = memchr::memmem::find(rest, b": ")?;
    rest.get(at + 2..).filter(|rest| rest.starts_with(b"[client "))
}

/// `AH01630: ` before the message.
fn code(text: &[u8]) -> (&[u8], &[u8]) {
    let found = || {
        let (code, rest) = text.split_at_checked(7)?;
        number(code.strip_prefix(b"AH")?)?;
        Some((code, rest.strip_prefix(b": ")?))
    };
    found().unwrap_or((b"", text))
}
