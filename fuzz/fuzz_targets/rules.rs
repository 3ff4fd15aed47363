//! Detection rule files.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    match dtim::detect::Rules::parse(text) {
        Ok(rules) => drop(rules.check_examples()),
        Err(problems) => assert!(!problems.is_empty(), "a refusal says why"),
    }
});
