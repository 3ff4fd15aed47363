//! What a wrong start says: one clear sentence, and the right exit status.

use std::fs;

use super::{Organisation, Settings};

fn refused(organisation: &Organisation, status: i32, says: &[&str]) {
    let output = organisation.dtim(&["run"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    for text in says {
        assert!(stderr.contains(text), "{text:?} is not in: {stderr}");
    }
}

#[test]
fn a_wrong_configuration_names_key_line_and_remedy() {
    let alpha = Organisation::new("alpha", Settings::default());
    fs::write(alpha.config(), "[network]\npeers_per_rond = 3\ngossip_interval_seconds = \"x\"\n")
        .unwrap();
    refused(
        &alpha,
        2,
        &["peers_per_rond", "line 2", "peers_per_round", "gossip_interval_seconds", "line 3"],
    );
    fs::remove_file(alpha.config()).unwrap();
    refused(&alpha, 2, &["dtim.toml", "dtim init"]);
}

#[test]
fn what_another_node_holds_is_named() {
    let mut alpha = Organisation::new("alpha", Settings::default());
    alpha.start();
    refused(&alpha, 1, &["in use by another dtim"]);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let beta = Organisation::new("beta", Settings::default());
    let text = fs::read_to_string(beta.config()).unwrap();
    fs::write(beta.config(), text.replace("tcp/0", &format!("tcp/{port}"))).unwrap();
    refused(&beta, 1, &["in use", &port.to_string()]);
    alpha.stop();
}

#[test]
fn a_damaged_or_open_key_is_refused_and_never_replaced() {
    use std::os::unix::fs::PermissionsExt as _;
    let alpha = Organisation::new("alpha", Settings::default());
    let key = alpha.data_dir().join("keys/identity");
    let whole = fs::read(&key).unwrap();

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&alpha, 1, &["identity", "chmod"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    for damaged in [&whole[..0], &whole[..whole.len() - 1], &[7; 200][..]] {
        fs::write(&key, damaged).unwrap();
        refused(&alpha, 1, &["identity"]);
        assert_eq!(fs::read(&key).unwrap(), damaged, "a damaged key was replaced");
    }
    fs::remove_file(&key).unwrap();
    refused(&alpha, 1, &["identity"]);
    assert!(!key.exists(), "a missing key was made anew");
}
