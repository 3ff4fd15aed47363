//! The formula's laws.

use proptest::prelude::*;

use super::*;
use crate::model::{
    Claim, ContentId, CustomFields, DAY, Day, Origin, Pseudonym, Scope, Source, Tlp,
};

const NOW: Timestamp = Timestamp(1_800_000_000);

fn value() -> Value {
    Value::guess("45.155.205.233").unwrap()
}

fn node(n: u8) -> NodeId {
    NodeId::from_public_key([n; 32])
}

fn heard(pseudonym: u8, by: &[u8], confidence: u8, age: u64) -> Heard {
    let claim = Claim {
        value: value(),
        tlp: Tlp::Green,
        until: Day(u32::try_from(NOW.0 / DAY).unwrap() + 20),
        revision: 1,
        confidence: Confidence::new(confidence),
        created: Some(NOW.minus(age)),
        modified: Some(NOW.minus(age)),
        sightings: None,
        tags: Vec::new(),
        custom: CustomFields::new(),
        retracted: false,
    };
    Heard {
        claim,
        pseudonym: Pseudonym([pseudonym; 32]),
        content: ContentId([pseudonym; 32]),
        delivered_by: by.iter().map(|n| node(*n)).collect(),
        received: NOW,
    }
}

fn evidence(confidence: u8, age: u64, origin: Origin) -> Evidence {
    Evidence {
        value: value(),
        origin,
        first_seen: NOW.minus(age),
        last_seen: NOW.minus(age),
        until: None,
        count: 1,
        confidence: Confidence::new(confidence).unwrap(),
        tags: BTreeSet::new(),
        scope: Scope::private(),
        custom: CustomFields::new(),
    }
}

fn trust(nodes: impl IntoIterator<Item = u8>) -> Trust {
    let member = |n| (node(n), Member { trust: 0.5, organisation: format!("org-{n}") });
    Trust { of: nodes.into_iter().map(member).collect() }
}

fn outputs() -> Outputs {
    Outputs {
        threshold: 60,
        sources: 2,
        kinds: BTreeSet::from([Kind::Ip]),
        shorten: BTreeMap::new(),
    }
}

fn of(evidence: &[Evidence], heard: &[Heard], trust: &Trust) -> Assessment {
    assess(&value(), evidence, heard, &[], trust, &outputs(), None, false, NOW)
}

#[test]
fn own_evidence_and_two_members_multiply_their_doubts() {
    let own = [evidence(60, 0, Origin::Log(Source::Ufw)), evidence(40, 0, Origin::Manual)];
    let found = of(&own, &[heard(1, &[1], 80, 0), heard(2, &[2], 50, 0)], &trust([1, 2]));
    let expected = 1.0 - (1.0 - 0.6) * (1.0 - 0.5 * 0.8) * (1.0 - 0.5 * 0.5);
    assert!((found.exact - expected).abs() < 1e-12);
    assert_eq!(found.confidence.percent(), 82);
    assert_eq!(found.sources, 2, "own, and the mesh");
    assert_eq!(found.block, Block::Yes);
    assert_eq!(found.terms[1].note, Some(Note::CountedOnce));
}

#[test]
fn the_mesh_alone_is_one_source_however_many_members_speak() {
    let claims: Vec<Heard> = (1..=9).map(|n| heard(n, &[n], 100, 0)).collect();
    let found = of(&[], &claims, &trust(1..=9));
    assert!(found.exact > 0.99);
    assert_eq!(found.sources, 1);
    assert_eq!(found.block, Block::No(NotBlocked::Sources(2)));
    let one_is_enough = Outputs { sources: 1, ..outputs() };
    let found =
        assess(&value(), &[], &claims, &[], &trust(1..=9), &one_is_enough, None, false, NOW);
    assert_eq!(found.block, Block::Yes);
}

/// Each organisation that attests is a source; what it tells the mesh besides is not another.
#[test]
fn attesting_organisations_are_counted_and_nobody_twice() {
    let of = |attested: &[u8], claims: &[Heard]| {
        let attested: Vec<_> = attested.iter().map(|n| node(*n)).collect();
        let mut trust = trust(1..=5);
        // Two nodes of one organisation.
        for one in [1, 2] {
            trust.of.get_mut(&node(one)).unwrap().organisation = "one".to_owned();
        }
        assess(&value(), &[], claims, &attested, &trust, &outputs(), None, false, NOW).sources
    };
    let claims = [heard(1, &[1], 90, 0), heard(2, &[3], 90, 0)];
    assert_eq!(of(&[], &claims), 1);
    assert_eq!(of(&[1], &claims), 1);
    assert_eq!(of(&[1, 2], &claims), 1, "one organisation");
    assert_eq!(of(&[1, 3], &claims), 2);
    assert_eq!(of(&[1, 3, 4], &claims), 3);
    assert_eq!(of(&[1, 3, 9], &claims), 2, "a stranger attests nothing");
    assert_eq!(of(&[1, 3], &[]), 0, "without a claim there is nothing to attest");
}

#[test]
fn what_only_a_revoked_peer_delivered_weighs_nothing_until_another_delivers_it() {
    let found = of(&[], &[heard(1, &[1], 100, 0)], &trust([2]));
    assert_eq!((found.exact, found.sources), (0.0, 0));
    assert_eq!(found.terms[0].note, Some(Note::NotApproved));
    assert!(of(&[], &[heard(1, &[1, 2], 100, 0)], &trust([2])).exact > 0.4);
}

#[test]
fn hygiene_hides_a_vote_zeroes_and_a_retraction_is_silent() {
    let claims = [heard(1, &[1], 100, 0)];
    let hidden = assess(
        &value(),
        &[],
        &claims,
        &[],
        &trust([1]),
        &outputs(),
        crate::hygiene::fixed(&Value::guess("10.0.0.1").unwrap()).err(),
        false,
        NOW,
    );
    assert_eq!(hidden.confidence, Confidence::ZERO);
    assert!(matches!(hidden.block, Block::No(NotBlocked::Unfit(_))));
    let voted = assess(
        &value(),
        &[evidence(90, 0, Origin::Manual)],
        &claims,
        &[],
        &trust([1]),
        &outputs(),
        None,
        true,
        NOW,
    );
    assert_eq!(
        (voted.confidence, voted.block),
        (Confidence::ZERO, Block::No(NotBlocked::VotedFalse))
    );
    let mut retracted = heard(1, &[1], 100, 0);
    retracted.claim.retracted = true;
    assert_eq!(of(&[], &[retracted], &trust([1])).confidence, Confidence::ZERO);
}

#[test]
fn imports_count_one_source_and_never_as_own() {
    let imports = evidence(50, 0, Origin::Import);
    let found = of(&[imports], &[heard(1, &[1], 100, 0)], &trust([1]));
    assert_eq!(found.sources, 2);
    assert!((found.exact - 0.75).abs() < 1e-12);
}

#[test]
fn what_a_node_of_dtim_wrote_counts_only_where_nobody_else_speaks() {
    let import = || evidence(50, 0, Origin::ImportOfDtim);
    let alone = of(&[import()], &[], &trust([1]));
    assert_eq!((alone.sources, alone.confidence.percent()), (1, 50));
    // Its own sighting, or a member's claim, in whatever order, and it changes nothing.
    let seen = evidence(40, 0, Origin::Log(Source::Ufw));
    let with_own = of(&[import(), seen.clone()], &[], &trust([1]));
    assert_eq!((with_own.sources, with_own.exact), (1, of(&[seen], &[], &trust([1])).exact));
    let told = heard(1, &[1], 20, 0);
    let with_mesh = of(&[import()], std::slice::from_ref(&told), &trust([1]));
    let without = of(&[], &[told], &trust([1]));
    assert_eq!((with_mesh.sources, with_mesh.exact), (1, without.exact));
    // An ended word of a member is none.
    let ended = heard(1, &[1], 90, 40 * DAY);
    assert_eq!(of(&[import()], &[ended], &trust([1])).sources, 1);
}

#[test]
fn an_import_ends_when_it_says() {
    let import = |until| Evidence { until: Some(until), ..evidence(80, 0, Origin::Import) };
    assert_eq!(of(&[import(NOW.plus(1))], &[], &trust([])).confidence.percent(), 80);
    assert_eq!(of(&[import(NOW)], &[], &trust([])).confidence, Confidence::ZERO);
}

#[test]
fn a_shorter_lifetime_is_local() {
    let week_old = [evidence(100, 7 * DAY, Origin::Manual)];
    let short = Outputs { shorten: BTreeMap::from([(Kind::Ip, DAY)]), ..outputs() };
    assert!(of(&week_old, &[], &Trust::default()).exact > 0.3);
    assert_eq!(
        assess(&value(), &week_old, &[], &[], &Trust::default(), &short, None, false, NOW).exact,
        0.0
    );
}

fn any_heard() -> impl Strategy<Value = Heard> {
    (0u8..6, prop::collection::btree_set(0u8..5, 0..4), 0u8..=100, 0u64..40 * DAY, 0u64..3, 0u64..9)
        .prop_map(|(pseudonym, by, confidence, age, revision, received)| {
            let by: Vec<u8> = by.into_iter().collect();
            let mut heard = heard(pseudonym, &by, confidence, age);
            heard.claim.revision = revision;
            heard.content = ContentId([u8::try_from(revision).unwrap() * 10 + pseudonym; 32]);
            heard.received = Timestamp(received);
            heard
        })
}

/// Records of one content carry one claim.
fn of_one_pseudonym() -> impl Strategy<Value = Heard> {
    any_heard().prop_map(|mut heard| {
        heard.claim = super::tests::heard(1, &[], 50, 0).claim;
        heard.claim.revision = u64::from(heard.content.0[0] / 10);
        heard.pseudonym = Pseudonym([1; 32]);
        heard
    })
}

proptest! {
    #[test]
    fn merging_is_commutative_associative_and_idempotent(a in of_one_pseudonym(), b in of_one_pseudonym(), c in of_one_pseudonym()) {
        prop_assert_eq!(merge(a.clone(), b.clone()), merge(b.clone(), a.clone()));
        prop_assert_eq!(merge(merge(a.clone(), b.clone()), c.clone()), merge(a.clone(), merge(b, c)));
        prop_assert_eq!(merge(a.clone(), a.clone()), a);
    }

    #[test]
    fn the_number_is_bounded_and_the_terms_are_the_sum(claims in prop::collection::vec(any_heard(), 0..12), own in 0u8..=100) {
        let found = of(&[evidence(own, 0, Origin::Manual)], &claims, &trust(0..4));
        prop_assert!((0.0..=1.0).contains(&found.exact) && found.sources <= 3);
        let shown = 1.0 - found.terms.iter().map(|t| 1.0 - t.contribution).product::<f64>();
        prop_assert!((shown - found.exact).abs() < 1e-12);
        for term in &found.terms {
            prop_assert!(term.contribution == 0.0 || term.note.is_none());
        }
    }

    #[test]
    fn more_evidence_never_lowers_it(claims in prop::collection::vec(any_heard(), 1..8), own in 0u8..=100) {
        let all = of(&[evidence(own, 0, Origin::Manual)], &claims, &trust(0..4));
        let fewer = of(&[], &claims[1..], &trust(0..4));
        prop_assert!(all.exact >= fewer.exact - 1e-12 && all.sources >= fewer.sources);
    }

    #[test]
    fn a_hundred_pseudonyms_of_one_member_weigh_as_its_highest(confidence in 1u8..=100, others in prop::collection::vec(any_heard(), 0..6)) {
        let minted = |count: u8| (0..count).map(|n| heard(100 + n, &[4], confidence, 0));
        let one: Vec<Heard> = others.iter().cloned().chain(minted(1)).collect();
        let many: Vec<Heard> = others.iter().cloned().chain(minted(100)).collect();
        let (one, many) = (of(&[], &one, &trust(0..5)), of(&[], &many, &trust(0..5)));
        prop_assert!((one.exact - many.exact).abs() < 1e-12);
        prop_assert_eq!(one.sources, many.sources);
        let none = of(&[], &others, &trust(0..5));
        prop_assert!(many.sources <= none.sources + 1);
    }
}
