//! One explained line, for people and for machines.

use serde_json::{Map, Value as Json, json};

use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::detect::Hit;
use crate::hygiene::Unfit;
use crate::model::{Tag, Value};
use crate::node::pipeline::Looked;
use crate::parse::{Event, Field, FieldValue, Unparsed};

/// The fields that people are shown, where there are any.
const SHOWN: [Field; 9] = [
    Field::Method,
    Field::Path,
    Field::Status,
    Field::Action,
    Field::Proto,
    Field::DstIp,
    Field::DstPort,
    Field::Jail,
    Field::Network,
];
/// The longest text of a field that people are shown.
const MAX_SHOWN_CHARS: usize = 60;

/// Why a line makes no indicator.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    /// It cannot be read.
    #[error("not parsed: {0}")]
    Unparsed(Unparsed),
    /// It is longer than a watcher reads.
    #[error("not parsed: the line is longer than 64 KiB")]
    TooLong,
    /// It can be read and tells of nothing that is looked for.
    #[error("it tells of nothing that is looked for")]
    NoEvent,
    /// It may be part of another record.
    #[error("half a record follows: this line may be part of it, and a stranger's text")]
    Doubtful,
    /// No rule is about such an event.
    #[error("no rule is about it")]
    NoRule,
    /// Rules are about it, but have not seen enough, or have fired for it a short time ago.
    #[error("counted by {}, which did not fire for this line", .0.join(", "))]
    NotYet(Vec<String>),
}

/// A line and what became of it.
pub(super) struct Explained<'a> {
    number: u64,
    event: Option<&'a Event<'a>>,
    hits: &'a [Hit],
    refused: &'a [(Hit, Unfit)],
    reason: Option<Reason>,
}

impl<'a> Explained<'a> {
    /// A line that was looked at.
    pub(super) fn of(number: u64, looked: &'a Looked<'a>, reason: Option<Reason>) -> Self {
        let event = looked.parsed.as_ref().ok().and_then(Option::as_ref);
        Self { number, event, hits: &looked.hits, refused: &looked.refused, reason }
    }

    /// A line that was not looked at.
    pub(super) fn too_long(number: u64) -> Self {
        Self { number, event: None, hits: &[], refused: &[], reason: Some(Reason::TooLong) }
    }

    /// One line, or one JSON object on a line.
    pub(super) fn write(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        if output.json { output.json_line(&self.as_json()) } else { output.line(&self.as_text()) }
    }

    fn parsed(&self) -> bool {
        !matches!(self.reason, Some(Reason::Unparsed(_) | Reason::TooLong))
    }

    fn as_json(&self) -> Json {
        let indicators = self.hits.iter().map(|hit| {
            json!({
                "kind": hit.value.kind().name(),
                "value": hit.value.as_str(),
                "rule": hit.rule,
                "confidence": hit.confidence.percent(),
                "tags": hit.tags.iter().map(Tag::to_string).collect::<Vec<_>>(),
            })
        });
        let refused = self.refused.iter().map(|(hit, why)| {
            json!({
                "kind": hit.value.kind().name(),
                "value": hit.value.as_str(),
                "rule": hit.rule,
                "reason": why.to_string(),
            })
        });
        json!({
            "line": self.number,
            "parsed": self.parsed(),
            "event": self.event.map(event_json),
            "indicators": indicators.collect::<Vec<_>>(),
            "refused": refused.collect::<Vec<_>>(),
            "reason": self.reason.as_ref().map(Reason::to_string),
        })
    }

    fn as_text(&self) -> String {
        let mut text = format!("{:>6}  ", self.number);
        if let Some(event) = self.event {
            text.push_str(&event_text(event));
        }
        let hits = self.hits.iter().map(|hit| {
            let tags = hit.tags.iter().map(Tag::to_string).collect::<Vec<_>>().join(", ");
            let tags = if tags.is_empty() { tags } else { format!(": {tags}") };
            let value = hit.value.defanged();
            format!(
                "{} {value} by {}, confidence {}{tags}",
                hit.value.kind(),
                hit.rule,
                hit.confidence
            )
        });
        let refused = self
            .refused
            .iter()
            .map(|(hit, why)| format!("refused {} of {}: {why}", hit.value.defanged(), hit.rule));
        let reason = self.reason.as_ref().map(|reason| match reason {
            Reason::Unparsed(_) | Reason::TooLong => reason.to_string(),
            Reason::NoEvent | Reason::Doubtful | Reason::NoRule | Reason::NotYet(_) => {
                format!("no indicator: {reason}")
            }
        });
        let all: Vec<String> = hits.chain(refused).chain(reason).collect();
        if self.event.is_some() {
            text.push_str(" → ");
        }
        text + &all.join("; ")
    }
}

fn event_json(event: &Event<'_>) -> Json {
    let mut fields = Map::new();
    fields.insert("time".to_owned(), event.time.map(|time| time.to_string()).into());
    fields.insert("source".to_owned(), event.source.name().into());
    fields.insert("src_ip".to_owned(), event.src_ip.map(|ip| ip.to_string()).into());
    let others = Field::ALL.iter().filter(|field| **field != Field::SrcIp);
    fields.extend(
        others.filter_map(|field| Some((field.name().to_owned(), event_field(event, *field)?))),
    );
    fields.into()
}

/// A field, unless the line says nothing there.
fn event_field(event: &Event<'_>, field: Field) -> Option<Json> {
    Some(match event.field(field)? {
        FieldValue::Text(text) if text.is_empty() => return None,
        FieldValue::Text(text) => String::from_utf8_lossy(&text.decoded()).into(),
        FieldValue::Number(number) => number.into(),
        FieldValue::Ip(ip) => ip.to_string().into(),
        FieldValue::Network(network) => network.to_string().into(),
    })
}

fn event_text(event: &Event<'_>) -> String {
    let mut parts = Vec::new();
    parts.extend(event.time.map(|time| time.to_string()));
    parts.extend(event.src_ip.map(|ip| Value::from_ip(ip).defanged()));
    for field in SHOWN {
        parts.extend(match event_field(event, field) {
            Some(Json::String(text)) => Some(shortened(&text)),
            Some(other) => Some(other.to_string()),
            None => None,
        });
    }
    parts.join(" ")
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
