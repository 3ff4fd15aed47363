//! nginx's access log: `combined` and what is commonly made of it.
//!
//! Owns the order of the fields before the request and after it. It must never
//! take an address from a place that a client can write to.

use std::net::IpAddr;

use super::event::{Body, Event, Http};
use super::scan::{ip, literal, number, small, take_until, take_word};
use super::text::{Escape, Text};
use super::{Context, Unparsed, frame, json, request, time};
use crate::model::{Source, Timestamp};

/// `[host] address - user [time] "request" status bytes ["referer" ["agent" ["hops" …]]]`,
/// plain or in a syslog frame, or one JSON object (`escape=json`).
pub(super) fn parse<'a>(
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let event = if line.first() == Some(&b'{') {
        json::parse(line, context)?
    } else {
        match plain(line, context) {
            Err(Unparsed::NoAddress) => framed(line, context)?,
            other => other?,
        }
    };
    Ok(Some(event))
}

fn framed<'a>(line: &'a [u8], context: &Context<'_>) -> Result<Event<'a>, Unparsed> {
    let frame = frame::frame(line, context).map_err(|_| Unparsed::NoAddress)?;
    if frame.program != b"nginx" {
        return Err(Unparsed::NotThisFormat);
    }
    if frame.message.first() == Some(&b'{') {
        return json::parse(frame.message, context);
    }
    plain(frame.message, context)
}

fn plain<'a>(line: &'a [u8], context: &Context<'_>) -> Result<Event<'a>, Unparsed> {
    // No variable before the request can hold a quote (nginx writes it as \x22), so the
    // first one begins the request, whatever a client called itself.
    let mut rest = line;
    let head = take_until(&mut rest, b'"').ok_or(Unparsed::NotThisFormat)?;
    let mut http = Http::default();
    let (socket, time) = head_fields(head, &mut http)?;
    let line_request = quoted(&mut rest).ok_or(Unparsed::CutShort)?;
    request::split(&mut http, line_request);
    literal(&mut rest, b" ").ok_or(Unparsed::CutShort)?;
    http.status = Some(small(take_word(&mut rest)).ok_or(Unparsed::BadNumber)?);
    let bytes = take_word(&mut rest);
    http.bytes = if bytes == b"-" { None } else { Some(number(bytes).ok_or(Unparsed::BadNumber)?) };
    for field in [&mut http.referer, &mut http.user_agent, &mut http.forwarded_for] {
        *field = next_quoted(&mut rest);
    }
    let src_ip = request::client(socket, http.forwarded_for, context);
    let event = Event::new(Source::NginxAccess, Body::Http(http));
    Ok(Event { time: Some(time), src_ip, ..event })
}

/// `[host] address - user [time] ` before the request.
fn head_fields<'a>(
    head: &'a [u8],
    http: &mut Http<'a>,
) -> Result<(Option<IpAddr>, Timestamp), Unparsed> {
    // Counted from the request backwards, because the user's name may look like a time.
    const TIME: usize = "23/Nov/2026:19:56:53 +0000".len();
    let head = head.strip_suffix(b"] ").ok_or(Unparsed::NoAddress)?;
    let (before, stamp) = head
        .len()
        .checked_sub(TIME)
        .and_then(|at| head.split_at_checked(at))
        .ok_or(Unparsed::NoTime)?;
    let time = time::common_log(stamp).ok_or(Unparsed::NoTime)?;
    let mut rest = before.strip_suffix(b" [").ok_or(Unparsed::NoTime)?;

    let first = take_until(&mut rest, b' ').ok_or(Unparsed::NoAddress)?;
    let socket = if rest.starts_with(b"- ") || rest == b"-" {
        socket(first)?
    } else {
        let second = take_until(&mut rest, b' ').ok_or(Unparsed::NoAddress)?;
        http.host = given(first);
        socket(second)?
    };
    literal(&mut rest, b"- ").ok_or(Unparsed::NoAddress)?;
    if names_another_client(rest) {
        return Err(Unparsed::Ambiguous);
    }
    http.user = given(rest);
    Ok((socket, time))
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
    if memchr::memchr(b' ', user).is_none() {
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

/// Up to the closing quote. Quotes inside are written `\x22`, or `\"` by others.
fn quoted<'a>(rest: &mut &'a [u8]) -> Option<Text<'a>> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', rest.get(from..)?)?;
        if rest.get(at) == Some(&b'"') {
            let raw = rest.get(..at)?;
            *rest = rest.get(at + 1..)?;
            return Some(Text::new(raw, Escape::Backslash));
        }
        from = at + 2;
    }
}

/// The next quoted field, if there is one and it is not `-`. One that is cut off ends with the line.
fn next_quoted<'a>(rest: &mut &'a [u8]) -> Option<Text<'a>> {
    let inside = rest.trim_ascii_start().strip_prefix(b"\"")?;
    *rest = inside;
    let text = quoted(rest).unwrap_or_else(|| Text::new(std::mem::take(rest), Escape::Backslash));
    (text.raw() != b"-").then_some(text)
}

/// A variable that is not `-`, which nginx writes for nothing.
fn given(raw: &[u8]) -> Option<Text<'_>> {
    (raw != b"-").then_some(Text::new(raw, Escape::Backslash))
}
