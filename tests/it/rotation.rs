//! Thousands of rotations under steady writing, followed by `watch` itself.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dtim::metrics::Metrics;
use dtim::model::Source;
use dtim::watch::{Batch, Follow, From, Target, Watch};
use tempfile::TempDir;

use crate::processes::prove::{full, report};

/// Lines that are written at a time, and the pause after them: some 5,000 a second.
const BURST: (usize, Duration) = (5, Duration::from_millis(1));
/// Bursts between two rotations.
const BURSTS: usize = 4;
/// Rotated files that are kept, as by logrotate's `rotate 20`.
const KEPT: usize = 20;
const DEADLINE: Duration = Duration::from_secs(60);

fn rotations() -> usize {
    if full() { 10_000 } else { 200 }
}

fn append(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

fn write_lines(file: &mut File, next: &mut usize, count: usize) {
    let lines: String =
        (*next..*next + count).map(|n| format!("{n:09} some words of a log line\n")).collect();
    file.write_all(lines.as_bytes()).unwrap();
    *next += count;
}

/// A log that is followed, and which of its numbered lines came.
struct Bench {
    folder: TempDir,
    metrics: Metrics,
    // Before the watch, which would wait for its reader when it is dropped.
    batches: Receiver<Batch>,
    _watch: Watch,
    /// The highest number that came, plus one.
    reached: Arc<AtomicUsize>,
    seen: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        append(&path);
        let metrics = Metrics::new();
        let follow = Follow {
            source: Source::NginxAccess,
            target: Target::File(path),
            from: From::Start,
            checkpoint: None,
        };
        let (sender, batches) = sync_channel(8);
        let watch = Watch::start(vec![follow], metrics.clone(), sender).unwrap();
        let reached = Arc::default();
        Self { folder, metrics, batches, _watch: watch, reached, seen: Vec::new() }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("access.log")
    }

    /// Counts lines until the writer is done and its last line came. Returns how many it wrote.
    fn count_until(&mut self, writer: JoinHandle<usize>) -> usize {
        let (mut quiet, mut last) = (Instant::now(), None);
        while !writer.is_finished() || last != Some(self.reached.load(Ordering::SeqCst)) {
            match self.batches.recv_timeout(Duration::from_millis(20)) {
                Ok(batch) => {
                    quiet = Instant::now();
                    self.count(&batch);
                }
                Err(RecvTimeoutError::Timeout) if writer.is_finished() => {
                    // A line that nobody can lose: written when all is over.
                    last = Some(last.unwrap_or_else(|| self.finish()));
                }
                Err(error) => assert_eq!(error, RecvTimeoutError::Timeout),
            }
            assert!(quiet.elapsed() < DEADLINE, "no lines any more");
        }
        writer.join().unwrap()
    }

    /// Writes one more line. The number after it.
    fn finish(&self) -> usize {
        let mut end = 999_999_998;
        write_lines(&mut append(&self.log()), &mut end, 1);
        end
    }

    fn count(&mut self, batch: &Batch) {
        for line in &batch.lines {
            let text = String::from_utf8_lossy(line);
            assert!(text.len() == 34 && text.ends_with(" some words of a log line"), "{text:?}");
            let n: usize = text[..9].parse().unwrap();
            self.reached.fetch_max(n + 1, Ordering::SeqCst);
            if n < 999_999_998 {
                self.seen.resize(self.seen.len().max(n + 1), 0);
                self.seen[n] = self.seen[n].saturating_add(1);
            }
        }
    }

    fn events(&self, event: &str) -> u64 {
        self.metrics.tail_events.with_label_values(&["nginx-access", event]).get()
    }

    /// Lines that were written but did not come, those that came twice, and in
    /// how many stretches the former lie.
    fn balance(&mut self, written: usize) -> (usize, usize, u64) {
        self.seen.resize(written, 0);
        let lost = self.seen.iter().filter(|times| **times == 0).count();
        let double = self.seen.iter().filter(|times| **times > 1).count();
        let runs = self.seen.chunk_by(|a, b| (*a == 0) == (*b == 0));
        (lost, double, runs.filter(|run| run[0] == 0).count() as u64)
    }
}

fn filesystem(folder: &Path) -> String {
    let output = std::process::Command::new("df").arg("--output=fstype").arg(folder).output();
    String::from_utf8(output.unwrap().stdout).unwrap().lines().last().unwrap_or_default().to_owned()
}

/// As logrotate does it: the names move on, the oldest goes, a new file is made;
/// the server writes to the old one until it is told.
fn rename_and_create(log: &Path, rotations: usize, reached: &AtomicUsize) -> usize {
    let name = |n: usize| log.with_file_name(format!("access.log.{n}"));
    let (mut file, mut next) = (append(log), 0);
    // The number after the last line of each file that is kept.
    let mut ends = VecDeque::new();
    for _ in 0..rotations {
        for _ in 0..BURSTS {
            write_lines(&mut file, &mut next, BURST.0);
            std::thread::sleep(BURST.1);
        }
        if ends.len() == KEPT {
            // What is removed unread is lost to everybody: that is not the question here.
            let oldest = ends.pop_front().unwrap();
            let start = Instant::now();
            while reached.load(Ordering::SeqCst) < oldest {
                assert!(start.elapsed() < DEADLINE, "{KEPT} rotations behind");
                std::thread::yield_now();
            }
            fs::remove_file(name(KEPT)).unwrap();
        }
        for n in (1..=ends.len()).rev() {
            fs::rename(name(n), name(n + 1)).unwrap();
        }
        fs::rename(log, name(1)).unwrap();
        write_lines(&mut file, &mut next, 2);
        file = append(log);
        ends.push_back(next);
    }
    next
}

#[test]
fn rename_and_create_loses_nothing_and_counts_nothing_twice() {
    let mut bench = Bench::new();
    let (log, reached) = (bench.log(), Arc::clone(&bench.reached));
    let start = Instant::now();
    let writer = std::thread::spawn(move || rename_and_create(&log, rotations(), &reached));
    let written = bench.count_until(writer);
    let (lost, double, _) = bench.balance(written);
    report(
        "rotation-rename",
        &[format!(
            "{} rotations on {} in {:.1} s: {written} lines written, {} counted, {lost} lost, {double} double; \
             {} seen as rotated, {} let go early",
            rotations(),
            filesystem(bench.folder.path()),
            start.elapsed().as_secs_f64(),
            written - lost,
            bench.events("rotated"),
            bench.events("let_go_early"),
        )],
    );
    assert_eq!((lost, double), (0, 0));
}

/// The writer knows nothing of it; what comes between copying and emptying is lost.
fn copy_and_truncate(log: &Path, rotations: usize) {
    for n in 0..rotations {
        std::thread::sleep(BURST.1 * u32::try_from(BURSTS).unwrap());
        fs::copy(log, log.with_file_name(format!("access.log.{n}"))).unwrap();
        File::options().write(true).open(log).unwrap().set_len(0).unwrap();
        if n >= KEPT {
            fs::remove_file(log.with_file_name(format!("access.log.{}", n - KEPT))).unwrap();
        }
    }
}

#[test]
fn copytruncate_loses_only_what_a_counted_gap_explains() {
    let mut bench = Bench::new();
    let (log, done) = (bench.log(), Arc::new(AtomicBool::new(false)));
    let start = Instant::now();
    let writer = std::thread::spawn({
        let (log, done) = (log.clone(), Arc::clone(&done));
        move || {
            let (mut file, mut next) = (append(&log), 0);
            while !done.load(Ordering::SeqCst) {
                write_lines(&mut file, &mut next, BURST.0);
                std::thread::sleep(BURST.1);
            }
            next
        }
    });
    let rotator = std::thread::spawn(move || {
        copy_and_truncate(&log, rotations());
        done.store(true, Ordering::SeqCst);
    });
    let written = bench.count_until(writer);
    rotator.join().unwrap();
    let (lost, double, runs) = bench.balance(written);
    let gaps = bench.events("truncated");
    report(
        "rotation-copytruncate",
        &[format!(
            "{} rotations on {} in {:.1} s: {written} lines written, {} counted, {lost} lost in {runs} places, \
             {double} double; {gaps} possible gaps counted",
            rotations(),
            filesystem(bench.folder.path()),
            start.elapsed().as_secs_f64(),
            written - lost,
        )],
    );
    assert_eq!(double, 0);
    assert!(runs <= gaps, "{runs} places where lines are lost, {gaps} possible gaps counted");
}
