//! What stands in a log folder and should not be read, and what should not be mistaken.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::Bench;
use crate::metrics::Metrics;
use crate::model::Source;
use crate::watch::follower::Follower;
use crate::watch::open::{self, NotOpened};
use crate::watch::{Follow, From, Target};

#[test]
fn invalid_utf_8_and_nul_bytes_are_passed_on_as_they_are() {
    let mut bench = Bench::new(From::Start);
    fs::write(bench.path("access.log"), b"a\xff\xfe\0b\n\xe2\x80\n").unwrap();
    let batch = bench.follower.turn(Instant::now()).unwrap();
    assert_eq!(batch.lines, [b"a\xff\xfe\0b".to_vec(), b"\xe2\x80".to_vec()]);
    bench.read();
    assert_eq!(bench.seen, Vec::<String>::new());
}

#[test]
fn a_compressed_file_that_rotation_leaves_is_not_read() {
    for restart in [false, true] {
        let mut bench = Bench::new(From::Start);
        bench.write("access.log", "a\n");
        bench.read();
        fs::rename(bench.path("access.log"), bench.path("access.log.1")).unwrap();
        for ending in ["gz", "bz2", "xz", "zst", "lz4", "zip"] {
            // As new as can be, and larger than what it was made of.
            bench.write(&format!("access.log.2.{ending}"), "never\n");
        }
        bench.write("access.log", "b\n");
        if restart {
            bench.restart();
        }
        bench.read();
        assert_eq!(bench.seen, ["a", "b"]);
    }
}

#[test]
fn a_device_and_a_way_out_of_the_folder_are_not_read() {
    let metrics = Metrics::new();
    let target = Target::File("/dev/zero".into());
    let follow = Follow { source: Source::Ufw, target, from: From::Start, checkpoint: None };
    let mut follower = Follower::one(Path::new("/dev/zero"), follow, metrics.clone());
    assert!(follower.turn(Instant::now()).is_none());
    assert_eq!(metrics.tail_events.with_label_values(&["ufw", "refused"]).get(), 1);

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "secret\n").unwrap();
    fs::create_dir(folder.path().join("logs")).unwrap();
    for name in ["..", ".", "../secret", "/etc/passwd"] {
        let opened = open::open(&folder.path().join("logs"), name);
        assert_eq!(opened.unwrap_err(), NotOpened::NotRegular, "{name}");
    }
}

#[test]
fn a_rotated_name_that_is_a_link_or_unreadable_does_not_stop_the_log() {
    let mut bench = Bench::new(From::Start);
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "secret\n").unwrap();
    bench.write("access.log", "a\n");
    bench.read();
    fs::rename(bench.path("access.log"), bench.path("access.log.1")).unwrap();
    std::os::unix::fs::symlink(secret.path(), bench.path("access.log.2")).unwrap();
    bench.write("access.log.3", "linked\n");
    fs::hard_link(bench.path("access.log.3"), bench.path("other")).unwrap();
    bench.write("access.log", "b\n");
    bench.read();
    assert_eq!(bench.seen, ["a", "b"]);
}

/// A folder in which another file may grow instead of the log.
fn beside(neighbour: &str) -> Bench {
    let mut bench = Bench::new(From::Start);
    bench.write("access.log", "a\n");
    bench.write(neighbour, "x\n");
    let later = SystemTime::now() + Duration::from_secs(60);
    let file = fs::File::options().write(true).open(bench.path(neighbour)).unwrap();
    file.set_modified(later).unwrap();
    bench.read();
    bench
}

#[test]
fn a_log_that_stands_still_while_another_grows_beside_it_is_said_once() {
    let mut bench = beside("access-new.log");
    bench.pass(590);
    bench.read();
    assert_eq!(bench.events("neighbour"), 0);
    for _ in 0..3 {
        bench.pass(70);
        bench.read();
    }
    assert_eq!(bench.events("neighbour"), 1);
    assert_eq!(bench.seen, ["a"]);
}

#[test]
fn ordinary_neighbours_are_no_reason_to_warn() {
    for neighbour in
        ["error.log", "accessories.log", "access.log.1", "access.log-20261124", "access-1.log.gz"]
    {
        let mut bench = beside(neighbour);
        bench.pass(700);
        bench.read();
        assert_eq!(bench.events("neighbour"), 0, "{neighbour}");
    }
    // One that is followed itself, and one that stood still before.
    let mut bench = beside("access-new.log");
    bench.follower.pass_over(&[bench.path("access-new.log")]);
    bench.pass(700);
    bench.read();
    assert_eq!(bench.events("neighbour"), 0);
    let mut bench = beside("access-new.log");
    let file = fs::File::options().write(true).open(bench.path("access-new.log")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    bench.pass(700);
    bench.read();
    assert_eq!(bench.events("neighbour"), 0);
}
