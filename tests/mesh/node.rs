//! One node: keys, configuration and a process in a namespace.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dtim::http::client::{Client, ClientError, target};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::mesh::Terms;
use crate::net::{Place, command, inside};
use crate::wait::within;

pub const PORT: u16 = 3031;
const METRICS_PORT: u16 = 3033;
/// How long a node may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a member is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Not at all.
    None,
    /// Through a bootstrap only.
    Relayed,
    /// From machine to machine, perhaps also through a bootstrap.
    Direct,
}

/// A node, killed when dropped.
pub struct Node {
    pub name: String,
    pub peer_id: String,
    place: Place,
    folder: PathBuf,
    child: Option<Child>,
    client: Client,
    runtime: Runtime,
}

impl Node {
    /// Makes a folder and keys; nothing runs yet.
    pub fn new(number: usize, root: &Path, place: Place) -> Self {
        let folder = root.join(number.to_string());
        fs::create_dir_all(folder.join("log")).unwrap();
        let mut node = Self {
            name: format!("node-{number}"),
            peer_id: String::new(),
            place,
            client: Client::new(folder.join("data/dtim.sock")),
            folder,
            child: None,
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
        };
        node.configure(Terms::default(), "");
        let mut init = Command::new(env!("CARGO_BIN_EXE_dtim"));
        init.arg("--config").arg(node.config()).args(["init", "--json"]).env_remove("DTIM_CONFIG");
        let said = init.output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let said: Value = serde_json::from_slice(&said.stdout).unwrap();
        said["peer_id"].as_str().unwrap().clone_into(&mut node.peer_id);
        node
    }

    /// Writes the configuration, with the peers that it approves.
    pub fn configure(&self, terms: Terms, peers: &str) {
        let network = format!(
            "listen = [\"/ip4/{}/tcp/{PORT}\"]\nallow_private_addresses = true\n{}",
            self.place.address, terms.network
        );
        let level = if terms.quiet { "info" } else { "info,dtim::node=debug" };
        self.write_config(&network, level, peers);
    }

    /// Writes the configuration, with all keys of `[network]`.
    pub fn write_config(&self, network: &str, level: &str, peers: &str) {
        let (name, root) = (&self.name, self.folder.display());
        let text = format!(
            r#"
            [node]
            name = "{name}"
            community = "mesh"
            data_dir = "{root}/data"
            log_level = "{level}"
            [metrics]
            listen = "127.0.0.1:{METRICS_PORT}"
            [privacy]
            hold = ["0s", "0s"]
            [watchers]
            tlp = "green"
            from = "start"
            nginx_access_log = "{root}/log/access.log"
            [network]
            {network}
            {peers}
            "#
        );
        fs::write(self.config(), text).unwrap();
    }

    /// Where its mesh listens.
    pub fn address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.place.address, PORT)
    }

    /// A `[[peers]]` entry for this node, in another's configuration.
    pub fn as_peer(&self, at: SocketAddrV4) -> String {
        let address = format!("/ip4/{}/tcp/{}", at.ip(), at.port());
        format!("{}addresses = [{address:?}]\n", self.as_peer_somewhere())
    }

    /// The same without an address.
    pub fn as_peer_somewhere(&self) -> String {
        format!("[[peers]]\nname = {:?}\npeer_id = {:?}\n", self.name, self.peer_id)
    }

    fn config(&self) -> PathBuf {
        self.folder.join("dtim.toml")
    }

    /// Everything that the node keeps.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts the process. The thread that does must live as long as the node.
    pub fn spawn(&mut self) {
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut command = command(&self.place.namespace);
        command.arg(env!("CARGO_BIN_EXE_dtim")).arg("--config").arg(self.config()).arg("run");
        command.env_remove("DTIM_CONFIG").env("DTIM_LOG_FORMAT", "json");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// Waits until the process answers.
    pub fn answers(&self) {
        within(PATIENCE, &format!("{} answers", self.name), || self.get(&["status"], &[]).ok());
    }

    /// SIGTERM, and waits for an end in order.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
            assert!(child.wait().unwrap().success(), "{} ended badly", self.name);
        }
    }

    /// SIGSTOP: its connections stay, and it does nothing.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT: it goes on as if nothing had been.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// Memory in use now, and the most since the start or the last look at the most, in MiB.
    pub fn memory(&self) -> (f64, f64) {
        let process = Path::new("/proc").join(self.child.as_ref().unwrap().id().to_string());
        let status = fs::read_to_string(process.join("status")).unwrap();
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
        };
        fs::write(process.join("clear_refs"), "5").unwrap();
        (mib("VmRSS:"), mib("VmHWM:"))
    }

    /// Appends what the node's watcher takes for an attack by each value, spread over the
    /// last so many days.
    pub fn is_attacked_by(&self, values: &[String], days: usize) {
        let mut lines = String::new();
        for (ago, values) in (0..days).rev().zip(values.chunks(values.len().div_ceil(days))) {
            let at = chrono::Utc::now() - chrono::Days::new(ago as u64);
            let at = at.format("%d/%b/%Y:%H:%M:%S +0000").to_string();
            for value in values {
                lines +=
                    &format!("{value} - - [{at}] \"GET /.env HTTP/1.1\" 404 9 \"-\" \"curl\"\n");
            }
        }
        let path = self.folder.join("log/access.log");
        let mut log = File::options().create(true).append(true).open(path).unwrap();
        log.write_all(lines.as_bytes()).unwrap();
    }

    /// What the node has logged, one JSON object a line.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("stderr")
    }

    /// Asks the control socket.
    pub fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, ClientError> {
        self.runtime.block_on(self.client.get(&target(path, query)))
    }

    /// Tells the control socket.
    pub fn post(&self, path: &[&str], body: &Value) -> Result<Value, ClientError> {
        self.runtime.block_on(self.client.post(&target(path, &[]), body))
    }

    /// How many indicators it knows.
    pub fn count(&self) -> u64 {
        let status = self.get(&["status"], &[]).unwrap();
        let kinds = status["store"]["indicators"].as_object().unwrap();
        kinds.values().map(|count| count.as_u64().unwrap()).sum()
    }

    /// Every value that it lists.
    pub fn values(&self) -> Vec<String> {
        let mut values = Vec::new();
        let mut after = None;
        loop {
            let mut query = vec![("limit", "1000".to_owned())];
            query.extend(after.map(|after: u64| ("after", after.to_string())));
            let query: Vec<(&str, &str)> = query.iter().map(|(k, v)| (*k, v.as_str())).collect();
            let page = self.get(&["indicators"], &query).unwrap();
            let listed = page["indicators"].as_array().unwrap().iter();
            values.extend(listed.map(|one| one["value"].as_str().unwrap().to_owned()));
            after = page["next"].as_u64();
            if after.is_none() {
                return values;
            }
        }
    }

    /// The names of members that are connected, each with whether claims go to it at once.
    pub fn connected(&self) -> Vec<(String, bool)> {
        let peers = self.get(&["peers"], &[]).unwrap();
        let peers = peers["peers"].as_array().unwrap().iter();
        let connected = peers.filter(|peer| peer["connected"] == true);
        connected.map(|p| (p["name"].as_str().unwrap().to_owned(), p["gossip"] == true)).collect()
    }

    /// How it reaches another.
    pub fn way_to(&self, other: &Self) -> Way {
        let peers = self.get(&["peers"], &[]).unwrap();
        let mut peers = peers["peers"].as_array().unwrap().iter();
        let peer = peers.find(|peer| peer["peer_id"] == *other.peer_id).unwrap();
        if peer["connected"] != true {
            return Way::None;
        }
        if peer["path"] == "relayed" { Way::Relayed } else { Way::Direct }
    }

    /// Whether it knows a value.
    pub fn knows(&self, value: &str) -> Option<Value> {
        self.get(&["indicators", value], &[]).ok()
    }

    /// Its page of metrics.
    pub fn metrics(&self) -> String {
        inside(&self.place.namespace, || {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, METRICS_PORT)).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
            let mut page = String::new();
            stream.read_to_string(&mut page).unwrap();
            page
        })
    }

    /// The sum of all samples of one metric.
    pub fn metric(&self, name: &str) -> f64 {
        let page = self.metrics();
        let samples = page.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            (series.split('{').next()? == name).then(|| value.parse::<f64>().unwrap())
        });
        samples.sum()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
        if std::thread::panicking() {
            let log = self.log();
            let told = log.lines().filter(|line| !line.contains("\"DEBUG\""));
            let told: Vec<&str> = told.collect();
            let last = told[told.len().saturating_sub(10)..].join("\n");
            println!("--- {} logged last:\n{last}", self.name);
        }
    }
}
