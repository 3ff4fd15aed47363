//! What VirusTotal says of a value, and its reading. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lookup;
use crate::model::{Confidence, Kind, Tag, Timestamp, Value};

/// The longest label that is kept, in characters.
const MAX_LABEL_CHARS: usize = 64;
/// What one engine's word is worth; that of one that only suspects is worth half.
const WORTH: f64 = 0.2;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// Its engines looked at the value.
    Report(Report),
    /// It has never seen it.
    Unknown,
}

/// What the engines think.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Engines that call it malicious.
    pub malicious: u32,
    /// Engines that suspect it.
    pub suspicious: u32,
    /// Engines that call it harmless.
    pub harmless: u32,
    /// Engines that see nothing in it.
    pub undetected: u32,
    /// The community's votes, below zero for the worse.
    pub reputation: i64,
    /// The label on which most engines agree: a family, usually.
    pub label: Option<String>,
    /// The last analysis, in seconds since 1970.
    pub analysed: Option<u64>,
    /// The page for people.
    pub link: String,
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    id: String,
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    last_analysis_stats: BTreeMap<String, u32>,
    #[serde(default)]
    reputation: i64,
    #[serde(default)]
    popular_threat_classification: Option<Classification>,
    #[serde(default)]
    last_analysis_date: Option<u64>,
}

#[derive(Deserialize)]
struct Classification {
    #[serde(default)]
    suggested_threat_label: Option<String>,
}

impl Report {
    /// Reads the answer for a value, or says what is wrong with it.
    pub(super) fn read(json: &[u8], value: &Value) -> Result<Self, String> {
        let Answer { data } = serde_json::from_slice(json).map_err(|why| why.to_string())?;
        let Data { id, attributes } = data;
        let count = |name| attributes.last_analysis_stats.get(name).copied().unwrap_or(0);
        let label = attributes.popular_threat_classification.and_then(|c| c.suggested_threat_label);
        Ok(Self {
            malicious: count("malicious"),
            suspicious: count("suspicious"),
            harmless: count("harmless"),
            undetected: count("undetected"),
            reputation: attributes.reputation,
            label: label.map(|label| plain(&label)).filter(|label| !label.is_empty()),
            analysed: attributes.last_analysis_date,
            link: link(value, &id),
        })
    }

    /// Engines that have an opinion.
    #[must_use]
    pub fn engines(&self) -> u32 {
        let counts = [self.malicious, self.suspicious, self.harmless, self.undetected];
        counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How sure the engines are together that it is malicious: one is easily wrong.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        let words = f64::from(self.malicious) + f64::from(self.suspicious) / 2.0;
        Confidence::from_share(1.0 - (1.0 - WORTH).powf(words))
    }

    /// What it says in tags.
    #[must_use]
    pub fn tags(&self) -> Vec<Tag> {
        let verdict = match (self.malicious, self.suspicious) {
            (0, 0) => return Vec::new(),
            (0, _) => "suspicious",
            _ => "malicious",
        };
        let names = [Some(verdict), self.label.as_deref()];
        names.into_iter().flatten().filter_map(|name| lookup::tag("virustotal", name)).collect()
    }

    /// The last analysis.
    #[must_use]
    pub fn analysed(&self) -> Option<Timestamp> {
        self.analysed.map(Timestamp)
    }
}

/// A stranger's text, fit for a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(MAX_LABEL_CHARS).collect()
}

/// The page for people, made here: a link in the answer could lead anywhere.
fn link(value: &Value, id: &str) -> String {
    let is_hash = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let page = match value.kind() {
        Kind::Ip => format!("ip-address/{}", value.as_str()),
        Kind::Domain => format!("domain/{}", value.as_str()),
        Kind::Url if is_hash => format!("url/{id}"),
        Kind::Url => return "https://www.virustotal.com/gui/home/url".to_owned(),
        _ => format!("file/{}", value.as_str()),
    };
    format!("https://www.virustotal.com/gui/{page}")
}
