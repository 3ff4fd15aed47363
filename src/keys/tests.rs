//! The secrets' laws: own derivations, sealing and the key files. The published
//! vectors (RFC 5869, RFC 8032) stand in `proto/vectors` and are checked by `wire`.

use proptest::prelude::*;

use super::*;
use crate::model::{Audience, Community, IndicatorId, NodeId, Pseudonym};

fn community(name: &str) -> Community {
    Community::new(name).unwrap()
}

#[test]
fn a_pseudonym_depends_on_everything_that_it_must_not_link() {
    let secret = PseudonymSecret::from_bytes([7; 32]);
    let mesh = Audience::Mesh;
    let peer = |byte| Audience::Peer(NodeId::from_public_key([byte; 32]));
    let derive = |secret: &PseudonymSecret, name: &str, indicator: u8, audience, generation| {
        secret
            .derive(&community(name), IndicatorId([indicator; 16]), audience, generation)
            .pseudonym()
    };
    let pseudonyms = [
        derive(&secret, "dtim", 1, mesh, 0),
        derive(&secret, "dtin", 1, mesh, 0),
        derive(&secret, "dtim", 2, mesh, 0),
        derive(&secret, "dtim", 1, peer(1), 0),
        derive(&secret, "dtim", 1, peer(2), 0),
        derive(&secret, "dtim", 1, mesh, 1),
        derive(&PseudonymSecret::from_bytes([8; 32]), "dtim", 1, mesh, 0),
    ];
    let distinct: std::collections::BTreeSet<_> = pseudonyms.iter().collect();
    assert_eq!(distinct.len(), pseudonyms.len());
    assert_eq!(derive(&secret, "dtim", 1, mesh, 0), pseudonyms[0], "the same, always");
}

#[test]
fn a_view_has_a_secret_of_its_own() {
    let view = |secret: u8, name: &str, view: &str| {
        *PseudonymSecret::from_bytes([secret; 32]).view(&community(name), view)
    };
    let all = [
        view(7, "dtim", "stix green"),
        view(8, "dtim", "stix green"),
        view(7, "dtin", "stix green"),
        view(7, "dtim", "stix red"),
    ];
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    assert_eq!(view(7, "dtim", "stix green"), all[0], "the same, always");
}

#[test]
fn nothing_secret_is_printed() {
    let seed = [0xAB; 32];
    let printed = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        Identity::from_seed(seed),
        PseudonymSecret::from_bytes(seed),
        PseudonymSecret::from_bytes(seed).derive(
            &community("dtim"),
            IndicatorId([1; 16]),
            Audience::Mesh,
            0
        ),
        Sealer::new(seed),
        MasterKey::from_bytes(seed),
    );
    assert!(!printed.to_lowercase().contains("abab"), "{printed}");
    assert!(!printed.contains("171, 171"), "{printed}");
}

#[test]
fn keys_of_small_order_verify_nothing() {
    // The eight points of small order, as in ed25519-dalek's `is_weak`; y = 1 is the neutral one.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    for key in [[0; 32], neutral] {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&neutral);
        assert!(!verify(&Pseudonym(key), b"anything", &signature));
    }
}

#[test]
fn lengths_keep_parts_apart() {
    assert_ne!(length_prefixed(&[b"ab", b"c"]), length_prefixed(&[b"a", b"bc"]));
    assert_ne!(length_prefixed(&[b"ab"]), length_prefixed(&[b"ab", b""]));
}

#[test]
fn a_master_key_reads_what_it_writes() {
    let text = MasterKey::from_bytes([0x5F; 32]).to_text();
    assert_eq!(text.as_str(), format!("{}\n", "5f".repeat(32)));
    let read = MasterKey::from_text(text.as_bytes()).unwrap();
    assert_eq!(read.to_text(), text);
    assert!(MasterKey::from_text("5F".repeat(32).as_bytes()).is_ok());
    for wrong in ["", "5f", &"5g".repeat(32), &"+f".repeat(32), &"5f".repeat(33)] {
        assert_eq!(MasterKey::from_text(wrong.as_bytes()).unwrap_err(), BadMaster, "{wrong:?}");
    }
}

#[test]
fn a_passphrase_opens_what_it_wrapped() {
    let cheap = Stretching { salt: [3; 16], memory_kib: 64, passes: 1, lanes: 1 };
    let master = MasterKey::from_passphrase(b"correct horse", &cheap).unwrap();
    let file = KeyFile::wrap(Role::Data, &[9; 32], &master, Some(&cheap), [1; 24]);
    let file = KeyFile::decode(&file).unwrap();
    assert_eq!((file.role(), file.stretching()), (Role::Data, Some(&cheap)));
    assert_eq!(*file.open(&master).unwrap(), [9; 32]);
    let other = MasterKey::from_passphrase(b"correct horsf", file.stretching().unwrap()).unwrap();
    assert_eq!(file.open(&other), Err(WrongMaster));
}

#[test]
fn a_planted_file_cannot_take_all_memory() {
    let greedy = Stretching { salt: [0; 16], memory_kib: u32::MAX, passes: 1, lanes: 1 };
    let master = MasterKey::from_bytes([1; 32]);
    let file = KeyFile::wrap(Role::Data, &[9; 32], &master, Some(&greedy), [1; 24]);
    assert_eq!(KeyFile::decode(&file), Err(BadKeyFile::Parameters));
    assert_eq!(MasterKey::from_passphrase(b"x", &greedy).unwrap_err(), BadKeyFile::Parameters);
}

#[test]
fn every_changed_bit_of_a_key_file_is_noticed() {
    let master = MasterKey::from_bytes([1; 32]);
    let file = KeyFile::wrap(Role::Identity, &[9; 32], &master, None, [1; 24]);
    for bit in 0..file.len() * 8 {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(KeyFile::decode(&flipped), Err(BadKeyFile::Checksum), "bit {bit}");
    }
    for length in 0..file.len() {
        assert_eq!(KeyFile::decode(&file[..length]), Err(BadKeyFile::Length { found: length }));
    }
}

#[test]
fn a_key_file_does_not_open_as_another() {
    let master = MasterKey::from_bytes([1; 32]);
    let file = KeyFile::wrap(Role::Identity, &[9; 32], &master, None, [1; 24]);
    let mut forged = file[..file.len() - 8].to_vec();
    forged[9] = 2;
    let sum = blake3::hash(&forged);
    forged.extend_from_slice(&sum.as_bytes()[..8]);
    let forged = KeyFile::decode(&forged).unwrap();
    assert_eq!(forged.role(), Role::Pseudonym);
    assert_eq!(forged.open(&master), Err(WrongMaster), "the header is authenticated");
}

proptest! {
    #[test]
    fn what_is_sealed_opens_in_its_place_only(
        key: [u8; 32], nonce: [u8; 24], plain: Vec<u8>,
        family in "[a-z]{1,8}", place: Vec<u8>, schema: u32, bit: prop::sample::Index,
    ) {
        let sealer = Sealer::new(key);
        let here = Place { family: &family, key: &place, schema };
        let sealed = sealer.seal(&here, &plain, nonce);
        prop_assert_eq!(sealer.open(&here, &sealed), Ok(plain.clone()));

        let longer = [&place[..], b"x"].concat();
        let renamed = format!("{family}x");
        let elsewhere = [
            Place { family: &renamed, ..here },
            Place { key: &longer, ..here },
            Place { schema: schema.wrapping_add(1), ..here },
        ];
        for other in &elsewhere {
            prop_assert!(sealer.open(other, &sealed).is_err());
        }
        let mut flipped = sealed.clone();
        let bit = bit.index(sealed.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(sealer.open(&here, &flipped).is_err());
        prop_assert!(sealer.open(&here, &sealed[..bit / 8]).is_err());
        let mut other_key = key;
        other_key[0] ^= 1;
        prop_assert!(Sealer::new(other_key).open(&here, &sealed).is_err());
    }

    #[test]
    fn keyed_names_tell_apart_what_differs(key: [u8; 32], a: Vec<u8>, b: Vec<u8>) {
        let sealer = Sealer::new(key);
        prop_assert_eq!(sealer.keyed("d", &a) == sealer.keyed("d", &b), a == b);
        prop_assert_ne!(sealer.keyed("d", &a), sealer.keyed("e", &a));
        prop_assert_eq!(sealer.clone().keyed("d", &a), sealer.keyed("d", &a));
    }

    #[test]
    fn no_bytes_panic_the_key_file_reader(bytes: Vec<u8>, header: [u8; 39], rest: [u8; 72]) {
        prop_assert!(KeyFile::decode(&bytes).is_err());
        // With a right checksum, so that the header is reached.
        let mut file = [b"dtim key\x01", &header[9..], &rest[..]].concat();
        let sum = blake3::hash(&file);
        file.extend_from_slice(&sum.as_bytes()[..8]);
        if let Ok(file) = KeyFile::decode(&file) {
            prop_assert_eq!(file.open(&MasterKey::from_bytes([0; 32])), Err(WrongMaster));
        }
    }

    #[test]
    fn a_signature_holds_for_its_key_and_message(seed: [u8; 32], message: Vec<u8>, other: Vec<u8>) {
        let key = PseudonymSecret::from_bytes(seed).derive(
            &community("dtim"), IndicatorId([0; 16]), Audience::Mesh, 0,
        );
        let signature = key.sign(&message);
        prop_assert!(verify(&key.pseudonym(), &message, &signature));
        prop_assert_eq!(verify(&key.pseudonym(), &other, &signature), message == other);
    }
}
