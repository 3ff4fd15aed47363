//! Markings in and out.

use super::super::tlp;
use super::{bundle, indicators, read, told};
use crate::formats::Told;
use crate::formats::stix::{Family, Object, Refusal};
use crate::model::Tlp;

const WHITE_1: &str = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9";
const CLEAR_2: &str = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487";
const STRICT_2: &str = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003";

#[test]
fn every_marking_has_its_object_in_both_families() {
    for tlp in Tlp::ALL {
        assert_eq!(tlp::of(tlp::id(Family::Two, tlp)), Some(tlp));
        let old = if tlp == Tlp::AmberStrict { Tlp::Red } else { tlp };
        assert_eq!(tlp::of(tlp::id(Family::One, tlp)), Some(old));
        for family in [Family::One, Family::Two] {
            let told = [Told { tlp, ..told("203.0.113.7") }];
            let bundle = bundle(&told, family);
            let objects = read(&bundle, 1000);
            // What is written is not contradicted by what is read.
            assert!(objects.iter().any(|(_, o)| *o == Object::Other("marking-definition".into())));
            assert_eq!(indicators(&bundle)[0].tlp, tlp::of(tlp::id(family, tlp)));
        }
    }
    assert_eq!(tlp::id(Family::Two, Tlp::White), CLEAR_2);
    assert_eq!(tlp::id(Family::One, Tlp::White), WHITE_1);
    assert_eq!(tlp::object(Family::Two, Tlp::AmberStrict)["name"], "TLP:AMBER+STRICT");
    assert_eq!(tlp::object(Family::One, Tlp::White)["definition"]["tlp"], "white");
}

/// The marking of an indicator with these properties.
fn marked(fields: &str) -> Option<Tlp> {
    let bundle = format!(
        "{{\"type\":\"bundle\",\"objects\":[{{\"type\":\"indicator\",\"id\":\"indicator--1\",\
         \"created\":\"2026-11-10T00:00:00Z\",\"modified\":\"2026-11-10T00:00:00Z\",\
         \"valid_from\":\"2026-11-10T00:00:00Z\",\"pattern\":\"[ipv4-addr:value = '203.0.113.7']\"\
         {fields}}}]}}"
    );
    indicators(&bundle)[0].tlp
}

#[test]
fn unknown_and_contradicting_markings_are_red() {
    let refs = |ids: &[&str]| format!(",\"object_marking_refs\":{ids:?}");
    assert_eq!(marked(""), None);
    assert_eq!(marked(&refs(&[WHITE_1])), Some(Tlp::White));
    assert_eq!(marked(&refs(&[WHITE_1, CLEAR_2])), Some(Tlp::White));
    assert_eq!(marked(&refs(&[STRICT_2])), Some(Tlp::AmberStrict));
    assert_eq!(marked(&refs(&[WHITE_1, STRICT_2])), Some(Tlp::Red));
    assert_eq!(marked(&refs(&[WHITE_1, "marking-definition--1"])), Some(Tlp::Red));
    let part = |id: &str| {
        format!(",\"granular_markings\":[{{\"marking_ref\":{id:?},\"selectors\":[\"pattern\"]}}]")
    };
    assert_eq!(marked(&part(CLEAR_2)), Some(Tlp::White));
    assert_eq!(marked(&(refs(&[WHITE_1]) + &part(STRICT_2))), Some(Tlp::Red));
    assert_eq!(marked(",\"granular_markings\":[{\"lang\":\"de\"}]"), None);
    assert_eq!(marked(",\"labels\":[\"TLP:Amber\"]"), Some(Tlp::Amber));
    assert_eq!(marked(&(refs(&[WHITE_1]) + ",\"labels\":[\"tlp:green\"]")), Some(Tlp::Red));
}

#[test]
fn a_definition_that_contradicts_its_id_is_named() {
    let definition = |id: &str, tlp: &str| {
        let bundle = format!(
            "{{\"type\":\"bundle\",\"objects\":[{{\"type\":\"marking-definition\",\"id\":\"{id}\",\
             \"definition_type\":\"tlp\",\"definition\":{{\"tlp\":\"{tlp}\"}}}}]}}"
        );
        read(&bundle, 9).remove(0).1
    };
    assert_eq!(definition(WHITE_1, "white"), Object::Other("marking-definition".into()));
    assert_eq!(definition(WHITE_1, "red"), Object::Refused(Refusal::Marking));
    assert_eq!(definition(STRICT_2, "amber"), Object::Refused(Refusal::Marking));
    assert_eq!(
        definition("marking-definition--1", "x"),
        Object::Other("marking-definition".into())
    );
}
