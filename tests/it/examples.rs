//! The examples run.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Cargo puts examples beside the folder of the test binary.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples").join(name)
}

#[test]
fn check_values_tells_fit_from_unfit() {
    let mut child = Command::new(example("check_values"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"45.155.205.233\n8.8.8.8\nwhat is this\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let ends: Vec<bool> = text.lines().map(|line| line.ends_with("\tfit")).collect();
    assert_eq!(ends, [true, false, false], "{text}");
}
