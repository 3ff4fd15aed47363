//! The scrubber: which tags and custom fields may be told.
//!
//! Free text cannot be proved harmless, so it is taken only in a shape in which
//! little can hide: short, plain, and free of everything that names a place or a
//! person. What fails is dropped whole, with its reason.

use std::collections::{BTreeMap, BTreeSet};

use super::addresses::addresses;
use super::words::{Spelt, Word};
use super::{Dropped, Policy, Reason};
use crate::hygiene::{self, Lists};
use crate::model::{CustomFields, CustomValue, Evidence, MAX_CUSTOM_FIELDS, MAX_TAGS, Tag};

/// The tags that everybody means alike: what an indicator did, never to whom.
const VOCABULARY: &str = "backdoor banned botnet brute-force c2 credential-stuffing cryptominer \
    ddos dns exploit flood ftp http ids imap injection lfi mail malware mysql password-spraying \
    path-traversal phishing port-scan postgresql proxy ransomware rce rdp recon rfi scan sip smb \
    smtp spam sqli ssh ssrf telnet tls tor trojan vnc web-attack webshell xss";

/// The tags that level open tells without asking the operator.
pub fn vocabulary() -> impl Iterator<Item = &'static str> {
    VOCABULARY.split_ascii_whitespace()
}

/// How tags begin that name a signature of ClamAV. Most signatures are everybody's, but
/// an organisation may have its own.
const SIGNATURE: &str = "clamav:";
/// The longest text of a custom field, in bytes.
const MAX_TEXT_BYTES: usize = 64;
/// The most words of a text; a log line has more.
const MAX_WORDS: usize = 6;
/// The longest run of digits; a time, a telephone number or an account has more.
const MAX_DIGITS: usize = 7;
/// The greatest whole number; a time or an address is greater.
const MAX_NUMBER: u64 = 999_999;
/// How deep lists and maps may be nested.
pub(super) const MAX_DEPTH: usize = 3;
/// The most that all custom fields take, in bytes, so that the claim stays under its limit.
const MAX_CUSTOM_BYTES: usize = 512;

/// Words of a field's name that promise a place, a person or a log line.
const TELLING_NAMES: &str = "account agent client cmd command company contact customer dir \
    directory dst email filename fqdn home host hostname line log login machine mail message msg \
    node org organisation organization owner path payload person raw server target uid user \
    username victim";
/// Words of a text that stand before or after a name.
const TELLING_WORDS: &str = "account admin administrator by for from host hostname login logname \
    rhost root ruser uid user username";

/// The rules for one claim.
pub(super) struct Scrubber<'a> {
    policy: &'a Policy,
    never_share: Vec<Word>,
    internal: Vec<Word>,
}

impl<'a> Scrubber<'a> {
    pub(super) fn new(policy: &'a Policy, lists: &Lists) -> Self {
        let words = |texts: &[String]| texts.iter().filter_map(|text| Word::new(text)).collect();
        let mut internal: Vec<Word> = words(&policy.internal);
        internal.extend(words(lists.own_domains()));
        Self { policy, never_share: words(&policy.never_share), internal }
    }

    /// The tags of all the evidence that may be told.
    pub(super) fn tags(&self, used: &[&Evidence], dropped: &mut Vec<Dropped>) -> Vec<Tag> {
        let tags: BTreeSet<&Tag> = used.iter().flat_map(|e| &e.tags).collect();
        let mut told = Vec::new();
        for tag in tags {
            let verdict = if told.len() == MAX_TAGS {
                Err(Reason::NoRoom)
            } else if vocabulary().any(|known| known == tag.as_str()) {
                // Everybody's word names nothing of the inside, whatever that is called.
                self.never_share(&Spelt::plain(tag.as_str()))
            } else if self.policy.tags.contains(tag) {
                self.words(tag.as_str())
            } else if tag.as_str().starts_with(SIGNATURE) {
                self.signature(tag.as_str())
            } else {
                Err(Reason::NotInVocabulary)
            };
            match verdict {
                Ok(()) => told.push(tag.clone()),
                Err(reason) => dropped.push(Dropped { field: tag.to_string(), reason }),
            }
        }
        told
    }

    /// The custom fields of all the evidence that may be told.
    pub(super) fn custom(&self, used: &[&Evidence], dropped: &mut Vec<Dropped>) -> CustomFields {
        // Two values of one field: the greater one, as when evidence is folded.
        let mut fields: BTreeMap<&String, &CustomValue> = BTreeMap::new();
        for (name, value) in used.iter().flat_map(|e| &e.custom) {
            let kept = fields.entry(name).or_insert(value);
            *kept = value.max(kept);
        }
        let mut told = CustomFields::new();
        let mut room = MAX_CUSTOM_BYTES;
        for (name, value) in fields {
            let size = size_of(name, value);
            let fits = size <= room && told.len() < MAX_CUSTOM_FIELDS;
            let verdict = self
                .field(name, value, MAX_DEPTH)
                // A word may be spread over a list.
                .and_then(|()| self.words(&format!("{name} {}", all_text(value))))
                .and_then(|()| fits.then_some(()).ok_or(Reason::NoRoom));
            match verdict {
                Ok(()) => {
                    room -= size;
                    told.insert(name.clone(), value.clone());
                }
                Err(reason) => dropped.push(Dropped { field: name.clone(), reason }),
            }
        }
        told
    }

    pub(super) fn field(
        &self,
        name: &str,
        value: &CustomValue,
        depth: usize,
    ) -> Result<(), Reason> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let telling = name.split(['_', '-']).any(|word| is_one_of(TELLING_NAMES, word));
        if !(1..=32).contains(&name.len()) || !name.bytes().all(plain) || telling {
            return Err(Reason::FieldName);
        }
        self.text(name)?;
        self.value(value, depth)
    }

    fn value(&self, value: &CustomValue, depth: usize) -> Result<(), Reason> {
        let depth = depth.checked_sub(1).ok_or(Reason::TooDeep)?;
        match value {
            CustomValue::Null | CustomValue::Bool(_) => Ok(()),
            CustomValue::Integer(number) if number.unsigned_abs() > MAX_NUMBER => {
                Err(Reason::Number)
            }
            CustomValue::Integer(number) => self.words(&number.to_string()),
            CustomValue::Bytes(_) => Err(Reason::Bytes),
            CustomValue::Text(text) => self.text(text),
            CustomValue::List(values) => values.iter().try_for_each(|v| self.value(v, depth)),
            CustomValue::Map(fields) => {
                fields.iter().try_for_each(|(name, value)| self.field(name, value, depth))
            }
        }
    }

    fn text(&self, text: &str) -> Result<(), Reason> {
        self.words(text)?;
        if text.contains('@') {
            return Err(Reason::Email);
        }
        if text.contains(['/', '\\']) {
            return Err(Reason::Path);
        }
        if addresses(text).next().is_some() {
            return Err(Reason::Address);
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b" .,_+-:()#%".contains(&b);
        let words: Vec<&str> = text.split([' ', ',', '(', ')', ':', '+', '#', '%']).collect();
        let times = text
            .as_bytes()
            .windows(3)
            .any(|w| matches!(w, [a, b':', b] if a.is_ascii_digit() && b.is_ascii_digit()));
        let long = text.len() > MAX_TEXT_BYTES || words.len() > MAX_WORDS;
        if long || times || !text.bytes().all(plain) {
            return Err(Reason::LogLine);
        }
        if text.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() > MAX_DIGITS) {
            return Err(Reason::Number);
        }
        if words.iter().any(|word| is_host_name(word)) {
            return Err(Reason::HostName);
        }
        let mut plain_words = text.split(|c: char| !c.is_ascii_alphanumeric());
        if plain_words.any(|word| is_one_of(TELLING_WORDS, &word.to_ascii_lowercase())) {
            return Err(Reason::UserName);
        }
        Ok(())
    }

    fn signature(&self, tag: &str) -> Result<(), Reason> {
        self.words(tag)?;
        if addresses(tag).next().is_some() { Err(Reason::Address) } else { Ok(()) }
    }

    fn words(&self, text: &str) -> Result<(), Reason> {
        let spelt = Spelt::plain(text);
        self.never_share(&spelt)?;
        let named = self.internal.iter().any(|word| word.is_named_in(&spelt));
        if named { Err(Reason::Internal) } else { Ok(()) }
    }

    fn never_share(&self, text: &Spelt) -> Result<(), Reason> {
        let held = self.never_share.iter().any(|word| word.is_in(text));
        if held { Err(Reason::NeverShare) } else { Ok(()) }
    }
}

fn is_one_of(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|one| one == word)
}

/// A word with a dot that ends in a top-level domain, real or private.
fn is_host_name(word: &str) -> bool {
    let name = word.trim_matches(['.', '-']).to_ascii_lowercase();
    name.contains('.')
        && (psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.typ().is_some())
            || hygiene::is_special_name(&name))
}

/// Everything that a field says, in one line.
fn all_text(value: &CustomValue) -> String {
    let join = |texts: Vec<String>| texts.join(" ");
    match value {
        CustomValue::Null | CustomValue::Bool(_) | CustomValue::Bytes(_) => String::new(),
        CustomValue::Integer(number) => number.to_string(),
        CustomValue::Text(text) => text.clone(),
        CustomValue::List(values) => join(values.iter().map(all_text).collect()),
        CustomValue::Map(fields) => {
            join(fields.iter().map(|(name, value)| format!("{name} {}", all_text(value))).collect())
        }
    }
}

/// What a field takes in the claim, rounded up: every CBOR head as 9 bytes.
fn size_of(name: &str, value: &CustomValue) -> usize {
    const HEAD: usize = 9;
    let body = match value {
        CustomValue::Null | CustomValue::Bool(_) | CustomValue::Integer(_) => 0,
        CustomValue::Bytes(bytes) => bytes.len(),
        CustomValue::Text(text) => text.len(),
        CustomValue::List(values) => values.iter().map(|value| size_of("", value)).sum(),
        CustomValue::Map(fields) => fields.iter().map(|(name, value)| size_of(name, value)).sum(),
    };
    HEAD + name.len() + HEAD + body
}
