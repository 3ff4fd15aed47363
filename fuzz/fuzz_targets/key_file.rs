//! Key files and the text of a master key.
#![no_main]

use dtim::keys::{KeyFile, MasterKey};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(file) = KeyFile::decode(bytes) {
        let _ = file.open(&MasterKey::from_bytes([0; 32]));
    }
    if let Ok(master) = MasterKey::from_text(bytes) {
        assert!(MasterKey::from_text(master.to_text().as_bytes()).is_ok());
    }
});
