//! A row as one JSON object.
//!
//! Owns how keys become columns, whether `id.orig_h` is one key or `orig_h` lies
//! within `id`. It must never take the second of two equal keys.

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::record::{Column, Record};
use crate::parse::Unparsed;
use crate::parse::text::{Escape, Text};

/// Reads one object.
pub(super) fn object(line: &[u8]) -> Result<Record<'_>, Unparsed> {
    let json = std::str::from_utf8(line).map_err(|_| Unparsed::NotThisFormat)?;
    let mut record = Record::default();
    fill(json, Level::Top, &mut record)?;
    Ok(record)
}

fn fill<'a>(json: &'a str, level: Level, record: &mut Record<'a>) -> Result<(), Unparsed> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = deserializer.deserialize_map(Object { level, record });
    read.and_then(|()| deserializer.end()).map_err(|error| match error.classify() {
        Category::Eof => Unparsed::CutShort,
        // It is an object, so what is left is a key that comes twice.
        Category::Data => Unparsed::Ambiguous,
        Category::Io | Category::Syntax => Unparsed::NotThisFormat,
    })
}

/// Where an object lies.
#[derive(Clone, Copy)]
enum Level {
    Top,
    Id,
    Seen,
}

/// A key that we look at.
enum Key {
    Column(Column),
    Object(Level),
    Foreign,
    Other,
}

struct KeyAt(Level);

impl KeyAt {
    fn key(&self, key: &[u8]) -> Key {
        let name = match (self.0, key) {
            (Level::Top, b"id") => return Key::Object(Level::Id),
            (Level::Top, b"seen") => return Key::Object(Level::Seen),
            // Suricata, nginx, and whatever else has another word for its time.
            (Level::Top, b"timestamp" | b"@timestamp" | b"time" | b"time_iso8601") => {
                return Key::Foreign;
            }
            (Level::Top, b"time_local" | b"msec" | b"remote_addr" | b"event_type") => {
                return Key::Foreign;
            }
            (Level::Top, _) => Column::of(key),
            (Level::Id, b"orig_h") => Some(Column::OrigH),
            (Level::Id, b"orig_p") => Some(Column::OrigP),
            (Level::Id, b"resp_h") => Some(Column::RespH),
            (Level::Id, b"resp_p") => Some(Column::RespP),
            (Level::Seen, b"indicator") => Some(Column::Seen),
            (Level::Seen, b"indicator_type") => Some(Column::SeenType),
            (Level::Seen, b"where") => Some(Column::SeenWhere),
            _ => None,
        };
        name.map_or(Key::Other, Key::Column)
    }
}

impl<'a> DeserializeSeed<'a> for KeyAt {
    type Value = Key;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KeyAt {
    type Value = Key;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        Ok(self.key(key.as_bytes()))
    }
}

struct Object<'r, 'a> {
    level: Level,
    record: &'r mut Record<'a>,
}

impl<'a> Visitor<'a> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeyAt(self.level))? {
            let twice = |_| A::Error::custom("a key comes twice");
            match key {
                Key::Column(name) => {
                    let value = map.next_value::<&'a RawValue>()?.get();
                    self.record.set(name, text(value)).map_err(twice)?;
                }
                Key::Object(level) => {
                    let value = map.next_value::<&'a RawValue>()?.get();
                    // A certificate's `id` is a word.
                    if value.starts_with('{') {
                        fill(value, level, self.record).map_err(twice)?;
                    }
                }
                Key::Foreign => {
                    map.next_value::<IgnoredAny>()?;
                    self.record.foreign = true;
                }
                Key::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// A string, number or word; an array as it stands; nothing for null and objects.
fn text(value: &str) -> Text<'_> {
    let raw = value.as_bytes();
    match raw.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
        Some(inside) => Text::new(inside, Escape::Backslash),
        None if raw == b"null" || raw.starts_with(b"{") => Text::default(),
        None => Text::new(raw, Escape::None),
    }
}
