//! Key files and sealed records, byte by byte.

use super::*;
use crate::keys::{KeyFile, MasterKey, Place, Role, Sealer, Stretching};

#[test]
fn key_files_and_sealed_records() {
    let direct = MasterKey::from_bytes([0x11; 32]);
    let how = Stretching { salt: [0x22; 16], memory_kib: 256, passes: 2, lanes: 1 };
    let stretched = MasterKey::from_passphrase(b"correct horse battery staple", &how).unwrap();
    let files = [
        (Role::Identity, &direct, None),
        (Role::Pseudonym, &direct, None),
        (Role::Data, &direct, None),
        (Role::Data, &stretched, Some(&how)),
    ];
    let files = files.map(|(role, master, how)| {
        let file = KeyFile::wrap(role, &SECRET, master, how, [0x33; 24]);
        assert_eq!(*KeyFile::decode(&file).unwrap().open(master).unwrap(), SECRET);
        let how = how.map(|how| {
            json!({
                "passphrase": "correct horse battery staple", "salt": hex(&how.salt),
                "memory_kib": how.memory_kib, "passes": how.passes, "lanes": how.lanes,
            })
        });
        json!({
            "role": role.file_name(), "master": master.to_text().trim_end(), "argon2id": how,
            "nonce": hex(&[0x33; 24]), "secret": hex(&SECRET), "file": hex(&file),
        })
    });
    let sealer = Sealer::new(SECRET);
    let place = Place { family: "claims", key: b"\x01\x02", schema: 1 };
    let sealed = sealer.seal(&place, b"plain", [0x33; 24]);
    let vectors = json!({
        "files": files,
        "sealed": {
            "data_key": hex(&SECRET), "family": place.family, "key": hex(place.key),
            "schema": place.schema, "nonce": hex(&[0x33; 24]), "plain": hex(b"plain"),
            "sealed": hex(&sealed),
        },
        "keyed": {
            "data_key": hex(&SECRET), "domain": "indicator", "bytes": hex(b"\x01\x02"),
            "name": hex(&sealer.keyed("indicator", b"\x01\x02")),
        },
    });
    publish("keys.json", &vectors);
}
