//! The scrubber: which tags and custom fields may be told.
//!
//! Free text cannot be proved harmless, so it is taken only in a shape in which
//! little can hide: short, plain, and free of everything that names a place or a
//! person. What fails is dropped whole, with its reason.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use super::Policy;
use super::words::{self, Spelt, Word};
use crate::hygiene::{self, Lists, Unfit};
use crate::model::{CustomFields, CustomValue, Evidence, MAX_CUSTOM_FIELDS, MAX_TAGS, Tag, Value};

/// The tags that everybody means alike: what an indicator did, never to whom.
pub const VOCABULARY: [&str; 48] = [
    "backdoor",
    "banned",
    "botnet",
    "brute-force",
    "c2",
    "command-injection",
    "credential-stuffing",
    "cryptominer",
    "ddos",
    "dns",
    "exploit",
    "file-inclusion",
    "flood",
    "ftp",
    "http",
    "ids",
    "imap",
    "injection",
    "malware",
    "mail",
    "mysql",
    "password-spraying",
    "path-probing",
    "phishing",
    "port-scan",
    "postgresql",
    "proxy",
    "ransomware",
    "rdp",
    "recon",
    "rfi",
    "scanner",
    "shellshock",
    "sip",
    "smb",
    "smtp",
    "spam",
    "sql-injection",
    "ssh",
    "telnet",
    "tor",
    "traversal",
    "trojan",
    "vnc",
    "web-attack",
    "web-scan",
    "webshell",
    "xss",
];

/// The longest text of a custom field, in bytes.
const MAX_TEXT_BYTES: usize = 64;
/// The most words of a text; a log line has more.
const MAX_WORDS: usize = 6;
/// The longest run of digits; a time, a telephone number or an account has more.
const MAX_DIGITS: usize = 7;
/// The greatest whole number; a time or an address is greater.
const MAX_NUMBER: u64 = 999_999;
/// How deep lists and maps may be nested.
const MAX_DEPTH: usize = 3;
/// The most that all custom fields take, in bytes, so that the claim stays under its limit.
const MAX_CUSTOM_BYTES: usize = 512;

/// Words of a field's name that promise a place, a person or a log line.
const TELLING_NAMES: [&str; 38] = [
    "account",
    "agent",
    "client",
    "cmd",
    "command",
    "company",
    "contact",
    "customer",
    "dir",
    "directory",
    "dst",
    "email",
    "filename",
    "fqdn",
    "home",
    "host",
    "hostname",
    "line",
    "log",
    "login",
    "machine",
    "mail",
    "message",
    "msg",
    "node",
    "org",
    "organisation",
    "organization",
    "owner",
    "path",
    "payload",
    "person",
    "raw",
    "server",
    "target",
    "uid",
    "user",
    "victim",
];
/// Words of a text that are followed or preceded by a name.
const TELLING_WORDS: [&str; 16] = [
    "account",
    "admin",
    "administrator",
    "by",
    "for",
    "from",
    "host",
    "hostname",
    "login",
    "logname",
    "rhost",
    "root",
    "ruser",
    "uid",
    "user",
    "username",
];

/// A tag or custom field that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The tag's text or the field's name. For the operator's eyes only.
    pub field: String,
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

/// Why a tag or custom field was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Reason {
    /// A tag that only this operator knows.
    #[error("the tag is not in the vocabulary; [privacy] tags allows more")]
    NotInVocabulary,
    /// It holds a word of `never_share`.
    #[error("it holds a word of [privacy] never_share")]
    NeverShare,
    /// It names this machine, its users or an own domain.
    #[error("it names this machine, one of its users or an own domain")]
    Internal,
    /// A field's name that promises something private, or is no plain name.
    #[error("the field's name is not plain, or promises a person, a place or a log line")]
    FieldName,
    /// Looks like a log line.
    #[error("it may be a log line: it is long or holds more than plain words")]
    LogLine,
    /// Names a user.
    #[error("it may name a user")]
    UserName,
    /// Names a host.
    #[error("it holds a host name")]
    HostName,
    /// Holds an e-mail address.
    #[error("it holds an e-mail address")]
    Email,
    /// Holds an address.
    #[error("it holds an address")]
    Address,
    /// Holds a path.
    #[error("it holds a path")]
    Path,
    /// A number so great that it may be a time, an address or an account.
    #[error("it holds a number that may be a time, an address or an account")]
    Number,
    /// Bytes, which nobody can read.
    #[error("it holds bytes, which cannot be checked")]
    Bytes,
    /// Nested too deep.
    #[error("it is nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// There is no more room in the claim.
    #[error("the claim has no more room")]
    NoRoom,
}

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
        let tags: std::collections::BTreeSet<&Tag> = used.iter().flat_map(|e| &e.tags).collect();
        let mut told = Vec::new();
        for tag in tags {
            let known = VOCABULARY.contains(&tag.as_str()) || self.policy.tags.contains(tag);
            let verdict = match () {
                () if !known => Err(Reason::NotInVocabulary),
                () if told.len() == MAX_TAGS => Err(Reason::NoRoom),
                () => self.words(tag.as_str()),
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
            let verdict = self.field(name, value, MAX_DEPTH).and_then(|()| {
                let fits = size <= room && told.len() < MAX_CUSTOM_FIELDS;
                fits.then_some(()).ok_or(Reason::NoRoom)
            });
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

    fn field(&self, name: &str, value: &CustomValue, depth: usize) -> Result<(), Reason> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let telling = name.split(['_', '-']).any(|word| TELLING_NAMES.contains(&word));
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
        let telling = |word: &&str| TELLING_WORDS.contains(&word.to_ascii_lowercase().as_str());
        if text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| telling(&word)) {
            return Err(Reason::UserName);
        }
        Ok(())
    }

    fn words(&self, text: &str) -> Result<(), Reason> {
        let spelt = Spelt::plain(text);
        if self.never_share.iter().any(|word| word.is_in(&spelt)) {
            return Err(Reason::NeverShare);
        }
        if self.internal.iter().any(|word| word.is_in(&spelt)) {
            return Err(Reason::Internal);
        }
        Ok(())
    }
}

/// A word with a dot that ends in a top-level domain, real or private.
fn is_host_name(word: &str) -> bool {
    let name = word.trim_matches(['.', '-']).to_ascii_lowercase();
    name.contains('.')
        && (psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.typ().is_some())
            || hygiene::is_special_name(&name))
}

/// Whether an address is one that only the inside has: not global, or the operator's.
pub(super) fn is_internal(ip: IpAddr, lists: &Lists) -> bool {
    !hygiene::is_global(ip) || matches!(lists.check(&Value::from_ip(ip)), Err(Unfit::Own { .. }))
}

/// Everything in a text that may be read as an address: dotted and dashed IPv4
/// (`ip-10-0-0-1`), and IPv6.
pub(super) fn addresses(text: &str) -> impl Iterator<Item = IpAddr> {
    let v6 = text
        .split(|c: char| !c.is_ascii_hexdigit() && c != ':' && c != '.')
        .filter(|token| token.matches(':').count() >= 2)
        .filter_map(|token| {
            token.parse().or_else(|_| token.trim_end_matches([':', '.']).parse()).ok()
        })
        .map(IpAddr::V6);
    v4_like(text).into_iter().map(IpAddr::V4).chain(v6)
}

fn v4_like(text: &str) -> Vec<std::net::Ipv4Addr> {
    // Runs of digits, and whether exactly one separator stands before each.
    let mut octets: Vec<(Option<u8>, bool)> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (gap, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        octets.push((digits.parse().ok(), matches!(gap, "." | "-" | "_")));
        rest = after;
    }
    octets
        .windows(4)
        .filter_map(|w| match w {
            [(Some(a), _), (Some(b), true), (Some(c), true), (Some(d), true)] => {
                Some(std::net::Ipv4Addr::new(*a, *b, *c, *d))
            }
            _ => None,
        })
        .collect()
}

/// The addresses in a value, also where it is percent-encoded.
pub(super) fn addresses_of(value: &Value) -> Vec<IpAddr> {
    words::decodings(value.as_str()).iter().flat_map(|text| addresses(text)).collect()
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
