//! What this program did and what the other side did, one JSON object a line.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::Value as Json;

/// Prints a line. Whoever reads may be gone: then there is nobody to tell.
pub(crate) fn say(line: &Json) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Bytes as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// Text as bytes.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    digits
        .chunks(2)
        .map(|pair| pair.iter().try_fold(0, |byte: u8, digit| Some(byte << 4 | digit)))
        .collect()
}
