//! The access log that nginx and Apache share: `combined` and what is made of it.
//!
//! Owns the order of the fields before the request and after it. It must never
//! take an address from a place that a client can write to.

use std::net::IpAddr;

use super::event::{Body, Event, Http, Link};
use super::scan::{ip, literal, number, small, take_ipv4, take_short_word, take_until, take_word};
use super::text::{Escape, Text, quoted};
use super::time::Last;
use super::{Context, Unparsed, request, time};
use crate::model::{Source, Timestamp};

/// `[host] client ident user [time] "request" status bytes ["referer" ["agent" ["hops" …]]]`
pub(super) fn parse<'a>(
    source: Source,
    line: &'a [u8],
    last: &mut Last,
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let mut rest = line;
    let Head { client, time, host, user } = match plain_head(&mut rest, last) {
        Some(head) => head,
        None => head(source, &mut rest)?,
    };
    let request = quoted(&mut rest).ok_or(Unparsed::CutShort)?;
    let request::Parts { method, path, protocol } = request::parts(request);
    literal(&mut rest, b" ").ok_or(Unparsed::CutShort)?;
    let status = Some(small(take_short_word(&mut rest)).ok_or(Unparsed::BadNumber)?);
    let bytes = match take_short_word(&mut rest) {
        b"-" => None,
        digits => Some(number(digits).ok_or(Unparsed::BadNumber)?),
    };
    let referer = next_quoted(&mut rest);
    let user_agent = next_quoted(&mut rest);
    // With a fourth field nobody knows which of them are the hops.
    let forwarded_for =
        next_quoted(&mut rest).filter(|_| !rest.trim_ascii_start().starts_with(b"\""));
    // All at once, in its place: an event is large to be moved.
    Ok(Some(Event {
        time: Some(time),
        source,
        event_type: "",
        src_ip: request::client(client, forwarded_for, context),
        link: Link::default(),
        body: Body::Http(Http {
            host,
            user,
            request,
            method,
            path,
            protocol,
            status,
            bytes,
            referer,
            user_agent,
            forwarded_for,
        }),
    }))
}

/// What stands before the request.
struct Head<'a> {
    client: Option<IpAddr>,
    time: Timestamp,
    host: Option<Text<'a>>,
    user: Option<Text<'a>>,
}

/// `address - - [time] "`, with which nearly all lines begin. What is read so, [`head`] reads
/// likewise, but takes its time.
#[inline]
fn plain_head<'a>(rest: &mut &'a [u8], last: &mut Last) -> Option<Head<'a>> {
    let mut text = *rest;
    let address = take_ipv4(&mut text)?;
    literal(&mut text, b" - - [")?;
    let (stamp, text) = text.split_first_chunk::<26>()?;
    let time = last.common_log(stamp)?;
    *rest = text.strip_prefix(b"] \"")?;
    Some(Head { client: Some(IpAddr::V4(address)), time, host: None, user: None })
}

/// All that stands before the request, with the quote that opens that.
fn head<'a>(source: Source, rest: &mut &'a [u8]) -> Result<Head<'a>, Unparsed> {
    let line = *rest;
    // Nothing before the request can hold a bare quote (nginx writes it as \x22, Apache as
    // \"), so the first one begins the request, whatever a client called itself.
    let mut head = quoted(rest).ok_or(Unparsed::NotThisFormat)?.raw();
    if source == Source::ApacheAccess && rest.starts_with(b"\" [") {
        // Apache writes an empty name as two quotes; no request is followed by a bracket.
        *rest = rest.get(1..).unwrap_or_default();
        let time = quoted(rest).ok_or(Unparsed::NotThisFormat)?.raw();
        head = line.get(..head.len() + 2 + time.len()).unwrap_or_default();
    }
    head_fields(source, head)
}

/// `[host] address - user [time] ` before the request.
fn head_fields(source: Source, head: &[u8]) -> Result<Head<'_>, Unparsed> {
    let head = head.strip_suffix(b"] ").ok_or(Unparsed::NoAddress)?;
    // The last bracket, because the user's name may look like a time. Nearly always the time
    // has this length, and what is a time holds no bracket.
    let at = match head.split_last_chunk::<27>() {
        Some((before, [b'[', ..])) => before.len(),
        _ => memchr::memrchr(b'[', head).ok_or(Unparsed::NoTime)?,
    };
    let (before, stamp) = head.split_at_checked(at).ok_or(Unparsed::NoTime)?;
    let time = time::common_log(stamp.get(1..).unwrap_or_default()).ok_or(Unparsed::NoTime)?;
    let mut rest = before.strip_suffix(b" ").ok_or(Unparsed::NoTime)?;

    let first = take_until(&mut rest, b' ').ok_or(Unparsed::NoAddress)?;
    let (client, host) = if source == Source::NginxAccess {
        nginx_client(first, &mut rest)?
    } else {
        apache_client(first, &mut rest)?
    };
    if names_another_client(rest) {
        return Err(Unparsed::Ambiguous);
    }
    Ok(Head { client, time, host, user: given(rest) })
}

/// Who it is, and the virtual host.
type Client<'a> = (Option<IpAddr>, Option<Text<'a>>);

/// `client - ` or `host client - `: nginx always writes the hyphen.
fn nginx_client<'a>(first: &'a [u8], rest: &mut &'a [u8]) -> Result<Client<'a>, Unparsed> {
    let (mut client, mut host) = (first, None);
    if !(rest.starts_with(b"- ") || *rest == b"-") {
        client = take_until(rest, b' ').ok_or(Unparsed::NoAddress)?;
        host = given(first);
    }
    literal(rest, b"- ").ok_or(Unparsed::NoAddress)?;
    Ok((socket(client)?, host))
}

/// `client ident `, `host[:port] client ident `. A client without an address is a host
/// name (HostnameLookups), and nobody knows who that is.
fn apache_client<'a>(first: &'a [u8], rest: &mut &'a [u8]) -> Result<Client<'a>, Unparsed> {
    let (mut client, mut host) = (ip(first), None);
    if client.is_none() {
        let mut after = *rest;
        let second = take_until(&mut after, b' ').ok_or(Unparsed::NoAddress)?;
        let host_and_port = memchr::memchr(b':', first).is_some();
        if host_and_port || ip(second).is_some() {
            host = given(first);
            client = ip(second);
            *rest = after;
        }
    }
    // What the client's own ident daemon says; a name, and a stranger's.
    let ident = take_until(rest, b' ').ok_or(Unparsed::NoAddress)?;
    if ip(ident).is_some() {
        // What was taken for the client may be a virtual host that is named by an address.
        return Err(Unparsed::Ambiguous);
    }
    Ok((client, host))
}

/// An address, or a Unix socket, which has none.
fn socket(token: &[u8]) -> Result<Option<IpAddr>, Unparsed> {
    if token == b"unix:" {
        return Ok(None);
    }
    ip(token).map(Some).ok_or(Unparsed::NoAddress)
}

/// Whether a "user" holds `address - `: either a client called itself so, or a host
/// field in front did, and then what looked like the address was a stranger's text.
fn names_another_client(user: &[u8]) -> bool {
    if user == b"-" || memchr::memchr(b' ', user).is_none() {
        return false;
    }
    let mut rest = user;
    let mut address = false;
    loop {
        let word = take_word(&mut rest);
        if address && word == b"-" {
            return true;
        }
        address = socket(word).is_ok();
        if rest.is_empty() {
            return false;
        }
    }
}

/// The next quoted field, if there is one and it is not `-`. One that is cut off ends with the line.
#[inline]
fn next_quoted<'a>(rest: &mut &'a [u8]) -> Option<Text<'a>> {
    if let Some(after) = rest.strip_prefix(b"\"-\" ") {
        *rest = after;
        return None;
    }
    let inside = rest.trim_ascii_start().strip_prefix(b"\"")?;
    *rest = inside;
    let text = quoted(rest).unwrap_or_else(|| Text::new(std::mem::take(rest), Escape::Backslash));
    (text.raw() != b"-").then_some(text)
}

/// A variable that is not `-`, which both write for nothing, nor `""`.
fn given(raw: &[u8]) -> Option<Text<'_>> {
    (raw != b"-" && raw != b"\"\"").then_some(Text::new(raw, Escape::Backslash))
}
