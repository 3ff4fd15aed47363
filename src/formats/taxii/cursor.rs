//! `next`: where a page ended, as a word that only this server reads.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::Stamp;

/// The stamp of the last object of a page. It stands for itself: nothing is remembered
/// for it, so it outlives restarts and no one can fill a list with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub Stamp);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL.encode(self.0.0.to_be_bytes()))
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let bytes = BASE64URL.decode(text).map_err(|_| BadCursor)?;
        let bytes = bytes.try_into().map_err(|_| BadCursor)?;
        Ok(Self(Stamp(u64::from_be_bytes(bytes))))
    }
}

/// A text that no page of this server ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("next is not one that this server gave: begin again without it")]
pub struct BadCursor;
