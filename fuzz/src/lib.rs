//! What the targets of the log formats share.

use dtim::model::{Source, Timestamp};
use dtim::parse::{Context, Reader};

/// Reads a file of a log as a watcher would: line by line, with one reader.
pub fn read(source: Source, file: &[u8]) {
    let nets = ["10.0.0.0/8".parse().expect("a network")];
    let now = Timestamp(1_795_000_000);
    let context = Context { now, utc_offset: 3600, trusted_proxies: &nets, own: &nets };
    let mut reader = Reader::new(source);
    let lines: Vec<Vec<u8>> = file.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for (at, line) in lines.iter().enumerate() {
        let _ = reader.read(line, &context);
        let _ = reader.may_be_forged(line, &lines[at + 1..], &context);
    }
}
