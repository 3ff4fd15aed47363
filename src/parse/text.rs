//! A text as it stands in a log.
//!
//! Owns escapes. It must never decode percent signs: that is for rules to want.

use std::borrow::Cow;

use super::scan;

/// How a log writes what it may not write as it is. As wide as a pointer: a text without
/// padding is copied faster, and each line makes ten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(usize)]
pub enum Escape {
    /// Not at all.
    #[default]
    None,
    /// With a backslash: `\xHH` (nginx), `\"` and `\n` (Apache, JSON), `\u00HH` (JSON).
    Backslash,
}

/// A text as it stands in the log, and how that log escapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text<'a> {
    raw: &'a [u8],
    escape: Escape,
}

impl<'a> Text<'a> {
    /// The bytes of the log.
    #[inline]
    pub fn new(raw: &'a [u8], escape: Escape) -> Self {
        Self { raw, escape }
    }

    /// The bytes of the log, escapes and all.
    pub fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// How they are escaped.
    pub fn escape(self) -> Escape {
        self.escape
    }

    /// Whether there is nothing.
    pub fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    /// Whether the log's bytes are the text's bytes.
    pub fn is_plain(self) -> bool {
        self.escape == Escape::None || !self.raw.contains(&b'\\')
    }

    /// The text's own bytes; allocates only if something was escaped.
    pub fn decoded(self) -> Cow<'a, [u8]> {
        if self.is_plain() {
            return Cow::Borrowed(self.raw);
        }
        let mut bytes = Vec::with_capacity(self.raw.len());
        self.decode_into(&mut bytes);
        Cow::Owned(bytes)
    }

    /// Appends the text's own bytes.
    pub fn decode_into(self, bytes: &mut Vec<u8>) {
        match self.escape {
            Escape::None => bytes.extend_from_slice(self.raw),
            Escape::Backslash => scan::unescape(self.raw, bytes),
        }
    }
}

/// Up to the closing quote, after the opening one. Quotes inside have a backslash before
/// them, or are written `\x22`.
#[inline]
pub(super) fn quoted<'a>(rest: &mut &'a [u8]) -> Option<Text<'a>> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', rest.get(from..)?)?;
        if rest.get(at) == Some(&b'"') {
            let raw = rest.get(..at)?;
            *rest = rest.get(at + 1..)?;
            return Some(Text::new(raw, Escape::Backslash));
        }
        from = at + 2;
    }
}
