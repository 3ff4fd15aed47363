//! MISP warninglists: what is known to be harmless (`misp-warninglists/schema.json`).
//!
//! The matching is that of MISP's `Warninglist.php`, with three differences, all
//! towards refusing more: a network around an entry matches as well as one inside
//! it, texts are also compared in canonical form, and every value is tested,
//! whatever it is used for.

use std::collections::{BTreeSet, HashSet};

use aho_corasick::AhoCorasick;
use ipnet::IpNet;
use prefix_trie::joint::JointPrefixSet;
use regex::{RegexSet, RegexSetBuilder};
use serde::Deserialize;

use super::Unfit;
use super::own::upwards;
use crate::model::{Kind, Value};

/// The longest list. MISP's longest has a million entries.
const MAX_ENTRIES: usize = 2_000_000;
/// The most memory that the patterns of one `regex` list may take, in bytes.
const MAX_PATTERN_BYTES: usize = 16 * 1024 * 1024;

/// A list of what is known to be harmless.
#[derive(Debug)]
pub struct Warninglist {
    name: String,
    /// The kinds it speaks of; `None` is all of them.
    kinds: Option<BTreeSet<Kind>>,
    entries: Entries,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // a handful of them, each large anyway
enum Entries {
    Exact(HashSet<String>),
    Substring { finder: AhoCorasick, entries: Vec<String> },
    Hostname(HashSet<String>),
    Cidr(JointPrefixSet<IpNet>),
    Regex(RegexSet),
}

/// The file's shape. Other keys are ignored: MISP adds some over time.
#[derive(Deserialize)]
struct File {
    name: String,
    #[serde(rename = "type", default)]
    matching: Option<String>,
    list: Vec<String>,
    #[serde(default)]
    matching_attributes: Vec<String>,
}

/// A value with what every list asks of it, worked out once.
pub(super) struct Probe<'a> {
    value: &'a Value,
    nets: Vec<IpNet>,
}

impl<'a> Probe<'a> {
    pub(super) fn new(value: &'a Value, nets: &[IpNet]) -> Self {
        let mut nets = nets.to_vec();
        if matches!(value.kind(), Kind::Custom(_)) {
            nets.extend(parts(value).filter_map(network));
        }
        Self { value, nets }
    }
}

/// A value of a custom kind may be composite: MISP splits at the first `|` and tests both.
fn parts(value: &Value) -> impl Iterator<Item = &str> {
    let limit = if matches!(value.kind(), Kind::Custom(_)) { 2 } else { 1 };
    value.as_str().splitn(limit, '|')
}

fn network(text: &str) -> Option<IpNet> {
    let parse = |kind| Value::parse(&kind, text).ok().and_then(|value| value.network());
    parse(Kind::Ip).or_else(|| parse(Kind::Cidr))
}

impl Warninglist {
    /// Reads a MISP warninglist.
    pub fn parse(json: &str) -> Result<Self, BadWarninglist> {
        let file: File =
            serde_json::from_str(json).map_err(|why| BadWarninglist::NotJson(why.to_string()))?;
        if file.list.len() > MAX_ENTRIES {
            return Err(BadWarninglist::TooLong { limit: MAX_ENTRIES });
        }
        let entries = match file.matching.as_deref().unwrap_or("string") {
            "string" => Entries::Exact(file.list.iter().flat_map(|e| exact(e)).collect()),
            "substring" => substrings(file.list)?,
            "hostname" => Entries::Hostname(file.list.iter().map(|e| hostname(e)).collect()),
            "cidr" => Entries::Cidr(
                file.list
                    .iter()
                    .map(|e| network(e).ok_or_else(|| BadWarninglist::NotNetwork(e.clone())))
                    .collect::<Result<_, _>>()?,
            ),
            "regex" => patterns(&file.list)?,
            other => return Err(BadWarninglist::Type(other.to_owned())),
        };
        let kinds = file.matching_attributes.iter().flat_map(|name| kinds_of(name)).collect();
        let kinds = (!file.matching_attributes.is_empty()).then_some(kinds);
        if kinds.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(BadWarninglist::NoKind);
        }
        Ok(Self { name: file.name, kinds, entries })
    }

    /// The list's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn check(&self, probe: &Probe<'_>) -> Result<(), Unfit> {
        match self.entry_for(probe) {
            Some(entry) => Err(Unfit::Listed { list: self.name.clone(), entry }),
            None => Ok(()),
        }
    }

    fn speaks_of(&self, kind: &Kind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind))
    }

    fn entry_for(&self, probe: &Probe<'_>) -> Option<String> {
        let value = probe.value;
        if let Entries::Cidr(entries) = &self.entries {
            // A URL with an address for a host names that address, and so does a custom value.
            let asked = self.speaks_of(&Kind::Ip) || self.speaks_of(value.kind());
            let touched = |net| entries.get_lpm(net).or_else(|| entries.children(net).next());
            let entry = probe.nets.iter().find_map(touched).filter(|_| asked);
            return entry.map(|entry| entry.to_string());
        }
        if !self.speaks_of(value.kind()) {
            return None;
        }
        let found = |entries: &HashSet<String>, text: &str| entries.get(text).cloned();
        match &self.entries {
            Entries::Exact(entries) => parts(value).find_map(|part| found(entries, part)),
            Entries::Substring { finder, entries } => {
                let hit = finder.find(value.as_str())?;
                entries.get(hit.pattern().as_usize()).cloned()
            }
            Entries::Hostname(entries) => {
                host(value).into_iter().flat_map(upwards).find_map(|name| found(entries, name))
            }
            Entries::Regex(patterns) => {
                let hit = patterns.matches(value.as_str()).into_iter().next()?;
                patterns.patterns().get(hit).cloned()
            }
            Entries::Cidr(_) => None,
        }
    }
}

/// The host that a `hostname` list looks at. An e-mail address is none: people
/// have mailboxes at domains that are harmless.
fn host(value: &Value) -> Option<&str> {
    match value.kind() {
        Kind::Domain | Kind::Url => value.host_name(),
        Kind::Custom(_) => Some(value.as_str()),
        Kind::Ip
        | Kind::Cidr
        | Kind::Email
        | Kind::Md5
        | Kind::Sha1
        | Kind::Sha256
        | Kind::Sha512 => None,
    }
}

/// An entry as it is written and as we would write it.
fn exact(entry: &str) -> BTreeSet<String> {
    let canonical = Value::guess(entry).map(|value| value.as_str().to_owned());
    [entry.to_owned()].into_iter().chain(canonical).collect()
}

fn hostname(entry: &str) -> String {
    let bare = entry.trim().trim_start_matches("*.").trim_matches('.');
    let canonical = Value::parse(&Kind::Domain, bare).map(|value| value.as_str().to_owned());
    canonical.unwrap_or_else(|_| bare.to_ascii_lowercase())
}

fn substrings(list: Vec<String>) -> Result<Entries, BadWarninglist> {
    let entries: Vec<String> = list.into_iter().filter(|entry| !entry.is_empty()).collect();
    let finder =
        AhoCorasick::new(&entries).map_err(|why| BadWarninglist::Entries(why.to_string()))?;
    Ok(Entries::Substring { finder, entries })
}

fn patterns(list: &[String]) -> Result<Entries, BadWarninglist> {
    let converted = list.iter().map(|entry| from_pcre(entry)).collect::<Result<Vec<_>, _>>()?;
    RegexSetBuilder::new(&converted)
        .size_limit(MAX_PATTERN_BYTES)
        .build()
        .map(Entries::Regex)
        .map_err(|why| BadWarninglist::Pattern(why.to_string()))
}

/// `/pattern/flags` as PHP's PCRE takes it, for the `regex` crate. What that
/// crate cannot do is refused rather than read differently.
fn from_pcre(entry: &str) -> Result<String, BadWarninglist> {
    let wrong = |why: &str| BadWarninglist::Pattern(format!("{entry}: {why}"));
    let open = entry.chars().next().ok_or_else(|| wrong("it is empty"))?;
    let close = match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        c if !c.is_alphanumeric() && c != '\\' && !c.is_whitespace() => c,
        _ => return Err(wrong("it has no delimiters, as in /pattern/i")),
    };
    let rest = entry.get(open.len_utf8()..).unwrap_or_default();
    let (pattern, flags) =
        rest.rsplit_once(close).ok_or_else(|| wrong("its last delimiter is missing"))?;
    if let Some(unsupported) = flags.chars().find(|flag| !"imsxuD".contains(*flag)) {
        return Err(wrong(&format!("the flag {unsupported} is not supported")));
    }
    // `u` and `D` are how this crate always works.
    let flags: String = flags.chars().filter(|flag| "imsx".contains(*flag)).collect();
    let pattern = pattern.replace(&format!("\\{close}"), &unescaped(close));
    let pattern = if flags.is_empty() { pattern } else { format!("(?{flags})(?:{pattern})") };
    // Look-around and back-references do not parse; the crate's words say which it was.
    regex::Regex::new(&pattern).map_err(|why| wrong(&why.to_string()))?;
    Ok(pattern)
}

/// A delimiter that was escaped for being one: plain if it means nothing else.
fn unescaped(delimiter: char) -> String {
    let escaped = format!("\\{delimiter}");
    if regex::escape(&delimiter.to_string()) == escaped { escaped } else { delimiter.to_string() }
}

/// The kinds that a MISP attribute type speaks of.
fn kinds_of(attribute: &str) -> Vec<Kind> {
    attribute
        .split('|')
        .flat_map(|part| match part {
            "ip-src" | "ip-dst" | "ip" => vec![Kind::Ip, Kind::Cidr],
            "domain" | "hostname" => vec![Kind::Domain],
            "url" | "uri" | "link" => vec![Kind::Url],
            "email" | "email-src" | "email-dst" | "email-reply-to" => vec![Kind::Email],
            "md5" => vec![Kind::Md5],
            "sha1" => vec![Kind::Sha1],
            "sha256" => vec![Kind::Sha256],
            "sha512" => vec![Kind::Sha512],
            _ => vec![],
        })
        .collect()
}

/// Why a file is not a warninglist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWarninglist {
    /// Not JSON of the shape.
    #[error("it is not a MISP warninglist: {0}")]
    NotJson(String),
    /// Not one of the five ways of matching.
    #[error("its type {0:?} is not string, substring, hostname, cidr or regex")]
    Type(String),
    /// Longer than is read.
    #[error("it has more than {limit} entries; split it")]
    TooLong {
        /// The most that are read.
        limit: usize,
    },
    /// An entry of a `cidr` list.
    #[error("its entry {0:?} is not an address or network")]
    NotNetwork(String),
    /// A pattern that cannot be used.
    #[error("its pattern cannot be used (look-around and back-references are not supported): {0}")]
    Pattern(String),
    /// Entries that cannot be searched for.
    #[error("its entries cannot be searched for: {0}")]
    Entries(String),
    /// It names only attributes that are no indicators here.
    #[error("its matching_attributes name no kind of indicator that DTIM knows")]
    NoKind,
}
