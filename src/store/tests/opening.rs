//! What can be wrong with a store when it is opened or read.

use std::os::unix::fs::PermissionsExt as _;

use rocksdb::WriteBatch;

use super::{Bench, NOW, claim, heard, ip, node, own, saw, sealer, sighting, tell, word};
use crate::keys::Sealer;
use crate::model::{Audience, ContentId, CustomValue, Level, Origin, Scope, Source, Tlp};
use crate::store::database::Database;
use crate::store::family::{self, Family};
use crate::store::{
    Change, EgressAudience, EgressRow, Left, PeerRecord, Standing, StoreError, schema,
};

#[test]
fn a_second_process_is_refused() {
    let bench = Bench::new();
    let second = bench.try_open(sealer()).err();
    assert!(matches!(second, Some(StoreError::InUse { .. })), "{second:?}");
    assert!(second.unwrap().to_string().contains("in use by another dtim"));
}

#[test]
fn another_data_key_is_refused_and_changes_nothing() {
    let mut bench = Bench::new();
    bench.write(vec![saw(ip(1), NOW)]);
    bench.store = None;
    let other = bench.try_open(Sealer::new([8; 32])).err();
    assert!(matches!(other, Some(StoreError::WrongKey { .. })), "{other:?}");
    bench.open();
    assert_eq!(bench.store().evidence(ip(1).id()).unwrap().len(), 1);
}

pub(super) fn put_meta(bench: &Bench, key: &[u8], value: &[u8]) {
    let db = Database::open(&bench.path(), sealer()).unwrap();
    let mut batch = WriteBatch::default();
    batch.put_cf(db.family(Family::Meta).unwrap(), key, value);
    db.commit(batch).unwrap();
}

#[test]
fn a_newer_schema_is_refused_by_name() {
    let mut bench = Bench::new();
    bench.store = None;
    put_meta(&bench, b"schema", &(schema::SCHEMA + 1).to_be_bytes());
    put_meta(&bench, b"writer", b"dtim 9.0.0");
    let newer = bench.try_open(sealer()).err().unwrap();
    assert!(matches!(newer, StoreError::NewerSchema { found: 4, known: 3, .. }), "{newer:?}");
    assert!(newer.to_string().contains("dtim 9.0.0"), "{newer}");
}

#[test]
fn families_of_a_newer_version_do_not_hide_its_name() {
    let mut bench = Bench::new();
    bench.store = None;
    let options = rocksdb::Options::default();
    let names = rocksdb::DB::list_cf(&options, bench.path()).unwrap();
    let mut raw = rocksdb::DB::open_cf(&options, bench.path(), names).unwrap();
    raw.create_cf("later", &options).unwrap();
    drop(raw);
    put_meta(&bench, b"schema", &7_u32.to_be_bytes());
    let newer = bench.try_open(sealer()).err();
    assert!(matches!(newer, Some(StoreError::NewerSchema { found: 7, .. })), "{newer:?}");
}

fn note_step(db: &Database, batch: &mut WriteBatch, name: &[u8]) -> Result<(), StoreError> {
    let before = db.raw(Family::Meta, b"steps")?.unwrap_or_default();
    batch.put_cf(db.family(Family::Meta)?, b"steps", [&before, name].concat());
    Ok(())
}

#[test]
fn an_older_schema_goes_through_every_step_it_lacks() {
    let mut bench = Bench::new();
    bench.store = None;
    let db = Database::open(&bench.path(), sealer()).unwrap();
    let steps: [schema::Step; 3] = [
        |db, batch| note_step(db, batch, b"2"),
        |db, batch| note_step(db, batch, b"3"),
        |db, batch| note_step(db, batch, b"4"),
    ];
    schema::migrate(&db, 2, &steps).unwrap();
    assert_eq!(db.raw(Family::Meta, b"steps").unwrap().unwrap(), b"34");
    assert_eq!(db.raw(Family::Meta, b"schema").unwrap().unwrap(), 4_u32.to_be_bytes());
    schema::migrate(&db, 4, &steps).unwrap();
    assert_eq!(db.raw(Family::Meta, b"steps").unwrap().unwrap(), b"34");
}

#[test]
fn swapped_records_are_found_and_the_others_stay_readable() {
    let bench = Bench::new();
    bench.write((1..=3).map(|n| saw(ip(n), NOW)).collect());
    let db = bench.store().db();
    let key = |n| {
        let indicator = family::indicator(&db.sealer, ip(n).id());
        family::evidence(&indicator, Origin::Log(Source::Ufw))
    };
    let (one, two) = (key(1), key(2));
    let stored = |key: &[u8]| db.raw(Family::Evidence, key).unwrap().unwrap();
    let mut batch = WriteBatch::default();
    let evidence = db.family(Family::Evidence).unwrap();
    batch.put_cf(evidence, &one, stored(&two));
    batch.put_cf(evidence, &two, stored(&one));
    db.commit(batch).unwrap();

    for n in 1..=2 {
        let error = bench.store().evidence(ip(n).id()).unwrap_err().to_string();
        let hex: String = key(n)[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(error.contains(&hex) && error.contains("evidence"), "{error}");
    }
    assert_eq!(bench.store().evidence(ip(3).id()).unwrap().len(), 1);
}

#[test]
fn an_edited_record_is_found_and_its_successor_stays_private() {
    let mut bench = Bench::new();
    let scope = Scope::new(Tlp::White, []);
    let shared = word(&ip(1), scope, &[Audience::Mesh]);
    let mut manual = sighting(ip(1), NOW);
    manual.origin = Origin::Manual;
    bench.write(vec![Change::Sighting(manual.clone()), shared, saw(ip(2), NOW)]);

    let db = bench.store().db();
    let key = family::evidence(&family::indicator(&db.sealer, ip(1).id()), Origin::Manual);
    let stored = db.raw(Family::Evidence, &key).unwrap().unwrap();
    for length in [0, 1, 40, stored.len() - 1] {
        let mut batch = WriteBatch::default();
        batch.put_cf(db.family(Family::Evidence).unwrap(), &key, &stored[..length]);
        db.commit(batch).unwrap();
        let read = bench.store().evidence(ip(1).id());
        assert!(matches!(read, Err(StoreError::Damaged(_))), "{read:?}");
    }
    bench.write(vec![Change::Sighting(manual)]);
    assert_eq!(bench.store().sizes().damaged, 1);
    bench.reopen();
    let evidence = bench.store().evidence(ip(1).id()).unwrap();
    assert_eq!((&evidence[0].scope, evidence[0].count), (&Scope::private(), 1));
}

/// Flips a bit in the middle of the largest file of a kind, and tells its number.
fn flip(bench: &Bench, extension: &str) -> String {
    let file = std::fs::read_dir(bench.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == extension))
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    file.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_flipped_bit_in_the_log_is_refused_by_the_files_name() {
    let mut bench = Bench::new();
    bench.write((1..=200).map(|n| saw(ip(n), NOW)).collect());
    bench.store = None;
    let file = flip(&bench, "log");
    let error = bench.try_open(sealer()).err().unwrap();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains(&file), "{error} does not name {file}");
}

#[test]
fn a_flipped_bit_in_a_table_is_found_by_the_files_name() {
    let mut bench = Bench::new();
    bench.write((1..=200).map(|n| saw(ip(n), NOW)).collect());
    bench.store().db().flush().unwrap();
    bench.store = None;
    let file = flip(&bench, "sst");
    let error = match bench.try_open(sealer()) {
        Err(error) => error,
        Ok(store) => (1..=200).find_map(|n| store.evidence(ip(n).id()).err()).unwrap(),
    };
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains(&file), "{error} does not name {file}");
}

#[test]
fn no_value_peer_or_path_stands_in_any_file() {
    let mut bench = Bench::new();
    let url = crate::model::Value::guess("https://zebra-url.net/zebra-path").unwrap();
    let mut seen = sighting(url.clone(), NOW);
    seen.custom = [("note".to_owned(), CustomValue::Text("zebra-note".to_owned()))].into();
    seen.scope = Scope::new(Tlp::Red, ["zebra-member".to_owned()]);
    let friend = crate::model::NodeId::from_public_key(*b"zebra-node-key-of-thirty-2-bytes");
    let peer = PeerRecord {
        node: friend,
        standing: Standing::Approved,
        name: "zebra-name".to_owned(),
        organisation: "zebra-organisation".to_owned(),
        trust: 0.5,
        attest: false,
        level: None,
        addresses: vec!["/dns4/zebra-host.example/tcp/1".parse().unwrap()],
        since: NOW,
        seen: None,
    };
    let told = claim(&url, Tlp::Green, NOW, 1);
    let row = EgressRow {
        at: NOW,
        audience: EgressAudience::Member(friend),
        what: Left::Own {
            value: url.clone(),
            level: Level::Open,
            fields: vec!["zebra-field".to_owned()],
            content: ContentId([1; 32]),
        },
    };
    let path = "/var/log/zebra-file.log".to_owned();
    bench.write(vec![
        Change::Sighting(seen),
        heard(&told, 2, 11),
        Change::Heard { verified: super::verified(&told, 3), from: friend, at: NOW },
        own(&told, Audience::Peer(friend)),
        tell(&url, &[friend], NOW),
        Change::Egress(row),
        Change::PeerRecord(peer),
        Change::Vote { indicator: url.id(), false_positive: true, at: NOW },
        Change::Detector { key: b"zebra-bucket".to_vec(), bucket: Some(b"zebra-state".to_vec()) },
        Change::Offset { source: Source::Ufw, path, bytes: b"zebra-offset".to_vec() },
    ]);
    // Into the log and into tables.
    bench.store().db().flush().unwrap();
    bench.reopen();

    let (peer_id, indicator, other) = (friend.to_string(), url.id(), node(11));
    let plain: [&[u8]; 6] = [
        b"zebra",
        b"ufw.log",
        indicator.as_bytes(),
        friend.public_key(),
        peer_id.as_bytes(),
        other.public_key(),
    ];
    let mut files = 0;
    for entry in std::fs::read_dir(bench.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        files += 1;
        for needle in plain {
            let found = memchr::memmem::find(&bytes, needle);
            assert_eq!(found, None, "{:?} in {path:?}", String::from_utf8_lossy(needle));
        }
    }
    assert!(files > 5);
    let mode = std::fs::metadata(bench.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
