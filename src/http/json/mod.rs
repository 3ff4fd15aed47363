//! The JSON of the control socket. One function a thing; nobody else writes it.

mod leaving;

use serde_json::{Map, Value as Json, json};

use super::error::ApiError;
use crate::assess::{Assessment, Block, Heard};
use crate::lookup::virustotal::Said;
use crate::mesh::{self, ConnectedPeer};
use crate::model::{Claim, CustomFields, CustomValue, Evidence, NodeId, Timestamp};
use crate::node::peers::{ApprovedBy, Candidate, Member};
use crate::node::{FeedStatus, Found, Listed, Status, Why};
use crate::store::{Break, EgressCheck};

pub(super) use leaving::{egress, preview, shared};
use leaving::{outbox_row, recipients};

/// `GET /status`.
pub(super) fn status(status: &Status) -> Json {
    let config = &status.live.config;
    let members: Vec<Json> = status.members.iter().map(|m| member(m, &status.mesh)).collect();
    let watchers: Vec<Json> = status
        .watchers
        .iter()
        .map(|w| {
            json!({
                "source": w.source.name(),
                "path": w.path,
                "lines": w.lines,
                "parse_failures": w.parse_failures,
                "sightings": w.sightings,
            })
        })
        .collect();
    json!({
        "node": {
            "name": config.node.name,
            "peer_id": status.id.to_string(),
            "community": config.node.community.as_str(),
            "version": env!("CARGO_PKG_VERSION"),
            "level": config.privacy.level.name(),
            "started": status.started.to_string(),
            "uptime_seconds": status.now.since(status.started),
        },
        "network": {
            "listen": texts(&status.mesh.listen),
            "external": texts(&status.mesh.external),
            "reachability": status.mesh.reachability.name(),
        },
        "peers": {
            "members": members,
            "infrastructure": infrastructure(&status.mesh),
            "candidates": status.candidates,
        },
        "store": { "indicators": status.indicators, "bytes": status.store_bytes },
        "outbox": status.outbox,
        "own": own(status),
        "watchers": watchers,
        "feeds": status.feeds.iter().map(feed).collect::<Vec<_>>(),
    })
}

fn feed(feed: &FeedStatus) -> Json {
    json!({
        "name": feed.name,
        "read": time(feed.read),
        "next": time(feed.next),
        "objects": feed.objects,
        "imported": feed.imported,
        "refused": feed.refused,
        "error": feed.error,
    })
}

/// What counts as own, and whether it was configured or learnt.
fn own(status: &Status) -> Vec<Json> {
    let live = &status.live;
    let configured =
        live.config.hygiene.own.iter().map(|own| json!({ "value": own, "from": "config" }));
    let learnt =
        live.learnt.iter().map(|(ip, by)| json!({ "value": ip.to_string(), "from": by.name() }));
    configured.chain(learnt).collect()
}

fn infrastructure(mesh: &mesh::Status) -> Vec<Json> {
    mesh.bootstraps
        .iter()
        .map(|bootstrap| {
            let connection = mesh.peers.iter().find(|peer| peer.node == bootstrap.node);
            json!({
                "peer_id": bootstrap.node.to_string(),
                "connected": connection.is_some(),
                "registered": bootstrap.registered,
                "reserved": bootstrap.reserved,
                "addresses": texts(connection.map_or(&[][..], |c| c.addresses.as_slice())),
                "since": connection.map(|c| c.since.to_string()),
            })
        })
        .collect()
}

/// A member and how it is connected.
pub(super) fn member(member: &Member, mesh: &mesh::Status) -> Json {
    let connection: Option<&ConnectedPeer> =
        mesh.peers.iter().find(|peer| peer.node == member.node);
    json!({
        "name": member.name,
        "peer_id": member.node.to_string(),
        "organisation": member.organisation,
        "trust": member.trust,
        "attest": member.attest,
        "level": member.level.map(|level| level.name()),
        "from": match member.by { ApprovedBy::Config => "config", ApprovedBy::Operator => "approval" },
        "role": "member",
        "connected": connection.is_some(),
        "path": connection.map(|c| c.path.name()),
        "gossip": connection.is_some_and(|c| c.in_mesh),
        "addresses": connection.map_or_else(|| texts(&member.addresses), |c| texts(&c.addresses)),
        "since": connection.map(|c| c.since.to_string()),
        "awaiting_approval": mesh.away.iter().any(|away| away.node == member.node && away.awaiting_approval),
    })
}

/// A stranger that waits for approval.
pub(super) fn candidate(candidate: &Candidate) -> Json {
    json!({
        "peer_id": candidate.node.to_string(),
        "address": candidate.addresses.last().map(ToString::to_string),
        "addresses": texts(&candidate.addresses),
        "first_seen": candidate.first_seen.to_string(),
        "last_seen": candidate.last_seen.to_string(),
        "count": candidate.count,
        "via": candidate.via,
        "role": "candidate",
    })
}

/// An indicator in a list.
pub(super) fn listed(listed: &Listed) -> Json {
    json!({
        "id": listed.value.id().to_string(),
        "kind": listed.value.kind().name(),
        "value": listed.value.as_str(),
        "confidence": listed.assessment.confidence.percent(),
        "sources": listed.assessment.sources,
        "block": blocks(&listed.assessment),
        "tlp": listed.tlp.name(),
        "first_seen": time(listed.first_seen),
        "last_seen": time(listed.last_seen),
        "own": listed.own,
        "false_positive": listed.voted_false,
    })
}

fn blocks(assessment: &Assessment) -> bool {
    matches!(assessment.block, Block::Yes)
}

/// Everything about an indicator.
pub(super) fn found(found: &Found, members: &[Member]) -> Json {
    let mut json = listed(&found.listed);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("evidence".to_owned(), found.evidence.iter().map(evidence).collect());
        let claims = found.heard.iter().map(|heard| heard_claim(heard, members));
        fields.insert("claims".to_owned(), claims.collect());
        let shared = found.shared.iter().map(|row| outbox_row(row, members));
        fields.insert("shared".to_owned(), shared.collect());
        fields.insert("virustotal".to_owned(), virustotal(found.virustotal.as_ref()));
    }
    json
}

/// What VirusTotal said; null if it was not asked or gave no answer.
fn virustotal(said: Option<&Said>) -> Json {
    match said {
        None => Json::Null,
        Some(Said::Unknown) => json!({ "known": false }),
        Some(Said::Report(report)) => json!({
            "known": true,
            "malicious": report.malicious,
            "suspicious": report.suspicious,
            "harmless": report.harmless,
            "undetected": report.undetected,
            "engines": report.engines(),
            "confidence": report.confidence().percent(),
            "tags": texts(report.tags()),
            "reputation": report.reputation,
            "label": report.label,
            "analysed": time(report.analysed()),
            "link": report.link,
        }),
    }
}

fn evidence(evidence: &Evidence) -> Json {
    json!({
        "origin": evidence.origin.name(),
        "first_seen": evidence.first_seen.to_string(),
        "last_seen": evidence.last_seen.to_string(),
        "count": evidence.count,
        "confidence": evidence.confidence.percent(),
        "tags": texts(&evidence.tags),
        "tlp": evidence.scope.tlp().name(),
        "to": recipients(&evidence.scope),
        "custom": custom(&evidence.custom),
    })
}

fn heard_claim(heard: &Heard, members: &[Member]) -> Json {
    let mut json = claim(&heard.claim);
    if let Some(fields) = json.as_object_mut() {
        let by: Vec<String> =
            heard.delivered_by.iter().map(|node| name_of(*node, members)).collect();
        fields.insert("pseudonym".to_owned(), heard.pseudonym.to_string().into());
        fields.insert("delivered_by".to_owned(), by.into());
        fields.insert("received".to_owned(), heard.received.to_string().into());
    }
    json
}

fn name_of(node: NodeId, members: &[Member]) -> String {
    members.iter().find(|m| m.node == node).map_or_else(|| node.to_string(), |m| m.name.clone())
}

/// The fields of a claim; what was not told is null or empty.
fn claim(claim: &Claim) -> Json {
    json!({
        "kind": claim.value.kind().name(),
        "value": claim.value.as_str(),
        "tlp": claim.tlp.name(),
        "until": claim.until.to_string(),
        "revision": claim.revision,
        "confidence": claim.confidence.map(|c| c.percent()),
        "created": time(claim.created),
        "modified": time(claim.modified),
        "sightings": claim.sightings.map(|bucket| bucket.floor()),
        "tags": texts(&claim.tags),
        "custom": custom(&claim.custom),
        "retracted": claim.retracted,
    })
}

/// Custom fields by name.
pub(super) fn custom(fields: &CustomFields) -> Map<String, Json> {
    fields.iter().map(|(name, value)| (name.clone(), custom_value(value))).collect()
}

/// A custom field that somebody wrote.
pub(super) fn read_custom(value: Json) -> Result<CustomValue, ApiError> {
    Ok(match value {
        Json::Null => CustomValue::Null,
        Json::Bool(truth) => CustomValue::Bool(truth),
        Json::Number(number) => CustomValue::Integer(
            number
                .as_i64()
                .ok_or_else(|| ApiError::bad_request("numbers in custom fields are whole"))?,
        ),
        Json::String(text) => CustomValue::Text(text),
        Json::Array(items) => {
            CustomValue::List(items.into_iter().map(read_custom).collect::<Result<_, _>>()?)
        }
        Json::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| Ok((name, read_custom(value)?)));
            CustomValue::Map(fields.collect::<Result<_, ApiError>>()?)
        }
    })
}

fn custom_value(value: &CustomValue) -> Json {
    match value {
        CustomValue::Null => Json::Null,
        CustomValue::Bool(truth) => (*truth).into(),
        CustomValue::Integer(number) => (*number).into(),
        CustomValue::Bytes(bytes) => hex(bytes).into(),
        CustomValue::Text(text) => text.clone().into(),
        CustomValue::List(items) => items.iter().map(custom_value).collect(),
        CustomValue::Map(fields) => custom(fields).into(),
    }
}

/// `GET /why`.
pub(super) fn why(why: &Why, members: &[Member]) -> Json {
    let assessment = &why.assessment;
    let terms: Vec<Json> = assessment
        .terms
        .iter()
        .map(|term| {
            json!({
                "who": term.who.describe(|node| name_of(node, members)),
                "weight": term.weight,
                "confidence": term.base.percent(),
                "age_seconds": term.age,
                "contribution": term.contribution,
                "note": term.note.as_ref().map(ToString::to_string),
            })
        })
        .collect();
    let reason = match &assessment.block {
        Block::Yes => None,
        Block::No(reason) => Some(reason.to_string()),
    };
    json!({
        "indicator": {
            "id": why.value.id().to_string(),
            "kind": why.value.kind().name(),
            "value": why.value.as_str(),
        },
        "assessment": {
            "confidence": assessment.confidence.percent(),
            "exact": assessment.exact,
            "sources": assessment.sources,
            "block": blocks(assessment),
            "reason": reason,
            "terms": terms,
        },
        "virustotal": virustotal(why.virustotal.as_ref()),
    })
}

/// Whether the ledger is as it was written.
pub(super) fn egress_check(check: EgressCheck) -> Json {
    match check {
        EgressCheck::Whole { rows } => json!({ "ok": true, "rows": rows, "broken_at": null }),
        EgressCheck::Broken { number, how } => {
            json!({ "ok": false, "rows": number, "broken_at": number, "how": describe(how) })
        }
    }
}

fn describe(how: Break) -> &'static str {
    match how {
        Break::Missing => "it is missing",
        Break::Changed => "it was changed, or moved from another place",
        Break::Unlinked => "it does not follow on the row before it",
        Break::Foreign => "no row was written under this number",
    }
}

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
