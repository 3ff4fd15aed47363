//! A folder of logs: a batch holds lines of one file, and what stands before them.

use std::fs;
use std::time::Instant;

use tempfile::TempDir;

use crate::metrics::Metrics;
use crate::model::Source;
use crate::watch::follower::Follower;
use crate::watch::{Batch, Follow, From, Target};

struct Zeek {
    folder: TempDir,
    follower: Follower,
    checkpoint: Option<Vec<u8>>,
}

fn follower(folder: &TempDir, from: From, checkpoint: Option<Vec<u8>>) -> Follower {
    let target = Target::Dir(folder.path().to_owned());
    let follow = Follow { source: Source::Zeek, target, from, checkpoint };
    Follower::logs(folder.path(), follow, Metrics::new())
}

impl Zeek {
    fn new(from: From, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let follower = follower(&folder, from, None);
        Self { folder, follower, checkpoint: None }
    }

    fn append(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, before + text).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.folder.path().join(from), self.folder.path().join(to)).unwrap();
    }

    fn restart(&mut self) {
        self.follower = follower(&self.folder, From::Now, self.checkpoint.clone());
    }

    fn batches(&mut self) -> Vec<Batch> {
        let batches: Vec<Batch> =
            std::iter::from_fn(|| self.follower.turn(Instant::now())).collect();
        self.checkpoint = batches.last().map(|b| b.checkpoint.clone()).or(self.checkpoint.take());
        batches
    }

    /// File, head and lines of the batches that have lines.
    fn read(&mut self) -> Vec<(String, String, String)> {
        let text = |lines: &[Vec<u8>]| String::from_utf8(lines.join(&b' ')).unwrap();
        let batches = self.batches().into_iter().filter(|batch| !batch.lines.is_empty());
        batches.map(|b| (b.file, text(&b.head), text(&b.lines))).collect()
    }
}

fn batch(file: &str, head: &str, lines: &str) -> (String, String, String) {
    (file.to_owned(), head.to_owned(), lines.to_owned())
}

#[test]
fn a_folder_of_logs_is_followed_file_by_file() {
    let mut zeek = Zeek::new(From::Start, &[("conn.log", "c\n"), ("notes.txt", "no\n")]);
    assert_eq!(zeek.read(), [batch("conn.log", "", "c")]);
    zeek.append("dns.log", "d\n");
    zeek.append("conn.log", "c2\nc3\n");
    // Names that are new are looked for when those that are open are read.
    assert_eq!(zeek.read(), [batch("conn.log", "", "c2 c3"), batch("dns.log", "", "d")]);
}

#[test]
fn whoever_begins_in_the_middle_is_given_the_head_once() {
    let head = "#fields\ta\n#types\tb\n";
    let old = format!("{head}old\n");
    let mut zeek = Zeek::new(From::Now, &[("conn.log", &old), ("plain.log", "old\n")]);
    assert_eq!(zeek.read(), []);
    zeek.append("conn.log", "new\n");
    zeek.append("plain.log", "new\n");
    zeek.append("late.log", &format!("{head}new\n"));
    let heads = "#fields\ta #types\tb";
    let expected = [
        batch("conn.log", heads, "new"),
        batch("plain.log", "", "new"),
        // Read from its beginning: they are lines like others.
        batch("late.log", "", &format!("{heads} new")),
    ];
    assert_eq!(zeek.read(), expected);
    zeek.append("conn.log", "again\n");
    assert_eq!(zeek.read(), [batch("conn.log", "", "again")]);
    zeek.restart();
    zeek.append("conn.log", "resumed\n");
    assert_eq!(zeek.read(), [batch("conn.log", heads, "resumed")]);
}

#[test]
fn a_head_is_bounded() {
    let many = "#\n".repeat(100);
    let long = format!("#{}\n", "x".repeat(1000)).repeat(60);
    let mut zeek = Zeek::new(From::Now, &[("long.log", &long), ("many.log", &many)]);
    zeek.batches();
    zeek.append("long.log", "a\n");
    zeek.append("many.log", "a\n");
    let heads: Vec<usize> = zeek.batches().iter().map(|batch| batch.head.len()).collect();
    // 16 KiB hold 16 lines of 1,002 bytes.
    assert_eq!(heads, [16, 64]);
}

#[test]
fn a_log_that_is_renamed_within_the_folder_is_not_read_again() {
    let mut zeek = Zeek::new(From::Start, &[("conn.log", "#h\na\n")]);
    assert_eq!(zeek.read(), [batch("conn.log", "", "#h a")]);
    // What Zeek does before zeekctl takes the file away; both names end in .log.
    zeek.append("conn.log", "b\n");
    zeek.rename("conn.log", "conn-26-11-24_10.00.00.log");
    zeek.append("conn.log", "#h\nc\n");
    assert_eq!(zeek.read(), [batch("conn.log", "", "b"), batch("conn.log", "", "#h c")],);
    zeek.append("conn-26-11-24_10.00.00.log", "late\n");
    assert_eq!(zeek.read(), [batch("conn-26-11-24_10.00.00.log", "#h", "late")]);
    zeek.restart();
    assert_eq!(zeek.read(), []);
}

#[test]
fn one_busy_file_does_not_starve_the_others() {
    let busy = "x\n".repeat(400_000);
    let mut zeek = Zeek::new(From::Start, &[("a.log", &busy), ("b.log", "b\n")]);
    let files: Vec<String> = zeek.batches().into_iter().take(2).map(|batch| batch.file).collect();
    assert_eq!(files, ["a.log", "b.log"]);
}

#[test]
fn a_file_that_is_gone_is_said_to_be_gone() {
    let mut zeek = Zeek::new(From::Start, &[("conn.log", "c\n"), ("dns.log", "d\n")]);
    zeek.batches();
    fs::remove_file(zeek.folder.path().join("dns.log")).unwrap();
    let gone = |batches: Vec<Batch>| batches.into_iter().flat_map(|b| b.gone).collect::<Vec<_>>();
    // Somebody may still write to it.
    assert_eq!(gone(zeek.batches()), Vec::<String>::new());
    let later = Instant::now() + std::time::Duration::from_secs(11);
    let batch = zeek.follower.turn(later).unwrap();
    assert_eq!((batch.lines.len(), gone(vec![batch])), (0, vec!["dns.log".to_owned()]));
}
