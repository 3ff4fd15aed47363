//! From text and variables to a `Config`, or to everything that is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Kind;

use super::problem::Wrong;
use super::section::{Report, Section};
use super::setting::{Seconds, Setting as _};
use super::{Config, Problem, feeds, peers, tree};

/// A configuration that is right.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What its reader should know, and need not change.
    pub notices: Vec<Problem>,
    /// The keys that the file or a variable sets, as opposed to the defaults.
    pub given: BTreeSet<String>,
    /// Every key with its value, for telling what changed.
    effective: BTreeMap<String, String>,
}

/// The keys that take effect by a reload; all others need a restart.
const RELOADABLE: [&str; 9] = [
    "peers",
    "groups",
    "ageing",
    "hygiene.",
    "detection.",
    "node.log_level",
    "security.tls_cert_path",
    "security.tls_key_path",
    "security.client_ca",
];

impl Loaded {
    /// Every key that exists.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.effective.keys().map(String::as_str)
    }

    /// The keys in which `next` differs and that only a restart can change.
    #[must_use]
    pub fn needs_restart<'a>(&self, next: &'a Self) -> Vec<&'a str> {
        let changed = next.effective.iter().filter(|(key, value)| {
            self.effective.get(*key) != Some(value)
                && !RELOADABLE.iter().any(|reloadable| key.starts_with(reloadable))
        });
        changed.map(|(key, _)| key.as_str()).collect()
    }
}

/// Reads a configuration file and the `DTIM__SECTION__KEY` variables over it.
///
/// # Errors
/// Everything that is wrong, not only the first.
pub fn parse(text: &str, variables: &[(String, String)]) -> Result<Loaded, Vec<Problem>> {
    let mut table = tree::from_text(text)?;
    tree::overlay(&mut table, variables);
    let mut report = Report::default();
    let mut root = Section::root(table, &mut report);
    let mut config = Config::default();
    config.read(&mut root);
    root.close();
    report.finish();
    if report.problems.is_empty() {
        let Report { notices, given, effective, .. } = report;
        Ok(Loaded { config, notices, given, effective })
    } else {
        Err(report.problems)
    }
}

impl Config {
    fn read(&mut self, root: &mut Section<'_>) {
        root.section("node", |section| self.node.read(section));
        root.section("security", |section| self.security.read(section));
        root.section("storage", |section| self.storage.read(section));
        root.section("network", |section| self.network.read(section));
        self.peers = peers::read_peers(root);
        self.groups = peers::read_groups(root, &self.peers);
        root.section("privacy", |section| self.privacy.read(section));
        root.section("ageing", |section| read_ageing(section, &mut self.ageing));
        root.note_value("ageing", &self.ageing);
        root.section("hygiene", |section| self.hygiene.read(section));
        root.section("detection", |section| self.detection.read(section));
        root.section("watchers", |section| self.watchers.read(section));
        root.section("api", |section| self.api.read(section));
        root.section("admin", |section| self.admin.read(section));
        root.section("metrics", |section| self.metrics.read(section));
        self.feeds = feeds::read_feeds(root);
        root.section("outputs", |section| self.outputs.read(section));
        root.section("bootstrap", |section| self.bootstrap.read(section));
    }
}

/// `[ageing]`: the keys are kinds.
fn read_ageing(section: &mut Section<'_>, ageing: &mut BTreeMap<Kind, u64>) {
    for (name, item) in section.take_all() {
        let key = section.key(&name);
        // A variable's name cannot hold a hyphen.
        let name = if item.at.variable.is_some() { name.replace('_', "-") } else { name };
        let kind = name.parse::<Kind>();
        let report = section.report();
        let lifetime = Seconds::read(&item, &key, report);
        match (kind, lifetime) {
            (Err(error), _) => {
                report.wrong(&key, &item.at, Wrong::new(error.to_string(), "correct the name"));
            }
            (Ok(_), Some(Seconds(0))) => {
                let remedy = "write a duration like 14d, or remove the key";
                report.wrong(&key, &item.at, Wrong::new("nothing would live at all", remedy));
            }
            (Ok(kind), Some(Seconds(seconds))) => {
                ageing.insert(kind, seconds);
            }
            (Ok(_), None) => {}
        }
    }
}
