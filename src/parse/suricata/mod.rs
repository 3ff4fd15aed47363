//! Suricata's eve.json.
//!
//! Owns what each type of record means and which side of it is which. It must never
//! take one of two values that claim the same place, nor say who attacks where the
//! record does not tell.
//!
//! # Which way it went
//!
//! `src_ip` is the record's own: of an alert the sender of the packet, which may be
//! the server. The client is the one of `flow.src_ip`, or what `direction` says, or
//! the sender where Suricata writes the client first (requests, connections). With
//! the client known, the link's direction is `in` (a stranger's client, our server),
//! `out` (the other way), or `forward` (both or neither are ours); else it is empty.

mod alert;
mod record;

use record::{Raw, Record, inner, list, small, text, word};

use super::event::{Body, Dns, Event, File, Flow, Http, Link, Tls};
use super::{Context, Unparsed, frame, request, time};
use crate::model::{Source, Timestamp};

/// One object a line, plain or in a syslog frame, perhaps with a `@cee:` cookie.
pub(super) fn parse<'a>(
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let json = if matches!(line.first(), Some(b'{' | b'@')) {
        line
    } else {
        let frame = frame::frame(line, context).map_err(|_| Unparsed::NotThisFormat)?;
        if frame.program != b"suricata" {
            return Err(Unparsed::NotThisFormat);
        }
        frame.message
    };
    let json = json.strip_prefix(b"@cee:").unwrap_or(json).trim_ascii_start();
    // Suricata writes bytes that are no UTF-8 as escapes.
    let json = std::str::from_utf8(json).map_err(|_| Unparsed::NotThisFormat)?;
    read(&record::object(json)?, context)
}

fn read<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Option<Event<'a>>, Unparsed> {
    let kind = text(record.event_type).ok_or(Unparsed::NotThisFormat)?;
    let kind = event_type(kind.raw());
    let time = when(record.timestamp, context)?;
    let Some(src_ip) = record::ip(record.src_ip)? else { return Ok(None) };
    let mut link = Link {
        dst_ip: record::ip(record.dest_ip)?,
        proto: word(record.proto),
        src_port: small(record.src_port)?,
        dst_port: small(record.dest_port)?,
        direction: "",
    };
    let flow: record::Flow<'_> = inner(record.flow)?;
    let client_first = client_first(kind, record, &flow, &link, src_ip)?;
    link.direction = match (client_first, link.dst_ip) {
        (Some(true), Some(dst_ip)) => context.direction(src_ip, dst_ip),
        (Some(false), Some(dst_ip)) => context.direction(dst_ip, src_ip),
        _ => "",
    };
    let body = match kind {
        _ if record.alert.is_some() => alert::alert(record, src_ip, &link, context)?,
        "anomaly" => alert::anomaly(record)?,
        "dns" | "mdns" => Body::Dns(dns(record.dns.or(record.mdns))?.unwrap_or_default()),
        "http" => Body::Http(http(record.http)?),
        "tls" => Body::Tls(tls(record.tls)?),
        "quic" => Body::Tls(tls(record.quic)?),
        "fileinfo" => Body::File(file(record.fileinfo)?),
        _ => Body::Flow(connection(kind, record, &flow)?),
    };
    let src_ip = match body {
        // What it forwarded for whom is a stranger's word, and itself it is not to blame.
        Body::Http(_) => request::client(Some(src_ip), None, context),
        _ => Some(src_ip),
    };
    let event = Event::new(Source::Suricata, body);
    Ok(Some(Event { time: Some(time), event_type: kind, src_ip, link, ..event }))
}

/// Every type that Suricata 8 has, and `other` for those to come.
fn event_type(name: &[u8]) -> &'static str {
    static NAMES: [&str; 46] = [
        "alert",
        "anomaly",
        "arp",
        "bittorrent_dht",
        "dcerpc",
        "dhcp",
        "dnp3",
        "dns",
        "drop",
        "engine",
        "enip",
        "fileinfo",
        "flow",
        "frame",
        "ftp",
        "ftp_data",
        "http",
        "ike",
        "ikev2",
        "krb5",
        "ldap",
        "mdns",
        "metadata",
        "modbus",
        "mqtt",
        "netflow",
        "nfs",
        "packet",
        "pgsql",
        "pop3",
        "quic",
        "rdp",
        "rfb",
        "sip",
        "smb",
        "smtp",
        "snmp",
        "ssh",
        "stats",
        "stream_tcp",
        "template",
        "tftp",
        "tls",
        "traffic",
        "tunnel",
        "websocket",
    ];
    NAMES.iter().find(|known| known.as_bytes() == name).copied().unwrap_or("other")
}

fn when(stamp: Raw<'_>, context: &Context<'_>) -> Result<Timestamp, Unparsed> {
    let mut rest = word(stamp);
    let time = time::iso(&mut rest, context).filter(|_| rest.is_empty());
    time.ok_or(Unparsed::NoTime)
}

/// Whether the sender is the client, as far as the record tells.
fn client_first(
    kind: &str,
    record: &Record<'_>,
    flow: &record::Flow<'_>,
    link: &Link<'_>,
    src_ip: std::net::IpAddr,
) -> Result<Option<bool>, Unparsed> {
    if let Some(client) = record::ip(flow.src_ip)? {
        let first = client == src_ip;
        return Ok((first || link.dst_ip == Some(client)).then_some(first));
    }
    Ok(match (word(record.direction), kind) {
        (b"to_server", _) => Some(true),
        (b"to_client", _) => Some(false),
        (_, "dns") => Some(!is_answer(word(inner::<record::Dns<'_>>(record.dns)?.kind))),
        // These write the client first whoever sent the packet; others go by the packet.
        (_, "flow" | "ftp" | "http" | "nfs" | "smb" | "smtp" | "ssh" | "tls") => Some(true),
        _ => None,
    })
}

fn is_answer(kind: &[u8]) -> bool {
    matches!(kind, b"answer" | b"response")
}

/// The question that a record is about.
fn dns(raw: Raw<'_>) -> Result<Option<Dns<'_>>, Unparsed> {
    if raw.is_none() {
        return Ok(None);
    }
    let dns: record::Dns<'_> = inner(raw)?;
    let mut name = record::Name { rrname: dns.rrname, rrtype: dns.rrtype };
    for names in [dns.queries, dns.query, dns.answers] {
        if name.rrname.is_none() {
            name = list(names)?.first.unwrap_or(name);
        }
    }
    // Newer ones write `NOERROR` into questions, too.
    let rcode = if is_answer(word(dns.kind)) { word(dns.rcode) } else { b"" };
    let query = text(name.rrname).unwrap_or_default();
    Ok(Some(Dns { query, query_type: word(name.rrtype), rcode }))
}

fn http(raw: Raw<'_>) -> Result<Http<'_>, Unparsed> {
    let http: record::Http<'_> = inner(raw)?;
    Ok(Http {
        host: text(http.hostname),
        method: text(http.http_method).unwrap_or_default(),
        path: text(http.url).unwrap_or_default(),
        protocol: text(http.protocol.or(http.version)).unwrap_or_default(),
        // A server may answer with any number.
        status: record::number(http.status).and_then(|status| status.try_into().ok()),
        bytes: record::number(http.length),
        referer: text(http.http_refer),
        user_agent: text(http.http_user_agent),
        forwarded_for: text(http.xff),
        ..Http::default()
    })
}

fn tls(raw: Raw<'_>) -> Result<Tls<'_>, Unparsed> {
    let tls: record::Tls<'_> = inner(raw)?;
    let ja3: record::Ja3<'_> = inner(tls.ja3)?;
    Ok(Tls {
        server_name: text(tls.sni),
        version: word(tls.version),
        subject: text(tls.subject),
        issuer: text(tls.issuerdn),
        ja3: word(ja3.hash),
    })
}

fn file(raw: Raw<'_>) -> Result<File<'_>, Unparsed> {
    let file: record::File<'_> = inner(raw)?;
    Ok(File {
        name: text(file.filename).unwrap_or_default(),
        mime: text(file.magic).unwrap_or_default(),
        size: record::number(file.size),
        md5: word(file.md5),
        sha1: word(file.sha1),
        sha256: word(file.sha256),
        ..File::default()
    })
}

fn connection<'a>(
    kind: &'static str,
    record: &Record<'a>,
    flow: &record::Flow<'a>,
) -> Result<Flow<'a>, Unparsed> {
    let netflow: record::Netflow<'_> = inner(record.netflow)?;
    let spoken = word(record.app_proto);
    let spoken = match kind {
        _ if !spoken.is_empty() => spoken,
        "flow" | "netflow" | "drop" | "packet" | "frame" | "stream_tcp" | "other" => b"",
        // A protocol's own records need not say it.
        protocol => protocol.as_bytes(),
    };
    Ok(Flow {
        state: word(flow.state),
        app_proto: spoken,
        bytes_to_server: record::number(flow.bytes_toserver.or(netflow.bytes)),
        bytes_to_client: record::number(flow.bytes_toclient),
    })
}
