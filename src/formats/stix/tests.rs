//! STIX in both directions: what is written is read as the same, and what others write is
//! read within bounds and answered object by object.

mod hostile;
mod markings;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::pattern::tests::{a_value, hostile as hostile_text};
use super::{
    Family, Imported, Namespace, Object, Reader, Refusal, Settings, Splitter, Writer, evidence,
};
use crate::formats::{Sightings, Told};
use crate::model::{
    Confidence, CustomFields, CustomValue, DAY, Kind, Origin, Scope, Timestamp, Tlp, Value,
};

const NOW: Timestamp = Timestamp(1_795_000_000);

fn told(value: &str) -> Told {
    Told {
        value: Value::guess(value).unwrap(),
        tlp: Tlp::Green,
        recipients: BTreeSet::new(),
        confidence: Confidence::new(70),
        created: NOW.minus(DAY),
        modified: NOW,
        until: NOW.plus(20 * DAY),
        tags: vec!["brute-force".parse().unwrap()],
        sightings: Some(Sightings { count: 5, first: NOW.minus(DAY), last: NOW }),
        custom: CustomFields::from([("threat".to_owned(), CustomValue::Text("bad".to_owned()))]),
        revoked: false,
        generation: 0,
    }
}

fn namespace(n: u8) -> Namespace {
    Namespace::new([n; 32])
}

/// The bundle of what is told.
fn bundle(all: &[Told], family: Family) -> String {
    let mut writer = Writer::new(namespace(1), family);
    let mut objects = Vec::new();
    all.iter().for_each(|told| writer.write(told, &mut objects).unwrap());
    let objects = String::from_utf8(objects).unwrap();
    format!("{{\"type\":\"bundle\",\"id\":\"bundle--x\",\"objects\":[{objects}]}}")
}

/// Everything that a bundle says, in pieces of so many bytes.
fn read(bundle: &str, piece: usize) -> Vec<(String, Object)> {
    let (mut splitter, mut reader, mut all) = (Splitter::default(), Reader::default(), Vec::new());
    for piece in bundle.as_bytes().chunks(piece.max(1)) {
        splitter.take(piece, |object| all.push(reader.read(object))).unwrap();
    }
    splitter.finish().unwrap();
    all
}

fn indicators(bundle: &str) -> Vec<Arc<Imported>> {
    let indicator =
        |(_, object)| if let Object::Indicator(one) = object { Some(one) } else { None };
    read(bundle, 1 << 20).into_iter().filter_map(indicator).collect()
}

/// What a consumer of what is told knows of it.
fn as_imported(told: &Told) -> Imported {
    Imported {
        values: vec![told.value.clone()],
        refused: vec![],
        tlp: Some(told.tlp),
        recipients: told.recipients.clone(),
        confidence: told.confidence,
        tags: told.tags.iter().cloned().collect(),
        sightings: told.sightings.map_or(1, |seen| seen.count),
        custom: told.custom.clone(),
        created: told.created,
        modified: told.modified,
        valid_from: told.created,
        valid_until: Some(told.until),
        revoked: told.revoked,
        of_dtim: true,
    }
}

fn custom() -> impl Strategy<Value = CustomFields> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(CustomValue::Bool),
        (-(1i64 << 53) + 1..1 << 53).prop_map(CustomValue::Integer),
        hostile_text().prop_map(CustomValue::Text),
    ];
    let value = leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(CustomValue::List),
            prop::collection::btree_map("[a-zA-Z0-9_-]{1,8}", inner, 1..3)
                .prop_map(CustomValue::Map),
        ]
    });
    prop::collection::btree_map("[a-zA-Z0-9_-]{1,8}", value, 0..3)
}

pub(super) fn a_told() -> impl Strategy<Value = Told> {
    let tags = prop::collection::btree_set("[a-z0-9][a-z0-9._/-]{0,9}", 0..4)
        .prop_map(|tags| tags.iter().map(|tag| tag.parse().unwrap()).collect::<Vec<_>>());
    let recipients = prop::collection::btree_set(hostile_text(), 0..3);
    let about = (a_value(), prop::sample::select(&Tlp::ALL[..]), recipients, tags, custom());
    let times = (0..NOW.0, 0..DAY, 1..DAY);
    let rest = (prop::option::of(0..=100u8), prop::option::of(1..1000u64), any::<bool>(), 0..3u32);
    (about, times, rest).prop_map(|(about, (created, more, until), rest)| Told {
        value: about.0,
        tlp: about.1,
        recipients: about.2,
        confidence: rest.0.and_then(Confidence::new),
        created: Timestamp(created),
        modified: Timestamp(created + more),
        until: Timestamp(created + until),
        tags: about.3,
        sightings: rest.1.map(|count| Sightings {
            count,
            first: Timestamp(created),
            last: Timestamp(created + more),
        }),
        custom: about.4,
        revoked: rest.2,
        generation: rest.3,
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(
        all in prop::collection::vec(a_told(), 1..4),
        piece in 1..300usize,
    ) {
        let bundle = bundle(&all, Family::Two);
        let mut objects = read(&bundle, piece);
        objects.retain(|(_, object)| !matches!(object, Object::Other(_)));
        let mut expected = Vec::new();
        for told in &all {
            expected.push(Object::Indicator(Arc::new(as_imported(told))));
            if told.sightings.is_some() && !told.revoked {
                expected.push(Object::Refused(Refusal::SightingOfDtim));
            }
        }
        let objects: Vec<Object> = objects.into_iter().map(|(_, object)| object).collect();
        prop_assert_eq!(objects, expected, "{}", bundle);
    }

    #[test]
    fn what_is_written_again_is_the_same_text(told in a_told()) {
        let once = bundle(std::slice::from_ref(&told), Family::Two);
        let [imported] = indicators(&once).try_into().unwrap();
        let again = Told {
            value: imported.values[0].clone(),
            tlp: imported.tlp.unwrap(),
            recipients: imported.recipients.clone(),
            confidence: imported.confidence,
            created: imported.created,
            modified: imported.modified,
            until: imported.valid_until.unwrap(),
            tags: imported.tags.iter().cloned().collect(),
            custom: imported.custom.clone(),
            ..told
        };
        prop_assert_eq!(bundle(&[again], Family::Two), once);
    }
}

#[test]
fn an_object_has_the_properties_of_the_mapping() {
    let bundle: serde_json::Value =
        serde_json::from_str(&bundle(&[told("203.0.113.7")], Family::Two)).unwrap();
    let objects = bundle["objects"].as_array().unwrap();
    let types: Vec<&str> = objects.iter().map(|o| o["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        ["identity", "extension-definition", "marking-definition", "indicator", "sighting"]
    );
    let id = objects[3]["id"].as_str().unwrap();
    let marking = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb";
    assert_eq!(
        objects[3],
        serde_json::json!({
            "type": "indicator",
            "spec_version": "2.1",
            "id": id,
            "created": "2026-11-17T11:06:40.000Z",
            "modified": "2026-11-18T11:06:40.000Z",
            "name": "203.0.113.7",
            "description": "Told by a node of the distributed threat intelligence mesh (DTIM).",
            "indicator_types": ["malicious-activity"],
            "pattern": "[ipv4-addr:value = '203.0.113.7']",
            "pattern_type": "stix",
            "pattern_version": "2.1",
            "valid_from": "2026-11-17T11:06:40.000Z",
            "valid_until": "2026-12-08T11:06:40.000Z",
            "labels": ["brute-force"],
            "confidence": 70,
            "object_marking_refs": [marking],
            "granular_markings": [{ "marking_ref": marking, "selectors": ["pattern"] }],
            "extensions": {
                super::EXTENSION: {
                    "extension_type": "property-extension",
                    "sightings": 5,
                    "custom_fields": { "threat": "bad" },
                },
            },
        })
    );
    assert_eq!(objects[4]["sighting_of_ref"], id);
    assert_eq!(objects[4]["count"], 5);
}

#[test]
fn ids_belong_to_one_node_view_and_generation() {
    let id = |n, told: &Told| {
        let (mut writer, mut out) = (Writer::new(namespace(n), Family::Two), Vec::new());
        writer.write(told, &mut out).unwrap();
        let objects: serde_json::Value =
            serde_json::from_slice(&[b"[", out.as_slice(), b"]"].concat()).unwrap();
        objects[3]["id"].as_str().unwrap().to_owned()
    };
    let (one, other) = (told("203.0.113.7"), told("203.0.113.8"));
    let later = Told { modified: NOW.plus(9), confidence: None, ..one.clone() };
    assert_eq!(id(1, &one), id(1, &later));
    let again = Told { generation: 1, ..one.clone() };
    let all: BTreeSet<String> = [id(1, &one), id(2, &one), id(1, &other), id(1, &again)].into();
    assert_eq!(all.len(), 4);
    // Version 4 and the variant of RFC 9562: what OASIS's validator wants.
    assert!(all.iter().all(|id| id.as_bytes()["indicator--".len() + 14] == b'4'));
}

const SETTINGS: Settings = Settings { unmarked: Tlp::Amber, trust: 0.5 };

#[test]
fn an_import_is_evidence_that_is_never_own_and_ends_when_it_says() {
    let foreign = |fields: &str| {
        format!(
            "{{\"type\":\"bundle\",\"objects\":[{{\"type\":\"indicator\",\"id\":\"indicator--1\",\
             \"created\":\"2026-11-10T00:00:00Z\",\"modified\":\"2026-11-17T00:00:00Z\",\
             \"valid_from\":\"2026-11-10T00:00:00Z\",\"pattern_type\":\"stix\",\
             \"pattern\":\"[ipv4-addr:value IN ('203.0.113.7','203.0.113.8')]\"{fields}}}]}}"
        )
    };
    let of = |fields: &str| {
        let [one] = indicators(&foreign(fields)).try_into().unwrap();
        evidence(&one, SETTINGS, NOW)
    };
    let [first, second] =
        of(",\"confidence\":80,\"labels\":[\"Port Scan\",\"\u{fc}\"]").unwrap().try_into().unwrap();
    assert_eq!(first.origin, Origin::Import);
    assert_eq!(first.scope, Scope::new(Tlp::Amber, []));
    assert_eq!(first.confidence.percent(), 40);
    assert_eq!(first.tags, BTreeSet::from(["port-scan".parse().unwrap()]));
    assert_eq!((first.first_seen.0, first.last_seen.0), (1_794_268_800, 1_794_873_600));
    assert_eq!((first.until, second.value.as_str()), (None, "203.0.113.8"));
    assert_eq!(of("").unwrap()[0].confidence.percent(), 25);
    assert_eq!(of(",\"revoked\":true"), Err(Refusal::Revoked));
    assert_eq!(of(",\"valid_until\":\"2026-11-18T11:06:40Z\""), Err(Refusal::Ended));
    let until = of(",\"valid_until\":\"2026-11-18T11:06:41.5Z\"").unwrap()[0].until;
    assert_eq!(until, Some(NOW.plus(1)));
    let [one] = indicators(&foreign("")).try_into().unwrap();
    assert_eq!(evidence(&one, SETTINGS, NOW.plus(40 * DAY)), Err(Refusal::Ended));
    assert_eq!(evidence(&one, SETTINGS, NOW.minus(40 * DAY)), Err(Refusal::NotYet));
    // What a node of this software wrote is known as such.
    let own = indicators(&bundle(&[told("203.0.113.7")], Family::Two));
    assert_eq!(evidence(&own[0], SETTINGS, NOW).unwrap()[0].origin, Origin::ImportOfDtim);
}

#[test]
fn a_sighting_tells_of_an_indicator_before_it() {
    let objects = "{\"type\":\"bundle\",\"objects\":[{\"type\":\"indicator\",\"id\":\"indicator--1\",\
         \"created\":\"2026-11-10T00:00:00Z\",\"modified\":\"2026-11-10T00:00:00Z\",\
         \"valid_from\":\"2026-11-10T00:00:00Z\",\"pattern\":\"[domain-name:value = 'bad.example']\"},\
         {\"type\":\"sighting\",\"id\":\"sighting--1\",\"sighting_of_ref\":\"indicator--1\",\"count\":7,\
         \"modified\":\"2026-11-12T00:00:00Z\",\"last_seen\":\"2026-11-11T00:00:00Z\",\
         \"object_marking_refs\":[\"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9\"]},\
         {\"type\":\"sighting\",\"id\":\"sighting--2\",\"sighting_of_ref\":\"indicator--2\",\
         \"modified\":\"2026-11-12T00:00:00Z\"},\
         {\"type\":\"sighting\",\"id\":\"sighting--3\",\"sighting_of_ref\":\"malware--2\",\
         \"modified\":\"2026-11-12T00:00:00Z\"}]}";
    let all = read(objects, 7);
    let Object::Indicator(seen) = &all[1].1 else { panic!("{:?}", all[1]) };
    assert_eq!((seen.sightings, seen.modified.0, seen.tlp), (7, 1_794_355_200, Some(Tlp::Red)));
    assert_eq!(seen.values[0].kind(), &Kind::Domain);
    assert_eq!(all[2], ("sighting--2".to_owned(), Object::Refused(Refusal::SightingOfUnknown)));
    assert_eq!(all[3].1, Object::Refused(Refusal::SightingOfOther));
}
