//! A claim behind its signature: whatever is taken is strict and canonical.
#![no_main]

use dtim::model::Value;
use dtim::wire::{decode_payload, strict};

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    if let Ok(claim) = decode_payload(payload) {
        assert!(strict(payload).is_ok());
        let again = Value::parse(claim.value.kind(), claim.value.as_str());
        assert_eq!(again, Ok(claim.value.clone()));
        assert!(
            claim.tags.is_sorted()
                && claim.created.is_none_or(|c| claim.modified.is_none_or(|m| c <= m))
        );
        assert_eq!(claim.indicator(), claim.value.id());
    }
});
