//! `[[peers]]` and `[groups]`: the members approved by configuration.

use std::collections::{BTreeMap, BTreeSet};

use multiaddr::Multiaddr;

use crate::model::{Level, NodeId};

use super::addresses::of_peer;
use super::problem::Wrong;
use super::section::Section;
use super::setting::Setting as _;
use super::tree::At;

/// `[[peers]]`: one approved member.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// The operator's name for it.
    pub name: String,
    /// Its identity.
    pub peer_id: NodeId,
    /// Where it can be reached, if that is known.
    pub addresses: Vec<Multiaddr>,
    /// Nodes of one organisation count once; the peer's name if none is given.
    pub organisation: String,
    /// Weight of what it delivers, 0 to 1.
    pub trust: f64,
    /// Whether it, and only it, may be told what this node saw itself.
    pub attest: bool,
    /// A stricter privacy level for what goes to it alone.
    pub level: Option<Level>,
}

/// A peer while it is read: its identity may still be missing.
#[derive(Debug)]
struct Draft {
    name: String,
    peer_id: Option<NodeId>,
    addresses: Vec<Multiaddr>,
    organisation: String,
    trust: f64,
    attest: bool,
    level: Option<Level>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            name: String::new(),
            peer_id: None,
            addresses: Vec::new(),
            organisation: String::new(),
            trust: 0.5,
            attest: false,
            level: None,
        }
    }
}

/// Reads `[[peers]]`. A name or an identity stands for one member only.
pub(super) fn read_peers(root: &mut Section<'_>) -> Vec<Peer> {
    let drafts = root.list("peers", read_peer);
    let mut names = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut peers = Vec::new();
    for (index, (draft, at)) in drafts.into_iter().enumerate() {
        let key = format!("peers[{}]", index + 1);
        let mut wrong = |what: String, remedy: &str| {
            root.report().wrong(&key, &at, Wrong::new(what, remedy));
        };
        // A name that is missing or wrong was reported where it was read.
        if !draft.name.is_empty() && !names.insert(draft.name.clone()) {
            wrong(format!("{:?} names two peers", draft.name), "give each a name of its own");
        }
        let Some(peer_id) = draft.peer_id else { continue };
        if !ids.insert(peer_id) {
            wrong(format!("{peer_id} is listed twice"), "remove one of the entries");
        }
        for problem in draft.addresses.iter().filter_map(|a| of_peer(a, peer_id).err()) {
            wrong(problem.what, &problem.remedy);
        }
        peers.push(draft.into_peer(peer_id));
    }
    peers
}

fn read_peer(section: &mut Section<'_>, draft: &mut Draft) {
    for key in ["name", "peer_id"] {
        section.require(key);
    }
    section.set_if("name", &mut draft.name, |name| label(name));
    section.set("peer_id", &mut draft.peer_id);
    section.set("addresses", &mut draft.addresses);
    section.set("organisation", &mut draft.organisation);
    section.share("trust", &mut draft.trust);
    section.set("attest", &mut draft.attest);
    section.set("level", &mut draft.level);
}

impl Draft {
    fn into_peer(self, peer_id: NodeId) -> Peer {
        let organisation =
            if self.organisation.is_empty() { self.name.clone() } else { self.organisation };
        Peer {
            name: self.name,
            peer_id,
            addresses: self.addresses,
            organisation,
            trust: self.trust,
            attest: self.attest,
            level: self.level,
        }
    }
}

/// A name that can be typed and listed: recipients are named by it.
pub(super) fn label(name: &str) -> Result<(), Wrong> {
    let fits = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if fits {
        return Ok(());
    }
    Err(Wrong::not(name, "a name", "use 1 to 64 letters, digits, dots, underscores and hyphens"))
}

/// Reads `[groups]`. A group may name members that are approved later, but not
/// have the name of a member: a recipient would be ambiguous.
pub(super) fn read_groups(
    root: &mut Section<'_>,
    peers: &[Peer],
) -> BTreeMap<String, BTreeSet<String>> {
    let mut groups = BTreeMap::new();
    root.section("groups", |section| {
        for (name, item) in section.take_all() {
            let key = section.key(&name);
            if let Some(members) = BTreeSet::read(&item, &key, section.report()) {
                check_group(section, &name, &item.at, &members, peers);
                groups.insert(name, members);
            }
        }
    });
    root.note_value("groups", &groups);
    groups
}

fn check_group(
    section: &mut Section<'_>,
    name: &str,
    at: &At,
    members: &BTreeSet<String>,
    peers: &[Peer],
) {
    let key = section.key(name);
    let report = section.report();
    if let Err(wrong) = label(name) {
        report.wrong(&key, at, wrong);
    }
    if peers.iter().any(|peer| peer.name == name) {
        let what = format!("{name:?} is also the name of a peer");
        report.wrong(&key, at, Wrong::new(what, "give the group another name"));
    }
    for member in members.iter().filter(|member| !peers.iter().any(|p| p.name == **member)) {
        let what = format!("no [[peers]] entry is named {member:?}");
        let remedy = "correct the name, or approve a member under it (`dtim peers approve`)";
        report.notice(&key, at, Wrong::new(what, remedy));
    }
}
