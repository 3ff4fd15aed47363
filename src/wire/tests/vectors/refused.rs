//! The examples that no node takes, each with its reason. All are rightly signed
//! unless the signature is the point, so the named reason is the only one.

use serde_cbor::Value as Cbor;

use super::*;

/// The payload of the claim of level open with one field changed, or dropped.
fn with(field: i128, value: impl Into<Option<Cbor>>) -> Vec<u8> {
    edited(&full_claim(), field, value)
}

fn edited(claim: &Claim, field: i128, value: impl Into<Option<Cbor>>) -> Vec<u8> {
    let payload = super::super::super::claim::encode(claim).unwrap();
    let Cbor::Map(mut map) = serde_cbor::from_slice(&payload).unwrap() else { unreachable!() };
    match value.into() {
        Some(value) => map.insert(Cbor::Integer(field), value),
        None => map.remove(&Cbor::Integer(field)),
    };
    serde_cbor::to_vec(&Cbor::Map(map)).unwrap()
}

fn text(text: &str) -> Cbor {
    Cbor::Text(text.to_owned())
}

fn texts(items: &[&str]) -> Cbor {
    Cbor::Array(items.iter().copied().map(text).collect())
}

/// Payloads that are no claim, though they are deterministic CBOR.
fn wrong_fields() -> Vec<(&'static str, Vec<u8>)> {
    let many: Vec<String> = (0..17).map(|n| format!("t{n:02}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let retraction = Claim { retracted: true, ..bare_claim() };
    vec![
        ("no version", with(0, None)),
        ("version 2", with(0, Cbor::Integer(2))),
        ("no kind", with(1, None)),
        ("a kind that nobody knows", with(1, text("hash"))),
        ("a kind in capitals", with(1, text("IP"))),
        ("no value", with(2, None)),
        ("a value that is no text", with(2, Cbor::Integer(1))),
        ("a value not of its kind", with(2, text("11.22.33"))),
        ("leading zeros", with(2, text("011.22.33.44"))),
        ("a broken address", with(2, text("11[.]22.33.44"))),
        ("white space", with(2, text("11.22.33.44 "))),
        ("IPv6 in capitals", with(2, text("2A01:4F8::1"))),
        ("v4-mapped", with(2, text("::ffff:11.22.33.44"))),
        ("no TLP", with(3, None)),
        ("clear, which is spelt white", with(3, text("clear"))),
        ("a TLP in capitals", with(3, text("GREEN"))),
        ("a TLP that nobody knows", with(3, text("blue"))),
        ("no until", with(4, None)),
        ("until beyond 32 bits", with(4, Cbor::Integer(1 << 32))),
        ("no revision", with(5, None)),
        ("a negative revision", with(5, Cbor::Integer(-1))),
        ("confidence above 100", with(6, Cbor::Integer(101))),
        ("null instead of nothing", with(6, Cbor::Null)),
        ("created after modified", with(7, Cbor::Integer(1_794_003_601))),
        ("a negative time", with(8, Cbor::Integer(-1))),
        ("sightings that tell the count", with(9, Cbor::Integer(3))),
        ("no tags in a list", with(10, Cbor::Array(Vec::new()))),
        ("17 tags", with(10, texts(&many))),
        ("tags not sorted", with(10, texts(&["ssh", "brute-force"]))),
        ("a tag twice", with(10, texts(&["ssh", "ssh"]))),
        ("a tag in capitals", with(10, texts(&["SSH"]))),
        ("no custom fields in a map", with(11, Cbor::Map([].into()))),
        ("a custom field without a name", with(11, Cbor::Map([(1.into(), 1.into())].into()))),
        (
            "a custom number beyond 64 bits",
            with(11, Cbor::Map([(text("n"), Cbor::Integer(1 << 63))].into())),
        ),
        ("retracted: false", with(12, Cbor::Bool(false))),
        ("a retraction with a confidence", edited(&retraction, 6, Cbor::Integer(1))),
        ("a retraction with tags", edited(&retraction, 10, texts(&["ssh"]))),
        ("a key that is not reserved", with(13, Cbor::Integer(1))),
        ("key 64", with(64, Cbor::Integer(1))),
        ("a negative key", with(-1, Cbor::Integer(1))),
        ("text behind a reserved key", with(32, text("hello"))),
        ("a private address", with(2, text("192.168.1.1"))),
        ("a list for a claim", serde_cbor::to_vec(&Cbor::Array(Vec::new())).unwrap()),
    ]
}

/// Payloads that are not deterministic CBOR, from the one of level strict.
fn wrong_encodings() -> Vec<(&'static str, Vec<u8>)> {
    let payload = super::super::super::claim::encode(&bare_claim()).unwrap();
    let [head, version, one, rest @ ..] = payload.as_slice() else { unreachable!() };
    assert_eq!([*head, *version, *one], [0xa6, 0, 1], "a map of six, the version first");
    let kind = rest.get(..4).unwrap();
    assert_eq!(kind, b"\x01\x62ip");
    let after_kind = &rest[4..];
    let deep = {
        let levels = (0..7).fold(Cbor::Array(Vec::new()), |inner, _| Cbor::Array(vec![inner]));
        with(11, Cbor::Map([(text("deep"), levels)].into()))
    };
    vec![
        ("a number in two bytes", [b"\xa6\x00\x18\x01", rest].concat()),
        ("a key in two bytes", [b"\xa6\x18\x00\x01", rest].concat()),
        ("a length in two bytes", [b"\xa6\x00\x01\x01\x78\x02ip", after_kind].concat()),
        ("an indefinite map", [b"\xbf\x00\x01", rest, b"\xff"].concat()),
        ("an indefinite text", [b"\xa6\x00\x01\x01\x7f\x62ip\xff", after_kind].concat()),
        ("keys not sorted", [b"\xa6\x01\x62ip\x00\x01", after_kind].concat()),
        ("a key twice", [b"\xa7\x00\x01\x00\x01", rest].concat()),
        ("a key that is a list", [b"\xa7\x00\x01", rest, b"\x80\x00"].concat()),
        ("bytes after the payload", [&payload[..], b"\x00"].concat()),
        ("a payload cut off", payload[..payload.len() - 1].to_vec()),
        ("an empty payload", Vec::new()),
        ("a tag of CBOR", [b"\xa6\x00\xc1\x01", rest].concat()),
        ("a float", [b"\xa6\x00\xf9\x3c\x00", rest].concat()),
        ("undefined", [b"\xa7\x00\x01", rest, b"\x18\x20\xf7"].concat()),
        ("a text that is not UTF-8", [b"\xa6\x00\x01\x01\x62\xff\xfe", after_kind].concat()),
        ("nine containers inside one another", deep),
    ]
}

/// Whole messages that are wrong outside of the payload.
fn wrong_envelopes() -> Vec<(&'static str, Vec<u8>, Path)> {
    let sign = |claim: &Claim| sign_claim(claim, &key(1), &community()).unwrap().into_bytes();
    let marked = |tlp| sign(&Claim { tlp, ..bare_claim() });
    let good = sign(&bare_claim());
    let [0x83, inside @ ..] = good.as_slice() else { unreachable!() };
    let signature = good.len() - 64;
    let mut flipped = good.clone();
    flipped[signature] ^= 1;
    // The neutral point signs everything with itself, unless it is checked strictly.
    let mut neutral = good.clone();
    let key_at = signature - 2 - 32;
    neutral[key_at..signature - 2].fill(0);
    neutral[key_at] = 1;
    neutral[signature..].fill(0);
    neutral[signature] = 1;
    let other = Community::new("other").unwrap();
    let elsewhere = sign_claim(&bare_claim(), &key(1), &other).unwrap().into_bytes();
    let huge = CustomValue::Bytes(vec![0; 4096]);
    let huge = Claim { custom: [("huge".to_owned(), huge)].into(), ..bare_claim() };
    let huge = envelope(&super::super::super::claim::encode(&huge).unwrap(), &key(1));
    let gossip = Path::Gossip;
    vec![
        ("nothing", Vec::new(), gossip),
        ("a map", b"\xa0".to_vec(), gossip),
        ("an empty list", b"\x80".to_vec(), gossip),
        ("a list length in two bytes", [b"\x98\x03", inside].concat(), gossip),
        ("an indefinite list", [b"\x9f", inside, b"\xff"].concat(), gossip),
        ("bytes after the message", [&good[..], b"\x00"].concat(), gossip),
        ("a fourth part", [b"\x84", inside, b"\x00"].concat(), gossip),
        (
            "a short signature",
            [&good[..signature - 1], b"\x3f", &good[signature + 1..]].concat(),
            gossip,
        ),
        ("a wrong signature", flipped, gossip),
        ("a key of small order", neutral, gossip),
        ("signed for another community", elsewhere, gossip),
        ("longer than 4096 bytes", huge, gossip),
        ("amber by gossip", marked(Tlp::Amber), gossip),
        ("amber+strict by gossip", marked(Tlp::AmberStrict), gossip),
        ("red by gossip", marked(Tlp::Red), gossip),
        ("amber by sync", marked(Tlp::Amber), Path::Sync),
        ("red by sync", marked(Tlp::Red), Path::Sync),
        ("white by delivery", marked(Tlp::White), Path::Deliver),
        ("green by delivery", marked(Tlp::Green), Path::Deliver),
    ]
}

#[test]
fn refusals() {
    let inside = wrong_fields().into_iter().chain(wrong_encodings());
    let inside = inside.map(|(name, payload)| (name, envelope(&payload, &key(1)), Path::Gossip));
    let vectors: Vec<Json> = inside
        .chain(wrong_envelopes())
        .map(|(name, bytes, path)| {
            let refusal = verify(&bytes, &community(), path).expect_err(name);
            assert_eq!(refusal.verdict(), Verdict::Reject, "{name}");
            json!({
                "name": name, "path": path_name(path), "community": community().as_str(),
                "label": refusal.label(),
                // Some rules are beyond what CDDL can say.
                "in_schema": in_schema(&bytes), "signed": hex(&bytes),
            })
        })
        .collect();
    publish("refused.json", &json!(vectors));
}

#[test]
fn an_extension_is_kept_and_not_understood() {
    let bytes = envelope(&with(63, Cbor::Integer(-7)), &key(1));
    assert!(in_schema(&bytes));
    let verified = verify(&bytes, &community(), Path::Gossip).unwrap();
    assert_eq!((verified.claim(), verified.bytes()), (&full_claim(), &bytes[..]));
}
