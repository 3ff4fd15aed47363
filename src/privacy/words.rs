//! Whether a text speaks of something, however it is spelt.

use crate::model::Value;

/// How often a text is decoded again: attackers encode twice.
const MAX_DECODINGS: usize = 3;

/// A word that must not leave, ready to be looked for.
pub(super) struct Word {
    squeezed: String,
    lower: String,
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
            return text.lower.contains(&self.lower);
        }
        text.squeezed.iter().any(|text| text.contains(&self.squeezed))
    }
}

/// A text in every spelling in which a word may hide.
pub(super) struct Spelt {
    lower: String,
    squeezed: Vec<String>,
}

impl Spelt {
    /// A text that is not encoded.
    pub(super) fn plain(text: &str) -> Self {
        Self { lower: text.to_lowercase(), squeezed: vec![squeeze(text)] }
    }

    /// A value: as it is, percent-decoded, and with its host in Unicode.
    pub(super) fn value(value: &Value) -> Self {
        let mut spelt = Self::plain(value.as_str());
        spelt.squeezed.extend(decodings(value.as_str()).iter().map(|text| squeeze(text)));
        if let Some(host) = value.host_name() {
            spelt.squeezed.push(squeeze(&idna::domain_to_unicode(host).0));
        }
        spelt
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
