//! STIX before judges that are not ours: OASIS's libraries and MISP's converter
//! (`tests/stix/judge.py`, installed by `.ci/need test`).

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dtim::formats::stix::pattern::{self, NotIndicator};
use dtim::formats::stix::{Family, Namespace, Object, Reader, Splitter, Tally, Writer};
use dtim::formats::{Sightings, Told};
use dtim::model::{Confidence, CustomFields, CustomValue, Kind, Timestamp, Tlp, Value};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::Value as Json;

use crate::source::root;

const NOW: Timestamp = Timestamp(1_795_000_000);

/// What the judges say.
pub fn judge(words: &[&str], input: &Json) -> Json {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    let python = cache.join("dtim/tools/venv/bin/python");
    assert!(python.exists(), "{}: `.ci/need test` installs it", python.display());
    let mut child = Command::new(python)
        .arg(root().join("tests/stix/judge.py"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// No judge has anything against a bundle; what MISP makes of it.
pub fn flawless(bundle: &Path) -> Json {
    let verdict = judge(&["bundle", bundle.to_str().unwrap()], &Json::Null);
    assert_eq!(verdict["errors"], serde_json::json!([]), "{}", bundle.display());
    assert_eq!(verdict["misp"]["errors"], serde_json::json!([]));
    verdict
}

fn texts(json: &Json) -> Vec<String> {
    json.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// So many of what a strategy makes, the same every time.
fn some<T>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{1,40}", "['\\\\\\]\\[/*\"]{1,12}", "[^\\x00-\\x1f\\x7f]{1,20}"]
}

/// Values of every kind, with whatever texts hold them.
fn values(count: usize) -> Vec<Value> {
    let of = |kind: &str| {
        let kind: Kind = kind.parse().unwrap();
        move |text: String| Value::parse(&kind, &text).ok()
    };
    let strategy = prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| Value::from_ip(ip.into())),
        any::<[u8; 16]>().prop_map(|ip| Value::from_ip(ip.into())),
        (any::<[u8; 4]>(), 8..=32)
            .prop_map(|(ip, n)| format!("{}/{n}", std::net::Ipv4Addr::from(ip)))
            .prop_filter_map("a network", of("cidr")),
        "[a-zäß_]{1,12}(\\.[a-z]{2,5}){1,3}".prop_filter_map("a domain", of("domain")),
        ("[a-z]{1,9}", hostile())
            .prop_map(|(host, path)| format!("http://{host}.example/{path}"))
            .prop_filter_map("a URL", of("url")),
        "[a-z'{}*]{1,9}@[a-z]{1,9}\\.example".prop_filter_map("an address", of("email")),
        "[0-9a-f]{32}".prop_filter_map("a hash", of("md5")),
        "[0-9a-f]{40}".prop_filter_map("a hash", of("sha1")),
        "[0-9a-f]{64}".prop_filter_map("a hash", of("sha256")),
        "[0-9a-f]{128}".prop_filter_map("a hash", of("sha512")),
        hostile().prop_filter_map("a text", of("x-ticket")),
    ];
    let mut known = BTreeSet::new();
    some(strategy, count).into_iter().filter(|value| known.insert(value.id())).collect()
}

fn told(value: Value, n: usize) -> Told {
    let custom = CustomValue::Map(
        [("n".to_owned(), CustomValue::Integer(i64::try_from(n).unwrap()))].into(),
    );
    Told {
        value,
        tlp: Tlp::ALL[n % Tlp::ALL.len()],
        recipients: n.is_multiple_of(3).then(|| "node-2".to_owned()).into_iter().collect(),
        confidence: Confidence::new(u8::try_from(n % 101).unwrap()),
        created: NOW.minus(n as u64 * 1000),
        modified: NOW,
        until: NOW.plus(86_400),
        tags: n.is_multiple_of(2).then(|| "brute-force".parse().unwrap()).into_iter().collect(),
        sightings: n.is_multiple_of(4).then_some(Sightings { count: 5, first: NOW, last: NOW }),
        custom: CustomFields::from([("threat".to_owned(), custom)]),
        revoked: n.is_multiple_of(7),
        generation: 0,
    }
}

fn bundle(all: &[Told], family: Family) -> String {
    let mut writer = Writer::new(Namespace::new([7; 32]), family);
    let mut objects = Vec::new();
    all.iter().for_each(|told| writer.write(told, &mut objects).unwrap());
    let objects = String::from_utf8(objects).unwrap();
    let id = "bundle--0f4a7d1c-7a3e-4b7e-8d0e-2f6f3f1e9a10";
    format!("{{\"type\":\"bundle\",\"id\":{id:?},\"objects\":[{objects}]}}")
}

#[test]
fn no_judge_has_anything_against_what_is_written_and_misp_has_it_all() {
    let folder = tempfile::tempdir().unwrap();
    for (family, count) in [(Family::Two, 150), (Family::One, 40)] {
        let all: Vec<Told> =
            values(count).into_iter().enumerate().map(|(n, value)| told(value, n)).collect();
        let path = folder.path().join("bundle.json");
        std::fs::write(&path, bundle(&all, family)).unwrap();
        let verdict = flawless(&path);
        let misp: BTreeSet<String> = verdict["misp"]["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|attribute| attribute[0].as_str().unwrap_or_default().to_owned())
            .collect();
        for told in &all {
            let pattern = pattern::write(&told.value);
            // What MISP has no type for it keeps as a pattern.
            let there = misp.contains(told.value.as_str()) || misp.contains(&pattern);
            assert!(there, "{} is not in {misp:?}", told.value);
        }
        println!("{} indicators: {} objects without a flaw", all.len(), verdict["parsed"]);
    }
}

#[test]
fn patterns_are_taken_and_refused_as_oasis_does() {
    let suite = judge(&["suite"], &Json::Null);
    for pattern in texts(&suite["accepted"]) {
        assert!(pattern::parse(&pattern).is_ok(), "{pattern}: {:?}", pattern::parse(&pattern));
    }
    for text in texts(&suite["refused"]) {
        // A hash that is none parses here, and is refused as a value.
        let bad_value = |refused: &NotIndicator| matches!(refused, NotIndicator::Value { .. });
        let refused = match pattern::parse(&text) {
            Err(_) => true,
            Ok(parsed) => pattern::values(&parsed).refused.iter().any(bad_value),
        };
        assert!(refused, "{text}");
    }
    // Patterns that nobody thought of: those of the suite with a piece cut out or doubled.
    let base = texts(&suite["accepted"]);
    let edits = some((0..base.len(), any::<prop::sample::Index>(), 0..4usize, any::<bool>()), 1500);
    let edited: Vec<String> = edits
        .into_iter()
        .map(|(n, at, length, cut)| {
            let chars: Vec<char> = base[n].chars().collect();
            let from = at.index(chars.len());
            let to = (from + length).min(chars.len());
            let middle = if cut { String::new() } else { chars[from..to].iter().collect() };
            let start: String = chars[..from].iter().collect();
            let rest: String = chars[if cut { to } else { from }..].iter().collect();
            format!("{start}{middle}{rest}")
        })
        // It takes a bracket in front for granted before it reads.
        .filter(|pattern| pattern.starts_with(['[', '(']) && !pattern.contains("hashes"))
        .collect();
    let verdicts = judge(&["patterns"], &serde_json::json!(edited));
    let mut accepted = 0;
    for (pattern, verdict) in edited.iter().zip(verdicts.as_array().unwrap()) {
        accepted += usize::from(verdict == true);
        assert_eq!(pattern::parse(pattern).is_ok(), verdict == true, "{pattern}");
    }
    println!("{} edited patterns, {accepted} of them accepted by both", edited.len());
    assert!(accepted > 100 && accepted < edited.len() - 100);
}

#[test]
fn the_examples_of_oasis_are_read_and_every_object_is_answered() {
    let examples = texts(&judge(&["examples"], &Json::Null));
    assert!(examples.len() >= 14, "{examples:?}");
    let mut total = Tally::default();
    for example in examples {
        let text = std::fs::read(&example).unwrap();
        // Some of them are one object and no bundle.
        let json: Json = serde_json::from_slice(&text).unwrap();
        let text = if json["type"] == "bundle" {
            text
        } else {
            format!("{{\"type\":\"bundle\",\"objects\":[{json}]}}").into_bytes()
        };
        let (mut splitter, mut reader, mut tally) =
            (Splitter::default(), Reader::default(), Tally::default());
        let mut answered = |object: &[u8]| {
            let (id, object) = reader.read(object);
            tally.count(&object);
            total.count(&object);
            if let Object::Refused(refusal) = object {
                println!("  {id}: {refusal}");
            }
        };
        for piece in text.chunks(1000) {
            splitter.take(piece, &mut answered).unwrap();
        }
        splitter.finish().unwrap();
        println!("{example}: {tally:?}");
    }
    println!("in all: {total:?}");
    assert!(total.values > 0 && total.objects > 300, "{total:?}");
    let of_others: u64 = total.others.values().sum();
    let refused: u64 = total.refused.values().sum();
    assert!(total.told + of_others + refused >= total.objects);
}
