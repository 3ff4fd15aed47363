//! The demonstration, as a machine reads it.

use std::process::Command;

use serde_json::Value;

#[test]
fn the_demo_holds_all_that_it_shows() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_dtim")).args(["demo", "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stdout));
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    super::prove::report("demo", &[facts.to_string()]);
}
