//! What a row of each log means.
//!
//! Owns the names of the logs. It must never let a row be of two logs.

use std::net::IpAddr;

use super::notice;
use super::record::{Name, Record};
use crate::parse::event::{
    Alert, Body, Dns, File, Flow, Http, Login, Outcome, Seen, SeenKind, Tls,
};
use crate::parse::text::Text;
use crate::parse::{Context, Unparsed, scan};

/// A log that we do not know.
pub(super) const OTHER: &str = "other";

/// The logs of Zeek itself that speak of connections, and some of widespread packages.
const LOGS: [&str; 42] = [
    "analyzer",
    "arp",
    "conn",
    "dce_rpc",
    "dhcp",
    "dnp3",
    "dns",
    "dpd",
    "files",
    "ftp",
    "http",
    "intel",
    "irc",
    "kerberos",
    "known_services",
    "ldap",
    "ldap_search",
    "modbus",
    "mqtt_connect",
    "mysql",
    "notice",
    "ntlm",
    "ntp",
    "pe",
    "postgresql",
    "quic",
    "radius",
    "rdp",
    "redis",
    "rfb",
    "sip",
    "smb_cmd",
    "smb_files",
    "smb_mapping",
    "smtp",
    "snmp",
    "socks",
    "software",
    "ssh",
    "ssl",
    "syslog",
    "weird",
];

/// The log of a `#path`. A filter or a rotation may have put something behind its name.
pub(super) fn log_of_path(path: &[u8]) -> Option<&'static str> {
    let base = path.split(|byte| matches!(byte, b'.' | b'-')).next().unwrap_or(path);
    match base {
        b"tunnel" => Some("tunnel"),
        b"x509" => Some("x509"),
        _ => LOGS.into_iter().find(|log| log.as_bytes() == base),
    }
}

/// The log that has such fields.
pub(super) fn log_of_fields(has: impl Fn(Name) -> bool) -> &'static str {
    let web = has(Name::Method) || has(Name::Uri) || has(Name::StatusCode);
    if has(Name::Seen) {
        "intel"
    } else if has(Name::Note) {
        "notice"
    } else if has(Name::ConnState) {
        "conn"
    } else if has(Name::CallId) {
        "sip"
    } else if has(Name::RequestType) {
        "kerberos"
    } else if has(Name::Fuid) && (has(Name::MimeType) || has(Name::SeenBytes)) {
        "files"
    } else if web {
        "http"
    } else if has(Name::Query) || has(Name::QtypeName) || has(Name::RcodeName) {
        "dns"
    } else if has(Name::AuthSuccess) || has(Name::AuthAttempts) {
        "ssh"
    } else if has(Name::Cipher) || has(Name::Established) {
        "ssl"
    } else if has(Name::Weird) && has(Name::Notice) {
        "weird"
    } else if has(Name::ClientAddr) {
        "dhcp"
    } else if has(Name::ArpOrig) && has(Name::Operation) {
        "arp"
    } else {
        OTHER
    }
}

/// What was done.
pub(super) fn of<'a>(
    record: &Record<'a>,
    log: &'static str,
    src_ip: IpAddr,
    context: &Context<'_>,
) -> Result<Body<'a>, Unparsed> {
    let text = |name| record.get(name).unwrap_or_default();
    let word = |name| record.get(name).unwrap_or_default().raw();
    Ok(match log {
        "notice" => Body::Alert(notice::alert(record, src_ip, context)),
        "intel" => Body::Alert(intel(record)),
        "weird" => Body::Alert(Alert {
            signature: text(Name::Weird),
            message: text(Name::Addl),
            ..Alert::default()
        }),
        "http" => Body::Http(http(record)?),
        "dns" => Body::Dns(Dns {
            query: text(Name::Query),
            query_type: word(Name::QtypeName),
            rcode: word(Name::RcodeName),
        }),
        "ssl" | "quic" => Body::Tls(Tls {
            server_name: record.get(Name::ServerName),
            version: word(Name::Version),
            subject: record.get(Name::Subject),
            issuer: record.get(Name::Issuer),
            ja3: word(Name::Ja3),
        }),
        "files" => Body::File(File {
            name: text(Name::FileName),
            mime: text(Name::MimeType),
            size: number(record, Name::TotalBytes).or(number(record, Name::SeenBytes)),
            md5: word(Name::Md5),
            sha1: word(Name::Sha1),
            sha256: word(Name::Sha256),
            ..File::default()
        }),
        "ssh" => Body::Login(Login { user: None, outcome: outcome(record), method: b"" }),
        _ => Body::Flow(flow(record, log)),
    })
}

fn number(record: &Record<'_>, name: Name) -> Option<u64> {
    scan::number(record.get(name)?.raw())
}

fn flow<'a>(record: &Record<'a>, log: &'static str) -> Flow<'a> {
    let service = record.get(Name::Service).filter(|_| log == "conn");
    let spoken = match log {
        "conn" | "tunnel" | "dpd" | "analyzer" | OTHER => b"",
        // A protocol's own log.
        protocol => protocol.as_bytes(),
    };
    Flow {
        state: record.get(Name::ConnState).unwrap_or_default().raw(),
        app_proto: service.map_or(spoken, Text::raw),
        bytes_to_server: number(record, Name::OrigBytes),
        bytes_to_client: number(record, Name::RespBytes),
    }
}

fn http<'a>(record: &Record<'a>) -> Result<Http<'a>, Unparsed> {
    let status = record.get(Name::StatusCode).map(Text::raw);
    Ok(Http {
        host: record.get(Name::Host),
        user: record.get(Name::Username),
        method: record.get(Name::Method).unwrap_or_default(),
        path: record.get(Name::Uri).unwrap_or_default(),
        protocol: record.get(Name::Version).unwrap_or_default(),
        status: status.map(|raw| scan::small(raw).ok_or(Unparsed::BadNumber)).transpose()?,
        bytes: number(record, Name::ResponseLen),
        referer: record.get(Name::Referrer),
        user_agent: record.get(Name::UserAgent),
        ..Http::default()
    })
}

/// Zeek guesses from the sizes of packets whether a login succeeded.
fn outcome(record: &Record<'_>) -> Outcome {
    let said = record.get(Name::AuthSuccess).or_else(|| record.get(Name::Status));
    match said.unwrap_or_default().raw() {
        b"T" | b"true" | b"success" => Outcome::Accepted,
        b"F" | b"false" | b"failure" => Outcome::Failed,
        _ => Outcome::Connection,
    }
}

/// The name of the list's sort of value, and where it was met as the class.
fn intel<'a>(record: &Record<'a>) -> Alert<'a> {
    let text = |name| record.get(name).unwrap_or_default();
    let sort = text(Name::SeenType);
    let kind = match sort.raw() {
        b"Intel::ADDR" => Some(SeenKind::Address),
        b"Intel::SUBNET" => Some(SeenKind::Network),
        b"Intel::DOMAIN" => Some(SeenKind::Domain),
        b"Intel::URL" => Some(SeenKind::Url),
        b"Intel::EMAIL" => Some(SeenKind::Email),
        b"Intel::FILE_HASH" => Some(SeenKind::Hash),
        _ => None,
    };
    let value = record.get(Name::Seen);
    Alert {
        signature: sort,
        category: text(Name::SeenWhere),
        seen: value.zip(kind).map(|(value, kind)| Seen { value, kind }),
        ..Alert::default()
    }
}
