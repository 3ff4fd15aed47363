//! How fast lines become indicators, as a ratio to peers in the same run.
//!
//! Ours: read a file, split, parse, detect, hygiene, on one thread. The ceiling
//! is reading and splitting alone; the peers are `mawk` counting two fields and
//! `fail2ban-regex` (both from Debian; skipped with a word where missing).
//! CPU time (user and system), the best of three, interleaved.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use dtim::detect::Rules;
use dtim::hygiene::Lists;
use dtim::model::{Source, Timestamp, Tlp};
use dtim::node::pipeline::{Pipeline, Settings};
use dtim::parse::Reader;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

const LINES: usize = 1_000_000;
/// fail2ban-regex is too slow for all of them.
const PEER_LINES: usize = 50_000;
const ROUNDS: usize = 3;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (all, some) = (folder.path().join("all.log"), folder.path().join("some.log"));
    generate(&all, LINES);
    generate(&some, PEER_LINES);

    let mut best = [f64::INFINITY; 4];
    let mut found = 0;
    for _ in 0..ROUNDS {
        let ceiling = cpu(|| split(&all));
        let ours = cpu(|| found = ours(&all));
        let mawk = command(&["mawk", "{n[$1]++;s[$9]++}", all.to_str().unwrap()]);
        let filter = "/etc/fail2ban/filter.d/nginx-botsearch.conf";
        let fail2ban = command(&["fail2ban-regex", some.to_str().unwrap(), filter]);
        let seconds = [Some(ceiling), Some(ours), mawk, fail2ban];
        for (best, seconds) in best.iter_mut().zip(seconds) {
            *best = seconds.map_or(*best, |s| best.min(s.as_secs_f64()));
        }
    }
    let lines = [LINES, LINES, LINES, PEER_LINES];
    let names = ["read and split", "dtim", "mawk", "fail2ban-regex"];
    println!(
        "nginx access log, lines a CPU second (best of {ROUNDS}); dtim found {found} addresses"
    );
    let rate = |i: usize| lines[i] as f64 / best[i];
    for (i, name) in names.iter().enumerate() {
        if best[i].is_finite() {
            println!("{name:>16}  {:>12.0}  dtim is {:.2} times this", rate(i), rate(1) / rate(i));
        } else {
            println!("{name:>16}  not installed");
        }
    }
}

fn generate(path: &Path, lines: usize) {
    let mut random = StdRng::seed_from_u64(7);
    let benign =
        ["/", "/index.html", "/static/app.js", "/api/v1/items?page=2", "/img/7.png", "/login"];
    let attack =
        ["/wp-login.php", "/.env", "/.git/config", "/?id=1%27%20OR%201=1--", "/phpmyadmin/"];
    let mut file = std::io::BufWriter::new(fs::File::create(path).unwrap());
    for n in 0..lines {
        let evil = random.random_bool(0.1);
        let paths = if evil { &attack[..] } else { &benign[..] };
        let path = paths[random.random_range(0..paths.len())];
        let client: [u8; 4] = if evil {
            [45, 155, random.random_range(0..8), random.random_range(1..255)]
        } else {
            [random.random_range(11..100), random.random(), random.random(), 7]
        };
        let [a, b, c, d] = client;
        let (hour, minute, second) = (n / 14_400 % 24, n / 240 % 60, n / 4 % 60);
        let status = if evil { 404 } else { 200 };
        writeln!(file, "{a}.{b}.{c}.{d} - - [20/Nov/2026:{hour:02}:{minute:02}:{second:02} +0000] \"GET {path} HTTP/1.1\" {status} 4242 \"-\" \"Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0\"").unwrap();
    }
}

fn split(path: &Path) {
    let text = fs::read(path).unwrap();
    assert_eq!(memchr::memchr_iter(b'\n', &text).count(), LINES);
}

fn ours(path: &Path) -> usize {
    let settings = Settings {
        lists: Arc::new(Lists::new(Vec::new(), Vec::new())),
        source_tlp: std::collections::BTreeMap::new(),
        default_tlp: Tlp::Green,
        trusted_proxies: Vec::new(),
        own: Vec::new(),
        utc_offset: 0,
    };
    let mut pipeline = Pipeline::new(Rules::builtin(), settings);
    let mut reader = Reader::new(Source::NginxAccess);
    let text = fs::read(path).unwrap();
    let mut found = BTreeSet::new();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', &text) {
        let looked = pipeline.look(&mut reader, &text[start..end], Timestamp(1_795_000_000));
        found.extend(looked.hits.into_iter().map(|hit| hit.value));
        start = end + 1;
    }
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

/// CPU time of another program, by the shell's `times`; none if it is not installed.
fn command(words: &[&str]) -> Option<Duration> {
    let script = r#"command -v "$1" >/dev/null || exit 127; "$@" >/dev/null 2>&1; times"#;
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .args(words)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let children = text.lines().nth(1)?;
    children.split_whitespace().map(clock).sum()
}

/// `1m2.5s`
fn clock(text: &str) -> Option<Duration> {
    let (minutes, seconds) = text.strip_suffix('s')?.split_once('m')?;
    let seconds: f64 = seconds.parse().ok()?;
    Some(Duration::from_secs(minutes.parse::<u64>().ok()? * 60) + Duration::from_secs_f64(seconds))
}
