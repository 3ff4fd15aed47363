//! Hashes and custom values.

use crate::model::NotCanonical;

/// The longest custom value, in bytes.
const MAX_CUSTOM_BYTES: usize = 1024;

/// A hash of that many hexadecimal digits, in lower case.
pub(in crate::model) fn hash(raw: &str, digits: usize) -> Result<String, NotCanonical> {
    if raw.len() == digits && raw.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(raw.to_ascii_lowercase())
    } else {
        Err(NotCanonical::NotHash { digits })
    }
}

/// A custom value as it is, if it holds nothing that hides.
pub(in crate::model) fn custom(raw: &str) -> Result<String, NotCanonical> {
    if raw.len() > MAX_CUSTOM_BYTES {
        return Err(NotCanonical::TooLong { limit: MAX_CUSTOM_BYTES });
    }
    if raw.chars().any(hides) {
        return Err(NotCanonical::HiddenCharacter);
    }
    Ok(raw.to_owned())
}

/// Control characters, line and paragraph separators, zero-width and direction
/// marks (Unicode Cc, Zl, Zp and the Cf that change what a reader sees).
pub(in crate::model) fn hides(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}
