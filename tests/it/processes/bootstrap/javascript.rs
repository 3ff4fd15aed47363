//! Another implementation of libp2p as a guest: js-libp2p, by `tests/js/guest.mjs`.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;

use super::super::prove::report;
use super::super::{Organisation, Settings};
use super::{Meeting, tools};

/// What the guest says, one object a line; panics with what it complained of.
fn guest(manner: &str, address: &str) -> Vec<Value> {
    let modules = tools("js");
    let node = ["x64", "arm64"].map(|cpu| format!("node_modules/node-linux-{cpu}/bin/node"));
    let node = node.iter().map(|node| modules.join(node)).find(|node| node.exists());
    let node = node.unwrap_or_else(|| {
        panic!("there is no Node below {}: `.ci/need test` installs it", modules.display())
    });
    // Modules are looked for beside the script.
    let folder = tempfile::tempdir().unwrap();
    symlink(modules.join("node_modules"), folder.path().join("node_modules")).unwrap();
    let script = folder.path().join("guest.mjs");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/js/guest.mjs"), &script).unwrap();
    let said = Command::new(node).arg(script).args([manner, address]).output().unwrap();
    let complaint = String::from_utf8_lossy(&said.stderr);
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success(), "{manner}: {text}\n{complaint}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn event<'a>(said: &'a [Value], name: &str) -> &'a Value {
    said.iter().find(|line| line["event"] == name).unwrap_or_else(|| panic!("no {name}: {said:?}"))
}

#[test]
fn a_javascript_guest_is_served_by_an_open_bootstrap() {
    let bootstrap = Meeting::start("allow_private_addresses = true", "");
    let said = guest("welcome", &bootstrap.address());
    let identify = event(&said, "identify");
    assert!(identify["agent"].as_str().unwrap().starts_with("dtim/"), "{identify}");
    let protocols = identify["protocols"].to_string();
    assert!(!protocols.contains("meshsub") && !protocols.contains("/dtim/sync"), "{protocols}");
    let own = event(&said, "reservation")["address"].as_str().unwrap();
    assert!(own.starts_with(&bootstrap.address()) && own.contains("/p2p-circuit/"), "{own}");
    let peer = event(&said, "circuit")["peer"].as_str().unwrap();
    assert!(own.ends_with(peer), "{peer} answers at {own}");
    let answers = event(&said, "kademlia")["answers"].as_array().unwrap();
    assert_eq!(answers[0]["from"], *bootstrap.peer_id);
    report(
        "javascript",
        &[format!(
            "js-libp2p 3.3.11 at a bootstrap: identify, ping ({} ms), a Kademlia query, a \
             reservation and a circuit succeed",
            event(&said, "ping")["milliseconds"]
        )],
    );
}

#[test]
fn a_javascript_guest_that_nobody_approved_gets_nothing() {
    let mut alpha = Organisation::new("alpha", Settings::default());
    alpha.start();
    gets_nothing(&guest("knock", &alpha.address()));
    alpha.stop();
    let listed = Meeting::start("allow_private_addresses = true", "admit = \"listed\"");
    gets_nothing(&guest("knock", &listed.address()));
}

#[track_caller]
fn gets_nothing(said: &[Value]) {
    let got = event(said, "closed")["got"].as_object().unwrap();
    assert!(!got.is_empty() && got.values().all(|one| *one == false), "{got:?}");
}
