//! STIX timestamps (section 2.15): RFC 3339 in UTC, at least to the millisecond.

use chrono::{DateTime, Datelike as _, SecondsFormat};

use crate::model::Timestamp;

/// The last time that has four digits of a year.
const LAST: &str = "9999-12-31T23:59:59.000Z";

/// As STIX writes it: `2026-11-24T15:00:00.000Z`.
pub(super) fn write(time: Timestamp) -> String {
    let date = i64::try_from(time.seconds()).ok().and_then(|s| DateTime::from_timestamp(s, 0));
    // A later year than STIX can write is its last one.
    date.filter(|date| date.year() <= 9999)
        .map_or(LAST.to_owned(), |date| date.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// From microseconds since 1970, cut to the millisecond.
pub(super) fn write_micros(micros: u64) -> String {
    let date = i64::try_from(micros).ok().and_then(DateTime::from_timestamp_micros);
    date.filter(|date| date.year() <= 9999)
        .map_or(LAST.to_owned(), |date| date.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// To the second, rounded down. None for what is no time in UTC, or before 1970.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    if !text.ends_with('Z') {
        return None;
    }
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    u64::try_from(time.timestamp()).ok().map(Timestamp)
}
