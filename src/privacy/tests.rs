//! What leaves: never more than the level's row, never what another scope knows.

use proptest::prelude::*;

use super::*;
use crate::ageing;
use crate::hygiene::corpus;
use crate::model::{Confidence, CustomKind, CustomValue, DAY, Origin, Scope, Source, WEEK};

mod scrubber;
mod table;

/// 2026-09-23T14:13:53Z, not on the round of anything.
const NOW: Timestamp = Timestamp(1_790_172_833);

fn value(text: &str) -> Value {
    Value::guess(text).unwrap()
}

fn evidence(text: &str, scope: Scope) -> Evidence {
    Evidence {
        value: value(text),
        origin: Origin::Log(Source::NginxAccess),
        first_seen: NOW.minus(3 * DAY + 71),
        last_seen: NOW.minus(2 * HOUR + 71),
        until: None,
        count: 6,
        confidence: Confidence::new(70).unwrap(),
        tags: ["ssh", "acme-internal"].iter().map(|tag| tag.parse().unwrap()).collect(),
        scope,
        custom: CustomFields::from([("family".to_owned(), CustomValue::Text("mirai".to_owned()))]),
    }
}

fn everyone(tlp: Tlp) -> Scope {
    Scope::new(tlp, [])
}

fn only(tlp: Tlp, names: &[&str]) -> Scope {
    Scope::new(tlp, names.iter().map(|name| (*name).to_owned()))
}

fn bob() -> To {
    To::Member {
        node: NodeId::from_public_key([7; 32]),
        name: "bob".to_owned(),
        groups: BTreeSet::from(["banks".to_owned()]),
    }
}

fn at(level: Level) -> Policy {
    Policy { level, allow_custom_fields: true, ..Policy::default() }
}

fn own_domain() -> Lists {
    Lists::new(vec!["acme-corp.de".parse().unwrap()], Vec::new())
}

fn told(evidence: &[Evidence], to: &To, policy: &Policy) -> Result<Claim, Withheld> {
    share(evidence, to, policy, &own_domain(), NOW).map(|shareable| shareable.claim().clone())
}

/// Every text of a claim, and its numbers that nobody rounded.
fn texts(claim: &Claim) -> Vec<String> {
    fn walk(value: &CustomValue, out: &mut Vec<String>) {
        match value {
            CustomValue::Null | CustomValue::Bool(_) => {}
            CustomValue::Integer(number) => out.push(number.to_string()),
            CustomValue::Bytes(bytes) => out.push(String::from_utf8_lossy(bytes).into_owned()),
            CustomValue::Text(text) => out.push(text.clone()),
            CustomValue::List(values) => values.iter().for_each(|value| walk(value, out)),
            CustomValue::Map(fields) => fields.iter().for_each(|(name, value)| {
                out.push(name.clone());
                walk(value, out);
            }),
        }
    }
    let mut out = vec![claim.value.as_str().to_owned()];
    out.extend(claim.tags.iter().map(ToString::to_string));
    walk(&CustomValue::Map(claim.custom.clone()), &mut out);
    out
}

#[test]
fn each_level_tells_its_row() {
    let seen = [evidence("45.155.205.233", everyone(Tlp::Green))];
    let strict = told(&seen, &To::Mesh, &at(Level::Strict)).unwrap();
    let end = ageing::end_of(&Kind::Ip, seen[0].last_seen);
    assert_eq!(strict, bare(value("45.155.205.233"), Tlp::Green, end.ceil_week()));

    let moderate = told(&seen, &To::Mesh, &at(Level::Moderate)).unwrap();
    let hour = |t: Timestamp| Some(t.floor(HOUR));
    let expected = Claim {
        confidence: Confidence::new(70),
        created: hour(seen[0].first_seen),
        modified: hour(seen[0].last_seen),
        ..bare(value("45.155.205.233"), Tlp::Green, end)
    };
    assert_eq!(moderate, expected);

    let open = share(&seen, &To::Mesh, &at(Level::Open), &own_domain(), NOW).unwrap();
    let expected = Claim {
        created: Some(seen[0].first_seen.floor(MINUTE)),
        modified: Some(seen[0].last_seen.floor(MINUTE)),
        sightings: Some(SightingsBucket::Five),
        tags: vec!["ssh".parse().unwrap()],
        custom: seen[0].custom.clone(),
        ..expected
    };
    assert_eq!(open.claim(), &expected);
    assert_eq!(open.audience(), Audience::Mesh);
    let dropped: Vec<String> = open.dropped().iter().map(ToString::to_string).collect();
    let why = "acme-internal: the tag is not in the vocabulary; [privacy] tags allows more";
    assert_eq!(dropped, [why]);

    let shy = Policy { allow_custom_fields: false, ..at(Level::Open) };
    assert!(told(&seen, &To::Mesh, &shy).unwrap().custom.is_empty());
}

#[test]
fn a_clock_that_runs_ahead_tells_no_future() {
    let mut seen = evidence("45.155.205.233", everyone(Tlp::White));
    (seen.first_seen, seen.last_seen) = (NOW.plus(9 * DAY), NOW.plus(10 * DAY));
    let claim = told(&[seen], &To::Mesh, &at(Level::Open)).unwrap();
    assert_eq!(claim.modified, Some(NOW.floor(MINUTE)));
    assert_eq!(ageing::timely(&claim, NOW), Ok(()));
}

#[test]
fn what_is_not_told_has_a_reason() {
    let green = || everyone(Tlp::Green);
    let import = Evidence { origin: Origin::Import, ..evidence("45.155.205.233", green()) };
    let mut old = evidence("45.155.205.233", green());
    (old.first_seen, old.last_seen) = (NOW.minus(40 * DAY), NOW.minus(31 * DAY));
    let one = |text: &str, scope: Scope| vec![evidence(text, scope)];
    for (seen, expected) in [
        (vec![], "no_evidence"),
        (vec![Evidence { origin: Origin::ImportOfDtim, ..import.clone() }], "only_imported"),
        (vec![import], "only_imported"),
        (one("45.155.205.233", Scope::private()), "not_for_audience"),
        (one("45.155.205.233", everyone(Tlp::Amber)), "not_for_audience"),
        (one("45.155.205.233", only(Tlp::Green, &["bob"])), "named_but_public"),
        (one("10.0.0.7", green()), "not_global"),
        (one("8.8.8.8", green()), "warninglist"),
        (one("www.acme-corp.de", green()), "own"),
        (vec![old], "ended"),
        (one("https://evil.biz/acme-corp.de/login", green()), "speaks_of_inside"),
        (one("https://evil.biz/?u=www%252Eacme%252Dcorp%252Ede", green()), "speaks_of_inside"),
        (one("acme-corp.de.evil.biz", green()), "speaks_of_inside"),
        (one("https://evil.biz/ssrf?u=http%3A%2F%2F10.0.0.7%2F", green()), "speaks_of_inside"),
        (one("https://evil.biz/ip-10-0-0-7", green()), "speaks_of_inside"),
        (one("https://evil.biz/?x=fd00::7", green()), "speaks_of_inside"),
        (one("https://evil.biz/?mail=kim@zebra.io", green()), "never_share"),
        (one("ze-bra.evil.biz", green()), "never_share"),
        (one("xn--zbra-bpa.biz", green()), "told"),
        (one("https://evil.biz/a?v=1.2.3.4", green()), "told"),
        (one("evil.biz", green()), "told"),
        (one("45.155.205.233", green()), "told"),
    ] {
        let policy = Policy { never_share: vec!["Zebra".to_owned()], ..Policy::default() };
        let got = told(&seen, &To::Mesh, &policy).map_or_else(|why| why.label(), |_| "told");
        assert_eq!(got, expected, "{:?}", seen.first().map(|e| e.value.clone()));
    }
}

#[test]
fn names_wait_until_the_own_ones_are_known() {
    let custom = Value::parse(&Kind::Custom(CustomKind::new("x-mutex").unwrap()), "abc").unwrap();
    let names = ["evil.biz", "https://evil.biz/x", "someone@evil.biz"].map(value);
    for value in names.into_iter().chain([custom]) {
        let seen = [Evidence { value, ..evidence("evil.biz", everyone(Tlp::White)) }];
        let at_first = share(&seen, &To::Mesh, &Policy::default(), &Lists::default(), NOW);
        assert_eq!(at_first, Err(Withheld::NoOwnDomain));
        assert!(told(&seen, &To::Mesh, &Policy::default()).is_ok());
    }
    let seen = [evidence("45.155.205.233", everyone(Tlp::White))];
    assert!(share(&seen, &To::Mesh, &Policy::default(), &Lists::default(), NOW).is_ok());
}

#[test]
fn nothing_that_hygiene_refuses_can_become_shareable() {
    let (lists, policy) = (own_domain(), at(Level::Open));
    let refused: Vec<Value> = corpus::fixed().into_iter().chain(corpus::listed()).collect();
    assert!(refused.len() >= 10_000);
    let scopes = [(everyone(Tlp::White), To::Mesh), (only(Tlp::Red, &["bob"]), bob())];
    let templates = scopes.map(|(scope, to)| (evidence("45.155.205.233", scope), to));
    for value in refused {
        for (template, to) in &templates {
            let seen = [Evidence { value: value.clone(), ..template.clone() }];
            let got = share(&seen, to, &policy, &lists, NOW);
            assert!(matches!(got, Err(Withheld::Unfit(_))), "{value:?}: {got:?}");
        }
    }
}

/// Texts that a log, a rule or an operator may have put into evidence.
fn hostile_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("zebra".to_owned()),
        Just("Project ZEBRA-7".to_owned()),
        Just("ze.br_a".to_owned()),
        "[a-z]{1,8}",
        "[ -~]{0,40}",
        any::<String>(),
    ]
}

fn hostile_value() -> impl Strategy<Value = CustomValue> {
    let leaf = prop_oneof![
        Just(CustomValue::Null),
        any::<bool>().prop_map(CustomValue::Bool),
        any::<i64>().prop_map(CustomValue::Integer),
        (-9i64..999).prop_map(CustomValue::Integer),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(CustomValue::Bytes),
        hostile_text().prop_map(CustomValue::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(CustomValue::List),
            prop::collection::btree_map(hostile_text(), inner, 0..4).prop_map(CustomValue::Map),
        ]
    })
}

fn any_scope() -> impl Strategy<Value = Scope> {
    let names =
        prop::collection::btree_set(prop::sample::select(vec!["bob", "eve", "banks"]), 0..3);
    (prop::sample::select(&Tlp::ALL[..]), names)
        .prop_map(|(tlp, names)| Scope::new(tlp, names.into_iter().map(str::to_owned)))
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let origin = prop::sample::select(vec![
        Origin::Log(Source::Ufw),
        Origin::Log(Source::Sshd),
        Origin::Manual,
        Origin::Import,
        Origin::ImportOfDtim,
    ]);
    let tag = prop_oneof!["[a-z][a-z0-9-]{0,12}", "zebra-[a-z]{3}", Just("ssh".to_owned())];
    (
        origin,
        any_scope(),
        (0u64..50 * DAY, 0u64..50 * DAY, any::<u64>(), 0u8..=100),
        prop::collection::btree_set(tag.prop_map(|tag| tag.parse().unwrap()), 0..20),
        prop::collection::btree_map(hostile_text(), hostile_value(), 0..20),
    )
        .prop_map(|(origin, scope, (a, b, count, confidence), tags, custom)| Evidence {
            origin,
            first_seen: NOW.minus(a.max(b)),
            last_seen: NOW.plus(DAY).minus(a.min(b)),
            until: None,
            count,
            confidence: Confidence::new(confidence).unwrap(),
            tags,
            custom,
            ..evidence("45.155.205.233", scope)
        })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    (prop::sample::select(&Level::ALL[..]), any::<bool>()).prop_map(|(level, custom)| Policy {
        level,
        allow_custom_fields: custom,
        tags: ["ours", "zebra-abc"].iter().map(|tag| tag.parse().unwrap()).collect(),
        never_share: vec!["Zebra".to_owned(), String::new()],
        internal: vec!["web-01".to_owned(), "kim".to_owned()],
    })
}

fn any_to() -> impl Strategy<Value = To> {
    prop::bool::ANY.prop_map(|mesh| if mesh { To::Mesh } else { bob() })
}

proptest! {
    #[test]
    fn no_field_outside_the_row_of_the_level_ever_leaves(
        seen in prop::collection::vec(any_evidence(), 0..5), policy in any_policy(), to in any_to(),
    ) {
        let Ok(claim) = told(&seen, &to, &policy) else { return Ok(()) };
        prop_assert!(!claim.retracted && claim.revision == 0);
        prop_assert_eq!(ageing::timely(&claim, NOW), Ok(()));
        let unit = match policy.level {
            Level::Strict => {
                prop_assert_eq!(claim.until.start().seconds() % WEEK, 0);
                let end = claim.until;
                prop_assert_eq!(claim, bare(value("45.155.205.233"), claim_tlp(&seen, &to), end));
                return Ok(());
            }
            Level::Moderate => HOUR,
            Level::Open => MINUTE,
        };
        for time in [claim.created.unwrap(), claim.modified.unwrap()] {
            prop_assert_eq!(time, time.floor(unit));
            prop_assert!(time <= NOW);
        }
        prop_assert_eq!(claim.sightings.is_some(), policy.level == Level::Open);
        prop_assert!(claim.tags.is_empty() || policy.level == Level::Open);
        let known = |tag: &Tag| vocabulary().any(|known| known == tag.as_str());
        prop_assert!(claim.tags.iter().all(|tag| known(tag) || policy.tags.contains(tag)));
        let custom = policy.level == Level::Open && policy.allow_custom_fields;
        prop_assert!(claim.custom.is_empty() || custom);
        prop_assert!(claim.tags.len() <= 16 && claim.custom.len() <= 16);
        prop_assert!(claim.tags.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn evidence_of_another_scope_changes_nothing(
        seen in prop::collection::vec(any_evidence(), 0..5), policy in any_policy(), to in any_to(),
    ) {
        let open: Vec<Evidence> = seen
            .iter()
            .filter(|e| e.origin.is_own() && tlp::reaches(&e.scope, &to))
            .cloned()
            .collect();
        let (all, known) = (
            share(&seen, &to, &policy, &own_domain(), NOW),
            share(&open, &to, &policy, &own_domain(), NOW),
        );
        match known {
            Err(Withheld::NoEvidence) => prop_assert!(all.is_err()),
            known => prop_assert_eq!(all, known),
        }
    }

    #[test]
    fn a_word_that_must_not_leave_is_in_no_text(
        seen in prop::collection::vec(any_evidence(), 1..4), to in any_to(),
        name in "[a-zA-Z0-9]{1,6}(zebra|ZEBRA|Ze-Bra|z-E-b-r-a)?[a-z]{0,3}",
    ) {
        let policy = Policy {
            tags: seen.iter().flat_map(|e| e.tags.clone()).collect(),
            never_share: vec!["zEbRa".to_owned()],
            ..at(Level::Open)
        };
        let host = value(&format!("https://{name}.evil.biz/{name}"));
        let seen: Vec<Evidence> =
            seen.into_iter().map(|e| Evidence { value: host.clone(), ..e }).collect();
        if let Ok(claim) = told(&seen, &to, &policy) {
            for text in texts(&claim) {
                let squeezed: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
                prop_assert!(!squeezed.to_lowercase().contains("zebra"), "{}", text);
            }
        }
    }
}

/// The strictest marking of what may be told, worked out in another way.
fn claim_tlp(seen: &[Evidence], to: &To) -> Tlp {
    let own = seen.iter().filter(|e| e.origin.is_own() && tlp::reaches(&e.scope, to));
    own.fold(Tlp::White, |strictest, e| strictest.strictest(e.scope.tlp()))
}
