//! The published examples of `proto/vectors`, against the CDDL and against the code.
//!
//! `DTIM_WRITE_VECTORS=1 cargo test vectors` writes them anew after a change of
//! the wire version; otherwise a difference is a failure. `rfc.json` is written
//! by hand from the RFCs.

use std::path::PathBuf;

use cddl_cat::{ValidateError, validate_cbor_bytes};
use hkdf::Hkdf;
use serde_json::{Value as Json, json};
use sha2::Sha256;

use super::*;
use crate::keys::{Identity, verify as verify_signature};
use crate::model::{NodeId, Pseudonym};

mod keys;
mod refused;

const CDDL: &str = include_str!("../../../proto/claim.cddl");

fn path(file: &str) -> PathBuf {
    // Cargo runs tests in the package's folder. A path that is compiled in would be
    // another checkout's when two share a target folder.
    PathBuf::from("proto/vectors").join(file)
}

fn read(file: &str) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path(file)).unwrap()).unwrap()
}

/// The file holds exactly what the code gives, or is written.
fn publish(file: &str, vectors: &Json) {
    if std::env::var_os("DTIM_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(vectors).unwrap();
        std::fs::write(path(file), text + "\n").unwrap();
    }
    assert_eq!(&read(file), vectors, "{file} and the code differ");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(json: &Json) -> Vec<u8> {
    let text = json.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Whether the schema takes a signed claim.
fn in_schema(bytes: &[u8]) -> bool {
    match validate_cbor_bytes("signed-claim", CDDL, bytes) {
        Ok(()) => true,
        Err(
            ValidateError::Mismatch(_) | ValidateError::MapCut(_) | ValidateError::ValueError(_),
        ) => false,
        Err(error) => panic!("claim.cddl itself is wrong: {error}"),
    }
}

#[test]
fn the_rfcs_own_examples_hold() {
    let rfc = read("rfc.json");
    for case in rfc["rfc5869"].as_array().unwrap() {
        let mut output = vec![0; usize::try_from(case["length"].as_u64().unwrap()).unwrap()];
        Hkdf::<Sha256>::new(Some(&unhex(&case["salt"])), &unhex(&case["ikm"]))
            .expand(&unhex(&case["info"]), &mut output)
            .unwrap();
        assert_eq!(output, unhex(&case["okm"]), "{}", case["name"]);
    }
    for case in rfc["rfc8032"].as_array().unwrap() {
        let identity = Identity::from_seed(unhex(&case["seed"]).try_into().unwrap());
        let public = unhex(&case["public"]);
        let message = unhex(&case["message"]);
        let signature: [u8; 64] = unhex(&case["signature"]).try_into().unwrap();
        assert_eq!(identity.node_id().public_key()[..], public, "{}", case["name"]);
        assert_eq!(identity.sign(&message), signature, "{}", case["name"]);
        let pseudonym = Pseudonym(public.try_into().unwrap());
        assert!(verify_signature(&pseudonym, &message, &signature), "{}", case["name"]);
    }
}

#[test]
fn pseudonyms() {
    let ip = full_claim().value;
    let domain = Value::parse(&Kind::Domain, "dtim-vector.com").unwrap();
    let peer = Audience::Peer(NodeId::from_public_key(*PEER_KEY));
    let table = [
        ("the mesh", "dtim", &ip, Audience::Mesh, 0),
        ("another indicator", "dtim", &domain, Audience::Mesh, 0),
        ("another community", "bank.example", &ip, Audience::Mesh, 0),
        ("one recipient", "dtim", &ip, peer, 0),
        ("shared again after a retraction", "dtim", &ip, Audience::Mesh, 1),
    ];
    let vectors = table.map(|(name, community, value, audience, generation)| {
        let community = Community::new(community).unwrap();
        let key = PseudonymSecret::from_bytes(SECRET).derive(
            &community,
            value.id(),
            audience,
            generation,
        );
        // The derivation once more, from its description.
        let audience = match audience {
            Audience::Mesh => b"mesh".to_vec(),
            Audience::Peer(node) => node.to_peer_id_bytes(),
        };
        let mut info = Vec::new();
        for part in [
            b"dtim pseudonym 1",
            community.as_str().as_bytes(),
            &value.id().0,
            &audience,
            &u32::to_be_bytes(generation),
        ] {
            info.extend_from_slice(&(part.len() as u64).to_be_bytes());
            info.extend_from_slice(part);
        }
        let mut seed = [0; 32];
        Hkdf::<Sha256>::new(None, &SECRET).expand(&info, &mut seed).unwrap();
        let derived = Identity::from_seed(seed);
        assert_eq!(derived.node_id().public_key(), key.pseudonym().as_bytes());
        json!({
            "name": name, "secret": hex(&SECRET), "community": community.as_str(),
            "kind": value.kind().name(), "value": value.as_str(),
            "indicator": value.id().to_string(), "audience": hex(&audience),
            "generation": generation, "info": hex(&info), "seed": hex(&seed),
            "pseudonym": key.pseudonym().to_string(),
        })
    });
    publish("pseudonyms.json", &json!(vectors));
}

const SECRET: [u8; 32] = [0x42; 32];
/// The Ed25519 base point: any key will do.
const PEER_KEY: &[u8; 32] = b"Xfffffffffffffffffffffffffffffff";

/// The examples that every node takes: every kind, every level, a retraction.
fn accepted() -> Vec<(&'static str, Claim, Path)> {
    let moderate = Claim {
        confidence: Confidence::new(70),
        created: full_claim().created,
        modified: full_claim().modified,
        ..bare_claim()
    };
    let of_kind = |kind: &str, text: &str| Claim {
        value: Value::parse(&kind.parse().unwrap(), text).unwrap(),
        ..moderate.clone()
    };
    let retraction = Claim { retracted: true, ..bare_claim() };
    let marked = |tlp| Claim { tlp, ..moderate.clone() };
    let nested = CustomFields::from([(
        "first".to_owned(),
        CustomValue::Map(
            [("second".to_owned(), CustomValue::List(vec![CustomValue::Null]))].into(),
        ),
    )]);
    vec![
        ("level strict", bare_claim(), Path::Gossip),
        ("level moderate", moderate.clone(), Path::Gossip),
        ("level open", full_claim(), Path::Gossip),
        ("nested custom fields", Claim { custom: nested, ..full_claim() }, Path::Sync),
        ("retraction", retraction, Path::Gossip),
        ("IPv6 address", of_kind("ip", "2a01:4f8::1"), Path::Gossip),
        ("network", of_kind("cidr", "11.22.33.0/24"), Path::Gossip),
        ("domain", of_kind("domain", "dtim-vector.com"), Path::Gossip),
        ("internationalised domain", of_kind("domain", "bücher-vector.com"), Path::Gossip),
        ("URL", of_kind("url", "http://dtim-vector.com/x?y=1"), Path::Gossip),
        ("e-mail address", of_kind("email", "Someone@dtim-vector.com"), Path::Gossip),
        ("MD5", of_kind("md5", &"0123456789abcdef".repeat(2)), Path::Gossip),
        ("SHA-1", of_kind("sha1", &"01234567".repeat(5)), Path::Gossip),
        ("SHA-256", of_kind("sha256", &"01234567".repeat(8)), Path::Gossip),
        ("SHA-512", of_kind("sha512", &"01234567".repeat(16)), Path::Gossip),
        ("custom kind", of_kind("x-ja3", "e7d705a3286e19ea42f587b344ee6865"), Path::Gossip),
        ("white", marked(Tlp::White), Path::Sync),
        ("amber", marked(Tlp::Amber), Path::Deliver),
        ("amber+strict", marked(Tlp::AmberStrict), Path::Deliver),
        ("red", marked(Tlp::Red), Path::Deliver),
    ]
}

#[test]
fn claims() {
    let vectors: Vec<Json> = accepted()
        .into_iter()
        .map(|(name, claim, path)| {
            let key = PseudonymSecret::from_bytes(SECRET).derive(
                &community(),
                claim.indicator(),
                Audience::Mesh,
                0,
            );
            let signed = sign_claim(&claim, &key, &community()).unwrap();
            let verified = verify(signed.bytes(), &community(), path).unwrap();
            assert_eq!(verified.claim(), &claim, "{name}");
            validate_cbor_bytes("signed-claim", CDDL, signed.bytes()).expect(name);
            json!({
                "name": name, "path": path_name(path), "community": community().as_str(),
                "secret": hex(&SECRET), "claim": claim_json(&claim),
                "indicator": claim.indicator().to_string(),
                "pseudonym": signed.pseudonym().to_string(),
                "payload": hex(&super::super::claim::encode(&claim).unwrap()),
                "signed": hex(signed.bytes()), "content": signed.content().to_string(),
            })
        })
        .collect();
    publish("claims.json", &json!(vectors));
}

fn path_name(path: Path) -> &'static str {
    match path {
        Path::Gossip => "gossip",
        Path::Sync => "sync",
        Path::Deliver => "deliver",
        Path::Http => "http",
    }
}

fn claim_json(claim: &Claim) -> Json {
    let mut json = json!({
        "kind": claim.value.kind().name(), "value": claim.value.as_str(),
        "tlp": claim.tlp.name(), "until": claim.until.0, "revision": claim.revision,
    });
    let mut put = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            json[name] = value;
        }
    };
    put("confidence", claim.confidence.map(|confidence| json!(confidence.percent())));
    put("created", claim.created.map(|time| json!(time.seconds())));
    put("modified", claim.modified.map(|time| json!(time.seconds())));
    put("sightings", claim.sightings.map(|bucket| json!(bucket.floor())));
    let tags: Vec<&str> = claim.tags.iter().map(Tag::as_str).collect();
    put("tags", (!tags.is_empty()).then(|| json!(tags)));
    let custom = CustomValue::Map(claim.custom.clone());
    put("custom", (!claim.custom.is_empty()).then(|| custom_json(&custom)));
    put("retracted", claim.retracted.then_some(json!(true)));
    json
}

fn custom_json(value: &CustomValue) -> Json {
    match value {
        CustomValue::Null => Json::Null,
        CustomValue::Bool(is) => json!(is),
        CustomValue::Integer(number) => json!(number),
        CustomValue::Bytes(bytes) => json!(hex(bytes)),
        CustomValue::Text(text) => json!(text),
        CustomValue::List(items) => items.iter().map(custom_json).collect(),
        CustomValue::Map(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), custom_json(value))).collect()
        }
    }
}

proptest! {
    #[test]
    fn what_the_code_takes_the_schema_takes(claim in arb_claim()) {
        if let Ok(signed) = sign_claim(&claim, &key(1), &community()) {
            let schema = validate_cbor_bytes("signed-claim", CDDL, signed.bytes());
            prop_assert!(schema.is_ok(), "{schema:?}");
        }
    }
}
