//! A node that begins at the beginning of a huge log keeps its memory.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::time::{Duration, Instant};

use super::organisation::DEADLINE;
use super::prove::{full, report};
use super::{Organisation, Settings};

/// The goal, in KiB.
const MOST_RESIDENT: u64 = 100 * 1024;

/// Writes visits, and an attack every hundred lines. How many lines.
fn write(path: &std::path::Path, bytes: u64) -> u64 {
    let mut log = BufWriter::with_capacity(1 << 20, fs::File::create(path).unwrap());
    let start = chrono::Utc::now() - chrono::Duration::days(3);
    let (mut written, mut lines) = (0, 0_u64);
    while written < bytes {
        let at = start + chrono::Duration::milliseconds(i64::try_from(lines).unwrap() * 5);
        let at = at.format("%d/%b/%Y:%H:%M:%S +0000").to_string();
        // One second has two hundred lines: the time is not written anew for each.
        for n in lines..lines + 200 {
            let (a, b) = (n / 250 % 250 + 1, n % 250 + 1);
            let (client, path) = match n % 100 {
                0 => (format!("45.{}.{a}.{b}", 150 + n % 3), "/.env"),
                _ => (format!("26.14.{a}.{b}"), "/products/42?page=7"),
            };
            let line = format!(
                "{client} - - [{at}] \"GET {path} HTTP/1.1\" 200 4242 \"-\" \"Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0\"\n"
            );
            log.write_all(line.as_bytes()).unwrap();
            written += line.len() as u64;
        }
        lines += 200;
    }
    log.flush().unwrap();
    lines
}

/// A line of `/proc/PID/status`, in KiB.
fn memory(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

#[test]
fn memory_stays_flat_while_a_huge_log_is_replayed() {
    let bytes = if full() { 5 << 30 } else { 64 << 20 };
    let mut node = Organisation::new("replay", Settings { tlp: "red", ..Settings::default() });
    let lines = write(&node.log("access.log"), bytes);
    let start = Instant::now();
    node.start();
    let pid = node.pid();
    let (mut read, mut moved, mut resident) = (0, Instant::now(), Vec::new());
    while read < lines {
        assert!(moved.elapsed() < DEADLINE, "stands still after {read} of {lines} lines");
        std::thread::sleep(Duration::from_millis(100));
        let Ok(status) = node.ask(&["status"], &[]) else { continue };
        let watchers = status["watchers"].as_array().unwrap();
        let watcher = watchers.iter().find(|watcher| watcher["source"] == "nginx-access");
        let now = watcher.unwrap()["lines"].as_u64().unwrap();
        if now > read {
            (read, moved) = (now, Instant::now());
            resident.push(memory(pid, "VmRSS:"));
        }
    }
    let (peak, half) = (memory(pid, "VmHWM:"), resident.len() / 2);
    let most = |part: &[u64]| part.iter().max().copied().unwrap_or_default() / 1024;
    let known = node.ask(&["indicators"], &[("limit", "1")]).unwrap();
    report(
        "replay",
        &[format!(
            "{} MiB, {lines} lines in {:.1} s: resident at most {} MiB in the first half, {} MiB in the second, peak {} MiB (goal 100 MiB)",
            bytes >> 20,
            start.elapsed().as_secs_f64(),
            most(&resident[..half]),
            most(&resident[half..]),
            peak / 1024
        )],
    );
    assert!(known["indicators"].as_array().is_some_and(|rows| !rows.is_empty()), "{known}");
    assert!(peak < MOST_RESIDENT, "{} MiB", peak / 1024);
    node.stop();
}
