//! How often may be asked, and how long to wait after a failure. Pure.

use std::collections::VecDeque;

use crate::model::{DAY, Day, HOUR, MINUTE, Timestamp};

/// Questions a minute with a free key.
const PER_MINUTE: usize = 4;
/// Questions a UTC day with a free key.
const PER_DAY: u32 = 500;
/// The first wait after a failure, in seconds; it doubles each time.
const FIRST_BACK_OFF: u64 = 15;

/// What was asked lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// At most [`PER_MINUTE`].
    lately: VecDeque<Timestamp>,
    day: Day,
    asked: u32,
}

impl Quota {
    /// Takes the day's count over from [`Quota::encode`]; anything else counts nothing.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        let numbers = || {
            let (day, asked) = bytes.split_first_chunk::<4>()?;
            let asked = asked.try_into().ok()?;
            Some((Day(u32::from_be_bytes(*day)), u32::from_be_bytes(asked)))
        };
        let (day, asked) = numbers().unwrap_or_default();
        Self { lately: VecDeque::new(), day, asked }
    }

    /// The day's count.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [self.day.0.to_be_bytes(), self.asked.to_be_bytes()].concat()
    }

    /// Seconds until the next question may be asked.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> u64 {
        let tomorrow = (now.seconds() / DAY + 1) * DAY;
        if self.day == now.day() && self.asked >= PER_DAY {
            return tomorrow - now.seconds();
        }
        match self.lately.front() {
            // A clock that was set back makes nobody wait for longer than a minute.
            Some(first) if self.lately.len() >= PER_MINUTE => {
                MINUTE.saturating_sub(now.since(*first))
            }
            _ => 0,
        }
    }

    /// Counts a question.
    pub fn take(&mut self, now: Timestamp) {
        if self.day != now.day() {
            (self.day, self.asked) = (now.day(), 0);
        }
        self.asked = self.asked.saturating_add(1);
        self.lately.push_back(now);
        if self.lately.len() > PER_MINUTE {
            self.lately.pop_front();
        }
    }
}

/// Seconds to wait after so many failures in a row: twice as long each time up to an
/// hour, of which `chance` (0 to 1) leaves out up to a half, so that nodes do not come
/// back together; never shorter than the other side wishes, up to a day.
#[must_use]
pub fn back_off(failures: u32, retry_after: Option<u64>, chance: f64) -> u64 {
    let longest = (FIRST_BACK_OFF << failures.saturating_sub(1).min(10)).min(HOUR);
    // Both are small and not negative.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let shorter = (longest as f64 * chance.clamp(0.0, 1.0) / 2.0) as u64;
    (longest - shorter).max(retry_after.unwrap_or(0).min(DAY))
}
