//! nginx's error log.
//!
//! Owns the order of the fields that end a message. nginx writes the path of a request
//! decoded and unescaped into the message, so a message may hold the fields' own words,
//! and even line ends: the client is believed only where one reading is possible, and
//! not in a line after which half a record follows. Who also writes the beginning of a
//! record into his path leaves no trace, so rules must not be sure of this log.

use std::net::IpAddr;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::event::{Body, Event, Http, Message};
use super::scan::{ip, literal, number, take_until};
use super::text::{Escape, Text};
use super::{Context, Unparsed, frame, look_ahead, request, time};
use crate::model::{Source, Timestamp};

/// How much shorter than its limit a record may be that nginx has cut.
const CUT_SLACK: usize = 64;

/// `time [level] pid#tid: *connection message, client: …`, plain or in a syslog frame.
pub(super) fn parse<'a>(
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let mut rest = line;
    let (time, level) = match head(&mut rest, context) {
        Some(head) => head,
        None => {
            let frame = frame::frame(line, context)?;
            if frame.program != b"nginx" {
                return Err(Unparsed::NotThisFormat);
            }
            rest = frame.message;
            head(&mut rest, context).ok_or(Unparsed::NotThisFormat)?
        }
    };
    let Some((message, client, fields)) = client(rest)? else { return Ok(None) };
    if line.len() + CUT_SLACK > look_ahead(Source::NginxError) && message.contains(&b'"') {
        // Cut at nginx's limit: what stood after the message may have been the client.
        return Err(Unparsed::Ambiguous);
    }
    let mut http = Http::default();
    rest_of_fields(fields, &mut http);
    let message = Message {
        level,
        module: b"",
        code: b"",
        text: Text::new(without_connection(message), Escape::None),
        http,
    };
    let src_ip = request::client(client, None, context);
    let event = Event::new(Source::NginxError, Body::Message(message));
    Ok(Some(Event { time: Some(time), src_ip, ..event }))
}

/// Whether a line begins a record. Syslog's frame is no such beginning: it escapes line ends.
pub(super) fn begins_record(line: &[u8], context: &Context<'_>) -> bool {
    head(&mut &*line, context).is_some()
}

/// `2026/11/23 19:56:53 [error] 811#811: `
fn head<'a>(rest: &mut &'a [u8], context: &Context<'_>) -> Option<(Timestamp, &'a [u8])> {
    let mut text = *rest;
    let time = time::slashed(&mut text, context)?;
    literal(&mut text, b" [")?;
    let level = take_until(&mut text, b']')?;
    literal(&mut text, b" ")?;
    let mut ids = take_until(&mut text, b':')?;
    number(take_until(&mut ids, b'#')?)?;
    number(ids)?;
    literal(&mut text, b" ")?;
    *rest = text;
    Some((time, level))
}

/// `*811 message`
fn without_connection(message: &[u8]) -> &[u8] {
    let number = || {
        let mut rest = message.strip_prefix(b"*")?;
        number(take_until(&mut rest, b' ')?)?;
        Some(rest)
    };
    number().unwrap_or(message)
}

/// Whether what is so many bytes before the end stands in the value of a field. A quote
/// that ends a path is followed by a space, a colon or a comma, so it opens none.
fn in_a_field(fields: &[u8], before_end: usize) -> bool {
    const NAMES: [&[u8]; 6] = [
        b", request: \"",
        b", subrequest: \"",
        b", upstream: \"",
        b", host: \"",
        b", referrer: \"",
        b", login: \"",
    ];
    let mut rest = fields;
    if literal(&mut rest, b", server: ").is_none() {
        return false;
    }
    let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
    rest = rest.get(end..).unwrap_or_default();
    while let Some(value) = NAMES.iter().find_map(|name| rest.strip_prefix(*name)) {
        let end = memchr::memchr(b'"', value).unwrap_or(value.len());
        rest = value.get(end + 1..).unwrap_or_default();
        if before_end > rest.len() {
            let genuine = value.first().is_some_and(u8::is_ascii_alphanumeric);
            return genuine && before_end <= value.len();
        }
    }
    false
}

/// Whether a request wrote a line end into its path: then any line before it may be its own.
pub(super) fn holds_a_line_end(line: &[u8]) -> bool {
    memchr::memmem::find_iter(line, b"%0")
        .any(|at| line.get(at + 2).is_some_and(|digit| matches!(digit, b'a' | b'A')))
}

/// Lua's and njs's messages are whatever the operator's script says, without quotes.
fn is_of_a_script(message: &[u8]) -> bool {
    let said = without_connection(message);
    said.starts_with(b"[lua]") || said.starts_with(b"js: ")
}

type Parts<'a> = (&'a [u8], Option<IpAddr>, &'a [u8]);

/// The message, the client, and the fields after it. None if there is no client.
fn client(record: &[u8]) -> Result<Option<Parts<'_>>, Unparsed> {
    static CLIENT: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b", client: "));
    let mut found: Option<Parts<'_>> = None;
    for at in CLIENT.find_iter(record) {
        let (message, rest) = record.split_at(at);
        let rest = rest.get(10..).unwrap_or_default();
        let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
        let (address, fields) = rest.split_at(end);
        let address = match address {
            b"unix:" => None,
            word => match ip(word) {
                Some(ip) => Some(ip),
                None => continue,
            },
        };
        match found {
            None => found = Some((message, address, fields)),
            Some((_, other, _)) if other == address => {}
            // A stranger's text in nginx's own messages stands in quotes: there was none, and
            // this later client stands in a field. (If not, the second half of a record may
            // stick to a line that a path in it holds.)
            Some((message, _, fields))
                if !message.contains(&b'"')
                    && !is_of_a_script(message)
                    && in_a_field(fields, record.len() - at) => {}
            Some(_) => return Err(Unparsed::Ambiguous),
        }
    }
    Ok(found)
}

/// `, server: S, request: "R", subrequest: "…", upstream: "…", host: "H", referrer: "F"`.
fn rest_of_fields<'a>(fields: &'a [u8], http: &mut Http<'a>) {
    let text = |raw| Some(Text::new(raw, Escape::None));
    let mut rest = fields;
    if literal(&mut rest, b", server: ").is_some() {
        let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
        let (server, tail) = rest.split_at(end);
        http.host = text(server).filter(|server| !server.is_empty());
        rest = tail;
    }
    // Of the two ends that the request's quote can have, the last before the next field.
    if let Some(inside) = rest.strip_prefix(b", request: \"") {
        let next = [b"\", subrequest: \"".as_slice(), b"\", upstream: \"", b"\", host: \""];
        let end = next.iter().filter_map(|next| memchr::memmem::rfind(inside, next)).min();
        let end = end.or_else(|| memchr::memrchr(b'"', inside)).unwrap_or(inside.len());
        let (request, tail) = inside.split_at(end);
        request::split(http, Text::new(request, Escape::None));
        rest = tail;
    }
    let field = |name: &[u8]| {
        let at = memchr::memmem::rfind(rest, name)?;
        let inside = rest.get(at + name.len()..)?;
        let end = memchr::memchr(b'"', inside).unwrap_or(inside.len());
        text(inside.get(..end)?)
    };
    http.host = field(b", host: \"").filter(|host| !host.is_empty()).or(http.host);
    http.referer = field(b", referrer: \"");
}
