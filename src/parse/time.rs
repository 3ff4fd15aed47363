//! The times that logs write.
//!
//! Owns their grammars. It must never ask what time it is.

use chrono::{DateTime, Datelike as _, NaiveDate};

use super::Context;
use super::scan::{digit, literal, number, take_until};
use crate::model::{DAY, Timestamp};

/// A civil date and time, `offset` seconds east of Greenwich.
#[inline]
fn at(date: (i32, u32, u32), clock: (u32, u32, u32), offset: i64) -> Option<Timestamp> {
    let ((year, month, day), (hour, minute, second)) = (date, clock);
    // A leap second is written as 60.
    let second = if second == 60 { 59 } else { second };
    let civil = NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, second)?;
    u64::try_from(civil.and_utc().timestamp() - offset).ok().map(Timestamp)
}

fn year_of(time: Timestamp, offset: i64) -> Option<i32> {
    let seconds = i64::try_from(time.seconds()).ok()?.checked_add(offset)?;
    Some(DateTime::from_timestamp(seconds, 0)?.year())
}

#[inline]
fn pair(tens: u8, ones: u8) -> Option<u32> {
    Some(u32::from(digit(tens)? * 10 + digit(ones)?))
}

#[inline]
fn two(rest: &mut &[u8]) -> Option<u32> {
    let [tens, ones, tail @ ..] = *rest else { return None };
    *rest = tail;
    pair(*tens, *ones)
}

#[inline]
fn four(rest: &mut &[u8]) -> Option<i32> {
    let number = two(rest)? * 100 + two(rest)?;
    number.try_into().ok()
}

/// The day of a month with what comes after it: one digit or more.
#[inline]
fn day(rest: &mut &[u8], end: u8) -> Option<u32> {
    match *rest {
        [tens, ones, after, tail @ ..] if *after == end => {
            *rest = tail;
            pair(*tens, *ones)
        }
        _ => number(take_until(rest, end)?)?.try_into().ok(),
    }
}

#[inline]
fn month(rest: &mut &[u8]) -> Option<u32> {
    let (name, tail) = rest.split_first_chunk::<3>()?;
    *rest = tail;
    month_of(*name)
}

#[inline]
fn month_of(name: [u8; 3]) -> Option<u32> {
    Some(match &name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

#[inline]
fn clock(rest: &mut &[u8]) -> Option<(u32, u32, u32)> {
    let [h, hour, b':', m, minute, b':', s, second, tail @ ..] = *rest else { return None };
    *rest = tail;
    Some((pair(*h, *hour)?, pair(*m, *minute)?, pair(*s, *second)?))
}

/// `+0200`, `+02:00`, `Z`.
#[inline]
fn offset(rest: &mut &[u8]) -> Option<i64> {
    let (sign, tail) = rest.split_first()?;
    *rest = tail;
    let sign = match sign {
        b'Z' => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match *rest {
        [h, hour, m, minute, tail @ ..] if *m != b':' => {
            *rest = tail;
            (pair(*h, *hour)?, pair(*m, *minute)?)
        }
        [h, hour, b':', m, minute, tail @ ..] => {
            *rest = tail;
            (pair(*h, *hour)?, pair(*m, *minute)?)
        }
        _ => return None,
    };
    let (hours, minutes) = (i64::from(hours), i64::from(minutes));
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// The time of the line before, which a busy log writes many times.
#[derive(Debug, Default)]
pub(super) struct Last {
    stamp: [u8; 26],
    time: Option<Timestamp>,
}

impl Last {
    /// What [`common_log`] reads.
    #[inline]
    pub(super) fn common_log(&mut self, stamp: &[u8; 26]) -> Option<Timestamp> {
        if self.stamp != *stamp {
            *self = Self { stamp: *stamp, time: common_log(stamp) };
        }
        self.time
    }
}

/// `23/Nov/2026:19:56:53 +0000` and nothing else: nginx, Apache.
#[inline]
pub(super) fn common_log(text: &[u8]) -> Option<Timestamp> {
    let mut rest = text;
    let day = day(&mut rest, b'/')?;
    let (middle, mut zone) = rest.split_first_chunk::<18>()?;
    let [m1, m2, m3, b'/', y1, y2, y3, y4, b':', h1, h2, b':', n1, n2, b':', s1, s2, b' '] =
        *middle
    else {
        return None;
    };
    let year = i32::try_from(pair(y1, y2)? * 100 + pair(y3, y4)?).ok()?;
    let clock = (pair(h1, h2)?, pair(n1, n2)?, pair(s1, s2)?);
    let offset = offset(&mut zone)?;
    if zone.is_empty() { at((year, month_of([m1, m2, m3])?, day), clock, offset) } else { None }
}

/// `2026-11-23T19:56:53.123+00:00`, and a space for the `T`, a comma for the point, no zone
/// (fail2ban, Python). What comes after it stays.
pub(super) fn iso(rest: &mut &[u8], context: &Context<'_>) -> Option<Timestamp> {
    let mut text = *rest;
    let year = four(&mut text)?;
    literal(&mut text, b"-")?;
    let month = two(&mut text)?;
    literal(&mut text, b"-")?;
    let day = two(&mut text)?;
    let (separator, tail) = text.split_first()?;
    if !matches!(separator, b'T' | b' ') {
        return None;
    }
    text = tail;
    let clock = clock(&mut text)?;
    if let Some(tail) = text.strip_prefix(b".").or_else(|| text.strip_prefix(b",")) {
        let digits = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
        text = tail.get(digits..)?;
    }
    let zone = matches!(text.first(), Some(b'Z' | b'+' | b'-'));
    let offset = if zone { offset(&mut text)? } else { i64::from(context.utc_offset) };
    *rest = text;
    at((year, month, day), clock, offset)
}

/// `Mon Nov 23 19:56:53 2026` (C's ctime: ClamAV, Apache's error log), perhaps with a
/// fraction of the second. What comes after it stays.
pub(super) fn ctime(rest: &mut &[u8], context: &Context<'_>) -> Option<Timestamp> {
    const DAYS: [&[u8; 4]; 7] = [b"Mon ", b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun "];
    let mut text = *rest;
    let day_name = text.get(..4)?;
    if !DAYS.iter().any(|day| *day == day_name) {
        return None;
    }
    text = text.get(4..)?;
    let month = month(&mut text)?;
    literal(&mut text, b" ")?;
    text = text.strip_prefix(b" ").unwrap_or(text);
    let day = day(&mut text, b' ')?;
    let clock = clock(&mut text)?;
    if let Some(tail) = text.strip_prefix(b".") {
        let digits = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
        text = tail.get(digits..)?;
    }
    literal(&mut text, b" ")?;
    let year = four(&mut text)?;
    *rest = text;
    at((year, month, day), clock, i64::from(context.utc_offset))
}

/// `2026/11/23 19:56:53` (nginx's error log). What comes after it stays.
pub(super) fn slashed(rest: &mut &[u8], context: &Context<'_>) -> Option<Timestamp> {
    let mut text = *rest;
    let year = four(&mut text)?;
    literal(&mut text, b"/")?;
    let month = two(&mut text)?;
    literal(&mut text, b"/")?;
    let day = two(&mut text)?;
    literal(&mut text, b" ")?;
    let clock = clock(&mut text)?;
    *rest = text;
    at((year, month, day), clock, i64::from(context.utc_offset))
}

/// `Nov 23 19:56:53`, or with a year after the day (journald's and some syslogs'
/// variant is not guessed). The year is the one that brings it nearest before `now`.
pub(super) fn rfc3164(rest: &mut &[u8], context: &Context<'_>) -> Option<Timestamp> {
    let mut text = *rest;
    let month = month(&mut text)?;
    literal(&mut text, b" ")?;
    text = text.strip_prefix(b" ").unwrap_or(text);
    let day = day(&mut text, b' ')?;
    let clock = clock(&mut text)?;
    *rest = text;
    let offset = i64::from(context.utc_offset);
    let next_year = year_of(context.now, offset)? + 1;
    // A clock may run a little ahead; beyond a day it is last year's December.
    let newest = context.now.plus(DAY);
    // What is in the next year and at most a day ahead is of its first day.
    let first = if (month, day) == (1, 1) { 0 } else { 1 };
    // 29 February can lie eight years back (1896 to 1904, 2096 to 2104).
    (first..=9)
        .filter_map(|back| at((next_year - back, month, day), clock, offset))
        .find(|time| *time <= newest)
}

/// Seconds since 1970 with a fraction: `1795463813.695`.
pub(super) fn epoch(text: &[u8]) -> Option<Timestamp> {
    let mut rest = text;
    let whole = take_until(&mut rest, b'.').unwrap_or(text);
    (whole.len() <= 11).then(|| number(whole)).flatten().map(Timestamp)
}
