//! Where a target was left: what must not be lost, joined or read again.

use std::fs;
use std::time::{Duration, SystemTime};

use super::Bench;
use crate::watch::From;

impl Bench {
    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// As the system's clock for it may say: it stands still for milliseconds.
    fn written_at(&self, name: &str, at: SystemTime) {
        fs::File::options().write(true).open(self.path(name)).unwrap().set_modified(at).unwrap();
    }
}

#[test]
fn rotations_of_the_same_moment_are_all_read_once() {
    let mut bench = Bench::new(From::Start);
    let at = SystemTime::now();
    bench.write("access.log", "0\n");
    bench.written_at("access.log", at);
    bench.read();
    for n in 1..4 {
        bench.rename("access.log", &format!("access.log.{n}"));
        bench.write("access.log", &format!("{n}\n"));
        bench.written_at("access.log", at);
    }
    bench.read();
    assert_eq!(bench.seen, ["0", "1", "2", "3"]);
    // Let go, and still known, also after a restart.
    for restart in [false, true] {
        bench.pass(11);
        bench.read();
        if restart {
            bench.restart();
        }
        bench.rename("access.log", &format!("access.log.9{restart}"));
        bench.write("access.log", "new\n");
        bench.written_at("access.log", at);
        bench.read();
    }
    assert_eq!(bench.seen, ["0", "1", "2", "3", "new", "new"]);
}

#[test]
fn more_rotations_between_two_looks_than_can_be_open_are_read_one_after_the_other() {
    for restart in [false, true] {
        let mut bench = Bench::new(From::Start);
        bench.write("access.log", "0\n");
        bench.read();
        for n in 1..300 {
            bench.rename("access.log", &format!("access.log.{n:03}"));
            bench.write("access.log", &format!("{n}\n"));
            let at = SystemTime::now() + Duration::from_millis(10 * n);
            bench.written_at("access.log", at);
        }
        if restart {
            bench.restart();
        }
        bench.read();
        let expected: Vec<String> = (0..300).map(|n: u32| n.to_string()).collect();
        assert_eq!(bench.seen, expected);
        assert!(bench.events("let_go_early") > 200);
    }
}

#[test]
fn what_was_rotated_before_we_came_is_not_read() {
    for from in [From::Now, From::Start] {
        let mut bench = Bench::new(from);
        let at = SystemTime::now();
        for name in ["access.log.1", "access.log"] {
            bench.write(name, "");
            bench.write("access.log.1", "old\n");
            bench.written_at(name, at);
        }
        bench.written_at("access.log.1", at);
        bench.read();
        bench.rename("access.log.1", "access.log.2");
        bench.rename("access.log", "access.log.1");
        bench.write("access.log", "new\n");
        bench.read();
        assert_eq!(bench.seen, ["new"]);
    }
}

#[test]
fn a_server_that_goes_on_writing_to_a_file_that_was_let_go_is_heard_at_the_next_rotation() {
    let mut bench = Bench::new(From::Start);
    bench.write("access.log", "a\n");
    bench.read();
    bench.rename("access.log", "access.log.1");
    bench.write("access.log", "b\n");
    bench.read();
    bench.pass(11);
    bench.read();
    bench.write("access.log.1", "late\n");
    bench.rename("access.log.1", "access.log.2");
    bench.rename("access.log", "access.log.1");
    bench.write("access.log", "c\n");
    bench.written_at("access.log.2", SystemTime::now() + Duration::from_secs(5));
    bench.read();
    assert_eq!(bench.seen, ["a", "b", "late", "c"]);
}

#[test]
fn a_log_that_comes_back_under_its_name_is_not_read_again() {
    let mut bench = Bench::new(From::Start);
    bench.write("access.log", "a\n");
    bench.read();
    bench.rename("access.log", "access.log.1");
    bench.write("access.log", "b\n");
    bench.read();
    for seconds in [0, 11] {
        bench.pass(seconds);
        bench.read();
        bench.rename("access.log", "aside");
        bench.rename("access.log.1", "access.log");
        bench.rename("aside", "access.log.1");
        bench.read();
    }
    assert_eq!(bench.seen, ["a", "b"]);
}

#[test]
fn a_partial_line_is_never_joined_with_what_comes_after_its_file_was_rewritten() {
    let mut bench = Bench::new(From::Start);
    bench.write("access.log", "a\n1.2.3.4");
    bench.read();
    fs::write(bench.path("access.log"), "5 b\n").unwrap();
    bench.read();
    assert_eq!(bench.seen, ["a", "5 b"]);
    assert_eq!(bench.dropped("rewritten"), 1);
    assert_eq!(bench.events("truncated"), 1);
}

#[test]
fn the_copy_of_copytruncate_has_what_was_not_read_yet() {
    for restart in [false, true] {
        let mut bench = Bench::new(From::Start);
        bench.write("access.log", "a\nb be");
        bench.read();
        bench.write("access.log", "gins\nc\n");
        fs::copy(bench.path("access.log"), bench.path("access.log.1")).unwrap();
        fs::write(bench.path("access.log"), "d\n").unwrap();
        if restart {
            bench.restart();
        }
        bench.read();
        assert_eq!(bench.seen, ["a", "b begins", "c", "d"]);
        // Something may have been written between copying and emptying.
        assert_eq!((bench.events("truncated"), bench.dropped("rewritten")), (1, 0));
        // The same file is the next copy: it is not read as a log of its own.
        fs::copy(bench.path("access.log"), bench.path("access.log.1")).unwrap();
        fs::write(bench.path("access.log"), "e\n").unwrap();
        bench.read();
        assert_eq!(bench.seen, ["a", "b begins", "c", "d", "e"]);
    }
}

#[test]
fn the_rest_of_a_line_that_began_before_us_is_left_out_also_after_a_restart() {
    let mut bench = Bench::new(From::Now);
    bench.write("access.log", "old\nfrom 1.2.3.4");
    bench.read();
    bench.restart();
    bench.write("access.log", "5\nnew\n");
    bench.read();
    assert_eq!(bench.seen, ["new"]);
}
