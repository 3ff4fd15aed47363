//! An entry of the journal, as `journalctl --output=json` writes it, in; a line
//! in rsyslog's frame out. Pure.
//!
//! A control character becomes `#` and three octal digits, as rsyslog writes it
//! into files: a newline can make neither a second line nor a frame, and what
//! was one word does not become two, as it would with a space.

use chrono::{DateTime, Datelike as _};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::watch::lines::MAX_LINE_BYTES;

/// The longest cursor that is believed; journald's have 120 bytes or so.
const MAX_CURSOR_BYTES: usize = 512;
/// The longest name of a host or a program that is passed on.
const MAX_NAME_BYTES: usize = 64;

/// An entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it stands.
    pub(super) cursor: String,
    /// When journald got it, in microseconds since 1970.
    pub(super) at: u64,
    /// `time host program[pid]: message`; none if there is no message.
    pub(super) line: Option<Vec<u8>>,
    /// The line was cut at the limit.
    pub(super) cut: bool,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    at: String,
    #[serde(rename = "_HOSTNAME", default)]
    host: Field,
    #[serde(rename = "SYSLOG_IDENTIFIER", default)]
    identifier: Field,
    #[serde(rename = "_COMM", default)]
    command: Field,
    #[serde(rename = "SYSLOG_PID", default)]
    own_process: Field,
    #[serde(rename = "_PID", default)]
    process: Field,
    #[serde(rename = "MESSAGE", default)]
    message: Field,
}

impl Entry {
    /// None for what is no entry.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        let fields: Fields = serde_json::from_slice(json).ok()?;
        let at: u64 = fields.at.parse().ok()?;
        let time = DateTime::from_timestamp_micros(i64::try_from(at).ok()?)?;
        let is_cursor = (1..=MAX_CURSOR_BYTES).contains(&fields.cursor.len())
            && fields.cursor.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_cursor || time.year() > 9999 {
            return None;
        }
        let message = fields.message.0.unwrap_or_default();
        let message = message.trim_ascii_end();
        if message.is_empty() {
            return Some(Self { cursor: fields.cursor, at, line: None, cut: false });
        }
        let mut line = time.format("%Y-%m-%dT%H:%M:%S%.6f+00:00 ").to_string().into_bytes();
        name(&fields.host, &mut line);
        line.push(b' ');
        let has_identifier = fields.identifier.0.as_ref().is_some_and(|name| !name.is_empty());
        name(if has_identifier { &fields.identifier } else { &fields.command }, &mut line);
        let id = [&fields.own_process, &fields.process].into_iter().find_map(number);
        if let Some(id) = id {
            line.push(b'[');
            line.extend_from_slice(id);
            line.push(b']');
        }
        line.extend_from_slice(b": ");
        let cut = escape(message, &mut line);
        Some(Self { cursor: fields.cursor, at, line: Some(line), cut })
    }
}

/// A name that fits into the frame: what would end it there, or is nothing to
/// see, becomes `_`. A program names itself.
fn name(field: &Field, line: &mut Vec<u8>) {
    let name = field.0.as_deref().filter(|name| !name.is_empty()).unwrap_or(b"-");
    line.extend(name.iter().take(MAX_NAME_BYTES).map(|byte| match byte {
        b':' | b'[' | b']' => b'_',
        byte if byte.is_ascii_graphic() => *byte,
        _ => b'_',
    }));
}

fn number(field: &Field) -> Option<&[u8]> {
    let digits = field.0.as_deref()?;
    let is_number = (1..=10).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number.then_some(digits)
}

/// Adds a message up to the limit. True if it had to be cut.
fn escape(message: &[u8], line: &mut Vec<u8>) -> bool {
    for byte in message {
        if line.len() + 4 > MAX_LINE_BYTES {
            return true;
        }
        if byte.is_ascii_control() {
            line.extend_from_slice(format!("#{byte:03o}").as_bytes());
        } else {
            line.push(*byte);
        }
    }
    false
}

/// What journalctl makes of a field: a string; numbers if that is no text; a
/// list of both if the entry has the field several times, of which the first
/// counts; null if it is too large.
#[derive(Debug, Default)]
struct Field(Option<Vec<u8>>);

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Item::deserialize(deserializer)? {
            Item::Byte(_) => Self(None),
            Item::Field(field) => field,
        })
    }
}

/// What stands in such a list.
enum Item {
    Byte(u8),
    Field(Field),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string, bytes, a list of these, or null")
    }

    fn visit_u64<E: serde::de::Error>(self, byte: u64) -> Result<Item, E> {
        u8::try_from(byte).map(Item::Byte).map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<Item, E> {
        Ok(Item::Field(Field(Some(text.as_bytes().to_vec()))))
    }

    fn visit_unit<E>(self) -> Result<Item, E> {
        Ok(Item::Field(Field(None)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Item, A::Error> {
        let (mut bytes, mut first) = (Vec::new(), None);
        while let Some(item) = items.next_element()? {
            match item {
                Item::Byte(byte) => bytes.push(byte),
                Item::Field(field) => first = first.or(field.0),
            }
        }
        Ok(Item::Field(Field(first.or(Some(bytes)))))
    }
}
