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
    /// What is followed. Only sources that this version can read are in it.
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
    /// A unit in the journal.
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

/// The sources that this version has a parser for.
const READABLE: [Source; 3] = [Source::Ufw, Source::Fail2ban, Source::NginxAccess];

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
        section.set("tlp", &mut self.tlp);
        section.set("from", &mut self.from);
        for (key, source, is_dir) in KEYS {
            self.read_path(section, key, source, is_dir);
        }
        section.set("trusted_proxies", &mut self.trusted_proxies);
        section.set("clamav_scan_dir", &mut self.clamav_scan_dir);
        section.set("clamd_socket", &mut self.clamd_socket);
        section.set("virustotal_api_key", &mut self.virustotal_api_key);
        section.set("virustotal_api_key_file", &mut self.virustotal_api_key_file);
        section.set("virustotal_share_tlp", &mut self.virustotal_share_tlp);
        section.section("source", |section| self.read_sources(section));
    }

    fn read_path(&mut self, section: &mut Section<'_>, key: &str, source: Source, is_dir: bool) {
        let at = section.at(key);
        let mut path: Option<PathBuf> = None;
        section.set(key, &mut path);
        let (Some(at), Some(path)) = (at, path) else { return };
        let unit = path.to_str().and_then(|path| path.strip_prefix("journal:"));
        if unit.is_some() || !READABLE.contains(&source) {
            section.does_nothing_yet(key, &at);
        }
        if READABLE.contains(&source) {
            let target = match unit {
                Some(unit) => WatchPath::Journal(unit.to_owned()),
                None if is_dir => WatchPath::Dir(path),
                None => WatchPath::File(path),
            };
            self.paths.insert(source, target);
        }
    }

    fn read_sources(&mut self, section: &mut Section<'_>) {
        for source in Source::ALL {
            // A variable's name cannot hold a hyphen.
            let variable = source.name().replace('-', "_");
            let name = if section.at(&variable).is_some() { &variable } else { source.name() };
            section.section(name, |section| {
                let mut tlp = None;
                section.set("tlp", &mut tlp);
                if let Some(tlp) = tlp {
                    self.source_tlp.insert(source, tlp);
                }
            });
        }
    }
}
