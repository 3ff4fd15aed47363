//! STIX in and out, as a ratio to what Python's tools need for the same bytes.
//!
//! Ours: take a bundle of ten thousand indicators apart and make evidence of each object
//! that has passed hygiene; write as many. The ceilings are serde_json alone: skipping the
//! same bytes, reading them into a plain type, writing a plain type. The peers are
//! `stix2.parse`, `serialize` and stix2-patterns' validator (`tests/requirements.txt`), on a
//! tenth of it. CPU time of one thread, the best of three, interleaved; then the memory
//! that a bundle of a gigabyte takes (`cargo bench --bench stix -- large`).
//!
//! `make bench`, or `cargo bench --bench stix`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use dtim::formats::Told;
use dtim::formats::stix::{
    Family, Namespace, Object, Reader, Settings, Splitter, Writer, evidence, pattern,
};
use dtim::hygiene::{self, Lists};
use dtim::model::{Confidence, CustomFields, Timestamp, Tlp, Value};
use serde::{Deserialize, Serialize};

const OBJECTS: usize = 10_000;
const ROUNDS: usize = 3;
/// Work is repeated so often that hundredths of a second tell something.
const REPEAT: usize = 50;
const NOW: Timestamp = Timestamp(1_795_000_000);

/// What others write: no granular marking, no extension.
#[derive(Serialize, Deserialize)]
struct Plain<'a> {
    r#type: &'a str,
    spec_version: &'a str,
    id: &'a str,
    created: &'a str,
    modified: &'a str,
    name: &'a str,
    indicator_types: [&'a str; 1],
    pattern: &'a str,
    pattern_type: &'a str,
    valid_from: &'a str,
    valid_until: &'a str,
    confidence: u8,
    labels: [&'a str; 2],
}

#[derive(Serialize, Deserialize)]
struct Bundle<'a> {
    r#type: &'a str,
    id: &'a str,
    #[serde(borrow)]
    objects: Vec<Plain<'a>>,
}

fn main() {
    if std::env::args().any(|argument| argument == "large") {
        return large();
    }
    println!(
        "CPU time, best of {ROUNDS} rounds, {OBJECTS} objects; × is dtim's rate over the peer's"
    );
    let text = feed(OBJECTS);
    let told: Vec<Told> = addresses(OBJECTS).map(told).collect();
    let written = export(&told);
    let bundle: Bundle<'_> = serde_json::from_str(&text).unwrap();
    let mut best = [f64::INFINITY; 6];
    for _ in 0..ROUNDS {
        let work: [&dyn Fn(); 6] = [
            &|| assert_eq!(import(text.as_bytes(), usize::MAX), OBJECTS),
            &|| assert!(black_box(serde_json::from_str::<serde::de::IgnoredAny>(&text)).is_ok()),
            &|| drop(black_box(serde_json::from_str::<Bundle<'_>>(&text).unwrap())),
            &|| assert_eq!(export(&told).len(), written.len()),
            &|| drop(black_box(serde_json::to_vec(&bundle).unwrap())),
            &|| assert_eq!(patterns(&bundle), OBJECTS),
        ];
        for (best, work) in best.iter_mut().zip(work) {
            *best = best.min(cpu(|| (0..REPEAT).for_each(|_| work())).as_secs_f64());
        }
    }
    let rate = best.map(|seconds| (OBJECTS * REPEAT) as f64 / seconds);
    let [reading, skipping, typed, writing, plain, patterns] = rate;
    let peers = peers();
    let mebibytes = |objects: f64, bytes: usize| objects * bytes as f64 / OBJECTS as f64 / 1e6;
    println!("import   {reading:>9.0} objects/s, {:.0} MB/s", mebibytes(reading, text.len()));
    println!("         {:>9.2}× serde_json skips", reading / skipping);
    println!("         {:>9.2}× serde_json reads a plain type", reading / typed);
    show(reading, &peers, "parse");
    show(reading, &peers, "json.loads");
    println!("export   {writing:>9.0} objects/s, {:.0} MB/s", mebibytes(writing, written.len()));
    println!("         {:>9.2}× serde_json writes a plain type", writing / plain);
    show(writing, &peers, "serialize");
    println!("patterns {patterns:>9.0}/s");
    show(patterns, &peers, "validate");
}

fn show(ours: f64, peers: &serde_json::Value, name: &str) {
    match peers.get(name).and_then(serde_json::Value::as_f64) {
        Some(theirs) => {
            println!("         {:>9.1}× {name} in Python ({theirs:.0}/s)", ours / theirs)
        }
        None => println!("         {name} in Python: not installed (`.ci/need test`)"),
    }
}

/// The rates of Python's tools on the same objects, in this run.
fn peers() -> serde_json::Value {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.json");
    fs::write(&path, feed(OBJECTS / 10)).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/stix/peers.py");
    let python =
        Command::new(cache.join("dtim/tools/venv/bin/python")).arg(script).arg(path).output();
    let output = python.map(|output| output.stdout).unwrap_or_default();
    serde_json::from_slice(&output).unwrap_or_default()
}

/// So many addresses that hygiene lets through.
fn addresses(count: usize) -> impl Iterator<Item = Value> {
    let lists = Lists::default();
    let address = |n: u32| {
        let bytes = n.wrapping_mul(2_654_435_761).to_be_bytes();
        Value::from_ip([45 + bytes[0] % 32, bytes[1], bytes[2], bytes[3]].into())
    };
    (0..).map(address).filter(move |value| hygiene::check(value, &lists).is_ok()).take(count)
}

/// A bundle as other programs write it.
fn feed(objects: usize) -> String {
    let id = |n| format!("indicator--00000000-0000-4000-8000-{n:012x}");
    let values: Vec<(String, String)> =
        addresses(objects).enumerate().map(|(n, ip)| (pattern::write(&ip), id(n))).collect();
    let object = |(pattern, id): &(String, String)| {
        serde_json::to_string(&Plain {
            r#type: "indicator",
            spec_version: "2.1",
            id,
            created: "2026-11-10T00:00:00.000Z",
            modified: "2026-11-17T00:00:00.000Z",
            name: "Scanner",
            indicator_types: ["malicious-activity"],
            pattern,
            pattern_type: "stix",
            valid_from: "2026-11-10T00:00:00.000Z",
            valid_until: "2027-01-01T00:00:00Z",
            confidence: 80,
            labels: ["scan", "http"],
        })
        .unwrap()
    };
    let objects: Vec<String> = values.iter().map(object).collect();
    format!(
        "{{\"type\":\"bundle\",\"id\":\"bundle--00000000-0000-4000-8000-000000000000\",\"objects\":[{}]}}",
        objects.join(",")
    )
}

/// How many pieces of evidence a bundle gives.
fn import(bundle: &[u8], piece: usize) -> usize {
    let (mut splitter, mut reader) = (Splitter::default(), Reader::default());
    let lists = Lists::default();
    let settings = Settings { unmarked: Tlp::Green, trust: 0.5 };
    let mut count = 0;
    for piece in bundle.chunks(piece) {
        let take = |object: &[u8]| {
            let (_, Object::Indicator(imported)) = reader.read(object) else { panic!() };
            let all = evidence(&imported, settings, NOW).unwrap();
            count += all.iter().filter(|one| hygiene::check(&one.value, &lists).is_ok()).count();
        };
        splitter.take(piece, take).unwrap();
    }
    splitter.finish().unwrap();
    count
}

fn told(value: Value) -> Told {
    Told {
        value,
        tlp: Tlp::Green,
        recipients: std::collections::BTreeSet::new(),
        confidence: Confidence::new(80),
        created: Timestamp(1_794_268_800),
        modified: NOW,
        until: Timestamp(1_796_000_000),
        tags: vec!["scan".parse().unwrap(), "http".parse().unwrap()],
        sightings: None,
        custom: CustomFields::new(),
        revoked: false,
        generation: 0,
    }
}

fn export(told: &[Told]) -> Vec<u8> {
    let mut writer = Writer::new(Namespace::new([7; 32]), Family::Two);
    let mut objects = Vec::new();
    told.iter().for_each(|told| writer.write(told, &mut objects).unwrap());
    objects
}

fn patterns(bundle: &Bundle<'_>) -> usize {
    let value =
        |plain: &Plain<'_>| pattern::values(&pattern::parse(plain.pattern).unwrap()).values.len();
    bundle.objects.iter().map(value).sum()
}

/// A gigabyte, object by object, and the most memory that this process ever had.
fn large() {
    let objects = feed(OBJECTS);
    let inner = objects.split_once('[').unwrap().1.strip_suffix("]}").unwrap();
    let (mut splitter, mut reader) = (Splitter::default(), Reader::default());
    let (mut bytes, mut count) = (0_usize, 0_usize);
    let mut take = |piece: &[u8]| {
        bytes += piece.len();
        splitter.take(piece, |object| {
            let (_, Object::Indicator(_)) = reader.read(object) else { panic!() };
            count += 1;
        })
    };
    let before = own_ticks();
    take(b"{\"type\":\"bundle\",\"objects\":[").unwrap();
    for n in 0..(1 << 30) / inner.len() {
        if n > 0 {
            take(b",").unwrap();
        }
        inner.as_bytes().chunks(64 * 1024).for_each(|piece| take(piece).unwrap());
    }
    take(b"]}").unwrap();
    let seconds = (own_ticks() - before) as f64 / 100.0;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    println!("{bytes} bytes, {count} objects in {seconds:.1} s of CPU; {peak}");
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
    let tick = |n: usize| fields.get(n).unwrap().parse::<u64>().unwrap();
    tick(11) + tick(12)
}
