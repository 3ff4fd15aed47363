//! What a row of each log means.
//!
//! Owns the names of the logs. It must never let a row be of two logs.

use std::net::IpAddr;

use super::notice;
use super::record::{Column, Record};
use crate::parse::event::{
    Alert, Body, Dns, File, Flow, Http, Login, Outcome, Seen, SeenKind, Tls,
};
use crate::parse::text::Text;
use crate::parse::{Context, scan};

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
pub(super) fn log_of_fields(has: impl Fn(Column) -> bool) -> &'static str {
    let web = has(Column::Method) || has(Column::Uri) || has(Column::StatusCode);
    if has(Column::Seen) {
        "intel"
    } else if has(Column::Note) {
        "notice"
    } else if has(Column::ConnState) {
        "conn"
    } else if has(Column::CallId) {
        "sip"
    } else if has(Column::RequestType) {
        "kerberos"
    } else if has(Column::Fuid) && (has(Column::MimeType) || has(Column::SeenBytes)) {
        "files"
    } else if web {
        "http"
    } else if has(Column::Query) || has(Column::QtypeName) || has(Column::RcodeName) {
        "dns"
    } else if has(Column::AuthSuccess) || has(Column::AuthAttempts) {
        "ssh"
    } else if has(Column::Cipher) || has(Column::Established) {
        "ssl"
    } else if has(Column::Weird) && has(Column::Notice) {
        "weird"
    } else if has(Column::ClientAddr) {
        "dhcp"
    } else if has(Column::ArpOrig) && has(Column::Operation) {
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
) -> Body<'a> {
    let text = |name| record.get(name).unwrap_or_default();
    let word = |name| record.get(name).unwrap_or_default().raw();
    match log {
        "notice" => Body::Alert(notice::alert(record, src_ip, context)),
        "intel" => Body::Alert(intel(record)),
        "weird" => Body::Alert(Alert {
            signature: text(Column::Weird),
            message: text(Column::Addl),
            ..Alert::default()
        }),
        "http" => Body::Http(http(record)),
        "dns" => Body::Dns(Dns {
            query: text(Column::Query),
            query_type: word(Column::QtypeName),
            rcode: word(Column::RcodeName),
        }),
        "ssl" | "quic" => Body::Tls(Tls {
            server_name: record.get(Column::ServerName),
            version: word(Column::Version),
            subject: record.get(Column::Subject),
            issuer: record.get(Column::Issuer),
            ja3: word(Column::Ja3),
        }),
        "files" => Body::File(File {
            name: text(Column::FileName),
            mime: text(Column::MimeType),
            size: number(record, Column::TotalBytes).or(number(record, Column::SeenBytes)),
            md5: word(Column::Md5),
            sha1: word(Column::Sha1),
            sha256: word(Column::Sha256),
            ..File::default()
        }),
        "ssh" => Body::Login(Login { user: None, outcome: outcome(record), method: b"" }),
        _ => Body::Flow(flow(record, log)),
    }
}

fn number(record: &Record<'_>, name: Column) -> Option<u64> {
    scan::number(record.get(name)?.raw())
}

fn flow<'a>(record: &Record<'a>, log: &'static str) -> Flow<'a> {
    let service = record.get(Column::Service).filter(|_| log == "conn");
    let spoken = match log {
        "conn" | "tunnel" | "dpd" | "analyzer" | OTHER => b"",
        // A protocol's own log.
        protocol => protocol.as_bytes(),
    };
    Flow {
        state: record.get(Column::ConnState).unwrap_or_default().raw(),
        app_proto: service.map_or(spoken, Text::raw),
        bytes_to_server: number(record, Column::OrigBytes),
        bytes_to_client: number(record, Column::RespBytes),
    }
}

fn http<'a>(record: &Record<'a>) -> Http<'a> {
    Http {
        host: record.get(Column::Host),
        user: record.get(Column::Username),
        method: record.get(Column::Method).unwrap_or_default(),
        path: record.get(Column::Uri).unwrap_or_default(),
        protocol: record.get(Column::Version).unwrap_or_default(),
        // A server may answer with any number.
        status: number(record, Column::StatusCode).and_then(|status| status.try_into().ok()),
        bytes: number(record, Column::ResponseLen),
        referer: record.get(Column::Referrer),
        user_agent: record.get(Column::UserAgent),
        ..Http::default()
    }
}

/// Zeek guesses from the sizes of packets whether a login succeeded.
fn outcome(record: &Record<'_>) -> Outcome {
    let said = record.get(Column::AuthSuccess).or_else(|| record.get(Column::Status));
    match said.unwrap_or_default().raw() {
        b"T" | b"true" | b"success" => Outcome::Accepted,
        b"F" | b"false" | b"failure" => Outcome::Failed,
        _ => Outcome::Connection,
    }
}

/// The name of the list's sort of value, and where it was met as the class.
fn intel<'a>(record: &Record<'a>) -> Alert<'a> {
    let text = |name| record.get(name).unwrap_or_default();
    let sort = text(Column::SeenType);
    let kind = match sort.raw() {
        b"Intel::ADDR" => Some(SeenKind::Address),
        b"Intel::SUBNET" => Some(SeenKind::Network),
        b"Intel::DOMAIN" => Some(SeenKind::Domain),
        b"Intel::URL" => Some(SeenKind::Url),
        b"Intel::EMAIL" => Some(SeenKind::Email),
        b"Intel::FILE_HASH" => Some(SeenKind::Hash),
        _ => None,
    };
    let value = record.get(Column::Seen);
    Alert {
        signature: sort,
        category: text(Column::SeenWhere),
        seen: value.zip(kind).map(|(value, kind)| Seen { value, kind }),
        ..Alert::default()
    }
}
