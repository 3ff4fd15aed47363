//! The pre-walk: what it lets through has no other encoding.
#![no_main]

use serde_cbor::Value;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if dtim::wire::strict(bytes).is_ok() {
        let value: Value = serde_cbor::from_slice(bytes).expect("strict CBOR is CBOR");
        assert_eq!(serde_cbor::to_vec(&value).expect("it was CBOR before"), bytes);
    }
});
