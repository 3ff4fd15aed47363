//! The wire's laws. The published vectors are checked in `vectors`, the pre-walk in `strictness`.

use proptest::prelude::*;

use super::*;
use crate::keys::{PseudonymKey, PseudonymSecret, length_prefixed};
use crate::model::{
    Audience, Claim, Community, Confidence, CustomFields, CustomValue, Day, IndicatorId, Kind,
    SightingsBucket, Tag, Timestamp, Tlp, Value,
};

mod exchange;
mod strictness;
mod vectors;

pub(super) fn community() -> Community {
    Community::new("dtim").unwrap()
}

pub(super) fn key(seed: u8) -> PseudonymKey {
    PseudonymSecret::from_bytes([seed; 32]).derive(
        &community(),
        IndicatorId([0; 16]),
        Audience::Mesh,
        0,
    )
}

/// What `dtim` at level open would tell, with every field.
pub(super) fn full_claim() -> Claim {
    let custom = [
        ("count".to_owned(), CustomValue::Integer(-3)),
        ("list".to_owned(), CustomValue::List(vec![CustomValue::Null, CustomValue::Bool(true)])),
        ("port".to_owned(), CustomValue::Integer(22)),
    ];
    Claim {
        value: Value::parse(&Kind::Ip, "11.22.33.44").unwrap(),
        tlp: Tlp::Green,
        until: Day(20_800),
        revision: 1_000_000,
        confidence: Confidence::new(70),
        created: Some(Timestamp(1_794_000_000)),
        modified: Some(Timestamp(1_794_003_600)),
        sightings: Some(SightingsBucket::Five),
        tags: ["brute-force".parse().unwrap(), "ssh".parse().unwrap()].into(),
        custom: custom.into(),
        retracted: false,
    }
}

/// What it would tell at level strict.
pub(super) fn bare_claim() -> Claim {
    Claim {
        confidence: None,
        created: None,
        modified: None,
        sightings: None,
        tags: Vec::new(),
        custom: CustomFields::new(),
        ..full_claim()
    }
}

/// An envelope around any payload, rightly signed.
pub(super) fn envelope(payload: &[u8], key: &PseudonymKey) -> Vec<u8> {
    let message = length_prefixed(&[b"dtim claim 1", community().as_str().as_bytes(), payload]);
    let (pseudonym, signature) = (key.pseudonym(), key.sign(&message));
    let parts = [payload, pseudonym.as_bytes(), &signature];
    let parts = parts.map(|part| serde_cbor::Value::Bytes(part.to_vec()));
    serde_cbor::to_vec(&serde_cbor::Value::Array(parts.to_vec())).unwrap()
}

fn arb_value() -> impl Strategy<Value = Value> {
    let hex = |digits: usize| format!("[0-9a-f]{{{digits}}}");
    let typed = |kind: Kind, pattern: String| {
        proptest::string::string_regex(&pattern)
            .unwrap()
            .prop_filter_map("not of its kind", move |text| Value::parse(&kind, &text).ok())
    };
    let custom: Kind = "x-ja3".parse().unwrap();
    prop_oneof![
        any::<u32>().prop_map(|ip| Value::from_ip(std::net::Ipv4Addr::from(ip).into())),
        any::<u128>().prop_map(|ip| Value::from_ip(std::net::Ipv6Addr::from(ip).into())),
        typed(Kind::Cidr, r"(1?[0-9]{1,2}\.){3}0/(2[4-9]|3[0-2])".to_owned()),
        typed(Kind::Domain, r"[a-z0-9]{1,20}(\.[a-z0-9]{1,9}){0,3}\.(com|org|net)".to_owned()),
        typed(Kind::Url, r"https?://[a-z]{1,9}\.com(:[0-9]{1,4})?/[a-zA-Z0-9/?%=.]{0,60}".into()),
        typed(Kind::Email, r"[a-zA-Z0-9.]{1,10}@[a-z]{1,9}\.com".to_owned()),
        typed(Kind::Md5, hex(32)),
        typed(Kind::Sha512, hex(128)),
        typed(custom, r"[ -~äöü]{1,60}".to_owned()),
    ]
    .prop_filter("the fixed rules", |value| crate::hygiene::fixed(value).is_ok())
}

fn arb_custom() -> impl Strategy<Value = CustomValue> {
    let leaf = prop_oneof![
        Just(CustomValue::Null),
        any::<bool>().prop_map(CustomValue::Bool),
        any::<i64>().prop_map(CustomValue::Integer),
        prop::collection::vec(any::<u8>(), 0..30).prop_map(CustomValue::Bytes),
        ".{0,12}".prop_map(CustomValue::Text),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(CustomValue::List),
            prop::collection::btree_map(".{0,6}", inner, 0..3).prop_map(CustomValue::Map),
        ]
    })
}

fn arb_report() -> impl Strategy<Value = Claim> {
    let times = prop::option::of(any::<(u64, u64)>());
    let tags = prop::collection::btree_set("[a-z0-9][a-z0-9._:/+-]{0,12}", 0..=16);
    let custom = prop::collection::btree_map(".{0,8}", arb_custom(), 0..4);
    let level = (prop::option::of(0u8..=100), times, any::<Option<u64>>(), tags, custom);
    let fixed = (arb_value(), 0usize..2, any::<u32>(), any::<u64>());
    (fixed, level).prop_map(|((value, tlp, until, revision), level)| {
        let (confidence, times, sightings, tags, custom) = level;
        Claim {
            value,
            tlp: Tlp::ALL[tlp],
            until: Day(until),
            revision,
            confidence: confidence.and_then(Confidence::new),
            created: times.map(|(a, b)| Timestamp(a.min(b))),
            modified: times.map(|(a, b)| Timestamp(a.max(b))),
            sightings: sightings.map(SightingsBucket::of),
            tags: tags.iter().map(|tag| tag.parse::<Tag>().unwrap()).collect(),
            custom,
            retracted: false,
        }
    })
}

pub(super) fn arb_claim() -> impl Strategy<Value = Claim> {
    (arb_report(), any::<bool>()).prop_map(|(claim, retracted)| {
        if !retracted {
            return claim;
        }
        let Claim { value, tlp, until, revision, .. } = claim;
        Claim { value, tlp, until, revision, retracted, ..bare_claim() }
    })
}

#[test]
fn every_flipped_bit_is_refused() {
    let signed = sign_claim(&full_claim(), &key(1), &community()).unwrap();
    verify(signed.bytes(), &community(), Path::Gossip).unwrap();
    for bit in 0..signed.bytes().len() * 8 {
        let mut flipped = signed.bytes().to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let refusal = verify(&flipped, &community(), Path::Gossip).unwrap_err();
        assert_eq!(refusal.verdict(), Verdict::Reject, "bit {bit}");
    }
}

#[test]
fn a_claim_is_for_one_community() {
    let signed = sign_claim(&full_claim(), &key(1), &community()).unwrap();
    let other = Community::new("dtin").unwrap();
    assert_eq!(verify(signed.bytes(), &other, Path::Gossip).unwrap_err(), Refusal::Signature);
}

/// The table of design section 4, the columns that the wire can see.
#[test]
fn each_marking_has_its_ways() {
    let paths = [Path::Gossip, Path::Sync, Path::Deliver, Path::Http];
    let table = [
        (Tlp::White, [true, true, false, true]),
        (Tlp::Green, [true, true, false, true]),
        (Tlp::Amber, [false, false, true, true]),
        (Tlp::AmberStrict, [false, false, true, true]),
        (Tlp::Red, [false, false, true, true]),
    ];
    for (tlp, row) in table {
        let claim = Claim { tlp, ..bare_claim() };
        let signed = sign_claim(&claim, &key(1), &community()).unwrap();
        for (path, allowed) in paths.into_iter().zip(row) {
            match verify(signed.bytes(), &community(), path) {
                Ok(_) => assert!(allowed, "{tlp} by {path:?}"),
                Err(refusal) => {
                    assert!(!allowed, "{tlp} by {path:?}: {refusal}");
                    assert_eq!(refusal, Refusal::Tlp(tlp));
                    assert_eq!(refusal.verdict(), Verdict::Reject);
                }
            }
        }
    }
}

#[test]
fn what_every_receiver_would_refuse_is_not_signed() {
    let nested = |depth: usize| {
        let deep = (1..depth)
            .fold(CustomValue::List(Vec::new()), |inner, _| CustomValue::List(vec![inner]));
        Claim { custom: [("deep".to_owned(), deep)].into(), ..full_claim() }
    };
    let sign = |claim: &Claim| sign_claim(claim, &key(1), &community()).map(|_| ());
    assert_eq!(sign(&nested(6)), Ok(()), "map, custom map and six lists are eight");
    assert_eq!(sign(&nested(7)), Err(Refusal::Cbor(NotStrict::Depth)));
    let private = Value::parse(&Kind::Ip, "10.0.0.1").unwrap();
    let unfit = sign(&Claim { value: private, ..full_claim() });
    assert!(matches!(unfit, Err(Refusal::Unfit(_))), "{unfit:?}");
    let long = CustomValue::Text("x".repeat(MAX_CLAIM_BYTES));
    let long = Claim { custom: [("long".to_owned(), long)].into(), ..full_claim() };
    assert_eq!(sign(&long), Err(Refusal::TooLarge));
    let unsorted = Claim { tags: full_claim().tags.into_iter().rev().collect(), ..full_claim() };
    assert_eq!(sign(&unsorted), Err(Refusal::Malformed { field: "tags" }));
}

#[test]
fn time_is_never_held_against_a_sender() {
    let claim = Claim { until: Day(1), ..bare_claim() };
    let signed = sign_claim(&claim, &key(1), &community()).unwrap();
    let verified = verify(signed.bytes(), &community(), Path::Gossip).unwrap();
    let refusal = verified.timely(Timestamp(1_794_000_000)).unwrap_err();
    assert_eq!((refusal.label(), refusal.verdict()), ("ended", Verdict::Ignore));
}

#[test]
fn every_refusal_has_its_own_label() {
    let mut labels = Refusal::LABELS.to_vec();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), Refusal::LABELS.len());
    for refusal in [Refusal::TooLarge, Refusal::Signature, Refusal::Quota, Refusal::Ended] {
        assert!(labels.contains(&refusal.label()));
    }
}

proptest! {
    #[test]
    fn what_was_signed_is_what_is_read(claim in arb_claim(), seed: u8) {
        let signed = match sign_claim(&claim, &key(seed), &community()) {
            Err(Refusal::TooLarge) => return Ok(()),
            signed => signed.unwrap(),
        };
        let verified = verify(signed.bytes(), &community(), Path::Gossip).unwrap();
        prop_assert_eq!(verified.claim(), &claim);
        prop_assert_eq!(verified.pseudonym(), key(seed).pseudonym());
        prop_assert_eq!(&*verified, &signed);
        let reopened = reopen(signed.bytes()).unwrap();
        prop_assert_eq!(reopened, (claim, signed.pseudonym(), signed.content()));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        prop_assert!(verify(&bytes, &community(), Path::Gossip).is_err());
        prop_assert!(reopen(&bytes).is_err());
    }

    /// Valid claims with some bytes changed, put in or cut out, inside the
    /// signature (so that decoding is reached) and outside of it.
    #[test]
    fn a_mutated_claim_is_refused(
        claim in arb_claim(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..4),
    ) {
        let Ok(signed) = sign_claim(&claim, &key(1), &community()) else { return Ok(()) };
        let payload = super::claim::encode(&claim).unwrap();
        let mutate = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            for (at, byte, edit) in &edits {
                let at = at.index(bytes.len().max(1));
                match edit {
                    0 if at < bytes.len() => bytes[at] = *byte,
                    1 if at < bytes.len() => { bytes.remove(at); }
                    _ => bytes.insert(at, *byte),
                }
            }
            bytes
        };
        let outside = mutate(signed.bytes());
        if outside != signed.bytes() {
            prop_assert!(verify(&outside, &community(), Path::Gossip).is_err());
        }
        let inside = mutate(&payload);
        if let Ok(verified) = verify(&envelope(&inside, &key(1)), &community(), Path::Gossip) {
            // It says something else then, and has one encoding again: extension keys aside.
            let again = super::claim::encode(verified.claim()).unwrap();
            prop_assert!(again == inside || inside.len() > again.len());
        }
    }
}
