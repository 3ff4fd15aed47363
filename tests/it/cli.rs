//! The command line as a process: exit statuses, streams, and what it asks of a node.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a configuration; no node runs.
struct Place(TempDir);

impl Place {
    fn new(more: &str) -> Self {
        // A Unix socket's path is short.
        let folder = tempfile::Builder::new().prefix("dtim").tempdir_in("/tmp").unwrap();
        let data = folder.path().join("data");
        fs::write(
            folder.path().join("dtim.toml"),
            format!("[node]\nname = \"alpha\"\ndata_dir = {data:?}\n{more}"),
        )
        .unwrap();
        Self(folder)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dtim"));
        command.args(words).arg("--config").arg(self.0.path().join("dtim.toml"));
        command.env_remove("DTIM_CONFIG").stdin(Stdio::null());
        command
    }

    fn dtim(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Answers one request on the control socket, and gives the request back.
    fn node(&self, status: &'static str, body: &'static str) -> JoinHandle<String> {
        fs::create_dir_all(self.0.path().join("data")).unwrap();
        let listener = UnixListener::bind(self.0.path().join("data/dtim.sock")).unwrap();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let mut request = String::new();
            reader.read_line(&mut request).unwrap();
            let mut length = 0;
            let mut header = String::new();
            while header != "\r\n" {
                header.clear();
                reader.read_line(&mut header).unwrap();
                if let Some(value) = header.strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut sent = vec![0; length];
            reader.read_exact(&mut sent).unwrap();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
            reader.into_inner().write_all((head + body).as_bytes()).unwrap();
            request + &String::from_utf8(sent).unwrap()
        })
    }
}

fn ends(output: &Output, status: i32, stderr_says: &[&str]) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    for says in stderr_says {
        assert!(stderr.contains(says), "{says:?} is not in: {stderr}");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn without_a_node_the_status_is_3() {
    let place = Place::new("");
    for words in [
        &["status"][..],
        &["peers", "list"],
        &["indicators", "list"],
        &["why", "203.0.113.7"],
        &["preview"],
        &["egress"],
    ] {
        let output = place.dtim(words);
        ends(&output, 3, &["error: no node is running", "help: start it with `dtim run`"]);
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn a_wrong_configuration_has_status_2_and_names_everything() {
    let place = Place::new("[network]\ndiscoverabel = true\nmax_connections = \"many\"\n");
    let says = ["line 5", "discoverabel", "discoverable", "line 6", "max_connections", "help: "];
    ends(&place.dtim(&["config", "check"]), 2, &says);
    ends(&place.dtim(&["status"]), 2, &says);
    let checked = place.dtim(&["config", "check", "--json"]);
    ends(&checked, 2, &[]);
    let answer: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&answer["ok"], answer["problems"].as_array().unwrap().len()), (&false.into(), 2));
    fs::remove_file(place.0.path().join("dtim.toml")).unwrap();
    ends(&place.dtim(&["config", "check"]), 2, &["dtim.toml", "dtim init"]);
}

#[test]
fn keys_are_made_once() {
    let place = Place::new("");
    let made = place.dtim(&["init", "--json"]);
    ends(&made, 0, &[]);
    let answer: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert!(answer["peer_id"].as_str().unwrap().starts_with("12D3KooW"), "{answer}");
    assert_eq!(answer["config_written"], false);
    let key = place.0.path().join("data/keys/identity");
    let before = fs::read(&key).unwrap();
    ends(&place.dtim(&["init"]), 1, &["error: "]);
    assert_eq!(fs::read(&key).unwrap(), before);
}

#[test]
fn a_configuration_is_written_where_there_is_none() {
    let place = Place::new("");
    let config = place.0.path().join("dtim.toml");
    fs::remove_file(&config).unwrap();
    let data = place.0.path().join("other");
    let words =
        ["init", "--name", "beta", "--own", "example.org", "--data-dir", data.to_str().unwrap()];
    ends(&place.dtim(&words), 0, &["note: then: dtim run"]);
    ends(&place.dtim(&["config", "check"]), 0, &[]);
    let shown = place.dtim(&["config", "show", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(
        (&shown["node"]["name"], &shown["hygiene"]["own"][0]),
        (&"beta".into(), &"example.org".into())
    );
    assert!(data.join("keys/identity").is_file());
}

#[test]
fn what_is_asked_reaches_the_node_and_what_it_says_is_shown() {
    let place = Place::new("");
    let node = place.node(
        "200 OK",
        r#"{"indicator":{"kind":"url","value":"http://bad.example/x","tlp":"amber"}}"#,
    );
    let words = [
        "indicators",
        "add",
        "hxxp://bad[.]example/x",
        "--tlp",
        "amber",
        "--to",
        "node-2",
        "--tag",
        "phishing",
    ];
    let output = place.dtim(&words);
    ends(&output, 0, &[]);
    assert_eq!(text(&output.stdout), "hxxp://bad[.]example/x  url  amber\n");
    let request = node.join().unwrap();
    let (line, body) = request.split_once("\r\n").unwrap();
    assert_eq!(line, "POST /indicators HTTP/1.1");
    let expected = serde_json::json!({
        "value": "hxxp://bad[.]example/x", "tlp": "amber", "to": ["node-2"], "tags": ["phishing"],
    });
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), expected);
}

#[test]
fn what_the_node_refuses_is_told_with_its_remedy() {
    let place = Place::new("");
    let node =
        place.node("404 Not Found", r#"{"error":"never heard of it","remedy":"look at the list"}"#);
    let output = place.dtim(&["indicators", "show", "203.0.113.0/24", "--json"]);
    ends(&output, 1, &["error: never heard of it\n", "help: look at the list\n"]);
    assert!(output.stdout.is_empty());
    assert!(node.join().unwrap().starts_with("GET /indicators/203.0.113.0%2F24 HTTP/1.1"));
}

#[test]
fn hygiene_explains_itself_without_a_node() {
    let place = Place::new("[hygiene]\nown = [\"45.155.205.0/24\"]\n");
    ends(&place.dtim(&["hygiene", "check", "193.32.162.157"]), 0, &[]);
    for unfit in ["45[.]155.205.9", "8.8.8.8", "10.0.0.1"] {
        let output = place.dtim(&["hygiene", "check", unfit, "--json"]);
        ends(&output, 1, &[]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(answer["fit"] == false && answer["reason"].is_string(), "{answer}");
    }
    ends(&place.dtim(&["hygiene", "check", "what is this"]), 2, &["--kind"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new("");
    let log = place.0.path().join("access.log");
    fs::write(&log, "nonsense\n".repeat(100_000)).unwrap();
    let mut command =
        place.command(&["explain", "--source", "nginx-access", log.to_str().unwrap()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    ends(&child.wait_with_output().unwrap(), 0, &[]);
}
