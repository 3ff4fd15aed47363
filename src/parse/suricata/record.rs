//! The JSON of eve.json, as far as we read it.
//!
//! Owns the shapes and their keys. It must never read a value twice that stands
//! there twice: a key that we look at and that comes again is refused.

use std::marker::PhantomData;
use std::net::IpAddr;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::parse::text::{Escape, Text};
use crate::parse::{Unparsed, scan};

/// A value that nobody has looked into yet.
pub(super) type Raw<'a> = Option<&'a RawValue>;

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident { $($field:ident $(= $key:literal)?,)* })*) => {$(
        $(#[$doc])*
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        pub(super) struct $name<'a> {
            $(#[serde(borrow $(, rename = $key)?)] pub(super) $field: Raw<'a>,)*
        }
    )*};
}

shapes! {
    /// One line.
    Record {
        timestamp, event_type, src_ip, src_port, dest_ip, dest_port, proto, app_proto, direction,
        alert, anomaly, dns, mdns, http, tls, quic, fileinfo, files, flow, netflow,
    }
    /// `alert`.
    Alert { signature, signature_id, category, severity, action, source, target, }
    /// `alert.source`, `alert.target`.
    End { ip, }
    /// `anomaly`.
    Anomaly { kind = "type", event, code, layer, }
    /// `dns`: one flat question (v1, v2), `query` (v2 in alerts), `queries` (v3).
    Dns { kind = "type", rrname, rrtype, rcode, query, queries, answers, }
    /// A question or an answer.
    Name { rrname, rrtype, }
    /// `http`.
    Http {
        hostname, url, http_user_agent, http_refer, http_method, protocol, version, status, length,
        xff,
    }
    /// `tls` and `quic`.
    Tls { sni, version, subject, issuerdn, ja3, }
    /// `tls.ja3`.
    Ja3 { hash, }
    /// `fileinfo` and each of `files`.
    File { filename, magic, size, md5, sha1, sha256, sid, }
    /// `flow`.
    Flow { state, bytes_toserver, bytes_toclient, src_ip, }
    /// `netflow`.
    Netflow { bytes, }
}

/// Reads an object.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Unparsed> {
    if !json.starts_with('{') {
        return Err(Unparsed::NotThisFormat);
    }
    serde_json::from_str(json).map_err(|error| match error.classify() {
        Category::Eof => Unparsed::CutShort,
        // All fields are optional and take any value: what is left is a key that comes twice.
        Category::Data => Unparsed::Ambiguous,
        Category::Io | Category::Syntax => Unparsed::NotThisFormat,
    })
}

/// Reads an object that may be missing.
pub(super) fn inner<'a, T: Deserialize<'a> + Default>(raw: Raw<'a>) -> Result<T, Unparsed> {
    raw.map_or_else(|| Ok(T::default()), |raw| object(raw.get()))
}

/// The first of an array of objects, and how many there are.
pub(super) struct Listed<T> {
    pub(super) first: Option<T>,
    pub(super) count: usize,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { first: None, count: 0 }
    }
}

impl<'a, T: Deserialize<'a>> Deserialize<'a> for Listed<T> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);
        impl<'a, T: Deserialize<'a>> Visitor<'a> for Elements<T> {
            type Value = Listed<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let first = seq.next_element()?;
                let mut count = usize::from(first.is_some());
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Listed { first, count })
            }
        }
        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

/// The first of an array, if it is one.
pub(super) fn list<'a, T: Deserialize<'a>>(raw: Raw<'a>) -> Result<Listed<T>, Unparsed> {
    match raw.map(RawValue::get) {
        Some(json) if json.starts_with('[') => {
            serde_json::from_str(json).map_err(|_| Unparsed::Ambiguous)
        }
        _ => Ok(Listed::default()),
    }
}

/// A string or a number, as a text.
pub(super) fn text(raw: Raw<'_>) -> Option<Text<'_>> {
    let json = raw?.get().as_bytes();
    let inside = json.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    match (inside, json.first()) {
        (Some([]), _) | (None, Some(b'{' | b'[')) => None,
        (Some(inside), _) => Some(Text::new(inside, Escape::Backslash)),
        (None, _) => Some(Text::new(json, Escape::None)),
    }
}

/// A word that Suricata itself chose.
pub(super) fn word(raw: Raw<'_>) -> &[u8] {
    text(raw).unwrap_or_default().raw()
}

/// A number, in quotes or not.
pub(super) fn number(raw: Raw<'_>) -> Option<u64> {
    scan::number(word(raw))
}

/// A port or status; a value that is there must be one.
pub(super) fn small(raw: Raw<'_>) -> Result<Option<u16>, Unparsed> {
    text(raw).map(|text| scan::small(text.raw()).ok_or(Unparsed::BadNumber)).transpose()
}

/// An address; a value that is there must be one.
pub(super) fn ip(raw: Raw<'_>) -> Result<Option<IpAddr>, Unparsed> {
    raw.map(|_| scan::ip(word(raw)).ok_or(Unparsed::NoAddress)).transpose()
}
