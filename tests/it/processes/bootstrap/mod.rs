//! A real bootstrap, and what strangers do to it and to a member's door: the cases 1 to 15,
//! 19 and 20 of the threat list. The attacks are those of `examples/hostile_peer`.

mod door;
mod hijack;
mod javascript;
mod reach;
mod registry;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use super::hostile::{Cost, Hostile, cost_of, page_at};

/// What somebody gets at once also under an attack (the issue's goal), in milliseconds.
pub const GOAL_MS: f64 = 2_000.0;
/// After that it is not served at all.
pub const DEADLINE_MS: f64 = 10_000.0;
/// What attacks on a bootstrap may cost in memory (threats.md, S3).
pub const MEMORY: u64 = 32 << 20;

/// A `dtim bootstrap` with a loopback address of its own, killed when dropped.
pub struct Meeting {
    pub peer_id: String,
    host: String,
    folder: TempDir,
    child: Option<Child>,
    inside: Vec<String>,
}

impl Meeting {
    /// Makes keys and starts it; `network` and `bootstrap` are more keys of these sections.
    pub fn start(network: &str, bootstrap: &str) -> Self {
        Self::start_in(&own_host(), &[], network, bootstrap)
    }

    /// The same at a host of somebody's choice, with what runs it there: a namespace.
    pub fn start_in(host: &str, inside: &[&str], network: &str, bootstrap: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("dtim").tempdir_in("/tmp").unwrap();
        let root = folder.path().display();
        let text = format!(
            r#"
            [node]
            name = "bootstrap"
            data_dir = "{root}/data"
            [network]
            listen = ["/ip4/{host}/tcp/3031"]
            external_addresses = ["/ip4/{host}/tcp/3031"]
            max_connections = 1024
            {network}
            [metrics]
            listen = "127.0.0.1:3033"
            [bootstrap]
            communities = ["test"]
            {bootstrap}
            "#
        );
        // Loopback hosts are told apart also by who reads their metrics.
        let text = if inside.is_empty() {
            text.replace("127.0.0.1:3033", &format!("{host}:3033"))
        } else {
            text
        };
        fs::write(folder.path().join("dtim.toml"), text).unwrap();
        let inside = inside.iter().map(|&word| word.to_owned()).collect();
        let mut meeting =
            Self { peer_id: String::new(), host: host.to_owned(), folder, child: None, inside };
        let said = meeting.command(&["init", "--json"]).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let said: Value = serde_json::from_slice(&said.stdout).unwrap();
        meeting.peer_id = said["peer_id"].as_str().unwrap().to_owned();
        meeting.run();
        meeting
    }

    /// Starts it again or for the first time, and waits until it listens.
    pub fn run(&mut self) {
        let log = fs::File::create(self.folder.path().join("stderr")).unwrap();
        let mut command = self.command(&["--json", "bootstrap"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn();
        let child = self.child.insert(child.unwrap());
        // It says where, once it does.
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert!(said.contains(&self.peer_id), "the bootstrap said: {said}");
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    pub fn address(&self) -> String {
        format!("/ip4/{}/tcp/3031/p2p/{}", self.host, self.peer_id)
    }

    /// An attack on it.
    pub fn attacked(&self, seed: u8, attack: &[&str]) -> Hostile {
        Hostile::at(seed, &[self.address()], attack)
    }

    /// What an honest node gets now, by service, in milliseconds or why not.
    pub fn serves(&self, seed: u8) -> BTreeMap<String, Result<f64, String>> {
        served(Hostile::at(seed, &[self.address()], &["--from", "127.3.3.3", "visit"]))
    }

    pub fn cost(&self) -> Cost {
        // The process in a namespace is a child of the one that was started.
        cost_of(self.child.as_ref().unwrap().id())
    }

    /// The sum of all samples of a metric whose labels contain this text.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        let page = page_at(&format!("{}:3033", self.host));
        let samples = page.iter().filter(|(series, _)| {
            series.split('{').next() == Some(name) && series.contains(labels)
        });
        samples.map(|(_, value)| value.parse::<f64>().unwrap()).sum()
    }

    pub fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_dtim");
        let mut words = self.inside.iter().map(String::as_str).chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg("--config").arg(self.folder.path().join("dtim.toml"));
        command.args(arguments).env_remove("DTIM_CONFIG");
        command
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.stderr();
            let lines: Vec<&str> = log.lines().collect();
            println!(
                "--- the bootstrap logged last:\n{}",
                lines[lines.len().saturating_sub(30)..].join("\n")
            );
        }
    }
}

/// What a visit was served, in milliseconds or why not.
pub fn served(visit: Hostile) -> BTreeMap<String, Result<f64, String>> {
    let said = visit.wait_for_end();
    let services = said.iter().filter(|line| line["event"] == "served");
    let service = |line: &Value| {
        let name = line["service"].as_str().unwrap().to_owned();
        let outcome = if line["ok"] == true {
            Ok(line["ms"].as_f64().unwrap())
        } else {
            Err(line["why"].as_str().unwrap().to_owned())
        };
        (name, outcome)
    };
    services.map(service).collect()
}

/// The milliseconds of a visit that was served all of these; fails otherwise.
#[track_caller]
pub fn all_served(services: &BTreeMap<String, Result<f64, String>>, wanted: &[&str]) -> f64 {
    let of = |name: &&str| match services.get(*name) {
        Some(Ok(milliseconds)) => *milliseconds,
        other => panic!("{name}: {other:?} in {services:?}"),
    };
    let took = wanted.iter().map(of).sum();
    assert!(took < DEADLINE_MS, "{took} ms: {services:?}");
    took
}

/// A loopback address that no other test uses.
fn own_host() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(number < 250, "more hosts than there are addresses");
    let process = std::process::id();
    format!("127.{}.{}.{number}", 200 + (process >> 8) % 50, process % 256)
}

/// Where the tools of a test are kept beside Debian's.
fn tools(folder: &str) -> PathBuf {
    super::tools::root().with_file_name(folder)
}
