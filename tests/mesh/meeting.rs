//! One bootstrap: keys, configuration and a process in a namespace.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::behind::Carrier;
use crate::net::{Place, command};

/// A bootstrap, killed when dropped.
pub struct Meeting {
    pub place: Place,
    pub peer_id: String,
    carrier: Carrier,
    folder: PathBuf,
    child: Option<Child>,
}

impl Meeting {
    /// Makes a folder, a configuration and keys; nothing runs yet.
    pub fn new(number: usize, root: &Path, place: Place, carrier: Carrier) -> Self {
        let folder = root.join(format!("bootstrap-{number}"));
        fs::create_dir_all(&folder).unwrap();
        let mut meeting = Self { place, peer_id: String::new(), carrier, folder, child: None };
        let (data, listen) = (meeting.folder.display(), carrier.at(meeting.place.address));
        let text = format!(
            r#"
            [node]
            name = "bootstrap-{number}"
            data_dir = "{data}/data"
            [metrics]
            listen = "127.0.0.1:3033"
            [network]
            listen = ["{listen}"]
            [bootstrap]
            communities = ["mesh"]
            "#
        );
        fs::write(meeting.config(), text).unwrap();
        let mut init = Command::new(env!("CARGO_BIN_EXE_dtim"));
        init.arg("--config").arg(meeting.config()).args(["init", "--json"]);
        let said = init.env_remove("DTIM_CONFIG").output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let said: Value = serde_json::from_slice(&said.stdout).unwrap();
        said["peer_id"].as_str().unwrap().clone_into(&mut meeting.peer_id);
        meeting
    }

    /// What nodes put into `[network] bootstraps`.
    pub fn address(&self) -> String {
        format!("{}/p2p/{}", self.carrier.at(self.place.address), self.peer_id)
    }

    /// Starts it and waits until it listens.
    pub fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut command = command(&self.place.namespace);
        command.arg(env!("CARGO_BIN_EXE_dtim")).arg("--config").arg(self.config());
        command.args(["--json", "bootstrap", "--log-format", "json"]).env_remove("DTIM_CONFIG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let child = self.child.insert(command.spawn().unwrap());
        // It says where, once it does.
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert!(said.contains(&self.peer_id), "the bootstrap said: {said}");
    }

    /// SIGKILL, as if its machine were gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Everything that it keeps, with what it has logged.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn config(&self) -> PathBuf {
        self.folder.join("dtim.toml")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("stderr")
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.log_path()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(10)..].join("\n");
            println!("--- {} logged last:\n{last}", self.folder.display());
        }
    }
}
