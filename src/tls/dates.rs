//! Days as certificates write them.

use chrono::Datelike as _;

use super::TlsError;
use crate::model::{DAY, Timestamp};

/// Between which days a certificate is good: from a day ago, because clocks differ.
pub(super) fn valid_for(
    params: &mut rcgen::CertificateParams,
    days: u64,
    now: Timestamp,
) -> Result<(), TlsError> {
    let day = |at: Timestamp| {
        let seconds = i64::try_from(at.seconds()).ok()?;
        let date = chrono::DateTime::from_timestamp(seconds, 0)?;
        let (month, day) = (u8::try_from(date.month()).ok()?, u8::try_from(date.day()).ok()?);
        Some(rcgen::date_time_ymd(date.year(), month, day))
    };
    let no_day = || TlsError::Make("the clock shows no date".to_owned());
    params.not_before = day(now.minus(DAY)).ok_or_else(no_day)?;
    params.not_after = day(now.plus(days * DAY)).ok_or_else(no_day)?;
    Ok(())
}
