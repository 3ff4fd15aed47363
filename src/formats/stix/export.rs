//! Indicators as STIX objects.

use std::collections::BTreeSet;

use serde::Serialize;

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
    valid_from: &'a str,
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
        let id = format!("indicator--{}", self.namespace.id("indicator", about, told.generation));
        let (created, modified) = (time::write(told.created), time::write(told.modified));
        let marking = tlp::id(self.family, told.tlp);
        append(out, &indicator(told, &id, &created, &modified, marking))?;
        let Some(seen) = told.sightings.filter(|_| !told.revoked) else { return Ok(()) };
        let own = self.namespace.id("sighting", about, told.generation);
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

fn append(out: &mut Vec<u8>, object: &impl Serialize) -> Result<(), serde_json::Error> {
    if !out.is_empty() {
        out.push(b',');
    }
    serde_json::to_writer(out, object)
}

fn indicator<'a>(
    told: &'a Told,
    id: &'a str,
    created: &'a str,
    modified: &'a str,
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
        valid_from: created,
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
