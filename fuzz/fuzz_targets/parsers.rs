//! Log lines: the first byte chooses the source, the rest is a file.
#![no_main]

use dtim::model::{Source, Timestamp};
use dtim::parse::{Context, Reader};

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (choice, line) = input;
    let source = Source::ALL[usize::from(choice) % Source::ALL.len()];
    let proxies = ["10.0.0.0/8".parse().expect("a network")];
    let now = Timestamp(1_795_000_000);
    let context = Context { now, utc_offset: 3600, trusted_proxies: &proxies, own: &proxies };
    let mut reader = Reader::new(source);
    for line in line.split(|byte| *byte == b'\n') {
        let _ = reader.read(line, &context);
    }
});
