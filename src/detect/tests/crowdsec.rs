//! The logs with which CrowdSec tries its scenarios, and whom these name. They are no
//! part of the project; where the folder is missing, the test says so and passes.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)] // figures, and what was skipped

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::super::*;
use super::CONTEXT;
use crate::model::Source;
use crate::parse::Reader;

/// Scenarios that a rule of ours is meant to be like. (Ours want more than six disconnections,
/// one line of an error log, one request to a foreign host or three of WordPress's files.)
const ALIKE: [&str; 18] = [
    "opnsense-sshd",
    "ssh-slow-bf",
    "cve-2021-42013",
    "apache2-http-sensitive-files",
    "CVE-2022-42889",
    "grafana_cve-2021-43798",
    "http-admin-interface-probing",
    "http-bf-wordpress-bf",
    "http-cve-probing",
    "jira_cve-2021-26086",
    "nginx-bad-user-agent",
    "nginx-http-backdoor",
    "nginx-http-malformed",
    "nginx-http-sensitive-files",
    "nginx-http-xss-probing",
    "pulse-secure-sslvpn-cve-2019-11510",
    "spring4shell_cve-2022-22965",
    "thinkphp-cve-2018-20062",
];

fn sources(kind: &str) -> &'static [Source] {
    match kind {
        "sshd" => &[Source::Sshd],
        "apache" => &[Source::ApacheAccess, Source::ApacheError],
        _ => &[Source::NginxAccess, Source::NginxError],
    }
}

/// Whom the scenario names: `"192.0.2.1" in results[0].Overflow.GetSources()`.
fn expected(folder: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(folder.join("scenario.assert")).unwrap_or_default();
    let named = text.lines().filter_map(|line| line.strip_prefix('"')?.split_once("\" in results"));
    named.map(|(address, _)| address.to_owned()).collect()
}

/// Whom any rule names.
fn named(folder: &Path, sources: &[Source]) -> BTreeSet<String> {
    let mut detector = Detector::new(Rules::builtin(), DEFAULT_CAPACITY);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let logs = files.filter(|path| path.extension().is_some_and(|end| end == "log"));
    let mut named = BTreeSet::new();
    for log in logs {
        let bytes = std::fs::read(&log).unwrap();
        for source in sources {
            let mut reader = Reader::new(*source);
            for line in bytes.split(|byte| *byte == b'\n') {
                let Ok(Some(event)) = reader.read(line, &CONTEXT) else { continue };
                let now = event.time.unwrap_or(CONTEXT.now);
                named.extend(detector.observe(&event, now).iter().map(|hit| hit.value.to_string()));
            }
        }
    }
    named
}

#[test]
fn whom_crowdsec_names_we_name() {
    let root = PathBuf::from("../shared/data");
    if !root.is_dir() {
        eprintln!("skipped: there are no real logs at {}", root.display());
        return;
    }
    let (mut missed, mut found, mut all) = (Vec::new(), 0, 0);
    for kind in ["sshd", "apache", "nginx"] {
        let folders = std::fs::read_dir(root.join(kind).join("crowdsec-hub")).unwrap();
        for folder in folders.map(|entry| entry.unwrap().path()) {
            let (expected, named) = (expected(&folder), named(&folder, sources(kind)));
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            let less: Vec<_> = expected.difference(&named).collect();
            let more: Vec<_> = named.difference(&expected).collect();
            all += expected.len();
            found += expected.len() - less.len();
            println!("{kind}/{name}: missed {less:?}, more {more:?}");
            if ALIKE.contains(&&*name) && !less.is_empty() {
                missed.push(name);
            }
        }
    }
    println!("{found} of {all} addresses");
    assert!(missed.is_empty(), "{missed:?}");
}
