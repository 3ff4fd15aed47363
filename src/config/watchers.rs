//! `[watchers]`: which logs are followed, and how far what they show may travel.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::model::{Source, Tlp};

use super::problem::Wrong;
use super::section::Section;
use super::setting::{Secret, Single};
use super::tree::Item;

/// `[watchers]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Watchers {
    /// Marking of what the watchers see.
    pub tlp: Tlp,
    /// Where to begin in a file that is seen for the first time.
    pub from: From,
    /// What is followed.
    pub paths: BTreeMap<Source, WatchPath>,
    /// `[watchers.source.NAME] tlp`: the marking of one source.
    pub source_tlp: BTreeMap<Source, Tlp>,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Folder whose new files are given to clamd.
    pub clamav_scan_dir: Option<PathBuf>,
    /// clamd's socket.
    pub clamd_socket: PathBuf,
    /// Key of the VirusTotal API.
    pub virustotal_api_key: Secret,
    /// File that holds that key.
    pub virustotal_api_key_file: Option<PathBuf>,
    /// The strictest marking of a value that VirusTotal may be asked about.
    pub virustotal_share_tlp: Tlp,
}

/// Where to begin in a file that is seen for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At its end: only what is written from now on.
    Now,
    /// At its beginning.
    Start,
}

impl Single for From {
    fn single(item: &Item) -> Result<Self, Wrong> {
        match item.text()? {
            "now" => Ok(Self::Now),
            "start" => Ok(Self::Start),
            other => Err(Wrong::not(other, "a place to begin", "use now or start")),
        }
    }
}

/// Where a source's lines are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchPath {
    /// A file.
    File(PathBuf),
    /// A folder with a file for each kind of line.
    Dir(PathBuf),
    /// A unit in the journal, by its own name with its type (`ssh.service`), or `kernel`.
    Journal(String),
}

/// The key of each source, and whether it names a folder.
const KEYS: [(&str, Source, bool); 10] = [
    ("ufw_log_path", Source::Ufw, false),
    ("fail2ban_log_path", Source::Fail2ban, false),
    ("suricata_log_path", Source::Suricata, false),
    ("zeek_log_dir", Source::Zeek, true),
    ("clamav_log_path", Source::Clamav, false),
    ("sshd_log_path", Source::Sshd, false),
    ("nginx_access_log", Source::NginxAccess, false),
    ("nginx_error_log", Source::NginxError, false),
    ("apache_access_log", Source::ApacheAccess, false),
    ("apache_error_log", Source::ApacheError, false),
];

impl Default for Watchers {
    fn default() -> Self {
        Self {
            tlp: Tlp::Red,
            from: From::Now,
            paths: BTreeMap::new(),
            source_tlp: BTreeMap::new(),
            trusted_proxies: Vec::new(),
            clamav_scan_dir: None,
            clamd_socket: PathBuf::from("/run/clamav/clamd.ctl"),
            virustotal_api_key: Secret::default(),
            virustotal_api_key_file: None,
            virustotal_share_tlp: Tlp::White,
        }
    }
}

impl Watchers {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        let is_set = section.at("tlp").is_some();
        section.set("tlp", &mut self.tlp);
        section.set("from", &mut self.from);
        for (key, source, is_dir) in KEYS {
            self.read_path(section, key, source, is_dir);
        }
        section.set("trusted_proxies", &mut self.trusted_proxies);
        section.later("clamav_scan_dir", &mut self.clamav_scan_dir);
        section.later("clamd_socket", &mut self.clamd_socket);
        section.later("virustotal_api_key", &mut self.virustotal_api_key);
        section.later("virustotal_api_key_file", &mut self.virustotal_api_key_file);
        section.later("virustotal_share_tlp", &mut self.virustotal_share_tlp);
        let all = if is_set { self.tlp } else { Tlp::White };
        section.section("source", |section| self.read_sources(section, all));
    }

    fn read_path(&mut self, section: &mut Section<'_>, key: &str, source: Source, is_dir: bool) {
        let at = section.at(key);
        let mut path: Option<PathBuf> = None;
        section.set(key, &mut path);
        let (Some(at), Some(path)) = (at, path) else { return };
        let target = match path.to_str().and_then(|path| path.strip_prefix("journal:")) {
            Some(_) if is_dir => Err(Wrong::new("the journal holds no such logs", "name a folder")),
            Some(unit) => journal(unit),
            None if is_dir => Ok(WatchPath::Dir(path)),
            None => Ok(WatchPath::File(path)),
        };
        match target {
            Err(wrong) => {
                let key = section.key(key);
                section.report().wrong(&key, &at, wrong);
            }
            Ok(target) => {
                self.paths.insert(source, target);
            }
        }
    }

    /// `all` is the marking that was written for all sources.
    fn read_sources(&mut self, section: &mut Section<'_>, all: Tlp) {
        for source in Source::ALL {
            // A variable's name cannot hold a hyphen.
            let variable = source.name().replace('-', "_");
            let name = if section.at(&variable).is_some() { &variable } else { source.name() };
            section.section(name, |section| {
                let (at, mut tlp) = (section.at("tlp"), None);
                section.set("tlp", &mut tlp);
                if let (Some(at), Some(tlp)) = (at, tlp) {
                    if tlp < all {
                        let key = section.key("tlp");
                        let what = format!("has no effect: watchers.tlp is {}", all.name());
                        let remedy = "remove watchers.tlp, or mark the other sources instead";
                        section.report().notice(&key, &at, Wrong::new(what, remedy));
                    }
                    self.source_tlp.insert(source, tlp);
                }
            });
        }
    }
}

/// The unit behind `journal:`. A name without a type is a service's, as for systemctl.
fn journal(unit: &str) -> Result<WatchPath, Wrong> {
    // systemd.unit(5); no `*` and no template, which stand for several units.
    let is_name = (1..=255).contains(&unit.len())
        && !unit.contains("@.")
        && !unit.ends_with('@')
        && unit.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte));
    let typed = [".service", ".scope", ".socket", ".mount", ".timer", ".slice"];
    match unit {
        "kernel" => Ok(WatchPath::Journal(unit.to_owned())),
        _ if !is_name => Err(Wrong::not(
            unit,
            "a unit",
            "use journal:UNIT as in journal:ssh.service, or journal:kernel",
        )),
        _ if typed.iter().any(|kind| unit.ends_with(kind)) => {
            Ok(WatchPath::Journal(unit.to_owned()))
        }
        _ => Ok(WatchPath::Journal(format!("{unit}.service"))),
    }
}
