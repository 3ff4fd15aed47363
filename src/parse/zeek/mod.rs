//! Zeek's logs, as text with columns or as JSON.
//!
//! Owns which column is which field. It must never read a row without its header, nor
//! take one of two values that claim the same place.
//!
//! `src_ip` is the originator of the connection; of a notice what the script calls
//! `src`, of a file whoever sent it. Which log a row is of tell `#path` or `_path`;
//! without them (Zeek's own JSON has none) the fields that it has.

mod body;
mod columns;
mod json;
mod notice;
mod record;

pub(super) use columns::Columns;
use record::{Column, Record};

use super::event::{Body, Event, Link};
use super::text::Text;
use super::{Context, Unparsed, request, scan, time};
use crate::model::{Source, Timestamp};

/// A line of the header, a row under it, or one JSON object.
pub(super) fn parse<'a>(
    line: &'a [u8],
    columns: &mut Columns,
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    if line.first() == Some(&b'#') {
        return columns.header(line).map(|()| None);
    }
    if columns.is_bare_header(line) {
        return columns.bare_header(line).map(|()| None);
    }
    // Under a header with columns a brace is nothing but a value.
    if line.first() == Some(&b'{') && !columns.known() {
        let record = json::object(line)?;
        let log = record.get(Column::Log).and_then(|path| body::log_of_path(path.raw()));
        let log = log.unwrap_or_else(|| body::log_of_fields(|name| record.has(name)));
        // A log that some script defines may have any columns.
        if log == body::OTHER && record.foreign && !record.has(Column::Ts) {
            return Err(Unparsed::NotThisFormat);
        }
        return read(&record, log, b",", context);
    }
    let mut record = Record::default();
    columns.row(line, &mut record)?;
    read(&record, columns.log(), columns.set_separator(), context)
}

fn read<'a>(
    record: &Record<'a>,
    log: &'static str,
    set_separator: &[u8],
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let Some((src_ip, mut link)) = ends(record, log, set_separator)? else { return Ok(None) };
    let time = record.get(Column::Ts).map(|ts| when(ts, context)).transpose()?;
    if let Some(dst_ip) = link.dst_ip.filter(|_| log != "files") {
        link.direction = context.direction(src_ip, dst_ip);
    }
    let body = body::of(record, log, src_ip, context);
    let src_ip = match body {
        // What it forwarded for whom is a stranger's word, and itself it is not to blame.
        Body::Http(_) => request::client(Some(src_ip), None, context),
        _ => Some(src_ip),
    };
    let event = Event::new(Source::Zeek, body);
    Ok(Some(Event { time, event_type: log, src_ip, link, ..event }))
}

/// Seconds since 1970, or milliseconds (`JSON::TS_MILLIS`), or ISO 8601 (`JSON::TS_ISO8601`).
fn when(ts: Text<'_>, context: &Context<'_>) -> Result<Timestamp, Unparsed> {
    let raw = ts.raw();
    if let Some(millis) = scan::number(raw).filter(|_| raw.len() == 13) {
        return Ok(Timestamp(millis / 1_000));
    }
    let mut rest = raw;
    time::epoch(raw)
        .or_else(|| time::iso(&mut rest, context).filter(|_| rest.is_empty()))
        .ok_or(Unparsed::NoTime)
}

/// Who and whom, if the row tells.
fn ends<'a>(
    record: &Record<'a>,
    log: &str,
    set_separator: &[u8],
) -> Result<Option<(std::net::IpAddr, Link<'a>)>, Unparsed> {
    let first = |name| record.get(name).and_then(|set| first_of(set, set_separator));
    let one = |name| record.get(name).map(Text::raw);
    let connection = (one(Column::OrigH), one(Column::RespH));
    let (src, dst) = match log {
        "notice" => (one(Column::Src).or(connection.0), one(Column::Dst).or(connection.1)),
        "files" if connection.0.is_none() => (first(Column::TxHosts), first(Column::RxHosts)),
        "dhcp" if connection.0.is_none() => (one(Column::ClientAddr), one(Column::ServerAddr)),
        "arp" => (one(Column::ArpOrig), one(Column::ArpResp)),
        _ => connection,
    };
    let address =
        |raw: Option<&[u8]>| raw.map(|raw| scan::ip(raw).ok_or(Unparsed::NoAddress)).transpose();
    let port = |name| {
        let port = record.get(name).map(Text::raw);
        port.map(|raw| scan::small(raw).ok_or(Unparsed::BadNumber)).transpose()
    };
    let Some(src_ip) = address(src)? else { return Ok(None) };
    let dst_port = match port(Column::Port)? {
        Some(port) if log == "notice" => Some(port),
        _ => port(Column::RespP)?,
    };
    let link = Link {
        dst_ip: address(dst)?,
        proto: one(Column::Proto).unwrap_or_default(),
        src_port: port(Column::OrigP)?,
        dst_port,
        direction: "",
    };
    Ok(Some((src_ip, link)))
}

/// The first of a set: `a,b`, or `["a","b"]`.
fn first_of<'a>(set: Text<'a>, separator: &[u8]) -> Option<&'a [u8]> {
    let raw = set.raw();
    if let Some(mut rest) = raw.strip_prefix(b"[\"") {
        return scan::take_until(&mut rest, b'"');
    }
    let end = memchr::memmem::find(raw, separator).unwrap_or(raw.len());
    raw.get(..end).filter(|first| !first.is_empty() && *first != b"[]")
}
