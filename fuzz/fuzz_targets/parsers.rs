//! Log lines: the first byte chooses the source, the rest is the line.
#![no_main]

use dtim::model::{Source, Timestamp};
use dtim::parse::{Context, parse};

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (choice, line) = input;
    let sources = [Source::NginxAccess, Source::Ufw, Source::Fail2ban];
    let source = sources[usize::from(choice) % sources.len()];
    let proxies = ["10.0.0.0/8".parse().expect("a network")];
    let now = Timestamp(1_795_000_000);
    let context = Context { now, utc_offset: 3600, trusted_proxies: &proxies };
    let _ = parse(source, line, &context);
});
