//! Foreign objects as indicators.
//!
//! Every object of a bundle is answered: it becomes indicators, or it is refused with its id
//! and a reason, or it is of a type that tells none. Nothing here has passed hygiene; what is
//! imported becomes evidence of class import and never an own sighting.

mod evidence;
mod markings;
mod refusal;
mod shape;

use std::collections::BTreeSet;
use std::sync::Arc;

use hashlink::LinkedHashMap;

pub use evidence::{Settings, evidence};
pub use refusal::Refusal;

use super::extension::{self, EXTENSION};
use super::pattern::{self, NotIndicator};
use super::time;
use super::tlp::TLP_2;
use crate::model::{Confidence, CustomFields, MAX_TAGS, Tag, Timestamp, Tlp, Value};

/// The indicators whose sightings are understood: the last so many of a bundle.
pub const MAX_REFERENCES: usize = 20_000;
/// The most names that an object is limited to. Who left some out only narrowed it.
const MAX_RECIPIENTS: usize = 64;
/// How much of an object's id or type is kept.
const MAX_NAME_CHARS: usize = 100;

/// What one object says.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// Indicators, or what was seen of them.
    Indicator(Arc<Imported>),
    /// Nothing that could be taken.
    Refused(Refusal),
    /// An object of a type that tells no indicator.
    Other(String),
}

/// What an object tells of one or more indicators.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The values, each once.
    pub values: Vec<Value>,
    /// Parts of its pattern that are no indicator.
    pub refused: Vec<NotIndicator>,
    /// How far it may travel; none if it does not say.
    pub tlp: Option<Tlp>,
    /// Whom it is limited to.
    pub recipients: BTreeSet<String>,
    /// How sure its author is, if it says.
    pub confidence: Option<Confidence>,
    /// Labels that are tags here.
    pub tags: BTreeSet<Tag>,
    /// How often it was seen, as far as told.
    pub sightings: u64,
    /// Custom fields of our own extension.
    pub custom: CustomFields,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed, or seen.
    pub modified: Timestamp,
    /// It says nothing before.
    pub valid_from: Timestamp,
    /// It says nothing from then on.
    pub valid_until: Option<Timestamp>,
    /// Its author takes it back.
    pub revoked: bool,
    /// It was written by a node of this software: it may be here by the mesh already.
    pub of_dtim: bool,
}

/// Reads the objects of one bundle, one after the other.
#[derive(Debug, Default)]
pub struct Reader {
    /// The indicators that a sighting may speak of, the oldest first.
    seen: LinkedHashMap<String, Arc<Imported>>,
}

impl Reader {
    /// Reads one object and gives its id, as far as it has one.
    pub fn read(&mut self, object: &[u8]) -> (String, Object) {
        let Ok(object) = std::str::from_utf8(object) else {
            return (String::new(), Object::Refused(Refusal::Json("it is not UTF-8".to_owned())));
        };
        // Nearly all objects are indicators and say so first: those are read only once.
        if begins_as_indicator(object)
            && let Ok(shape) = serde_json::from_str::<shape::Indicator<'_>>(object)
        {
            let id = shape.id.as_ref().map(|id| short(&id.0)).unwrap_or_default();
            let read = self.indicator(&id, shape);
            return (id, read.map_or_else(Object::Refused, Object::Indicator));
        }
        let head: shape::Head<'_> = match serde_json::from_str(object) {
            Ok(head) => head,
            Err(error) => return (String::new(), Object::Refused(Refusal::json(&error))),
        };
        let id = head.id.as_ref().map(|id| short(&id.0)).unwrap_or_default();
        let read = match head.r#type.0.as_ref() {
            "indicator" => serde_json::from_str(object)
                .map_err(|error| Refusal::json(&error))
                .and_then(|shape| self.indicator(&id, shape))
                .map(Some),
            "sighting" => self.sighting(object).map(Some),
            "marking-definition" => markings::check(&id, object).map(|()| None),
            _ => Ok(None),
        };
        let read = match read {
            Ok(Some(imported)) => Object::Indicator(imported),
            Ok(None) => Object::Other(short(&head.r#type.0)),
            Err(refusal) => Object::Refused(refusal),
        };
        (id, read)
    }

    fn indicator(
        &mut self,
        id: &str,
        shape: shape::Indicator<'_>,
    ) -> Result<Arc<Imported>, Refusal> {
        if id.is_empty() {
            return Err(Refusal::NoId);
        }
        let imported = Arc::new(of_indicator(shape)?);
        self.seen.insert(id.to_owned(), Arc::clone(&imported));
        if self.seen.len() > MAX_REFERENCES {
            self.seen.pop_front();
        }
        Ok(imported)
    }

    /// A sighting tells again what its indicator tells, at the time it was seen.
    fn sighting(&self, object: &str) -> Result<Arc<Imported>, Refusal> {
        let shape: shape::Sighting<'_> =
            serde_json::from_str(object).map_err(|error| Refusal::json(&error))?;
        let of = shape.sighting_of_ref.0.as_ref();
        if !of.starts_with("indicator--") {
            return Err(Refusal::SightingOfOther);
        }
        if shape.extensions.own.is_some() {
            return Err(Refusal::SightingOfDtim);
        }
        if shape.revoked {
            return Err(Refusal::SightingRevoked);
        }
        let indicator = self.seen.get(of).ok_or(Refusal::SightingOfUnknown)?;
        let marked = markings::of(&shape.object_marking_refs, &shape.granular_markings, &[]);
        let seen = read_time(shape.last_seen.as_ref().unwrap_or(&shape.modified))?;
        let mut imported = Imported::clone(indicator);
        imported.tlp = match (imported.tlp, marked) {
            (Some(tlp), Some(marked)) => Some(tlp.strictest(marked)),
            // Who marks only one of the two contradicts itself.
            (None, Some(_)) => Some(Tlp::Red),
            (tlp, None) => tlp,
        };
        imported.modified = seen;
        imported.sightings = shape.count.unwrap_or(1);
        Ok(Arc::new(imported))
    }
}

fn of_indicator(shape: shape::Indicator<'_>) -> Result<Imported, Refusal> {
    // STIX 2.0 has no pattern_type: its patterns are all of this language.
    if let Some(language) = shape.pattern_type.as_ref().filter(|language| language.0 != "stix") {
        return Err(Refusal::Language(short(&language.0)));
    }
    let pattern = pattern::parse(&shape.pattern.0).map_err(Refusal::Pattern)?;
    let found = pattern::values(&pattern);
    let mut values = found.values;
    if values.len() > 1 {
        let mut known = BTreeSet::new();
        values.retain(|value| known.insert(value.id()));
    }
    if values.is_empty() {
        let first = found.refused.into_iter().next();
        return Err(first.map_or(Refusal::NoValue, Refusal::NotIndicator));
    }
    let confidence = shape
        .confidence
        .map(|told| u8::try_from(told).ok().and_then(Confidence::new).ok_or(Refusal::Confidence));
    let tags = shape.labels.iter().filter_map(|label| tag(&label.0)).take(MAX_TAGS).collect();
    let marked = markings::of(&shape.object_marking_refs, &shape.granular_markings, &shape.labels);
    let of_dtim = shape.extensions.own.is_some();
    let own = shape.extensions.own.unwrap_or_default();
    let created = read_time(&shape.created)?;
    // Most of them have one and the same time.
    let read = |time: &shape::Text<'_>| {
        if time.0 == shape.created.0 { Ok(created) } else { read_time(time) }
    };
    let (modified, valid_from) = (read(&shape.modified)?, read(&shape.valid_from)?);
    let valid_until = shape.valid_until.as_ref().map(read_time).transpose()?;
    if valid_until.is_some_and(|until| until <= valid_from) {
        return Err(Refusal::NeverValid);
    }
    Ok(Imported {
        values,
        refused: found.refused,
        tlp: marked,
        recipients: own
            .recipients
            .into_iter()
            .filter(|name| named(name))
            .take(MAX_RECIPIENTS)
            .collect(),
        confidence: confidence.transpose()?,
        tags,
        sightings: own.sightings.unwrap_or(1),
        custom: extension::read(own.custom_fields.0),
        created,
        modified,
        valid_from,
        valid_until,
        revoked: shape.revoked,
        of_dtim,
    })
}

/// Whether the first property of an object says that it is an indicator.
fn begins_as_indicator(object: &str) -> bool {
    let parts = ["{", "\"type\"", ":", "\"indicator\""];
    let mut rest = Some(object);
    for part in parts {
        rest = rest.and_then(|rest| rest.trim_start().strip_prefix(part));
    }
    rest.is_some()
}

/// A name that could be one of a member or a group.
fn named(name: &str) -> bool {
    name.len() <= MAX_NAME_CHARS
}

/// A label as a tag: in lower case, with hyphens for spaces. Others are no tags here.
fn tag(label: &str) -> Option<Tag> {
    label.parse().ok().or_else(|| label.trim().to_ascii_lowercase().replace(' ', "-").parse().ok())
}

fn read_time(text: &shape::Text<'_>) -> Result<Timestamp, Refusal> {
    time::read(&text.0).ok_or(Refusal::Time)
}

/// A foreign name, cut to a bound and without what could confuse a terminal.
fn short(name: &str) -> String {
    // Nearly all are short and plain.
    if name.len() <= MAX_NAME_CHARS && name.bytes().all(|b| b.is_ascii_graphic()) {
        return name.to_owned();
    }
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect()
}
