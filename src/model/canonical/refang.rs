//! Undoes the ways in which people break indicators so that nobody clicks on them.

use std::borrow::Cow;

/// The broken spellings, longest first, and what they stand for. Case is ignored.
const BROKEN: [(&str, &str); 12] = [
    ("hxxps://", "https://"),
    ("hxxp://", "http://"),
    ("[://]", "://"),
    ("[:]//", "://"),
    ("[dot]", "."),
    ("(dot)", "."),
    ("{dot}", "."),
    ("[at]", "@"),
    ("(at)", "@"),
    ("[.]", "."),
    ("(.)", "."),
    ("[:]", ":"),
];

/// The value as it was before it was broken. Repeats until nothing is left to
/// undo, so that the result never changes again.
pub(in crate::model) fn refang(raw: &str) -> Cow<'_, str> {
    // Every broken spelling has a bracket or `xx`: most values have neither.
    let broken = |pair: &[u8]| pair.eq_ignore_ascii_case(b"xx");
    let bytes = raw.as_bytes();
    let bracket = bytes.iter().any(|byte| matches!(byte, b'[' | b'(' | b'{'));
    if !bracket && !bytes.windows(2).any(broken) {
        return Cow::Borrowed(raw);
    }
    let mut text = Cow::Borrowed(raw);
    while let Some(mended) = once(&text) {
        text = Cow::Owned(mended);
    }
    text
}

fn once(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    if !BROKEN.iter().any(|(broken, _)| lower.contains(broken)) {
        return None;
    }
    let mut mended = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let here = lower.get(at..).unwrap_or_default();
        if let Some((broken, whole)) = BROKEN.iter().find(|(broken, _)| here.starts_with(broken)) {
            mended.push_str(whole);
            at += broken.len();
        } else {
            let step = here.chars().next().map_or(1, char::len_utf8);
            mended.push_str(text.get(at..at + step).unwrap_or_default());
            at += step;
        }
    }
    Some(mended)
}
