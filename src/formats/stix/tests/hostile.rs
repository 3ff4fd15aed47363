//! Bundles that are not what they should be.

use proptest::prelude::*;

use super::super::{
    BadBundle, MAX_AROUND_BYTES, MAX_OBJECT_BYTES, MAX_OBJECT_DEPTH, MAX_REFERENCES, Object,
    Reader, Refusal, Splitter,
};
use super::read;

/// How many objects came, and how it ended.
fn split(bundle: &[u8], piece: usize) -> (usize, Result<(), BadBundle>) {
    let (mut splitter, mut count) = (Splitter::default(), 0);
    for piece in bundle.chunks(piece) {
        if let Err(error) = splitter.take(piece, |_| count += 1) {
            return (count, Err(error));
        }
    }
    (count, splitter.finish())
}

#[test]
fn what_is_no_bundle_is_refused_with_its_place() {
    for (text, objects, ends) in [
        ("{}", 0, Ok(())),
        (" {\"objects\" : [ ] , \"more\":false}\n", 0, Ok(())),
        (
            "{\"a\":[{\"objects\":[{}]}],\"type\":\"bundle\",\"objects\":[{},{\"a\":\"}]\"}]}",
            2,
            Ok(()),
        ),
        ("{\"objects\":[{\"\\\"}\":{}}]}", 1, Ok(())),
        ("", 0, Err(BadBundle::CutOff)),
        ("{\"objects\":[{}", 1, Err(BadBundle::CutOff)),
        ("{\"objects\":[{},", 1, Err(BadBundle::CutOff)),
        ("{\"objects\":[{\"a\":\"}", 0, Err(BadBundle::CutOff)),
        ("{\"objects\":[{}]", 1, Err(BadBundle::CutOff)),
        ("{\"objects\":[{},]}", 1, Err(BadBundle::Syntax { at: 15 })),
        ("{\"objects\":[{}{}]}", 1, Err(BadBundle::Syntax { at: 14 })),
        ("{\"objects\":[1]}", 0, Err(BadBundle::Syntax { at: 12 })),
        ("}", 0, Err(BadBundle::Syntax { at: 0 })),
    ] {
        for piece in [1, 3, 1000] {
            assert_eq!(split(text.as_bytes(), piece), (objects, ends.clone()), "{text}");
        }
    }
    for text in [
        "[]",
        "hello",
        "{}{}",
        "{\"objects\":[],\"objects\":[]}",
        "{\"type\":\"report\",\"objects\":[{}]}",
        "{\"objects\":{}}",
    ] {
        let ends = split(text.as_bytes(), 5).1;
        assert!(matches!(ends, Err(BadBundle::NotABundle(_))), "{text}: {ends:?}");
    }
}

#[test]
fn every_part_has_a_bound() {
    let ends = |object: &str| split(format!("{{\"objects\":[{object}]}}").as_bytes(), 4096);
    let text = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes));
    assert_eq!(ends(&text(MAX_OBJECT_BYTES - 8)), (1, Ok(())));
    let long = ends(&text(MAX_OBJECT_BYTES - 7));
    assert_eq!(long, (0, Err(BadBundle::ObjectTooLong { at: 12 })));
    let deep = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!("{{\"a\":{open}{close}}}")
    };
    assert_eq!(ends(&deep(MAX_OBJECT_DEPTH)), (1, Ok(())));
    let deeper = ends(&deep(MAX_OBJECT_DEPTH + 1));
    assert_eq!(deeper, (0, Err(BadBundle::ObjectTooDeep { at: 12 })));
    let around = format!("{{\"id\":\"{}", "x".repeat(MAX_AROUND_BYTES));
    assert_eq!(split(around.as_bytes(), 999), (0, Err(BadBundle::AroundTooLong)));
}

/// What comes of one object.
fn one(object: &str) -> Object {
    read(&format!("{{\"objects\":[{object}]}}"), 50).remove(0).1
}

#[test]
fn a_bad_object_is_refused_alone_and_never_in_silence() {
    let indicator = "\"type\":\"indicator\",\"id\":\"indicator--1\",\"created\":\"2026-11-10T00:00:00Z\",\
         \"modified\":\"2026-11-10T00:00:00Z\",\"valid_from\":\"2026-11-10T00:00:00Z\"";
    for (object, label) in [
        ("{}".to_owned(), "json"),
        ("{\"type\":1}".to_owned(), "json"),
        ("{\"type\":\"indicator\"}".to_owned(), "json"),
        (
            format!("{{{indicator},\"pattern\":\"[ipv4-addr:value = '203.0.113.7']\"}}")
                .replace(",\"id\":\"indicator--1\"", ""),
            "no_id",
        ),
        (format!("{{{indicator}}}"), "json"),
        (format!("{{{indicator},\"pattern\":\"[a:b = 1\"}}"), "pattern"),
        (format!("{{{indicator},\"pattern\":\"[a:b = 1]\"}}"), "property"),
        (format!("{{{indicator},\"pattern\":\"[ipv4-addr:value IN ()]\"}}"), "no_value"),
        (format!("{{{indicator},\"pattern\":\"alert\",\"pattern_type\":\"snort\"}}"), "language"),
        (
            format!(
                "{{{indicator},\"pattern\":\"[ipv4-addr:value = '203.0.113.7']\",\"confidence\":101}}"
            ),
            "confidence",
        ),
        (
            format!(
                "{{{indicator},\"pattern\":\"[ipv4-addr:value = '203.0.113.7']\",\
                 \"valid_until\":\"2026-11-10T00:00:00Z\"}}"
            ),
            "never_valid",
        ),
        (
            format!(
                "{{{indicator},\"pattern\":\"[ipv4-addr:value = '203.0.113.7']\",\
                 \"valid_until\":\"tomorrow\"}}"
            ),
            "time",
        ),
        (format!("{{{indicator},\"pattern\":\"[a:b = 1]\",\"pattern\":\"[a:b = 2]\"}}"), "json"),
        ("{\"type\":\"identity\",\"type\":\"indicator\"}".to_owned(), "json"),
        (
            format!(
                "{{{indicator},\"pattern\":\"[ipv4-addr:value = '203.0.113.7']\",\"extensions\":{{\
                 \"{}\":{{\"custom_fields\":{{\"a\":1,\"a\":2}}}}}}}}",
                super::super::EXTENSION
            ),
            "json",
        ),
    ] {
        let Object::Refused(refusal) = one(&object) else { panic!("{object}") };
        assert_eq!(refusal.label(), label, "{object}: {refusal}");
    }
    let long = format!("{{\"type\":\"x-{}\\u001b[31m\"}}", "y".repeat(300));
    let Object::Other(name) = one(&long) else { panic!() };
    assert_eq!(name.len(), 100);
    assert!(!one("{\"type\":\"\\u001b[31mx\"}").eq(&Object::Other("\u{1b}[31mx".into())));
}

#[test]
fn what_a_sighting_can_speak_of_is_bounded() {
    let mut reader = Reader::default();
    let object = |n: usize| {
        format!(
            "{{\"type\":\"indicator\",\"id\":\"indicator--{n}\",\"created\":\"2026-11-10T00:00:00Z\",\
             \"modified\":\"2026-11-10T00:00:00Z\",\"valid_from\":\"2026-11-10T00:00:00Z\",\
             \"pattern\":\"[ipv4-addr:value = '203.0.113.7']\"}}"
        )
    };
    for n in 0..=MAX_REFERENCES {
        reader.read(object(n).as_bytes());
    }
    let mut sighting = |n: usize| {
        let object = format!(
            "{{\"type\":\"sighting\",\"id\":\"sighting--1\",\"sighting_of_ref\":\"indicator--{n}\",\
             \"modified\":\"2026-11-12T00:00:00Z\"}}"
        );
        reader.read(object.as_bytes()).1
    };
    assert_eq!(sighting(0), Object::Refused(Refusal::SightingOfUnknown));
    assert!(matches!(sighting(1), Object::Indicator(_)));
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_however_it_is_cut(
        text in "[{}\\[\\],:\"\\\\ a]{0,80}|\\PC{0,40}",
        piece in 1..9usize,
    ) {
        let whole = format!("{{\"objects\":[{text}]}}");
        for text in [&text, &whole] {
            let cut = split(text.as_bytes(), piece);
            prop_assert_eq!(cut, split(text.as_bytes(), 1000));
        }
        Reader::default().read(text.as_bytes());
    }
}
