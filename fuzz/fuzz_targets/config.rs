//! The configuration file.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(problems) = dtim::config::parse(text, &[]) {
        assert!(!problems.is_empty(), "a refusal says why");
        for problem in problems {
            let _ = problem.to_string();
        }
    }
});
