//! How fast lines become indicators, by source, as a ratio to peers in the same run.
//!
//! Ours: read a file in blocks, split, parse, detect, hygiene, on one thread. The ceiling is
//! reading and splitting alone; the peers are `grep -c`, `mawk`, `fail2ban-regex` and
//! CrowdSec's parsers, all Debian's (left out where missing). CPU time (user and
//! system), the best of three, interleaved; slow starters are measured on ten lines
//! first, which are taken off.
//!
//! `make bench`, or `cargo bench --bench logs -- SOURCE…`.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation
)]

mod generate;
mod peers;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/it/processes/tools.rs"]
mod tools;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dtim::detect::Rules;
use dtim::hygiene::Lists;
use dtim::model::{Source, Timestamp, Tlp};
use dtim::node::pipeline::{Pipeline, Settings};
use dtim::parse::Reader;

const LINES: usize = 1_000_000;
const ROUNDS: usize = 3;

fn main() {
    // Cargo adds `--bench`.
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let folder = tempfile::tempdir().unwrap();
    println!(
        "CPU time, best of {ROUNDS} rounds over {LINES} lines; × is dtim's rate over the peer's"
    );
    for source in Source::ALL {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == source.name()) {
            continue;
        }
        measure(source, false, source.name(), folder.path());
        if source == Source::Zeek {
            measure(source, true, "zeek json", folder.path());
        }
    }
}

fn measure(source: Source, json: bool, name: &str, folder: &Path) {
    let log = folder.join("all.log");
    generate::write(source, json, &log, LINES);
    let bytes = fs::metadata(&log).unwrap().len() as f64;
    let few = peers::head(&log, 10);
    let peers = peers::of(source, &folder.join(name));
    let parts: Vec<_> = peers.iter().map(|peer| part(&log, peer.lines)).collect();

    let (mut ceiling, mut ours) = (f64::INFINITY, f64::INFINITY);
    let mut others = vec![f64::INFINITY; peers.len()];
    let mut found = 0;
    for _ in 0..ROUNDS {
        ceiling = ceiling.min(cpu(|| split(&log)).as_secs_f64());
        ours = ours.min(cpu(|| found = detect(source, &log)).as_secs_f64());
        for ((best, peer), part) in others.iter_mut().zip(&peers).zip(&parts) {
            let seconds = peer.seconds_a_line(part, &few, LINES);
            *best = seconds.map_or(*best, |seconds| best.min(seconds));
        }
    }
    let rate = LINES as f64 / ours;
    println!(
        "{name:>13}  dtim {:>6.2} M lines/s {:>5.0} MB/s, {found} indicators; {:.2}× read and split",
        rate / 1e6,
        bytes / ours / 1e6,
        ceiling / ours
    );
    for (peer, seconds) in peers.iter().zip(others) {
        if seconds.is_finite() && seconds > 0.0 {
            println!(
                "{:>15} {:<15} {:>11.0} lines/s  {:>9.2}×",
                "",
                peer.name,
                1.0 / seconds,
                rate * seconds
            );
        } else {
            println!("{:>15} {:<15} not installed", "", peer.name);
        }
    }
}

/// The log itself, or as much of it as a slow peer can be asked to read.
fn part(log: &Path, lines: usize) -> std::path::PathBuf {
    if lines >= LINES { log.to_owned() } else { peers::head(log, lines) }
}

fn split(path: &Path) {
    let mut lines = 0;
    each_line(path, |line| lines += usize::from(!line.is_empty()));
    assert!(lines >= LINES);
}

/// Looks at each line of a file, which is read in blocks as `dtim explain` does.
fn each_line(path: &Path, mut look: impl FnMut(&[u8])) {
    let mut file = fs::File::open(path).unwrap();
    let mut block = vec![0; 256 * 1024];
    let mut kept = 0;
    loop {
        let read = file.read(&mut block[kept..]).unwrap();
        if read == 0 {
            return;
        }
        let full = kept + read;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &block[..full]) {
            look(&block[start..end]);
            start = end + 1;
        }
        block.copy_within(start..full, 0);
        kept = full - start;
    }
}

fn detect(source: Source, path: &Path) -> usize {
    let settings = Settings {
        lists: Arc::new(Lists::new(Vec::new(), Vec::new())),
        source_tlp: std::collections::BTreeMap::new(),
        default_tlp: Tlp::Green,
        trusted_proxies: Vec::new(),
        own: Vec::new(),
        utc_offset: 0,
    };
    let mut pipeline = Pipeline::new(Rules::builtin(), settings);
    let mut reader = Reader::new(source);
    let mut found = BTreeSet::new();
    let (mut number, mut unparsed) = (0, 0);
    each_line(path, |line| {
        let looked = pipeline.look(&mut reader, line, &[], Timestamp(1_795_000_000));
        unparsed += usize::from(looked.parsed.is_err());
        found.extend(looked.hits.into_iter().map(|hit| hit.value));
        number += 1;
        if number % 4096 == 0 {
            // A node would store them, and `dtim explain` throws them away.
            pipeline.detector().take_changed();
        }
    });
    assert_eq!(unparsed, 0, "{source}: every line is one of its format");
    found.len()
}

/// CPU time of a piece of work in this process (proc(5): utime and stime, in hundredths).
fn cpu(work: impl FnOnce()) -> Duration {
    let before = own_ticks();
    work();
    Duration::from_millis((own_ticks() - before) * 10)
}

fn own_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
