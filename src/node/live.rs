//! What the configuration says, ready for use. Read from the files it names;
//! replaced as a whole on SIGHUP, so nobody ever sees half of a new one.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;

use super::NodeError;
use super::peers::{ApprovedBy, Member};
use super::pipeline;
use crate::assess::Outputs;
use crate::config::{Config, Loaded};
use crate::detect::{RuleProblem, Rules};
use crate::hygiene::{Lists, Own, Warninglist};
use crate::mesh::Learnt;
use crate::model::{NodeId, Tlp};
use crate::privacy::Policy;

/// The largest warninglist or rule file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A configuration and what was made of it.
#[derive(Clone, Debug)]
pub struct Live {
    /// The configuration itself.
    pub config: Config,
    /// As it was read, to tell what changed.
    pub loaded: Loaded,
    /// What must never become an indicator here.
    pub lists: Arc<Lists>,
    /// The operator's own networks, configured and learnt.
    pub own: Vec<IpNet>,
    /// How much of a claim is told.
    pub policy: Policy,
    /// When something is blocked.
    pub outputs: Outputs,
    /// The detection rules.
    pub rules: Rules,
    /// Own addresses that were learnt, not configured.
    pub learnt: BTreeMap<IpAddr, OwnBy>,
}

/// How an own address was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnBy {
    /// An interface of this machine has it.
    Interface,
    /// The mesh found it out.
    Mesh(Learnt),
}

impl OwnBy {
    /// The name, as it stands in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Mesh(learnt) => learnt.name(),
        }
    }
}

impl Live {
    /// Reads the files that a configuration names and puts everything together.
    pub fn build(loaded: Loaded) -> Result<Self, NodeError> {
        let config = loaded.config.clone();
        let interfaces = global_interface_addresses().into_iter();
        let learnt: BTreeMap<IpAddr, OwnBy> = interfaces.map(|ip| (ip, OwnBy::Interface)).collect();
        let own = own(&config, learnt.keys())?;
        let lists = lists(&config, own.clone())?;
        Ok(Self {
            policy: Policy {
                level: config.privacy.level,
                allow_custom_fields: config.privacy.allow_custom_fields,
                tags: config.privacy.tags.clone(),
                never_share: config.privacy.never_share.clone(),
                internal: internal_words(&config),
            },
            outputs: Outputs {
                threshold: config.outputs.block.confidence,
                sources: config.outputs.block.sources,
                kinds: config.outputs.block.kinds.clone(),
                shorten: config.ageing.clone(),
            },
            own: own.iter().filter_map(Own::network).collect(),
            rules: rules(&config)?,
            lists: Arc::new(lists),
            learnt,
            config,
            loaded,
        })
    }

    /// What stays and what comes of a changed configuration: peers, groups,
    /// hygiene, detection, ageing, the log level and certificates (design section 9).
    pub fn reloaded(&self, next: Loaded) -> Result<Self, NodeError> {
        let mut merged = self.loaded.clone();
        merged.config.peers = next.config.peers;
        merged.config.groups = next.config.groups;
        merged.config.hygiene = next.config.hygiene;
        merged.config.detection = next.config.detection;
        merged.config.ageing = next.config.ageing;
        merged.config.node.log_level = next.config.node.log_level;
        merged.config.security.tls_cert_path = next.config.security.tls_cert_path;
        merged.config.security.tls_key_path = next.config.security.tls_key_path;
        merged.config.security.client_ca = next.config.security.client_ca;
        Self::build(merged)?.with_learnt(&self.learnt_by_mesh())
    }

    /// What the mesh found out to be our addresses.
    pub fn learnt_by_mesh(&self) -> BTreeMap<IpAddr, Learnt> {
        let by_mesh = self.learnt.iter().filter_map(|(ip, by)| match by {
            OwnBy::Interface => None,
            OwnBy::Mesh(learnt) => Some((*ip, *learnt)),
        });
        by_mesh.collect()
    }

    /// The same with what the mesh found out to be our addresses: these and no others.
    pub fn with_learnt(&self, mesh: &BTreeMap<IpAddr, Learnt>) -> Result<Self, NodeError> {
        let mut next = self.clone();
        next.learnt.retain(|_, by| *by == OwnBy::Interface);
        for (ip, learnt) in mesh {
            next.learnt.entry(*ip).or_insert(OwnBy::Mesh(*learnt));
        }
        let own = own(&next.config, next.learnt.keys())?;
        next.own = own.iter().filter_map(Own::network).collect();
        Arc::make_mut(&mut next.lists).set_own(own);
        Ok(next)
    }

    /// What the pipeline needs of it.
    pub fn pipeline_settings(&self) -> pipeline::Settings {
        let watchers = &self.config.watchers;
        // A source's own marking stands in the place of the default, but where the
        // operator marked all of them it can only make that stricter.
        let is_set = self.loaded.given.contains("watchers.tlp");
        let of_source = |tlp: Tlp| if is_set { tlp.strictest(watchers.tlp) } else { tlp };
        pipeline::Settings {
            lists: Arc::clone(&self.lists),
            source_tlp: watchers.source_tlp.iter().map(|(s, tlp)| (*s, of_source(*tlp))).collect(),
            default_tlp: watchers.tlp,
            trusted_proxies: watchers.trusted_proxies.clone(),
            own: self.own.clone(),
            utc_offset: utc_offset(),
        }
    }

    /// The members that the configuration names.
    pub fn configured_members(&self, own: NodeId) -> impl Iterator<Item = Member> + '_ {
        self.config.peers.iter().filter(move |peer| peer.peer_id != own).map(|peer| Member {
            node: peer.peer_id,
            name: peer.name.clone(),
            organisation: peer.organisation.clone(),
            trust: peer.trust,
            attest: peer.attest,
            level: peer.level,
            addresses: peer.addresses.clone(),
            by: ApprovedBy::Config,
        })
    }
}

/// What is ours: configured, learnt, and what we are told to be reached by.
fn own<'a>(
    config: &Config,
    learnt: impl Iterator<Item = &'a IpAddr>,
) -> Result<Vec<Own>, NodeError> {
    let mut own = Vec::new();
    for entry in &config.hygiene.own {
        let entry: Own =
            entry.parse().map_err(|why| NodeError::Request(format!("[hygiene] own: {why}")))?;
        own.push(entry);
    }
    let external = config.network.external_addresses.iter().filter_map(crate::mesh::address::ip);
    own.extend(learnt.copied().chain(external).map(|ip| Own::Net(IpNet::from(ip))));
    Ok(own)
}

fn lists(config: &Config, own: Vec<Own>) -> Result<Lists, NodeError> {
    let mut warninglists = Vec::new();
    for path in &config.hygiene.warninglists {
        let path = config.resolve(path);
        let text = read(&path, MAX_FILE_BYTES)?;
        warninglists.push(Warninglist::parse(&text).map_err(|why| file_error(&path, &why))?);
    }
    Ok(Lists::new(own, warninglists))
}

fn rules(config: &Config) -> Result<Rules, NodeError> {
    // Disabled first, so that a rule of one's own may take a built-in one's name.
    let mut rules = Rules::builtin().without(&config.detection.disable);
    for path in &config.detection.rules {
        let path = config.resolve(path);
        let text = read(&path, MAX_FILE_BYTES)?;
        let own = Rules::parse(&text).map_err(|problems| rule_error(&path, &problems))?;
        rules = rules.and(own).map_err(|problems| rule_error(&path, &problems))?;
    }
    Ok(rules)
}

/// Reads a file that the operator names, unless it is larger than `most` bytes.
#[allow(clippy::disallowed_methods)] // the files are named by the operator
pub(super) fn read(path: &Path, most: u64) -> Result<String, NodeError> {
    if std::fs::metadata(path).map_err(|why| file_error(path, &why))?.len() > most {
        return Err(file_error(path, &format!("it is larger than {most} bytes")));
    }
    std::fs::read_to_string(path).map_err(|why| file_error(path, &why))
}

fn rule_error(path: &Path, problems: &[RuleProblem]) -> NodeError {
    let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
    file_error(path, &all.join("; "))
}

fn file_error(path: &Path, why: &dyn std::fmt::Display) -> NodeError {
    NodeError::File { path: path.to_owned(), what: why.to_string() }
}

/// Addresses of this machine's interfaces that the internet can reach.
fn global_interface_addresses() -> Vec<IpAddr> {
    let addresses = if_addrs::get_if_addrs().unwrap_or_default();
    let mut global: Vec<IpAddr> = addresses
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|ip| crate::hygiene::fixed(&crate::model::Value::from_ip(*ip)).is_ok())
        .collect();
    global.sort_unstable();
    global.dedup();
    global
}

/// Seconds that local time is ahead of UTC.
pub(super) fn utc_offset() -> i32 {
    chrono::Local::now().offset().local_minus_utc()
}

/// Names of this machine and of the people on it, which leave in no tag and no custom field.
#[allow(clippy::disallowed_methods)] // the system's own files
fn internal_words(config: &Config) -> Vec<String> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let people = users.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid: u32 = fields.nth(1)?.parse().ok()?;
        // Debian policy section 9.2.2: people have 1000 to 59999.
        (1_000..60_000).contains(&uid).then(|| name.to_owned())
    });
    let words = [host, config.node.name.clone()].into_iter().chain(people);
    words.filter(|word| !word.is_empty()).collect()
}
