//! Tags: short labels of what an indicator did.

use std::fmt;
use std::str::FromStr;

/// The longest tag, in bytes.
pub const MAX_TAG_BYTES: usize = 64;

/// 1 to 64 of `a-z`, `0-9`, `.`, `_`, `:`, `/`, `+` and `-`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tag {
    type Err = BadTag;

    fn from_str(text: &str) -> Result<Self, BadTag> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fits = (1..=MAX_TAG_BYTES).contains(&text.len())
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|b| plain(b) || b"._:/+-".contains(&b));
        if fits { Ok(Self(text.to_owned())) } else { Err(BadTag(text.to_owned())) }
    }
}

/// A text that is not a tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a tag: 1 to 64 lower-case letters, digits and . _ : / + -")]
pub struct BadTag(pub String);
