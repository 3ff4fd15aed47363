//! The access log that nginx and Apache share: `combined` and what is made of it.
//!
//! Owns the order of the fields before the request and after it. It must never
//! take an address from a place that a client can write to.

use std::net::IpAddr;

use super::event::{Body, Event, Http};
use super::scan::{ip, literal, number, small, take_short_word, take_until, take_word};
use super::text::{Escape, Text, quoted};
use super::{Context, Unparsed, request, time};
use crate::model::{Source, Timestamp};

/// `[host] client ident user [time] "request" status bytes ["referer" ["agent" ["hops" …]]]`
pub(super) fn parse<'a>(
    source: Source,
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    // Nothing before the request can hold a bare quote (nginx writes it as \x22, Apache as
    // \"), so the first one begins the request, whatever a client called itself.
    let mut rest = line;
    let mut head = quoted(&mut rest).ok_or(Unparsed::NotThisFormat)?.raw();
    if source == Source::ApacheAccess && rest.starts_with(b"\" [") {
        // Apache writes an empty name as two quotes; no request is followed by a bracket.
        rest = rest.get(1..).unwrap_or_default();
        let time = quoted(&mut rest).ok_or(Unparsed::NotThisFormat)?.raw();
        head = line.get(..head.len() + 2 + time.len()).unwrap_or_default();
    }
    let mut http = Http::default();
    let (socket, time) = head_fields(source, head, &mut http)?;
    let line_request = quoted(&mut rest).ok_or(Unparsed::CutShort)?;
    request::split(&mut http, line_request);
    literal(&mut rest, b" ").ok_or(Unparsed::CutShort)?;
    http.status = Some(small(take_short_word(&mut rest)).ok_or(Unparsed::BadNumber)?);
    let bytes = take_short_word(&mut rest);
    http.bytes = if bytes == b"-" { None } else { Some(number(bytes).ok_or(Unparsed::BadNumber)?) };
    for field in [&mut http.referer, &mut http.user_agent, &mut http.forwarded_for] {
        *field = next_quoted(&mut rest);
    }
    if rest.trim_ascii_start().starts_with(b"\"") {
        // With a fourth field nobody knows which of them are the hops.
        http.forwarded_for = None;
    }
    let src_ip = request::client(socket, http.forwarded_for, context);
    let event = Event::new(source, Body::Http(http));
    Ok(Some(Event { time: Some(time), src_ip, ..event }))
}

/// `[host] address - user [time] ` before the request.
fn head_fields<'a>(
    source: Source,
    head: &'a [u8],
    http: &mut Http<'a>,
) -> Result<(Option<IpAddr>, Timestamp), Unparsed> {
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
    let client = if source == Source::NginxAccess {
        socket(nginx_client(first, &mut rest, http)?)?
    } else {
        apache_client(first, &mut rest, http)?
    };
    if names_another_client(rest) {
        return Err(Unparsed::Ambiguous);
    }
    http.user = given(rest);
    Ok((client, time))
}

/// `client - ` or `host client - `: nginx always writes the hyphen.
fn nginx_client<'a>(
    first: &'a [u8],
    rest: &mut &'a [u8],
    http: &mut Http<'a>,
) -> Result<&'a [u8], Unparsed> {
    let mut client = first;
    if !(rest.starts_with(b"- ") || *rest == b"-") {
        client = take_until(rest, b' ').ok_or(Unparsed::NoAddress)?;
        http.host = given(first);
    }
    literal(rest, b"- ").ok_or(Unparsed::NoAddress)?;
    Ok(client)
}

/// `client ident `, `host[:port] client ident `. A client without an address is a host
/// name (HostnameLookups), and nobody knows who that is.
fn apache_client<'a>(
    first: &'a [u8],
    rest: &mut &'a [u8],
    http: &mut Http<'a>,
) -> Result<Option<IpAddr>, Unparsed> {
    let mut client = ip(first);
    if client.is_none() {
        let mut after = *rest;
        let second = take_until(&mut after, b' ').ok_or(Unparsed::NoAddress)?;
        let host_and_port = memchr::memchr(b':', first).is_some();
        if host_and_port || ip(second).is_some() {
            http.host = given(first);
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
    Ok(client)
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
fn next_quoted<'a>(rest: &mut &'a [u8]) -> Option<Text<'a>> {
    let inside = rest.trim_ascii_start().strip_prefix(b"\"")?;
    *rest = inside;
    let text = quoted(rest).unwrap_or_else(|| Text::new(std::mem::take(rest), Escape::Backslash));
    (text.raw() != b"-").then_some(text)
}

/// A variable that is not `-`, which both write for nothing, nor `""`.
fn given(raw: &[u8]) -> Option<Text<'_>> {
    (raw != b"-" && raw != b"\"\"").then_some(Text::new(raw, Escape::Backslash))
}
