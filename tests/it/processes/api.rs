//! The API of a running node over TLS, with a token of the command line.

use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

use super::{Organisation, Settings, attack_line, eventually};

/// A client of the organisation: curl with the node's CA.
struct Curl<'a> {
    node: &'a Organisation,
    port: u16,
    token: String,
}

impl Curl<'_> {
    /// Status and body.
    fn ask(&self, arguments: &[&str], path: &str) -> (u16, Value) {
        let ca = self.node.data_dir().join("tls/ca.pem");
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--write-out", "\n%{http_code}", "--cacert"])
            .arg(ca)
            .args(["--oauth2-bearer", &self.token])
            .args(arguments)
            .arg(format!("https://localhost:{}{path}", self.port))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{error}"));
        (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }
}

#[test]
fn what_a_log_showed_is_read_by_token_and_no_further_than_its_scope() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let extra = format!("[api]\nlisten = \"127.0.0.1:{port}\"");
    let mut alpha = Organisation::new("alpha", Settings { extra, ..Settings::default() });
    alpha.start();
    alpha.append("access.log", &attack_line("45.155.205.1"));
    let token = |name: &str, scope: &str, role: &str| {
        let words =
            ["tokens", "create", "--name", name, "--scope", scope, "--role", role, "--json"];
        let made = alpha.dtim(&words);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let answer: Value = serde_json::from_slice(&made.stdout).unwrap();
        let token = answer["token"].as_str().unwrap().to_owned();
        Curl { node: &alpha, port, token }
    };
    let (green, red) = (token("siem", "green", "reader"), token("soar", "red", "writer"));
    let one = "/api/v1/indicators/45.155.205.1";
    eventually("the indicator is shown", || (green.ask(&[], one).0 == 200).then_some(()));
    let scope = json!({ "tlp": "red" }).to_string();
    let json = ["--request", "PATCH", "--header", "Content-Type: application/json", "--data"];
    let words = [&json[..], &[scope.as_str()]].concat();
    assert_eq!(green.ask(&words, one).0, 403);
    assert_eq!(red.ask(&words, one).0, 200);
    let (_, left) = green.ask(&[], one);
    assert_eq!((&left["retracted"], &left["why"]), (&json!(true), &Value::Null), "{left}");
    assert_eq!(red.ask(&[], one).1["retracted"], false);

    let listed = alpha.dtim(&["tokens", "list"]);
    let table = String::from_utf8(listed.stdout).unwrap();
    assert!(table.contains("siem") && table.contains("soar"), "{table}");
    assert!(alpha.dtim(&["tokens", "revoke", "siem"]).status.success());
    assert_eq!(green.ask(&[], one).0, 401);
    // Neither secret rests anywhere.
    for secret in [&green.token, &red.token] {
        let mut grep = Command::new("grep");
        grep.args(["-r", "-q", "-F", secret]).arg(alpha.data_dir());
        assert_eq!(grep.status().unwrap().code(), Some(1), "not found");
        assert!(!alpha.stderr().contains(secret.as_str()));
    }
    alpha.stop();
}
