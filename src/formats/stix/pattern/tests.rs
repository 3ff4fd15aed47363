//! Patterns: the grammar, and what of it becomes an indicator. What OASIS's own validator
//! says to the same patterns is asked in `tests/it/stix.rs`.

mod print;

use proptest::prelude::*;

use super::{BadPattern, MAX_DEPTH, MAX_PATTERN_BYTES, NotIndicator, parse, values, write};
use crate::model::{Kind, Value};

#[test]
fn what_the_grammar_has_is_read() {
    for pattern in [
        "[file:size = 1280]",
        "[a:b=-1.5]",
        "[a:b <> .5]",
        " ( [ a : b . c [ 1 ] = +1OR x-y:b[*] >= 2 ] ) ",
        "/* a */[a:b = 'x'] // the end",
        "[a:'ntfs ext'.sid = '\\'\\\\']",
        "[a:b IN ()]",
        "[a:b NOT IN (true, 'x', 1.5, h'ffd8', b'dGVzdA==', t'2014-01-13T07:03:17.123Z')]",
        "[a:b MATCHES'^.+$' AND (a:c LIKE '%' OR NOT EXISTS a:d)]",
        "[a:b ISSUPERSET '198.51.100.0/24' OR a:b NOT ISSUBSET '198.51.100.0/24']",
        "[a:b = 1] FOLLOWEDBY [a:b = 2] OR [a:b = 3] AND [a:b = 4] WITHIN +.5SECONDS",
        "([a:b = 1] REPEATS 5 TIMES WITHIN 1800 SECONDS) REPEATS 5 TIMES REPEATS 6 TIMES",
        "[a:b = 1] START t'2016-06-01T00:00:00Z' STOP t'2017-02-30T00:00:60Z'",
        "[a-b-:c = 1]",
        "[a:b = '\n']",
    ] {
        assert!(parse(pattern).is_ok(), "{pattern}: {:?}", parse(pattern));
    }
}

#[test]
fn what_it_has_not_is_refused_with_its_place() {
    for (pattern, at) in [
        ("", 0),
        ("[]", 1),
        ("file:size = 1280", 0),
        ("[file:size = ]", 13),
        ("[a:b = cead3f77]", 7),
        ("[file.size = 1]", 5),
        ("[a:b MATCHES /x/]", 13),
        ("[a:b = 01]", 7),
        ("[a:b = 1.]", 8),
        ("[a:b = b'']", 7),
        ("[a:b = b'====']", 7),
        ("[a:b = h'f']", 7),
        ("[a:b = t'2024-13-01T12:00:00Z']", 7),
        ("[a:b = t'2024-12-01T24:00:00Z']", 7),
        ("[a:b = t'2024-12-01T12:00:00']", 7),
        ("[a:b > true]", 11),
        ("[a:b = TRUE]", 7),
        ("[a:b = 'x]", 10),
        ("[a:b = 'x\\n']", 10),
        ("[a:IN = 1]", 3),
        ("[AND:b = 1]", 1),
        ("[a:b-c = 1]", 3),
        ("[NOT a:b = 1]", 5),
        ("[a:b = 1", 8),
        ("([a:b = 1]", 10),
        ("[a:b = 1] within 2 SECONDS", 10),
        ("[a:b = 1] WITHIN -2 SECONDS", 17),
        ("[a:b = 1] REPEATS 1.5 TIMES", 21),
        ("[a:b = 1] START '2016' STOP '2017'", 22),
        ("[a:b = 1] [a:b = 1]", 10),
        ("[a:b = 1] /* open", 10),
    ] {
        assert_eq!(parse(pattern), Err(BadPattern::Syntax { at }), "{pattern}");
    }
    let twice = "[a:b = 1] WITHIN 5 SECONDS WITHIN 6 SECONDS";
    assert_eq!(parse(twice), Err(BadPattern::LimitedTwice));
}

#[test]
fn size_and_depth_have_a_bound() {
    let nested = |depth: usize| format!("{}[a:b = 1]{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(parse(&nested(MAX_DEPTH + 1)), Err(BadPattern::TooDeep));
    assert_eq!(parse(&"(".repeat(MAX_PATTERN_BYTES)), Err(BadPattern::TooDeep));
    assert_eq!(parse(&"[".repeat(MAX_PATTERN_BYTES + 1)), Err(BadPattern::TooLong));
}

fn found(pattern: &str) -> (Vec<String>, Vec<&'static str>) {
    let found = values(&parse(pattern).unwrap());
    let value = |value: &Value| format!("{} {value}", value.kind());
    (
        found.values.iter().map(value).collect(),
        found.refused.iter().map(NotIndicator::label).collect(),
    )
}

#[test]
fn what_stands_alone_becomes_an_indicator() {
    for (pattern, expected) in [
        ("[ipv4-addr:value = '203.0.113.7']", &["ip 203.0.113.7"][..]),
        ("[ipv4-addr:value = '203.0.113.7/32']", &["ip 203.0.113.7"]),
        ("[ipv4-addr:value ISSUBSET '203.0.113.7/32']", &["cidr 203.0.113.7/32"]),
        ("[ipv4-addr:value = '203.0.113.9/24']", &["cidr 203.0.113.0/24"]),
        ("[ipv6-addr:value ISSUBSET '2001:DB8::/48']", &["cidr 2001:db8::/48"]),
        ("[ipv6-addr:value = '2001:DB8::1/128']", &["ip 2001:db8::1"]),
        ("[domain-name:value = 'Bad.Example.']", &["domain bad.example"]),
        ("[url:value == 'HTTP://bad.example']", &["url http://bad.example/"]),
        ("[email-addr:value = 'a@Bad.example']", &["email a@bad.example"]),
        ("[email-message:from_ref.value = 'a@bad.example']", &["email a@bad.example"]),
        (
            "[file:hashes.MD5 = 'D41D8CD98F00B204E9800998ECF8427E']",
            &["md5 d41d8cd98f00b204e9800998ecf8427e"],
        ),
        (
            "[file:hashes.'SHA1' IN ('da39a3ee5e6b4b0d3255bfef95601890afd80709')]",
            &["sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709"],
        ),
        ("[x-ticket:value = 'O\\'Neil \\\\']", &["x-ticket O'Neil \\"]),
        (
            "[ipv4-addr:value IN ('203.0.113.7', '203.0.113.8') OR domain-name:value = 'bad.example'] \
             OR ([url:value = 'http://bad.example/a'])",
            &["ip 203.0.113.7", "ip 203.0.113.8", "domain bad.example", "url http://bad.example/a"],
        ),
        (
            "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = \
             '203.0.113.7']",
            &["ip 203.0.113.7"],
        ),
        ("[network-traffic:src_ref.value = 'bad.example']", &["domain bad.example"]),
    ] {
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(found(pattern), (expected, vec![]), "{pattern}");
    }
}

#[test]
fn what_does_not_says_why() {
    for (pattern, why) in [
        ("[domain-name:value = 'a.example' AND url:value = 'http://a.example/']", "together"),
        ("[domain-name:value = 'a.example'] AND [url:value = 'http://a.example/']", "together"),
        (
            "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:src_ref.value = 'a']",
            "together",
        ),
        (
            "[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']",
            "sequence",
        ),
        ("[ipv4-addr:value = '203.0.113.7'] REPEATS 5 TIMES", "limited"),
        ("[ipv4-addr:value NOT = '203.0.113.7']", "negated"),
        ("[ipv4-addr:value != '203.0.113.7']", "operator"),
        ("[domain-name:value LIKE '%.example']", "operator"),
        ("[url:value MATCHES '.*']", "operator"),
        ("[ipv4-addr:value ISSUPERSET '203.0.113.0/24']", "operator"),
        ("[domain-name:value ISSUBSET 'a.example']", "operator"),
        ("[EXISTS ipv4-addr:value]", "operator"),
        ("[ipv4-addr:value = 7]", "not_text"),
        ("[file:hashes.'SHA-256' = 'f00']", "value"),
        ("[url:value = 'javascript:alert(1)']", "value"),
        ("[file:hashes.SSDEEP = '3:x']", "property"),
        ("[file:hashes[*] = 'd41d8cd98f00b204e9800998ecf8427e']", "property"),
        ("[file:name = 'evil.exe']", "property"),
        ("[x-Ticket:value = '1']", "property"),
    ] {
        assert_eq!(found(pattern), (vec![], vec![why]), "{pattern}");
    }
    let both = "[ipv4-addr:value = '203.0.113.7' OR file:name = 'evil.exe']";
    assert_eq!(found(both), (vec!["ip 203.0.113.7".to_owned()], vec!["property"]));
}

#[test]
fn a_property_is_shown_short() {
    let pattern = format!("[x:'{}' = 1]", "\u{1}y".repeat(500));
    let refused = values(&parse(&pattern).unwrap()).refused;
    let [NotIndicator::Property(shown)] = refused.as_slice() else { panic!("{refused:?}") };
    assert!(shown.starts_with("x:yyy") && shown.len() == 80, "{shown}");
}

/// Texts that a writer of patterns gets wrong.
pub(in crate::formats::stix) fn hostile() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{1,40}", "['\\\\\\]\\[/*\"]{1,12}", "\\PC{1,20}"]
}

pub(in crate::formats::stix) fn a_value() -> impl Strategy<Value = Value> {
    let value = |kind: Kind| move |text: String| Value::parse(&kind, &text).ok();
    let custom: Kind = "x-ticket".parse().unwrap();
    prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| Value::from_ip(ip.into())),
        any::<[u8; 16]>().prop_map(|ip| Value::from_ip(ip.into())),
        (any::<[u8; 4]>(), 0..=32)
            .prop_map(|(ip, n)| format!("{}/{n}", std::net::Ipv4Addr::from(ip)))
            .prop_filter_map("a network", value(Kind::Cidr)),
        (any::<[u8; 16]>(), 0..=128)
            .prop_map(|(ip, n)| format!("{}/{n}", std::net::Ipv6Addr::from(ip)))
            .prop_filter_map("a network", value(Kind::Cidr)),
        "[a-zäß_]{1,12}(\\.[a-z]{2,5}){1,3}".prop_filter_map("a domain", value(Kind::Domain)),
        ("[a-z]{1,9}", hostile())
            .prop_map(|(host, path)| format!("http://{host}.example/{path}"))
            .prop_filter_map("a URL", value(Kind::Url)),
        "[a-z'{}*]{1,9}@[a-z]{1,9}\\.example".prop_filter_map("an address", value(Kind::Email)),
        "[0-9a-fA-F]{32}".prop_filter_map("a hash", value(Kind::Md5)),
        "[0-9a-f]{40}".prop_filter_map("a hash", value(Kind::Sha1)),
        "[0-9a-f]{64}".prop_filter_map("a hash", value(Kind::Sha256)),
        "[0-9a-f]{128}".prop_filter_map("a hash", value(Kind::Sha512)),
        hostile().prop_filter_map("a text", value(custom)),
    ]
}

proptest! {
    #[test]
    fn a_value_comes_back_from_its_pattern(value in a_value()) {
        let pattern = write(&value);
        let found = values(&parse(&pattern).unwrap());
        prop_assert_eq!((found.values, found.refused), (vec![value], vec![]), "{}", pattern);
    }

    #[test]
    fn what_is_printed_is_read_as_the_same(pattern in print::pattern(), seed in any::<u64>()) {
        let printed = print::print(&pattern, seed);
        prop_assert_eq!(parse(&printed), Ok(pattern), "{}", printed);
    }

    #[test]
    fn nothing_makes_it_panic(
        text in "\\PC{0,60}",
        printed in print::pattern(),
        cut in any::<prop::sample::Index>(),
    ) {
        if let Ok(pattern) = parse(&text) {
            values(&pattern);
        }
        // Nearly a pattern: one with a piece cut out.
        let mut near = print::print(&printed, 1);
        let chars: Vec<usize> = near.char_indices().map(|(at, _)| at).collect();
        near.remove(chars[cut.index(chars.len())]);
        if let Ok(pattern) = parse(&near) {
            values(&pattern);
        }
    }
}
