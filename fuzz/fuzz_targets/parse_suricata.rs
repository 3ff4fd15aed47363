//! A log file of this format, or anything else.
#![no_main]

libfuzzer_sys::fuzz_target!(|file: &[u8]| dtim_fuzz::read(dtim::model::Source::Suricata, file));
