//! The samples under `tests/corpus/<source>/`: each `*.log` with the events of its
//! lines beside it in `*.events`. To add a case is to add a file.

use std::path::{Path, PathBuf};

use super::super::*;
use super::{CONTEXT, shown};

fn folder(source: Source) -> PathBuf {
    Path::new("tests/corpus").join(source.name())
}

fn samples(source: Source) -> Vec<PathBuf> {
    let mut logs: Vec<PathBuf> = std::fs::read_dir(folder(source))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    logs.sort();
    logs
}

/// With `UPDATE_CORPUS` set, the events are written instead; look at them before you commit.
#[test]
fn the_samples_give_their_events() {
    let update = std::env::var_os("UPDATE_CORPUS").is_some();
    for source in Source::ALL.into_iter().filter(|source| folder(*source).is_dir()) {
        let logs = samples(source);
        assert!(!logs.is_empty(), "{source} has samples");
        for log in logs {
            let text = std::fs::read(&log).unwrap();
            let lines = text.strip_suffix(b"\n").unwrap_or(&text).split(|byte| *byte == b'\n');
            let mut reader = Reader::new(source);
            let events: String =
                lines.map(|line| shown(&reader.read(line, &CONTEXT)) + "\n").collect();
            let beside = log.with_extension("events");
            if update {
                std::fs::write(&beside, &events).unwrap();
            }
            let expected = std::fs::read_to_string(&beside).unwrap_or_default();
            assert_eq!(events, expected, "{}", log.display());
        }
    }
}
