//! Access logs written as one JSON object a line (`escape=json`).
//!
//! Owns which of nginx's variables is which field. It must never take one of two
//! values that claim the same place.

use super::event::{Body, Event, Http};
use super::scan::{ip, number, small};
use super::text::{Escape, Text, quoted};
use super::{Context, Unparsed, request, time};
use crate::model::{Source, Timestamp};

/// The variables that we look for, by their usual names.
#[derive(Default)]
struct Found<'a> {
    address: Option<Text<'a>>,
    time: Option<Timestamp>,
    request: Option<Text<'a>>,
    method: Option<Text<'a>>,
    target: Option<Text<'a>>,
    protocol: Option<Text<'a>>,
    http: Http<'a>,
}

/// One object with nginx's variables as keys.
pub(super) fn parse<'a>(
    source: Source,
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<Event<'a>, Unparsed> {
    let mut found = Found::default();
    let mut rest = skip_space(line.strip_prefix(b"{").ok_or(Unparsed::NotThisFormat)?);
    while !rest.starts_with(b"}") {
        let key = string(&mut rest).ok_or(Unparsed::CutShort)?;
        rest = skip_space(rest).strip_prefix(b":").ok_or(Unparsed::NotThisFormat)?;
        rest = skip_space(rest);
        let value = value(&mut rest).ok_or(Unparsed::CutShort)?;
        found.take(key.raw(), value, context)?;
        rest = skip_space(rest);
        match rest.strip_prefix(b",") {
            Some(after) => rest = skip_space(after),
            None if rest.starts_with(b"}") => {}
            None => return Err(Unparsed::CutShort),
        }
    }
    // Bytes after the object would be another one's, and a stranger's.
    if !skip_space(rest.strip_prefix(b"}").unwrap_or(rest)).is_empty() {
        return Err(Unparsed::NotThisFormat);
    }
    found.event(source, context)
}

impl<'a> Found<'a> {
    fn take(&mut self, key: &[u8], value: Text<'a>, context: &Context<'_>) -> Result<(), Unparsed> {
        let place = match key {
            b"remote_addr" | b"client_ip" | b"clientip" | b"remote_ip" => &mut self.address,
            b"request" => &mut self.request,
            b"request_method" | b"method" => &mut self.method,
            b"request_uri" => &mut self.target,
            b"server_protocol" => &mut self.protocol,
            b"http_referer" | b"http_referrer" | b"referer" => &mut self.http.referer,
            b"http_user_agent" | b"user_agent" | b"agent" => &mut self.http.user_agent,
            b"http_x_forwarded_for" | b"x_forwarded_for" => &mut self.http.forwarded_for,
            b"host" | b"http_host" | b"server_name" => {
                // A log may hold several of these; the first is as good as the others.
                self.http.host.get_or_insert(value);
                return Ok(());
            }
            b"remote_user" => &mut self.http.user,
            _ => return self.take_number(key, value, context),
        };
        if place.replace(value).is_some() {
            return Err(Unparsed::Ambiguous);
        }
        Ok(())
    }

    fn take_number(
        &mut self,
        key: &[u8],
        value: Text<'a>,
        context: &Context<'_>,
    ) -> Result<(), Unparsed> {
        let text = value.raw();
        match key {
            b"status" => self.http.status = Some(small(text).ok_or(Unparsed::BadNumber)?),
            b"body_bytes_sent" => self.http.bytes = number(text),
            b"bytes_sent" | b"bytes" => {
                self.http.bytes = self.http.bytes.or_else(|| number(text));
            }
            b"time_iso8601" | b"time_local" | b"msec" | b"time" | b"timestamp" | b"@timestamp" => {
                let mut iso = text;
                self.time = self
                    .time
                    .or_else(|| time::common_log(text))
                    .or_else(|| time::iso(&mut iso, context))
                    .or_else(|| time::epoch(text));
            }
            _ => {}
        }
        Ok(())
    }

    fn event(self, source: Source, context: &Context<'_>) -> Result<Event<'a>, Unparsed> {
        let address = self.address.ok_or(Unparsed::NoAddress)?;
        let socket = match address.raw() {
            b"unix:" => None,
            raw => Some(ip(raw).ok_or(Unparsed::NoAddress)?),
        };
        let mut http = self.http;
        for field in [
            &mut http.host,
            &mut http.user,
            &mut http.referer,
            &mut http.user_agent,
            &mut http.forwarded_for,
        ] {
            *field = field.filter(|text| !matches!(text.raw(), b"" | b"-"));
        }
        if let Some(line) = self.request {
            request::split(&mut http, line);
        } else {
            http.method = self.method.unwrap_or_default();
            http.path = self.target.unwrap_or_default();
            http.protocol = self.protocol.unwrap_or_default();
        }
        let src_ip = request::client(socket, http.forwarded_for, context);
        let event = Event::new(source, Body::Http(http));
        Ok(Event { time: self.time, src_ip, ..event })
    }
}

fn skip_space(rest: &[u8]) -> &[u8] {
    rest.trim_ascii_start()
}

/// A string, up to its closing quote.
fn string<'a>(rest: &mut &'a [u8]) -> Option<Text<'a>> {
    *rest = rest.strip_prefix(b"\"")?;
    quoted(rest)
}

/// A string, a number or a word; of an object or array the raw text, which no field wants.
fn value<'a>(rest: &mut &'a [u8]) -> Option<Text<'a>> {
    if rest.first() == Some(&b'"') {
        return string(rest);
    }
    let start = *rest;
    let mut depth = 0_usize;
    loop {
        let at =
            rest.iter().position(|byte| matches!(byte, b'"' | b',' | b'{' | b'}' | b'[' | b']'))?;
        *rest = rest.get(at..)?;
        match rest.first()? {
            b'"' => {
                string(rest)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b',' if depth > 0 => {}
            b'}' | b']' if depth > 0 => depth -= 1,
            _ => break,
        }
        *rest = rest.get(1..)?;
    }
    let raw = start.get(..start.len() - rest.len())?;
    Some(Text::new(raw.trim_ascii(), Escape::None))
}
