//! The matcher finds what reading each rule by itself, word for word, finds.

use proptest::prelude::*;

use super::{CONTEXT, rules};
use crate::detect::{Condition, Detector, Part, Rules, Test};
use crate::model::Source;
use crate::parse::{self, Event, Field, FieldValue, Reader};

/// As the manual says it: slowly.
fn holds(condition: &Condition, event: &Event<'_>) -> bool {
    match (event.field(condition.field), &condition.test) {
        (Some(FieldValue::Number(number)), Test::Number(ranges)) => {
            ranges.iter().any(|range| range.contains(&number))
        }
        (Some(FieldValue::Text(text)), Test::Text { equals, prefix, suffix, contains }) => {
            let mut text = text.decoded().into_owned();
            if condition.field == Field::Path {
                let file = text.iter().position(|byte| *byte == b'?').unwrap_or(text.len());
                let part = match condition.part {
                    Part::Whole => &text[..],
                    Part::File => &text[..file],
                    Part::Query => text.get(file + 1..).unwrap_or_default(),
                };
                text = percent(part);
            }
            let text = text.to_ascii_lowercase();
            let any = |list: &[String], holds: &dyn Fn(&[u8]) -> bool| {
                list.iter().any(|pattern| holds(pattern.to_ascii_lowercase().as_bytes()))
            };
            any(equals, &|pattern| text == pattern)
                || any(prefix, &|pattern| text.starts_with(pattern))
                || any(suffix, &|pattern| text.ends_with(pattern))
                || any(contains, &|pattern| memchr::memmem::find(&text, pattern).is_some())
        }
        _ => false,
    }
}

fn percent(text: &[u8]) -> Vec<u8> {
    let (mut plain, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let digits = text.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.filter(|_| text[at] == b'%') {
            Some(digits) => plain.push(u8::from_str_radix(digits, 16).unwrap()),
            None => plain.push(text[at]),
        }
        at += if text[at] == b'%' && digits.is_some() { 3 } else { 1 };
    }
    plain
}

fn plainly<'r>(rules: &'r Rules, event: &Event<'_>) -> Vec<&'r str> {
    let about = rules.iter().filter(|rule| {
        rule.sources.contains(&event.source)
            && rule.conditions.iter().all(|condition| holds(condition, event))
            && !rule.unless.iter().any(|condition| holds(condition, event))
    });
    about.map(|rule| rule.name.as_str()).collect()
}

/// Rules with every sort of test, besides the built-in ones.
fn all() -> Rules {
    let more = rules(
        "[[detection]]\nname = \"numbers\"\nsources = [\"nginx-access\"]\n\
         [detection.match]\nstatus = [0, \"3-5\", \"4-199\", 404, 404]\n\
         bytes = [\"0-9\", \"9-18446744073709551615\"]\n\
         [detection.unless]\nstatus = [\"100-150\"]\n\
         [[detection]]\nname = \"empty\"\nsources = [\"nginx-access\", \"ufw\"]\n\
         [detection.match]\nquery = [\"\", \"a=1\"]\n\
         [detection.unless.path]\nsuffix = [\"/\", \".png\"]\n",
    );
    Rules::builtin().and(more).unwrap()
}

fn path() -> impl Strategy<Value = String> {
    let pieces = [
        "/",
        "a",
        "A=1",
        "?",
        "%2e",
        "%2E%2e/",
        "..",
        "%25",
        "%",
        "%3f",
        ".env",
        ".PHP",
        "wp-login",
        "/etc/passwd",
        "'%20or%201=1",
        "union+select",
        "<script",
        "\\x22",
        "\\",
        ".png",
        "/.git/",
        "$",
        "{jndi:",
        "cgi-bin",
        "&",
        "src",
        "%u0",
        "xmlrpc",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..8).prop_map(|all| all.concat())
}

fn line() -> impl Strategy<Value = String> {
    let method = prop::sample::select(vec!["GET ", "POST ", "CONNECT ", "get ", "", "-"]);
    let status = prop_oneof![
        0..600_u16,
        prop::sample::select(vec![0, 2, 3, 5, 99, 100, 150, 151, 199, 200, 400, 401, 403, 404])
    ];
    let agent =
        prop::sample::select(vec!["-", "curl/8", "sqlmap/1.8#stable", "() { :; }", "NIKTO"]);
    (method, path(), status, any::<u64>(), path(), agent).prop_map(
        |(method, path, status, bytes, referer, agent)| {
            let bytes = bytes >> (bytes % 64);
            let bytes = bytes.min(999_999_999_999_999_999);
            format!(
                "192.0.2.1 - - [23/Nov/2026:19:56:53 +0000] \"{method}{path} HTTP/1.1\" {status} {bytes} \"{referer}\" \"{agent}\""
            )
        },
    )
}

proptest! {
    /// One matcher over many events, so that what it remembers is asked as well.
    #[test]
    fn matching_is_what_each_rule_says(lines in prop::collection::vec(line(), 1..60)) {
        let rules = all();
        let mut detector = Detector::new(rules.clone(), 10);
        for line in lines.iter().chain(&lines) {
            let event = parse::parse(Source::NginxAccess, line.as_bytes(), &CONTEXT);
            let Ok(Some(event)) = event else { continue };
            prop_assert_eq!(detector.matching(&event), plainly(&rules, &event), "{}", line);
        }
    }
}

#[test]
fn matching_is_what_each_rule_says_of_every_example() {
    let rules = all();
    let mut detector = Detector::new(rules.clone(), 10);
    for rule in rules.iter() {
        for source in &rule.sources {
            let mut reader = Reader::new(*source);
            let examples = rule.fires.iter().chain(&rule.quiet);
            for line in examples.flat_map(|example| example.lines.lines()) {
                if let Ok(Some(event)) = reader.read(line.as_bytes(), &CONTEXT) {
                    assert_eq!(detector.matching(&event), plainly(&rules, &event), "{line}");
                }
            }
        }
    }
}
