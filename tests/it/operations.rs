//! What an operator installs beside the binary: alert rules and service units.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::source::{none, root};

#[test]
fn promtool_accepts_the_alert_rules() {
    let output = Command::new("promtool")
        .args(["check", "rules", "config/prometheus/rules.yml"])
        .current_dir(root())
        .output()
        .expect("promtool is missing: `make test` fetches Debian's package prometheus");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_alerts_fire_when_they_should() {
    let output = Command::new("promtool")
        .args(["test", "rules", "tests/prometheus/alerts.yml"])
        .current_dir(root())
        .output()
        .expect("promtool is missing: `make test` fetches Debian's package prometheus");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_alert_rules_name_metrics_that_exist() {
    let source = fs::read_to_string(root().join("src/metrics.rs")).unwrap();
    let rules = fs::read_to_string(root().join("config/prometheus/rules.yml")).unwrap();
    let named = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let unknown: Vec<String> = named
        .filter_map(|word| word.strip_prefix("dtim_"))
        .filter(|name| {
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            ![Some(*name), family].iter().flatten().any(|name| source.contains(&format!("\"{name}\"")))
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
