//! Whom a scope reaches. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Audience, NodeId, Recipients, Scope, Tlp};
use crate::node::NodeError;
use crate::node::peers::Member;
use crate::privacy::{To, Withheld, tlp};

/// `[groups]`: names of members by the name of their group.
pub(super) type Groups = BTreeMap<String, BTreeSet<String>>;

/// A member as the privacy filter knows it.
pub(super) fn to(member: &Member, groups: &Groups) -> To {
    let within = groups.iter().filter(|(_, names)| names.contains(&member.name));
    To::Member {
        node: member.node,
        name: member.name.clone(),
        groups: within.map(|(group, _)| group.clone()).collect(),
    }
}

/// Everybody whom evidence of a scope may be told now.
pub(super) fn audiences<'a>(
    scope: &Scope,
    members: impl Iterator<Item = &'a Member>,
    groups: &Groups,
) -> BTreeSet<Audience> {
    let direct = members.map(|member| to(member, groups));
    let all = std::iter::once(To::Mesh).chain(direct);
    all.filter(|to| tlp::reaches(scope, to)).map(|to| to.audience()).collect()
}

/// The members among them.
pub(super) fn direct(audiences: &BTreeSet<Audience>) -> BTreeSet<NodeId> {
    let direct = audiences.iter().filter_map(|audience| match audience {
        Audience::Mesh => None,
        Audience::Peer(node) => Some(*node),
    });
    direct.collect()
}

/// Whether a scope that the operator chose means something: its names are known, and
/// they go with its marking.
pub(super) fn check<'a>(
    scope: &Scope,
    members: impl Iterator<Item = &'a Member>,
    groups: &Groups,
) -> Result<(), NodeError> {
    let Recipients::Only(names) = scope.recipients() else { return Ok(()) };
    if scope.tlp() < Tlp::Amber {
        return Err(NodeError::Request(Withheld::NamedButPublic.to_string()));
    }
    let members: BTreeSet<&str> = members.map(|member| member.name.as_str()).collect();
    let known = |name: &&String| members.contains(name.as_str()) || groups.contains_key(*name);
    let unknown: Vec<&str> = names.iter().filter(|name| !known(name)).map(String::as_str).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(NodeError::Request(format!(
        "no member or group is called {}; members: {}; groups: {}",
        unknown.join(", "),
        listed(members.into_iter()),
        listed(groups.keys().map(String::as_str)),
    )))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
