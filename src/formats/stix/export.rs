//! Indicators as STIX objects.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value as Json;

use super::extension::Extension;
use super::namespace::Namespace;
use super::tlp::{self, Family};
use super::{extension, pattern, time};
use crate::formats::Told;
use crate::model::{Confidence, Tag, Tlp};

/// What an indicator is described with: a constant, because a description could tell more.
const DESCRIPTION: &str = "Told by a node of the distributed threat intelligence mesh (DTIM).";

/// Writes the objects of one view, each marking before the first object that has it.
#[derive(Debug)]
pub struct Writer {
    namespace: Namespace,
    family: Family,
    marked: BTreeSet<Tlp>,
    begun: bool,
}

#[derive(Serialize)]
struct Indicator<'a> {
    r#type: &'static str,
    spec_version: &'static str,
    id: &'a str,
    created: &'a str,
    modified: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    revoked: bool,
    name: &'a str,
    description: &'static str,
    indicator_types: [&'static str; 1],
    pattern: String,
    pattern_type: &'static str,
    pattern_version: &'static str,
    valid_from: String,
    valid_until: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<u8>,
    object_marking_refs: [&'static str; 1],
    /// The design document's mapping of `tlp`; the whole object is marked alike.
    granular_markings: [Granular; 1],
    extensions: Extensions<'a>,
}

#[derive(Serialize)]
struct Granular {
    marking_ref: &'static str,
    selectors: [&'static str; 1],
}

#[derive(Serialize)]
struct Sighting<'a> {
    r#type: &'static str,
    spec_version: &'static str,
    id: String,
    created: &'a str,
    modified: &'a str,
    first_seen: String,
    last_seen: String,
    count: u64,
    sighting_of_ref: &'a str,
    object_marking_refs: [&'static str; 1],
    extensions: Extensions<'a>,
}

#[derive(Serialize)]
struct Extensions<'a> {
    #[serde(rename = "extension-definition--4aa3d9f2-7c5e-4b0e-9d0b-6f2b1f6f7a11")]
    own: Extension<'a>,
}

impl Writer {
    /// Nothing is written yet.
    pub fn new(namespace: Namespace, family: Family) -> Self {
        Self { namespace, family, marked: BTreeSet::new(), begun: false }
    }

    /// Appends the objects that tell of an indicator, with a comma between any two: what they
    /// refer to and was not written yet, the indicator, and a sighting if one is told.
    pub fn write(&mut self, told: &Told, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        if !std::mem::replace(&mut self.begun, true) {
            for object in extension::objects() {
                append(out, &object)?;
            }
        }
        if self.marked.insert(told.tlp) {
            append(out, &tlp::object(self.family, told.tlp))?;
        }
        let about = told.value.id();
        let id =
            format!("indicator--{}", self.namespace.id("indicator", about, told.generation.into()));
        let (created, modified) = (time::write(told.created), time::write(told.modified));
        let marking = tlp::id(self.family, told.tlp);
        append(out, &indicator(told, &id, (&created, &modified), marking))?;
        let Some(seen) = told.sightings.filter(|_| !told.revoked) else { return Ok(()) };
        let own = self.namespace.id("sighting", about, told.generation.into());
        append(
            out,
            &Sighting {
                r#type: "sighting",
                spec_version: "2.1",
                id: format!("sighting--{own}"),
                created: &created,
                modified: &modified,
                first_seen: time::write(seen.first),
                last_seen: time::write(seen.last),
                count: seen.count,
                sighting_of_ref: &id,
                object_marking_refs: [marking],
                extensions: Extensions { own: Extension::default() },
            },
        )
    }
}

/// An object by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its id.
    pub id: String,
    /// Its version, as it stands in it.
    pub version: String,
    /// The object in JSON.
    pub body: Vec<u8>,
}

/// The indicator alone, in a version of which the caller keeps the times: since when it has
/// been told without a break, which is part of its id, and when this version was made; in
/// microseconds since 1970.
pub fn indicator_alone(
    namespace: &Namespace,
    family: Family,
    told: &Told,
    begun: u64,
    made: u64,
) -> Result<Written, serde_json::Error> {
    let id = format!("indicator--{}", namespace.id("indicator", told.value.id(), begun));
    let (created, version) = (time::write_micros(begun), time::write_micros(made));
    let marking = tlp::id(family, told.tlp);
    let body = serde_json::to_vec(&indicator(told, &id, (&created, &version), marking))?;
    Ok(Written { id, version, body })
}

/// What the indicators of these markings refer to, whatever they tell.
pub fn referred(
    family: Family,
    markings: impl IntoIterator<Item = Tlp>,
) -> Result<Vec<Written>, serde_json::Error> {
    let markings: BTreeSet<Tlp> = markings.into_iter().collect();
    let markings = markings.into_iter().map(|marking| tlp::object(family, marking));
    let text = |object: &Json, key: &str| object.get(key)?.as_str().map(str::to_owned);
    extension::objects()
        .into_iter()
        .chain(markings)
        .map(|object| {
            let version = text(&object, "modified").or_else(|| text(&object, "created"));
            Ok(Written {
                id: text(&object, "id").unwrap_or_default(),
                version: version.unwrap_or_default(),
                body: serde_json::to_vec(&object)?,
            })
        })
        .collect()
}

fn append(out: &mut Vec<u8>, object: &impl Serialize) -> Result<(), serde_json::Error> {
    if !out.is_empty() {
        out.push(b',');
    }
    serde_json::to_writer(out, object)
}

fn indicator<'a>(
    told: &'a Told,
    id: &'a str,
    (created, modified): (&'a str, &'a str),
    marking: &'static str,
) -> Indicator<'a> {
    Indicator {
        r#type: "indicator",
        spec_version: "2.1",
        id,
        created,
        modified,
        revoked: told.revoked,
        name: told.value.as_str(),
        description: DESCRIPTION,
        indicator_types: ["malicious-activity"],
        pattern: pattern::write(&told.value),
        pattern_type: "stix",
        pattern_version: "2.1",
        valid_from: time::write(told.created),
        valid_until: time::write(told.until),
        labels: told.tags.iter().map(Tag::as_str).collect(),
        confidence: told.confidence.map(Confidence::percent),
        object_marking_refs: [marking],
        granular_markings: [Granular { marking_ref: marking, selectors: ["pattern"] }],
        extensions: Extensions {
            own: Extension::new(&told.recipients, told.sightings.map(|s| s.count), &told.custom),
        },
    }
}
