//! Views: what is hidden changes nothing that is shown.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Known, Retraction, Told, View};
use crate::ageing;
use crate::assess::{Heard, Member, Outputs, Trust};
use crate::hygiene::Lists;
use crate::model::{
    Claim, Confidence, ContentId, CustomFields, CustomValue, DAY, Day, Evidence, HOUR, Kind, Level,
    NodeId, Origin, Pseudonym, Scope, SightingsBucket, Source, Timestamp, Tlp, Value,
};
use crate::privacy::Policy;
use crate::privacy::tlp::{ClientScope, Path, allows, shows};

/// 2026-11-18T11:06:40Z
const NOW: Timestamp = Timestamp(1_795_000_000);

fn value() -> Value {
    Value::guess("45.155.205.233").unwrap()
}

fn node(n: u8) -> NodeId {
    NodeId::from_public_key([n; 32])
}

/// Members 1 and 2 are trusted, 3 is no member.
fn trust() -> Trust {
    let member = |n: u8| (node(n), Member { trust: 0.5, organisation: format!("org-{n}") });
    Trust { of: [1, 2].map(member).into() }
}

fn outputs() -> Outputs {
    let kinds = BTreeSet::from([Kind::Ip]);
    Outputs { threshold: 60, sources: 2, kinds, shorten: BTreeMap::new() }
}

fn evidence(origin: Origin, scope: Scope) -> Evidence {
    Evidence {
        value: value(),
        origin,
        first_seen: NOW.minus(2 * DAY + 99),
        last_seen: NOW.minus(HOUR + 99),
        until: None,
        count: 3,
        confidence: Confidence::new(80).unwrap(),
        tags: BTreeSet::from(["ssh".parse().unwrap()]),
        scope,
        custom: CustomFields::from([("service".to_owned(), CustomValue::Text("ssh".to_owned()))]),
    }
}

fn heard(n: u8, by: u8, tlp: Tlp) -> Heard {
    let claim = Claim {
        value: value(),
        tlp,
        until: ageing::end_of(&Kind::Ip, NOW.minus(DAY)),
        revision: 1,
        confidence: Confidence::new(60),
        created: Some(NOW.minus(3 * DAY)),
        modified: Some(NOW.minus(DAY)),
        sightings: Some(SightingsBucket::Two),
        tags: vec!["scan".parse().unwrap()],
        custom: CustomFields::new(),
        retracted: false,
    };
    Heard {
        claim,
        pseudonym: Pseudonym([n; 32]),
        content: ContentId([n; 32]),
        delivered_by: [node(by)].into(),
        received: NOW.minus(HOUR),
    }
}

struct Case {
    evidence: Vec<Evidence>,
    heard: Vec<Heard>,
    retraction: Option<Retraction>,
}

impl Case {
    fn new(evidence: Vec<Evidence>, heard: Vec<Heard>) -> Self {
        Self { evidence, heard, retraction: None }
    }

    fn tell(&self, path: Path, level: Level) -> Option<Told> {
        let policy = Policy { level, allow_custom_fields: true, ..Policy::default() };
        let (value, lists, trust, outputs) = (value(), Lists::default(), trust(), outputs());
        let known = Known {
            value: &value,
            evidence: &self.evidence,
            heard: &self.heard,
            attested: &[],
            unfit: None,
            voted_false: false,
            generation: 7,
            retraction: self.retraction.clone(),
        };
        let view = View { path, policy: &policy, lists: &lists, trust: &trust, outputs: &outputs };
        view.tell(&known, NOW)
    }
}

const GREEN: Path = Path::Client(ClientScope::Green);
const RED: Path = Path::Client(ClientScope::Red);

#[test]
fn a_level_tells_its_fields_and_no_more() {
    let case = Case::new(
        vec![evidence(Origin::Log(Source::Sshd), Scope::new(Tlp::Green, []))],
        vec![heard(1, 1, Tlp::White)],
    );
    let strict = case.tell(GREEN, Level::Strict).unwrap();
    assert_eq!((strict.confidence, strict.sightings, strict.tags.len()), (None, None, 0));
    // Every time of it follows from an end that is rounded to the week.
    let week_end = |time: Timestamp| time.0.is_multiple_of(7 * DAY);
    assert!(week_end(strict.until), "{strict:?}");
    assert!(week_end(strict.created.plus(30 * DAY)), "{strict:?}");

    let moderate = case.tell(GREEN, Level::Moderate).unwrap();
    assert_eq!(moderate.created, NOW.minus(3 * DAY));
    assert_eq!((moderate.tags.len(), moderate.sightings, moderate.custom.len()), (0, None, 0));
    assert_eq!((moderate.tlp, moderate.generation), (Tlp::Green, 7));
    let confidence = moderate.confidence.unwrap();

    let open = case.tell(GREEN, Level::Open).unwrap();
    assert_eq!(open.tags, ["scan".parse().unwrap(), "ssh".parse().unwrap()]);
    assert_eq!(open.sightings.unwrap().count, 2, "2 to 4 times");
    assert_eq!(open.custom.len(), 1);
    assert!(open.confidence.unwrap().percent().abs_diff(confidence.percent()) < 10);
}

#[test]
fn what_is_limited_to_names_is_shown_to_own_clients_only() {
    let named = || Scope::new(Tlp::Amber, ["node-2".to_owned()]);
    let case = Case::new(vec![evidence(Origin::Manual, named())], vec![]);
    assert_eq!(case.tell(GREEN, Level::Open), None);
    let amber = case.tell(Path::Client(ClientScope::Amber), Level::Open).unwrap();
    assert_eq!(amber.recipients, BTreeSet::from(["node-2".to_owned()]));
    assert!(case.tell(RED, Level::Moderate).unwrap().recipients.is_empty());
    let private = Case::new(vec![evidence(Origin::Manual, Scope::private())], vec![]);
    assert_eq!(private.tell(Path::Client(ClientScope::Amber), Level::Open), None);
    assert!(private.tell(RED, Level::Open).is_some());
}

#[test]
fn what_weighs_nothing_is_not_told() {
    assert_eq!(Case::new(vec![], vec![]).tell(RED, Level::Open), None);
    // Of one who is no member, ended, or taken back.
    let mut ended = heard(2, 1, Tlp::Green);
    ended.claim.until = Day(NOW.day().0);
    let mut retracted = heard(3, 1, Tlp::Green);
    retracted.claim.retracted = true;
    let case = Case::new(vec![], vec![heard(1, 3, Tlp::Green), ended, retracted]);
    assert_eq!(case.tell(RED, Level::Open), None);
    let mut old = evidence(Origin::Import, Scope::new(Tlp::White, []));
    old.until = Some(NOW.minus(DAY));
    assert_eq!(Case::new(vec![old], vec![]).tell(RED, Level::Open), None);
}

#[test]
fn an_own_word_that_was_taken_back_is_told_as_such_until_it_ends() {
    let mut claim = heard(1, 1, Tlp::Green).claim;
    claim.retracted = true;
    let retraction = Some(Retraction { claim, at: NOW.minus(9) });
    let mut case = Case { retraction, ..Case::new(vec![], vec![]) };
    let told = case.tell(GREEN, Level::Open).unwrap();
    assert!(told.revoked && told.modified == NOW.minus(9) && told.created <= told.modified);
    assert_eq!(case.tell(Path::PublicEndpoint, Level::Open), None);
    // As long as somebody else says it, it is not.
    case.heard = vec![heard(2, 2, Tlp::White)];
    assert!(!case.tell(GREEN, Level::Open).unwrap().revoked);
}

#[test]
fn a_version_lasts_until_something_comes_or_ages_by_a_step() {
    let mut case = Case::new(vec![], vec![heard(1, 1, Tlp::Green)]);
    let told = case.tell(GREEN, Level::Moderate).unwrap();
    assert_eq!(told.modified, NOW.minus(HOUR), "it came then");
    case.heard[0].received = NOW.minus(DAY);
    let aged = case.tell(GREEN, Level::Moderate).unwrap();
    assert!(aged.modified > NOW.minus(DAY) && aged.modified <= NOW);
    // The number is that of the version's time, not of the time it is asked for.
    let lifetime = ageing::lifetime(&Kind::Ip);
    let share = ageing::share_at(
        Confidence::new(60).unwrap(),
        aged.modified.since(NOW.minus(DAY)),
        &lifetime,
    );
    assert_eq!(aged.confidence, Some(Confidence::from_share(share * 0.5)));
}

fn any_tlp() -> impl Strategy<Value = Tlp> {
    prop::sample::select(&Tlp::ALL[..])
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let origin = prop::sample::select(vec![
        Origin::Log(Source::Sshd),
        Origin::Manual,
        Origin::Import,
        Origin::ImportOfDtim,
    ]);
    let scope = (any_tlp(), any::<bool>())
        .prop_map(|(tlp, named)| Scope::new(tlp, named.then(|| "node-2".to_owned())));
    (origin, scope, 0..40 * DAY, 0..40 * DAY, 0..=100u8, 1..20u64).prop_map(
        |(origin, scope, a, b, confidence, count)| Evidence {
            first_seen: NOW.minus(a.max(b)),
            last_seen: NOW.minus(a.min(b)),
            confidence: Confidence::new(confidence).unwrap(),
            count,
            ..evidence(origin, scope)
        },
    )
}

fn any_heard() -> impl Strategy<Value = Heard> {
    (any::<u8>(), 1..4u8, any_tlp(), 0..29 * DAY, 0..=100u8, any::<bool>()).prop_map(
        |(n, by, tlp, age, confidence, retracted)| {
            let mut heard = heard(n, by, tlp);
            heard.claim.modified = Some(NOW.minus(age));
            heard.claim.created = Some(NOW.minus(age + DAY));
            heard.claim.until = ageing::end_of(&Kind::Ip, NOW.minus(age));
            heard.claim.confidence = Confidence::new(confidence);
            heard.claim.retracted = retracted && confidence > 80;
            heard.received = NOW.minus(age / 2);
            heard
        },
    )
}

proptest! {
    #[test]
    fn what_is_hidden_changes_nothing(
        evidence in prop::collection::vec(any_evidence(), 0..5),
        heard in prop::collection::vec(any_heard(), 0..5),
        path in prop::sample::select(vec![
            Path::PublicEndpoint, GREEN, Path::Client(ClientScope::Amber), RED,
        ]),
        level in prop::sample::select(&Level::ALL[..]),
    ) {
        let told = Case::new(evidence.clone(), heard.clone()).tell(path, level);
        let known = Case::new(
            evidence.into_iter().filter(|e| shows(&e.scope, path)).collect(),
            heard.into_iter().filter(|h| allows(h.claim.tlp, path)).collect(),
        );
        prop_assert_eq!(&told, &known.tell(path, level));
        if let Some(told) = told {
            prop_assert!(allows(told.tlp, path));
            prop_assert!(told.created <= told.modified && told.modified <= NOW);
            prop_assert!(told.until > told.created && told.until > NOW);
        }
    }
}
