//! What an operator installs beside the binary: alert rules and service units.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::source::{files, none, root};

/// Prometheus's own tool. Panics with what it says if it is not content.
pub fn promtool(arguments: &[&str], input: &str) {
    let mut promtool = Command::new("promtool")
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: `make test` fetches it from Debian's package prometheus");
    promtool.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert!(output.status.success(), "{said}\n{input}");
}

#[test]
fn promtool_accepts_the_alert_rules() {
    promtool(&["check", "rules", "config/prometheus/rules.yml"], "");
}

#[test]
fn the_alerts_fire_when_they_should() {
    promtool(&["test", "rules", "config/prometheus/rules-test.yml"], "");
}

#[test]
fn the_alert_rules_name_metrics_that_exist() {
    let source: String = files(&["src/metrics"]).into_iter().map(|file| file.text).collect();
    let rules = fs::read_to_string(root().join("config/prometheus/rules.yml")).unwrap();
    let named = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let unknown: Vec<String> = named
        .filter_map(|word| word.strip_prefix("dtim_"))
        .filter(|name| {
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            ![Some(*name), family]
                .iter()
                .flatten()
                .any(|name| source.contains(&format!("\"{name}\"")))
        })
        .map(|name| format!("config/prometheus/rules.yml: no metric is called dtim_{name}"))
        .collect();
    none(&unknown);
}

#[test]
fn the_units_start_what_they_say() {
    for unit in ["config/systemd/dtim.service", "bootstrap/dtim-bootstrap.service"] {
        let text = fs::read_to_string(root().join(unit)).unwrap();
        for line in ["Type=notify", "NoNewPrivileges=yes", "ProtectSystem=strict", "[Install]"] {
            assert!(text.lines().any(|found| found == line), "{unit} has no {line}");
        }
    }
}

#[test]
fn the_bootstrap_s_configuration_is_right() {
    let text = fs::read_to_string(root().join("bootstrap/bootstrap.toml")).unwrap();
    let loaded = dtim::config::parse(&text, &[]).unwrap();
    assert_eq!(loaded.notices, []);
    assert_eq!(loaded.config.node.data_dir, Path::new("/var/lib/dtim-bootstrap"));
}
