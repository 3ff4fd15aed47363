//! TAXII of a running node over TLS, with tokens of the command line: read by OASIS's own
//! client, and by another node's `[[feeds]]`.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

use super::{Organisation, Settings, attack_line, eventually, tools};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn token(node: &Organisation, name: &str, scope: &str, role: &str) -> String {
    let words = ["tokens", "create", "--name", name, "--scope", scope, "--role", role, "--json"];
    let made = node.dtim(&words);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let answer: Value = serde_json::from_slice(&made.stdout).unwrap();
    answer["token"].as_str().unwrap().to_owned()
}

/// OASIS's client walks a collection; what it met.
fn walk(node: &Organisation, url: &str, token: &str, collection: &str) -> Value {
    let output = Command::new(tools::root().join("../venv/bin/python"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/taxii/walk.py"))
        .args([url, token, collection, "100"])
        .env("REQUESTS_CA_BUNDLE", node.data_dir().join("tls/ca.pem"))
        .output()
        .expect("`.ci/need test` installs Python's packages");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_a_log_showed_is_read_by_oasis_s_client_and_by_another_node_s_feed() {
    let port = free_port();
    let extra = format!("[api]\nlisten = \"127.0.0.1:{port}\"");
    let mut alpha = Organisation::new("alpha", Settings { extra, ..Settings::default() });
    alpha.start();
    alpha.append("access.log", &attack_line("45.155.205.1"));
    let url = format!("https://localhost:{port}/taxii2/");
    let green = token(&alpha, "siem", "green", "reader");
    let met = eventually("the object is there", || {
        let met = walk(&alpha, &url, &green, "Green");
        let ids = met["ids"].as_array().unwrap().clone();
        ids.iter().any(|id| id.as_str().unwrap().starts_with("indicator--")).then_some(met)
    });
    assert_eq!(met["collections"], json!(["White", "Green"]));

    // Another organisation, which is no member, reads the same.
    let secret = alpha.data_dir().parent().unwrap().join("token");
    fs::write(&secret, &green).unwrap();
    let feed = format!(
        "[[feeds]]\nname = \"alpha\"\nurl = \"{url}\"\ncollection = \"green\"\n\
         token_file = {secret:?}\nca = {:?}",
        alpha.data_dir().join("tls/ca.pem")
    );
    let mut beta = Organisation::new("beta", Settings { extra: feed, ..Settings::default() });
    beta.start();
    let known = eventually("the feed is imported", || beta.knows("45.155.205.1"));
    assert_eq!(known["own"], false);
    assert_eq!(known["sources"], 1);
    let status = eventually("the feed is read to its end", || {
        let status = beta.ask(&["status"], &[]).unwrap();
        (!status["feeds"][0]["read"].is_null()).then_some(status)
    });
    assert_eq!(status["feeds"][0]["name"], "alpha");
    assert_eq!(status["feeds"][0]["imported"], 1);
    let shown = String::from_utf8(beta.dtim(&["status"]).stdout).unwrap();
    assert!(shown.contains("FEED") && shown.contains("alpha"), "{shown}");
    beta.stop();
    alpha.stop();
}
