//! Zeek's logs: all of them parse, and its text and its JSON say the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::super::*;
use super::super::{CONTEXT, shown};
use super::{data, lines};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { files(&entry, found) } else { found.push(entry) }
    }
    found.sort();
}

#[test]
fn nearly_all_lines_are_read() {
    let Some(root) = data("zeek") else { return };
    let mut all = Vec::new();
    files(&root, &mut all);
    let (mut total, mut read, mut events) = (0, 0, 0);
    for path in all {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let mut reader = Reader::new(Source::Zeek);
        let mut bad = BTreeMap::<&str, (usize, String)>::new();
        let lines = lines(&path);
        for line in lines.iter().filter(|line| !line.is_empty()) {
            match reader.read(line, &CONTEXT) {
                Ok(event) => {
                    read += 1;
                    events += usize::from(event.is_some());
                }
                Err(why) => {
                    let shown = String::from_utf8_lossy(line).chars().take(90).collect();
                    bad.entry(why.label()).or_insert((0, shown)).0 += 1;
                }
            }
            total += 1;
        }
        if !bad.is_empty() {
            println!("{name}: {bad:?} of {}", lines.len());
        }
    }
    println!("zeek: {read} of {total} lines read, {events} events");
    assert!(read * 100 >= total * 99, "{read} of {total}");
    assert!(events * 100 >= read * 85, "{events} of {read}");
}

/// What an event says. Zeek's JSON has a control character as `\\x01`, a backslash and
/// three letters; in text that is an escape.
fn said(event: &Result<Option<Event<'_>>, Unparsed>) -> String {
    shown(event).replace("\\\\x01", "\\u{1}")
}

#[test]
fn text_and_json_say_the_same() {
    let Some(root) = data("zeek") else { return };
    let mut all = Vec::new();
    files(&root, &mut all);
    let (mut pairs, mut rows, mut unequal) = (0, 0, Vec::new());
    for tsv in all.iter().filter(|path| path.to_string_lossy().ends_with(".tsv.log")) {
        let twin = PathBuf::from(tsv.to_string_lossy().replace(".tsv.log", ".json.log"));
        let read = |path: &Path| {
            let mut reader = Reader::new(Source::Zeek);
            let lines = lines(path);
            let lines = lines.iter().filter(|line| !line.is_empty() && !line.starts_with(b"#"));
            let header = super::lines(path);
            for line in header.iter().take_while(|line| line.starts_with(b"#")) {
                reader.read(line, &CONTEXT).unwrap();
            }
            lines.map(|line| said(&reader.read(line, &CONTEXT))).collect::<Vec<_>>()
        };
        let (mut text, mut json) = (read(tsv), read(&twin));
        assert_eq!(text.len(), json.len(), "{}", tsv.display());
        let in_order = text.iter().zip(&json).filter(|(text, json)| text == json).count();
        // Where the order differs, the same rows must be there.
        text.sort();
        json.sort();
        pairs += 1;
        rows += text.len();
        for (text, json) in text.iter().zip(&json).filter(|(text, json)| text != json) {
            unequal.push(format!("{}\n  {text}\n  {json}", tsv.display()));
        }
        let name = tsv.file_name().unwrap().display();
        println!("{name}: {} rows, {in_order} in the same order", text.len());
    }
    println!("twins: {pairs} pairs of files, {rows} rows, {} unequal", unequal.len());
    assert!(pairs > 10 && unequal.is_empty(), "{unequal:#?}");
}
