//! Time as values. The domain never asks what time it is; it is told.

use std::fmt;

/// Seconds in a minute.
pub const MINUTE: u64 = 60;
/// Seconds in an hour.
pub const HOUR: u64 = 60 * MINUTE;
/// Seconds in a day.
pub const DAY: u64 = 24 * HOUR;
/// Seconds in a week.
pub const WEEK: u64 = 7 * DAY;

/// Seconds since 1970-01-01T00:00:00Z, never before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Seconds since the epoch.
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// Later by so many seconds; stops at the end of time.
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Earlier by so many seconds; stops at the epoch.
    pub fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Seconds that have passed since `earlier`; zero if it lies ahead.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Rounded down to a multiple of `unit` seconds.
    pub fn floor(self, unit: u64) -> Self {
        Self(self.0 - self.0 % unit.max(1))
    }

    /// The day it lies in.
    pub fn day(self) -> Day {
        Day(u32::try_from(self.0 / DAY).unwrap_or(u32::MAX))
    }
}

/// RFC 3339 in UTC, to the second.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = i64::try_from(self.0)
            .ok()
            .and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
        match date {
            Some(date) => write!(f, "{}", date.format("%Y-%m-%dT%H:%M:%SZ")),
            None => write!(f, "{}s after 1970", self.0),
        }
    }
}

/// Days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u32);

impl Day {
    /// Midnight (UTC) at which it begins.
    pub fn start(self) -> Timestamp {
        Timestamp(u64::from(self.0) * DAY)
    }

    /// Later by so many days; stops at the end of time.
    pub fn plus(self, days: u32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Rounded up to the first day of a week, counted from the epoch.
    pub fn ceil_week(self) -> Self {
        Self(self.0.div_ceil(7).saturating_mul(7))
    }
}

/// RFC 3339 full-date.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.start().to_string();
        f.write_str(text.split('T').next().unwrap_or(&text))
    }
}
