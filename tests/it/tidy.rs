//! The rules of the house that a compiler does not know.
//!
//! The layers and what each module owns are not listed here: they are read from
//! the table in `src/lib.rs`, so that the document and the law are one.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{File, files, none};

/// The longest file.
const MAX_LINES: usize = 400;

const EVERYWHERE: [&str; 5] = ["src", "tests", "examples", "benches", "fuzz"];

/// What a name in the code gives away, and the modules that may have it there.
/// Everything else goes through them.
const OWNERS: [(&str, &[&str]); 10] = [
    ("rocksdb::", &["store"]),
    ("notify::", &["watch"]),
    ("libp2p::", &["mesh", "bootstrap", "tls"]),
    ("rcgen::", &["tls"]),
    ("prometheus::", &["metrics"]),
    ("prometheus_client::", &["metrics"]),
    ("axum::", &["http"]),
    ("clap::", &["cli"]),
    ("serde_cbor::", &["wire", "store", "watch"]),
    ("unbounded_channel", &[]),
];

/// What a module that decides must never touch.
const OUTSIDE: [&str; 12] = [
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::io",
    "SystemTime",
    "Instant::now",
    "TcpStream",
    "UdpSocket",
    "tokio::",
    "Utc::now",
    "println!",
];

/// A row of the table in `src/lib.rs`.
struct Row {
    layer: u32,
    pure: bool,
}

/// `| 2 P | [`parse`] | … |`
fn layers() -> BTreeMap<String, Row> {
    let lib = files(&["src"]).into_iter().find(|file| file.path.ends_with("lib.rs")).unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("//! |")?.split('|').map(str::trim);
        let (layer, kind) = cells.next()?.split_once(' ')?;
        let name = cells.next()?.trim_matches(['[', ']', '`']);
        Some((name.to_owned(), Row { layer: layer.parse().ok()?, pure: kind == "P" }))
    };
    lib.text.lines().filter_map(row).collect()
}

#[test]
fn the_table_in_the_architecture_document_lists_every_module() {
    let lib = files(&["src"]).into_iter().find(|file| file.path.ends_with("lib.rs")).unwrap();
    let declared: BTreeSet<&str> = lib
        .code()
        .filter_map(|(_, line)| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let layers = layers();
    assert_eq!(layers.keys().map(String::as_str).collect::<BTreeSet<_>>(), declared);
}

#[test]
fn a_module_uses_only_lower_layers() {
    let layers = layers();
    let mut complaints = Vec::new();
    for file in files(&["src"]) {
        let module = file.module();
        let Some(name) = module.first() else { continue };
        let own = layers.get(name).unwrap_or_else(|| panic!("{name} is not in src/lib.rs's table"));
        for (line, used) in uses(&file, &module) {
            let Some(other) = layers.get(&used).filter(|_| used != *name) else { continue };
            if other.layer >= own.layer {
                complaints.push(format!(
                    "{}: {name} (layer {}) uses {used} (layer {})",
                    file.at(line),
                    own.layer,
                    other.layer
                ));
            }
        }
    }
    none(&complaints);
}

/// The top-level modules that a file names, by `crate::` or a chain of `super::`.
fn uses(file: &File, module: &[String]) -> Vec<(usize, String)> {
    let up = "super::".repeat(module.len());
    // Two sorts of chain reach the root of the crate; a longer one does not compile.
    let prefixes = ["crate::".to_owned(), up];
    let code: Vec<(usize, &str)> = file.code().collect();
    let mut found = Vec::new();
    for (index, (line, text)) in code.iter().enumerate() {
        for prefix in &prefixes {
            for (at, _) in text.match_indices(prefix.as_str()) {
                let before = &text[..at];
                let continues = before.ends_with("super::")
                    || before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
                if continues {
                    continue;
                }
                // A group of modules may go on over several lines.
                let rest: String = std::iter::once(&text[at + prefix.len()..])
                    .chain(code[index + 1..].iter().map(|(_, text)| *text))
                    .take(MAX_LINES)
                    .collect();
                found.extend(heads(&rest).into_iter().map(|head| (*line, head)));
            }
        }
    }
    found
}

/// The first segments behind a prefix: `a::B` is `a`, `{a, b::{C, D}}` are `a` and `b`.
fn heads(rest: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let mut depth = 0_usize;
    let mut parts = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    parts.iter().map(|part| word(part)).collect()
}

#[test]
fn chains_and_groups_are_understood() {
    let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
    let heads_of = |path: &str, text: &str| {
        let file = file(path, text);
        let module = file.module();
        uses(&file, &module).into_iter().map(|(_, head)| head).collect::<Vec<_>>()
    };
    assert_eq!(heads_of("src/a/b.rs", "use crate::{model::{A, B}, wire};"), ["model", "wire"]);
    assert_eq!(
        heads_of("src/a/mod.rs", "use crate::{\n    model,\n    keys::X,\n};"),
        ["model", "keys", ""]
    );
    assert_eq!(heads_of("src/a/b.rs", "use super::super::store::Store;"), ["store"]);
    assert_eq!(heads_of("src/a/b.rs", "use super::sibling::X;"), Vec::<String>::new());
    assert_eq!(heads_of("src/a/mod.rs", "use super::store::Store;"), ["store"]);
    assert_eq!(heads_of("src/a/b.rs", "// use crate::store;"), Vec::<String>::new());
}

#[test]
fn only_the_owner_of_an_outside_thing_names_it() {
    let mut complaints = Vec::new();
    for file in files(&["src"]) {
        let module = file.module();
        for (line, text) in file.production() {
            for (name, owners) in OWNERS {
                let is_owner = module.first().is_some_and(|own| owners.contains(&own.as_str()));
                if !is_owner && names(text, name) {
                    complaints.push(format!("{}: only {owners:?} may use {name}", file.at(line)));
                }
            }
        }
    }
    none(&complaints);
}

#[test]
fn what_decides_touches_nothing_outside() {
    let layers = layers();
    let mut complaints = Vec::new();
    for file in files(&["src"]) {
        let module = file.module();
        let pure = module.first().is_some_and(|name| layers.get(name).is_some_and(|row| row.pure));
        // The one shell inside a pure module: it reads key files, behind the feature `node`.
        if !pure || module.starts_with(&["keys".into(), "files".into()]) {
            continue;
        }
        for (line, text) in file.production() {
            for name in OUTSIDE.iter().filter(|name| names(text, name)) {
                complaints.push(format!("{}: {name} in a pure module", file.at(line)));
            }
        }
    }
    none(&complaints);
}

/// Whether a name stands in the text as a whole.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn every_file_is_short_and_says_what_it_is() {
    let mut complaints = Vec::new();
    for file in files(&EVERYWHERE) {
        let lines = file.text.lines().count();
        if lines > MAX_LINES {
            complaints.push(format!("{}: {lines} lines, at most {MAX_LINES}", file.path.display()));
        }
        if !file.text.starts_with("//! ") {
            complaints.push(format!("{}: does not begin with //!", file.path.display()));
        }
    }
    none(&complaints);
}

#[test]
fn what_is_left_to_do_stands_in_an_issue() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let mut complaints = Vec::new();
    for file in files(&EVERYWHERE) {
        for (index, line) in file.text.lines().enumerate() {
            // TODO(#12) is fine: it can be looked up.
            let left = |mark: &str| line.contains(mark) && !line.contains(&format!("{mark}(#"));
            if marks.iter().any(|mark| left(mark)) {
                complaints.push(format!("{}: name the issue, as in (#12)", file.at(index + 1)));
            }
        }
    }
    none(&complaints);
}

#[test]
fn names_are_imported_one_by_one() {
    let mut complaints = Vec::new();
    for file in files(&["src"]) {
        for (line, text) in file.production() {
            let text = text.trim();
            if text.starts_with("use ") && text.contains('*') {
                complaints.push(format!("{}: a glob hides where names come from", file.at(line)));
            }
        }
    }
    none(&complaints);
}
