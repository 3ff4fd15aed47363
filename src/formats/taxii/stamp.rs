//! The times of TAXII: RFC 3339 in UTC with six digits of a second (section 1.6.3).

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub u64);

impl Stamp {
    /// Rounded down to the millisecond: the precision of a STIX object's version.
    #[must_use]
    pub fn milliseconds(self) -> Self {
        Self(self.0 - self.0 % 1000)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = i64::try_from(self.0).ok().and_then(DateTime::from_timestamp_micros);
        // Beyond the year 262143 there is no text; no clock of ours comes there.
        date.unwrap_or_default().format("%Y-%m-%dT%H:%M:%S%.6fZ").fmt(f)
    }
}

impl FromStr for Stamp {
    type Err = BadStamp;

    /// Any number of digits of a second; what is finer than a microsecond is cut off. A
    /// time before 1970 is as early as nothing of ours.
    fn from_str(text: &str) -> Result<Self, BadStamp> {
        let wrong = || BadStamp(text.chars().take(40).collect());
        let naive = text.strip_suffix('Z').ok_or_else(wrong)?;
        let time = NaiveDateTime::parse_from_str(naive, "%Y-%m-%dT%H:%M:%S%.f");
        let micros = time.map_err(|_| wrong())?.and_utc().timestamp_micros();
        Ok(Self(u64::try_from(micros).unwrap_or_default()))
    }
}

/// A text that is not a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time: write it like 2026-11-20T12:00:00.000000Z")]
pub struct BadStamp(pub String);
