//! `[node]`, `[security]`, `[storage]`, `[hygiene]`, `[detection]`.

use std::path::PathBuf;

use crate::model::Community;

use super::problem::Wrong;
use super::section::Section;
use super::setting::Single;
use super::tree::Item;

/// `[node]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Shown to the operator only; it never leaves the node.
    pub name: String,
    /// Which mesh it belongs to.
    pub community: Community,
    /// Where everything lies that the node keeps.
    pub data_dir: PathBuf,
    /// `error`, `warn`, `info`, `debug`, `trace` or `off`, also by target (`info,libp2p=warn`).
    pub log_level: String,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            name: String::new(),
            community: community(),
            data_dir: PathBuf::from("/var/lib/dtim"),
            log_level: "info".to_owned(),
        }
    }
}

/// The community of those who never chose one.
#[allow(clippy::expect_used)] // a literal
pub(super) fn community() -> Community {
    Community::new("dtim").expect("a valid name")
}

impl Node {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.set("name", &mut self.name);
        section.set("community", &mut self.community);
        section.set_if("data_dir", &mut self.data_dir, |dir| {
            let remedy = "write a path beginning with /";
            if dir.is_absolute() {
                Ok(())
            } else {
                Err(Wrong::not(&dir.to_string_lossy(), "an absolute path", remedy))
            }
        });
        section.set_if("log_level", &mut self.log_level, |text| log_level(text));
    }
}

fn log_level(text: &str) -> Result<(), Wrong> {
    let known = ["off", "error", "warn", "info", "debug", "trace"];
    let fits = |directive: &str| {
        let (target, level) = directive.split_once('=').unwrap_or(("dtim", directive));
        !target.trim().is_empty() && known.contains(&level.trim())
    };
    if text.split(',').all(fits) {
        return Ok(());
    }
    let remedy = "use error, warn, info, debug, trace or off, or info,libp2p=warn by target";
    Err(Wrong::not(text, "a log level", remedy))
}

/// `[security]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Security {
    /// Age at which a new data key is made.
    pub key_rotation_days: u32,
    /// Certificate of the public listener; none: one of the node's local CA.
    pub tls_cert_path: Option<PathBuf>,
    /// Its private key.
    pub tls_key_path: Option<PathBuf>,
    /// Where the key comes from that wraps all others.
    pub master_key: MasterKey,
    /// CA whose client certificates are accepted.
    pub client_ca: Option<PathBuf>,
}

/// Where the master key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterKey {
    /// `file:PATH`, relative to the data directory.
    File(PathBuf),
    /// `credential:NAME`, a systemd credential.
    Credential(String),
    /// `passphrase`: asked for at start.
    Passphrase,
}

impl Single for MasterKey {
    fn single(item: &Item) -> Result<Self, Wrong> {
        let text = item.text()?;
        let wrong = || {
            let remedy = "use file:PATH, credential:NAME or passphrase";
            Wrong::not(text, "a source of the master key", remedy)
        };
        if text == "passphrase" {
            return Ok(Self::Passphrase);
        }
        match text.split_once(':').filter(|(_, name)| !name.is_empty()) {
            Some(("file", path)) => Ok(Self::File(PathBuf::from(path))),
            // systemd forbids a slash in a credential's name, and it would lead out of its folder.
            Some(("credential", name)) if !name.contains('/') => {
                Ok(Self::Credential(name.to_owned()))
            }
            _ => Err(wrong()),
        }
    }
}

impl Default for Security {
    fn default() -> Self {
        Self {
            key_rotation_days: 7,
            tls_cert_path: None,
            tls_key_path: None,
            master_key: MasterKey::File(PathBuf::from("keys/master")),
            client_ca: None,
        }
    }
}

impl Security {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.later_by("key_rotation_days", &mut self.key_rotation_days, |section, days| {
            section.number("key_rotation_days", days, 1..=3650);
        });
        self.read_certificate(section);
        section.set("master_key", &mut self.master_key);
        section.set("client_ca", &mut self.client_ca);
    }

    /// A certificate without its key is of no use, nor a key without its certificate.
    fn read_certificate(&mut self, section: &mut Section<'_>) {
        let (cert, key) = ("tls_cert_path", "tls_key_path");
        let at = section.at(cert).or_else(|| section.at(key));
        section.set(cert, &mut self.tls_cert_path);
        section.set(key, &mut self.tls_key_path);
        let (there, missing) = match (&self.tls_cert_path, &self.tls_key_path) {
            (Some(_), None) => (cert, key),
            (None, Some(_)) => (key, cert),
            _ => return,
        };
        if let Some(at) = at {
            let wrong = Wrong::new(
                format!("{missing} is missing"),
                format!("set both, or leave out {there}"),
            );
            let path = section.key(there);
            section.report().wrong(&path, &at, wrong);
        }
    }
}

/// `[storage]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// Where the encrypted log goes.
    pub encrypted_logs_path: PathBuf,
    /// How long it is kept.
    pub log_days: u32,
    /// How long the egress ledger is kept.
    pub egress_days: u32,
    /// The most that the store may take on disk.
    pub max_gib: u32,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            encrypted_logs_path: PathBuf::from("logs"),
            log_days: 90,
            egress_days: 400,
            max_gib: 10,
        }
    }
}

impl Storage {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.later("encrypted_logs_path", &mut self.encrypted_logs_path);
        section.later_by("log_days", &mut self.log_days, |section, days| {
            section.number("log_days", days, 1..=36_500);
        });
        section.number("egress_days", &mut self.egress_days, 1..=36_500);
        section.number("max_gib", &mut self.max_gib, 1..=65_536);
    }
}

/// `[hygiene]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hygiene {
    /// The operator's own networks, addresses and domains.
    pub own: Vec<String>,
    /// MISP warninglist files besides the built-in lists.
    pub warninglists: Vec<PathBuf>,
}

impl Hygiene {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.set("own", &mut self.own);
        section.set("warninglists", &mut self.warninglists);
    }
}

/// `[detection]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detection {
    /// Rule files besides the built-in ones.
    pub rules: Vec<PathBuf>,
    /// Names of built-in rules that are off.
    pub disable: Vec<String>,
}

impl Detection {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.set("rules", &mut self.rules);
        section.set("disable", &mut self.disable);
    }
}
