//! The registry over HTTPS, in processes: nodes find each other through it, and its
//! certificates are those of the files.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{Organisation, Settings, eventually, tools};

/// A bootstrap with a registry, killed when dropped.
struct Bootstrap {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Bootstrap {
    fn new(more: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("dtim").tempdir_in("/tmp").unwrap();
        // Free a moment ago; nobody else takes ports of this range on purpose.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut bootstrap = Self { folder, port, child: None };
        bootstrap.configure(more);
        assert!(bootstrap.dtim(&["init"]).status.success());
        bootstrap.start();
        bootstrap
    }

    fn configure(&self, more: &str) {
        let data = self.path("data");
        let port = self.port;
        let text = format!(
            "[node]\ndata_dir = {data:?}\n[network]\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\n\
             allow_private_addresses = true\n[metrics]\nlisten = \"\"\n[bootstrap]\n\
             communities = [\"test\"]\n[api]\nlisten = \"127.0.0.1:{port}\"\n{more}"
        );
        fs::write(self.path("dtim.toml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dtim"));
        command.arg("--config").arg(self.path("dtim.toml")).args(words).env_remove("DTIM_CONFIG");
        command
    }

    fn dtim(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Starts it and waits until it says that it runs.
    fn start(&mut self) {
        let log = fs::File::create(self.path("stderr")).unwrap();
        let mut command = self.command(&["bootstrap", "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("peer_id"), "{line:?} {}", self.log());
        self.child = Some(child);
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }

    fn hang_up(&self) {
        let pid = rustix::process::Pid::from_child(self.child.as_ref().unwrap());
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    }

    /// The SHA-256 of the certificate that clients see now.
    fn fingerprint(&self) -> Option<String> {
        let connect = format!("127.0.0.1:{}", self.port);
        let shown = Command::new("sh")
            .args(["-c", "openssl s_client -connect $0 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256"])
            .arg(connect)
            .output()
            .unwrap();
        let text = String::from_utf8(shown.stdout).unwrap();
        text.trim().split_once('=').map(|(_, fingerprint)| fingerprint.to_owned())
    }

    fn certificates(&self) -> Value {
        let shown = self.dtim(&["tls", "show", "--json"]);
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        serde_json::from_slice::<Value>(&shown.stdout).unwrap()["certificates"].clone()
    }
}

impl Drop for Bootstrap {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        if std::thread::panicking() {
            println!("--- the bootstrap logged:\n{}", self.log());
        }
    }
}

fn node(name: &str, bootstrap: &Bootstrap) -> Organisation {
    let network = format!(
        "registry_url = \"https://localhost:{}\"\nregistry_ca = {:?}\ndiscoverable = true\n\
         gossip_interval_seconds = 1",
        bootstrap.port,
        bootstrap.path("data/tls/ca.pem")
    );
    let network = Box::leak(network.into_boxed_str());
    Organisation::new(name, Settings { network, ..Settings::default() })
}

#[test]
fn nodes_find_each_other_through_a_registry_over_https() {
    let bootstrap = Bootstrap::new("");
    let (mut alpha, mut beta) = (node("alpha", &bootstrap), node("beta", &bootstrap));
    let mut gamma = node("gamma", &bootstrap);
    alpha.configure(&beta.as_peer(&[]), &[]);
    beta.configure(&alpha.as_peer(&[]), &[]);
    for node in [&mut alpha, &mut beta, &mut gamma] {
        node.start();
    }
    eventually("alpha is connected to beta", || alpha.is_connected_to("beta").then_some(()));
    // Who is found is a candidate and nothing more.
    let found = eventually("alpha meets gamma", || {
        let answer = alpha.ask(&["peers", "candidates"], &[]).ok()?;
        let candidates = answer["candidates"].as_array()?.clone();
        candidates.into_iter().find(|candidate| candidate["peer_id"] == gamma.peer_id.as_str())
    });
    assert!(found["addresses"].to_string().contains("/ip4/127.0.0.1/tcp/"), "{found}");
    assert!(!alpha.is_connected_to("gamma"));
}

#[test]
fn certificates_are_read_again_on_sighup() {
    let mut bootstrap = Bootstrap::new("");
    let shown = bootstrap.certificates();
    assert_eq!(bootstrap.fingerprint().as_deref(), shown[0]["fingerprint"].as_str());
    assert_eq!(shown[0]["issuer"], shown[1]["subject"]);
    let ca = bootstrap.dtim(&["tls", "ca"]);
    assert_eq!(ca.stdout, fs::read(bootstrap.path("data/tls/ca.pem")).unwrap());

    let own = rcgen::generate_simple_self_signed(["own.example.org".to_owned()]).unwrap();
    fs::write(bootstrap.path("own.pem"), own.cert.pem()).unwrap();
    fs::write(bootstrap.path("own.key"), own.key_pair.serialize_pem()).unwrap();
    bootstrap.configure(&format!(
        "[security]\ntls_cert_path = {:?}\ntls_key_path = {:?}\n",
        bootstrap.path("own.pem"),
        bootstrap.path("own.key")
    ));
    let expected = bootstrap.certificates()[0]["fingerprint"].as_str().unwrap().to_owned();
    assert_ne!(Some(expected.as_str()), shown[0]["fingerprint"].as_str());
    bootstrap.hang_up();
    eventually("the new certificate is served", || {
        (bootstrap.fingerprint()? == expected).then_some(())
    });
    // A wrong one changes nothing, and is told.
    fs::write(bootstrap.path("own.pem"), "nothing").unwrap();
    bootstrap.hang_up();
    eventually("the mistake is told", || {
        bootstrap.log().contains("own.pem holds no").then_some(())
    });
    assert_eq!(bootstrap.fingerprint(), Some(expected));

    // After a restart with the local CA again, clients need nothing new.
    let mut child = bootstrap.child.take().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    bootstrap.configure("");
    bootstrap.start();
    assert_eq!(bootstrap.fingerprint().as_deref(), shown[0]["fingerprint"].as_str());
}

#[test]
fn sslscan_finds_tls_1_3_and_nothing_weak() {
    let bootstrap = Bootstrap::new("");
    let mut sslscan = tools::program("usr/bin/sslscan");
    sslscan.args(["--xml=-", &format!("localhost:{}", bootstrap.port)]);
    let report = String::from_utf8(sslscan.output().unwrap().stdout).unwrap();
    let enabled: Vec<&str> = report
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("<protocol") && line.contains("enabled=\"1\""))
        .collect();
    assert_eq!(enabled.len(), 1, "{report}");
    assert!(enabled[0].contains("type=\"tls\" version=\"1.3\""), "{report}");
    let ciphers: Vec<&str> = report.lines().filter(|line| line.contains("<cipher ")).collect();
    assert!(!ciphers.is_empty(), "{report}");
    let weak = ["weak", "medium", "null", "anonymous"].map(|it| format!("strength=\"{it}\""));
    for cipher in ciphers {
        assert!(
            cipher.contains("TLSv1.3") && !weak.iter().any(|it| cipher.contains(it)),
            "{cipher}"
        );
    }
    for hole in ["vulnerable=\"1\"", "renegotiation supported=\"1\"", "compression supported=\"1\""]
    {
        assert!(!report.contains(hole), "{report}");
    }
}

#[test]
fn a_registry_that_cannot_be_used_stops_the_start_with_a_sentence() {
    let alpha = Organisation::new(
        "alpha",
        Settings {
            network: "registry_url = \"https://r.example.org\"\nregistry_ca = \"missing.pem\"",
            ..Settings::default()
        },
    );
    let run = alpha.dtim(&["run"]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(2), "{said}");
    assert!(said.contains("missing.pem"), "{said}");
}
