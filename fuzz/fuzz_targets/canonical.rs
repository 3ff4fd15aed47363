//! Canonical values: a form of a form is itself, and a guessed kind is a right one.
#![no_main]

use dtim::model::{Kind, Value};

libfuzzer_sys::fuzz_target!(|input: (u8, &str)| {
    let (choice, raw) = input;
    let custom = "x-fuzz".parse().ok();
    let mut kinds = Kind::BUILT_IN.into_iter().chain(custom).cycle();
    let kind = kinds.nth(usize::from(choice)).expect("a cycle never ends");
    for value in [Value::parse(&kind, raw), Value::guess(raw)].into_iter().flatten() {
        assert_eq!(Value::parse(value.kind(), value.as_str()).as_ref(), Ok(&value));
        assert_eq!(Value::parse(value.kind(), &value.defanged()).as_ref(), Ok(&value));
        // What reads a canonical value, reads every one.
        let _ = (dtim::hygiene::fixed(&value), value.network(), value.host_ip(), value.host_name());
    }
});
