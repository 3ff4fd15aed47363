//! One organisation in a test: a data directory, logs, and a `dtim run` process.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dtim::http::client::{Client, ClientError};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Deadline of everything that is waited for: at least ten times the goal.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// What a test says about an organisation besides its peers.
#[derive(Clone, Debug)]
pub struct Settings {
    pub tlp: &'static str,
    pub level: &'static str,
    /// More keys of `[watchers]`; `{logs}` is the folder of the logs.
    pub watchers: &'static str,
    /// More keys of `[network]`.
    pub network: &'static str,
    pub extra: String,
    pub environment: Vec<(String, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tlp: "green",
            level: "moderate",
            watchers: "",
            network: "",
            extra: String::new(),
            environment: Vec::new(),
        }
    }
}

/// A node of its own, killed when dropped.
pub struct Organisation {
    pub name: String,
    pub peer_id: String,
    folder: TempDir,
    settings: Settings,
    child: Option<Child>,
    runtime: Runtime,
}

impl Organisation {
    /// Makes keys and folders; nothing runs yet.
    pub fn new(name: &str, settings: Settings) -> Self {
        // A Unix socket's path is short: not below the target folder.
        let folder = tempfile::Builder::new().prefix("dtim").tempdir_in("/tmp").unwrap();
        fs::create_dir(folder.path().join("log")).unwrap();
        let mut organisation = Self {
            name: name.to_owned(),
            peer_id: String::new(),
            folder,
            settings,
            child: None,
            runtime: Runtime::new().unwrap(),
        };
        organisation.configure("", &[]);
        let init = organisation.dtim(&["init", "--json"]);
        assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
        let answer: Value = serde_json::from_slice(&init.stdout).unwrap();
        organisation.peer_id = answer["peer_id"].as_str().unwrap().to_owned();
        organisation
    }

    /// Writes the configuration: who the peers are and which addresses are dialled.
    pub fn configure(&self, peers: &str, default_peers: &[String]) {
        let root = self.folder.path().display();
        let default_peers: Vec<String> = default_peers.iter().map(|a| format!("{a:?}")).collect();
        let (name, tlp, level) = (&self.name, self.settings.tlp, self.settings.level);
        let watchers = self.settings.watchers.replace("{logs}", &format!("{root}/log"));
        let text = format!(
            r#"
            [node]
            name = "{name}"
            community = "test"
            data_dir = "{root}/data"
            [network]
            listen = ["/ip4/127.0.0.1/tcp/0"]
            allow_private_addresses = true
            default_peers = [{}]
            {}
            [privacy]
            level = "{level}"
            hold = ["0s", "0s"]
            [watchers]
            tlp = "{tlp}"
            from = "start"
            nginx_access_log = "{root}/log/access.log"
            ufw_log_path = "{root}/log/ufw.log"
            fail2ban_log_path = "{root}/log/fail2ban.log"
            {watchers}
            [metrics]
            listen = ""
            {}
            {peers}
            "#,
            default_peers.join(", "),
            self.settings.network,
            self.settings.extra,
        );
        fs::write(self.config(), text).unwrap();
    }

    /// A `[[peers]]` entry for this organisation, in another's configuration.
    pub fn as_peer(&self, addresses: &[String]) -> String {
        format!(
            "[[peers]]\nname = {:?}\npeer_id = {:?}\naddresses = {addresses:?}\n",
            self.name, self.peer_id
        )
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("dtim.toml")
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn log(&self, file: &str) -> PathBuf {
        self.folder.path().join("log").join(file)
    }

    /// Appends lines to a watched log.
    pub fn append(&self, file: &str, lines: &str) {
        let mut log =
            fs::OpenOptions::new().create(true).append(true).open(self.log(file)).unwrap();
        log.write_all(lines.as_bytes()).unwrap();
    }

    /// Starts the node and waits until it answers.
    pub fn start(&mut self) {
        self.spawn();
        let answers = || self.ask(&["status"], &[]).ok();
        eventually("the node answers", answers);
    }

    /// Starts the process only.
    pub fn spawn(&mut self) {
        let log = fs::File::create(self.folder.path().join("stderr")).unwrap();
        let child =
            self.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::from(log)).spawn().unwrap();
        self.child = Some(child);
    }

    /// SIGKILL: no destructor, no flush.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM, and waits until it is gone.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            let status = child.wait().unwrap();
            assert!(status.success(), "{}: {}", self.name, self.stderr());
        }
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// What the node has logged.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    /// Runs a command against this organisation's configuration.
    pub fn dtim(&self, arguments: &[&str]) -> std::process::Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dtim"));
        command.arg("--config").arg(self.config()).args(arguments);
        command.env_remove("DTIM_CONFIG").envs(self.settings.environment.iter().cloned());
        command
    }

    /// Asks the control socket.
    pub fn ask(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<Value, ClientError> {
        let client = Client::new(self.data_dir().join("dtim.sock"));
        self.runtime.block_on(client.get(&dtim::http::client::target(segments, query)))
    }

    /// Tells the control socket.
    pub fn tell(&self, segments: &[&str], body: &Value) -> Result<Value, ClientError> {
        let client = Client::new(self.data_dir().join("dtim.sock"));
        self.runtime.block_on(client.post(&dtim::http::client::target(segments, &[]), body))
    }

    /// Where it listens, with its PeerId.
    pub fn address(&self) -> String {
        eventually("the node listens", || {
            let status = self.ask(&["status"], &[]).ok()?;
            let listen = status["network"]["listen"].as_array()?.first()?.as_str()?.to_owned();
            let base = listen.split("/p2p/").next()?.to_owned();
            Some(format!("{base}/p2p/{}", self.peer_id))
        })
    }

    /// The indicator as this node lists it, if it knows it.
    pub fn knows(&self, value: &str) -> Option<Value> {
        self.ask(&["indicators", value], &[]).ok()
    }

    /// Whether claims go to a member as soon as they are there.
    pub fn gossips_with(&self, name: &str) -> bool {
        let peers = self.ask(&["peers"], &[]).unwrap_or_default();
        let gossips = |peer: &Value| peer["name"] == name && peer["gossip"] == true;
        peers["peers"].as_array().is_some_and(|peers| peers.iter().any(gossips))
    }

    /// Whether a member is connected.
    pub fn is_connected_to(&self, name: &str) -> bool {
        let peers = self.ask(&["peers"], &[]).unwrap_or_default();
        let connected = |peer: &Value| peer["name"] == name && peer["connected"] == true;
        peers["peers"].as_array().is_some_and(|peers| peers.iter().any(connected))
    }
}

impl Drop for Organisation {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            println!("--- {} logged:\n{}", self.name, self.stderr());
        }
    }
}

/// Waits for something, with a deadline.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A request that a built-in rule takes for an attack at once.
pub fn attack_line(client: &str) -> String {
    let now = chrono::Utc::now().format("%d/%b/%Y:%H:%M:%S +0000");
    format!("{client} - - [{now}] \"GET /.env HTTP/1.1\" 404 153 \"-\" \"curl/8.5.0\"\n")
}
