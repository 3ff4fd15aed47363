//! STIX patterns, and the values in them written again.
#![no_main]

use dtim::formats::stix::pattern::{parse, values, write};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(pattern) = parse(text) {
        for value in values(&pattern).values {
            let written = write(&value);
            let again = values(&parse(&written).expect("what is written parses"));
            assert_eq!(again.values, [value]);
        }
    }
});
