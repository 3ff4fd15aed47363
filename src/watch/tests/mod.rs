//! The tailer against what really happens to logs.

mod folder;
mod hostile;
mod places;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tempfile::TempDir;

use super::follower::Follower;
use super::lines::{Lines, MAX_LINE_BYTES};
use super::{Batch, Follow, From, Target};
use crate::metrics::Metrics;
use crate::model::Source;

/// A log folder, a follower of it that can be restarted, and all that it gave.
struct Bench {
    folder: TempDir,
    metrics: Metrics,
    from: From,
    follower: Follower,
    checkpoint: Option<Vec<u8>>,
    seen: Vec<String>,
    now: Instant,
}

impl Bench {
    fn new(from: From) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let metrics = Metrics::new();
        let follower = follower(&folder, from, None, &metrics);
        Self {
            folder,
            metrics,
            from,
            follower,
            checkpoint: None,
            seen: Vec::new(),
            now: Instant::now(),
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let mut file =
            fs::OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Reads until nothing is new, as the thread does.
    fn read(&mut self) {
        while let Some(Batch { lines, checkpoint, .. }) = self.follower.turn(self.now) {
            self.seen.extend(lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()));
            self.checkpoint = Some(checkpoint);
        }
    }

    /// The process dies and comes back with what was stored last.
    fn restart(&mut self) {
        self.follower = follower(&self.folder, self.from, self.checkpoint.clone(), &self.metrics);
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn dropped(&self, reason: &str) -> u64 {
        self.metrics.lines_dropped.with_label_values(&["nginx-access", reason]).get()
    }

    fn events(&self, event: &str) -> u64 {
        self.metrics.tail_events.with_label_values(&["nginx-access", event]).get()
    }
}

fn follower(
    folder: &TempDir,
    from: From,
    checkpoint: Option<Vec<u8>>,
    metrics: &Metrics,
) -> Follower {
    let path = folder.path().join("access.log");
    let target = Target::File(path.clone());
    let follow = Follow { source: Source::NginxAccess, target, from, checkpoint };
    Follower::one(&path, follow, metrics.clone())
}

#[test]
fn from_now_leaves_out_what_is_there_and_takes_a_file_that_appears_whole() {
    let mut bench = Bench::new(From::Now);
    bench.write("access.log", "old\nhalf of an old");
    bench.read();
    bench.write("access.log", " line\nnew\n");
    bench.read();
    assert_eq!(bench.seen, ["new"]);

    let mut bench = Bench::new(From::Now);
    bench.read();
    bench.write("access.log", "first\n");
    bench.read();
    assert_eq!(bench.seen, ["first"]);
}

#[test]
fn a_partial_line_across_a_restart_is_one_line_once() {
    let mut bench = Bench::new(From::Start);
    bench.write("access.log", "one\r\ntw");
    bench.read();
    bench.restart();
    bench.read();
    bench.write("access.log", "o\nthree\n");
    bench.read();
    assert_eq!(bench.seen, ["one", "two", "three"]);
}

#[test]
fn a_renamed_file_is_read_to_its_end_while_the_new_one_grows() {
    let mut bench = Bench::new(From::Start);
    bench.write("access.log", "a\n");
    bench.read();
    fs::rename(bench.path("access.log"), bench.path("access.log.1")).unwrap();
    bench.write("access.log.1", "b\n"); // the server has not reopened yet
    bench.read();
    bench.write("access.log", "d\n");
    bench.read();
    bench.write("access.log.1", "c\nlast without end");
    bench.read();
    bench.pass(11);
    bench.read();
    // It may be half of a line, and half of an address is another address.
    assert_eq!(bench.seen, ["a", "b", "d", "c"]);
    assert_eq!(bench.dropped("unterminated"), 1);
}

#[test]
fn rotations_while_the_node_was_down_lose_nothing() {
    let mut bench = Bench::new(From::Start);
    bench.write("access.log", "a\n");
    bench.read();
    bench.write("access.log", "b\n");
    for (n, text) in ["c\n", "d\n"].into_iter().enumerate() {
        if n == 1 {
            fs::rename(bench.path("access.log.1"), bench.path("access.log.2")).unwrap();
        }
        fs::rename(bench.path("access.log"), bench.path("access.log.1")).unwrap();
        bench.write("access.log", text);
        // Names are ordered by when each was last written.
        let at = std::time::SystemTime::now() + Duration::from_secs(n as u64 + 1);
        fs::File::open(bench.path("access.log")).unwrap().set_modified(at).unwrap();
    }
    bench.restart();
    bench.read();
    assert_eq!(bench.seen, ["a", "b", "c", "d"]);
    bench.restart();
    bench.read();
    assert_eq!(bench.seen.len(), 4, "nothing is read twice");
}

#[test]
fn copytruncate_goes_on_from_the_beginning_and_is_counted() {
    let mut bench = Bench::new(From::Start);
    bench.write("access.log", "a\nb\n");
    bench.read();
    fs::copy(bench.path("access.log"), bench.path("access.log.1")).unwrap();
    fs::write(bench.path("access.log"), "c\n").unwrap();
    bench.read();
    // Written anew to more than before: only the beginning tells.
    fs::write(bench.path("access.log"), "x\ny\nz\n").unwrap();
    bench.read();
    assert_eq!(bench.seen, ["a", "b", "c", "x", "y", "z"]);
    assert_eq!(bench.events("truncated"), 2);
    fs::write(bench.path("access.log"), "e\n").unwrap();
    bench.restart();
    bench.read();
    assert_eq!(bench.seen.last().unwrap(), "e");
}

#[test]
fn an_inode_that_is_used_again_is_a_new_file() {
    let mut bench = Bench::new(From::Start);
    bench.write("access.log", "a\n");
    bench.read();
    fs::remove_file(bench.path("access.log")).unwrap();
    drop(std::mem::replace(
        &mut bench.follower,
        follower(&bench.folder, From::Start, None, &bench.metrics),
    ));
    bench.write("access.log", "b\nc\n");
    bench.restart();
    bench.read();
    assert_eq!(bench.seen, ["a", "b", "c"]);
}

#[test]
fn only_regular_files_beneath_the_folder_are_read() {
    let mut bench = Bench::new(From::Start);
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "secret\n").unwrap();
    symlink(&secret, bench.path("access.log")).unwrap();
    bench.read();
    fs::remove_file(bench.path("access.log")).unwrap();
    fs::hard_link(&secret, bench.path("access.log")).unwrap();
    bench.read();
    fs::remove_file(bench.path("access.log")).unwrap();
    fs::create_dir(bench.path("access.log")).unwrap();
    bench.read();
    fs::remove_dir(bench.path("access.log")).unwrap();
    let path = bench.path("access.log");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    bench.read();
    assert_eq!(bench.seen, Vec::<String>::new());
    assert!(bench.events("refused") >= 1);
    fs::remove_file(path).unwrap();
    bench.write("access.log", "fine\n");
    bench.read();
    assert_eq!(bench.seen, ["fine"]);
}

#[test]
fn a_long_line_is_cut_and_the_next_one_is_whole() {
    let mut bench = Bench::new(From::Start);
    bench.write("access.log", &("x".repeat(10 << 20) + "\nnext\n"));
    bench.read();
    assert_eq!(bench.seen.iter().map(String::len).collect::<Vec<_>>(), [MAX_LINE_BYTES, 4]);
    assert_eq!(bench.events("cut"), 1);
}

#[derive(Clone, Debug)]
enum Action {
    Write(String),
    WritePart(String),
    Rename,
    Read,
    Restart,
    Wait,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        4 => "[a-z]{0,12}".prop_map(Action::Write),
        2 => "[a-z]{1,6}".prop_map(Action::WritePart),
        1 => Just(Action::Rename),
        4 => Just(Action::Read),
        1 => Just(Action::Restart),
        1 => Just(Action::Wait),
    ];
    prop::collection::vec(action, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever happens, every line that was ended comes once and in order.
    #[test]
    fn what_was_written_is_what_is_read(actions in actions()) {
        let mut bench = Bench::new(From::Start);
        let (mut written, mut partial, mut rotations) = (Vec::new(), String::new(), 0);
        bench.write("access.log", "");
        bench.read();
        for action in actions {
            match action {
                Action::Write(text) => {
                    bench.write("access.log", &format!("{text}\n"));
                    written.push(std::mem::take(&mut partial) + &text);
                }
                Action::WritePart(text) => {
                    bench.write("access.log", &text);
                    partial += &text;
                }
                Action::Rename => {
                    if !partial.is_empty() {
                        bench.write("access.log", "\n");
                        written.push(std::mem::take(&mut partial));
                    }
                    rotations += 1;
                    // A name that no rotation before it had: mtimes alone tell the order.
                    fs::rename(bench.path("access.log"), bench.path(&format!("access.log.{rotations}"))).unwrap();
                    bench.write("access.log", "");
                    let at = std::time::SystemTime::now() + Duration::from_secs(rotations);
                    fs::File::open(bench.path("access.log")).unwrap().set_modified(at).unwrap();
                    bench.read();
                }
                Action::Read => bench.read(),
                Action::Restart => bench.restart(),
                Action::Wait => bench.pass(11),
            }
        }
        bench.read();
        prop_assert_eq!(bench.seen, written);
    }

    #[test]
    fn lines_do_not_depend_on_how_the_bytes_came(text in "[ab\r\n]{0,80}", cuts in prop::collection::vec(0usize..80, 0..6)) {
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        Lines::at(0, false, MAX_LINE_BYTES).take(text.as_bytes(), &mut whole);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let mut lines = Lines::at(0, false, MAX_LINE_BYTES);
        for pair in cuts.windows(2) {
            lines.take(&text.as_bytes()[pair[0]..pair[1]], &mut parts);
        }
        prop_assert_eq!(whole, parts);
        prop_assert_eq!(lines.position(), text.rfind('\n').map_or(0, |end| end as u64 + 1));
    }
}
