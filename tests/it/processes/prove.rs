//! The figures that `make prove` reports, one file a test under `target/prove/`.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// Whether full counts are asked for.
pub fn full() -> bool {
    std::env::var_os("DTIM_PROVE").is_some()
}

/// Prints a figure and, where full counts are asked for, adds it to the report.
pub fn report(name: &str, lines: &[String]) {
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{name}: {line}");
    }
    print!("{text}");
    if let Some(folder) = std::env::var_os("DTIM_PROVE_DIR").map(PathBuf::from) {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.txt")), text).unwrap();
    }
}
