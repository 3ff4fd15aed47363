//! What strangers wrote into the logs of every source (`tests/corpus/hostile/`).

use super::super::*;
use super::{CONTEXT, NOW};
use crate::model::Source;
use crate::parse::{Event, Field, FieldValue, Reader};

/// What every case plants.
const PLANTED: [&str; 4] = ["198.51.100.66", "203.0.113.66", "planted.example", "66666666"];

/// The fields that a rule's `indicator` can take, but for the record's own two ends.
const NAMING: [Field; 4] = [Field::Attacker, Field::Network, Field::Seen, Field::Domain];

struct Case {
    name: String,
    client: Option<String>,
    lines: Vec<Vec<u8>>,
}

/// `\xHH` is that byte; what else begins so stays.
fn bytes(line: &str) -> Vec<u8> {
    let mut parts = line.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => bytes.extend_from_slice(format!("\\x{part}").as_bytes()),
        }
    }
    bytes
}

fn cases(source: Source) -> Vec<Case> {
    let text = std::fs::read_to_string(format!("tests/corpus/hostile/{source}.log")).unwrap();
    let mut cases = Vec::<Case>::new();
    for line in text.lines().filter(|line| !line.starts_with("#:")) {
        if let Some(head) = line.strip_prefix("#! ") {
            let (client, name) = head.split_once(" | ").unwrap();
            let client = (client != "-").then(|| client.to_owned());
            cases.push(Case { name: name.to_owned(), client, lines: Vec::new() });
        } else {
            cases.last_mut().unwrap().lines.push(bytes(line));
        }
    }
    cases
}

fn said(event: &Event<'_>, field: Field) -> String {
    match event.field(field) {
        Some(FieldValue::Text(text)) => String::from_utf8_lossy(&text.decoded()).into_owned(),
        Some(FieldValue::Ip(ip)) => ip.to_string(),
        Some(FieldValue::Network(network)) => network.to_string(),
        Some(FieldValue::Number(number)) => number.to_string(),
        None => String::new(),
    }
}

#[test]
fn what_a_stranger_plants_is_never_named() {
    let (mut wrong, mut total) = (Vec::new(), 0);
    for source in Source::ALL {
        let cases = cases(source);
        assert!(cases.len() >= 70, "{source}: {}", cases.len());
        total += cases.len();
        // The buckets of one case must not fill with another's lines.
        for case in &cases {
            let mut detector = Detector::new(rules_of(source), DEFAULT_CAPACITY);
            let mut reader = Reader::new(source);
            let mut client = None;
            for (at, line) in case.lines.iter().enumerate() {
                let Ok(Some(event)) = reader.read(line, &CONTEXT) else { continue };
                client = event.src_ip.map(|ip| ip.to_string());
                if reader.may_be_forged(line, &case.lines[at + 1..], &CONTEXT) {
                    continue;
                }
                for field in NAMING {
                    let said = said(&event, field);
                    let attacks = field == Field::Attacker && case.client == client;
                    let planted = PLANTED.iter().any(|planted| said.contains(planted));
                    if planted && !attacks {
                        wrong.push(format!("{source}, {}: {field:?} {said}", case.name));
                    }
                }
                for _ in 0..50 {
                    for hit in detector.observe(&event, NOW) {
                        let said = hit.value.to_string();
                        let planted = PLANTED.iter().any(|planted| said.contains(planted));
                        if planted {
                            wrong.push(format!("{source}, {}: {} {said}", case.name, hit.rule));
                        }
                    }
                }
            }
            if client != case.client {
                wrong.push(format!("{source}, {}: the client is {client:?}", case.name));
            }
        }
    }
    assert!(total >= 500, "{total}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// In the genuine lines whoever is to be recognised is in 203.0.113.0/24.
#[test]
fn genuine_lines_name_their_clients() {
    let ids = [Source::Suricata, Source::Zeek]; // theirs are in the samples of the parsers
    for source in Source::ALL.into_iter().filter(|source| !ids.contains(source)) {
        let path = format!("tests/corpus/{source}/genuine.log");
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.lines().count() >= 20, "{source}: {}", text.lines().count());
        for line in text.lines() {
            let parsed = crate::parse::parse(source, line.as_bytes(), &CONTEXT);
            let event = parsed.unwrap_or_else(|why| panic!("{source}: {why}: {line}"));
            let named = |field| event.is_some_and(|e| said(&e, field).starts_with("203.0.113."));
            let client = named(Field::SrcIp) || named(Field::Network);
            assert_eq!(client, line.contains("203.0.113."), "{source}: {line}");
            let found = event.is_some_and(|event| !said(&event, Field::Signature).is_empty());
            assert!(source != Source::Clamav || found == line.ends_with(" FOUND"), "{line}");
        }
    }
}

/// The rules that read this source.
fn rules_of(source: Source) -> Rules {
    let all = Rules::builtin();
    let others = all.iter().filter(|rule| !rule.sources.contains(&source));
    let others: Vec<String> = others.map(|rule| rule.name.clone()).collect();
    all.without(&others)
}
