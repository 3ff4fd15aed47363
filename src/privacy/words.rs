//! Whether a text speaks of something, however it is spelt.

use crate::model::Value;

/// How often a text is decoded again: attackers encode twice.
const MAX_DECODINGS: usize = 3;
/// How long a name must be, without its separators, to be looked for inside
/// other words: `bob` stands in many, `bobsmith` does not.
const MIN_INSIDE: usize = 5;

/// A word that must not leave, ready to be looked for.
pub(super) struct Word {
    lower: String,
    squeezed: String,
}

impl Word {
    /// `None` for a blank word, which every text would hold.
    pub(super) fn new(word: &str) -> Option<Self> {
        let lower = word.trim().to_lowercase();
        (!lower.is_empty()).then(|| Self { squeezed: squeeze(&lower), lower })
    }

    /// Whether the text holds the word in any case, with any separators
    /// (`acme-corp`, `AcmeCorp` and `acme corp` are one), also inside a name.
    pub(super) fn is_in(&self, text: &Spelt) -> bool {
        if self.squeezed.is_empty() {
            return text.lower.iter().any(|text| text.contains(&self.lower));
        }
        text.squeezed.iter().any(|text| text.contains(&self.squeezed))
    }

    /// The same, but a short word only where it stands by itself: for names that
    /// the operator did not choose as words that must not leave.
    pub(super) fn is_named_in(&self, text: &Spelt) -> bool {
        if self.squeezed.chars().count() >= MIN_INSIDE {
            return self.is_in(text);
        }
        text.lower.iter().any(|text| {
            text.match_indices(&self.lower).any(|(start, word)| {
                let (before, rest) = text.split_at(start);
                let after = rest.get(word.len()..).unwrap_or_default();
                !before.ends_with(char::is_alphanumeric)
                    && !after.starts_with(char::is_alphanumeric)
            })
        })
    }
}

/// A text in every spelling in which a word may hide.
pub(super) struct Spelt {
    lower: Vec<String>,
    squeezed: Vec<String>,
}

impl Spelt {
    /// A text that is not encoded.
    pub(super) fn plain(text: &str) -> Self {
        Self { lower: vec![text.to_lowercase()], squeezed: vec![squeeze(text)] }
    }

    /// A value: as it is, percent-decoded, and with its host in Unicode.
    pub(super) fn value(value: &Value) -> Self {
        let host = value.host_name().map(|host| idna::domain_to_unicode(host).0);
        let texts: Vec<String> = decodings(value.as_str()).into_iter().chain(host).collect();
        Self {
            lower: texts.iter().map(|text| text.to_lowercase()).collect(),
            squeezed: texts.iter().map(|text| squeeze(text)).collect(),
        }
    }
}

/// Letters and digits only, in lower case.
fn squeeze(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The text as it is, and decoded again and again: `%41` and `+` read as in a
/// query, its parts joined by spaces.
pub(super) fn decodings(text: &str) -> Vec<String> {
    let decoded = |text: &String| {
        let parts = url::form_urlencoded::parse(text.as_bytes());
        Some(parts.flat_map(|(name, value)| [name, value]).collect::<Vec<_>>().join(" "))
    };
    std::iter::successors(Some(text.to_owned()), decoded).take(1 + MAX_DECODINGS).collect()
}
