//! What leaves, what left, and what waits.

use serde_json::{Value as Json, json};

use super::{claim, hex};
use crate::model::{Audience, Recipients, Scope};
use crate::node::peers::Member;
use crate::node::{Leaving, Preview, Shared, Told};
use crate::store::{EgressAudience, EgressEntry, Left, OutboxRow, What};

/// What the operator's word does to one indicator.
pub(in crate::http) fn shared(shared: &Shared, members: &[Member]) -> Json {
    let leaves: Vec<Json> = shared.leaving.iter().map(|one| leaving(one, members)).collect();
    json!({
        "id": shared.value.id().to_string(),
        "kind": shared.value.kind().name(),
        "value": shared.value.as_str(),
        "tlp": shared.scope.tlp().name(),
        "to": recipients(&shared.scope),
        "leaves": leaves,
    })
}

fn leaving(leaving: &Leaving, members: &[Member]) -> Json {
    json!({
        "audience": audience(leaving.audience),
        "name": name(leaving.audience, members),
        "what": what(leaving.what),
        "due": leaving.due.to_string(),
        "held": leaving.held,
    })
}

/// What an audience was told and is to be told.
pub(super) fn outbox_row(row: &OutboxRow, members: &[Member]) -> Json {
    let last = row.last.as_ref();
    json!({
        "audience": audience(row.audience),
        "name": name(row.audience, members),
        "told": last.filter(|own| own.left).map(|own| own.at.to_string()),
        "retracted": last.is_some_and(|own| own.claim.retracted),
        "tlp": last.map(|own| own.claim.tlp.name()),
        "waits": row.waits.map(|wish| what(wish.what)),
        "due": row.waits.map(|wish| wish.due.to_string()),
    })
}

fn what(what: What) -> &'static str {
    match what {
        What::Withdraw => "retraction",
        What::Share | What::Update => "claim",
    }
}

/// The names that a scope is limited to; null is everybody whom its marking allows.
pub(super) fn recipients(scope: &Scope) -> Option<Vec<&str>> {
    match scope.recipients() {
        Recipients::Everyone => None,
        Recipients::Only(names) => Some(names.iter().map(String::as_str).collect()),
    }
}

/// The operator's name of an audience; null for one that is no member any more.
fn name(audience: Audience, members: &[Member]) -> Option<String> {
    match audience {
        Audience::Mesh => Some("mesh".to_owned()),
        Audience::Peer(node) => {
            members.iter().find(|member| member.node == node).map(|member| member.name.clone())
        }
    }
}

/// One preview.
pub(in crate::http) fn preview(preview: &Preview, members: &[Member]) -> Json {
    let (leaves, reason, fields, bytes) = match &preview.told {
        Told::Claim(told, bytes) => (true, None, claim(told), Some(bytes)),
        Told::StillHolds => {
            (false, Some("what was last told still holds".to_owned()), Json::Null, None)
        }
        Told::Nothing(reason) => (false, Some(reason.clone()), Json::Null, None),
    };
    json!({
        "value": preview.value.as_str(),
        "kind": preview.value.kind().name(),
        "audience": audience(preview.audience),
        "name": name(preview.audience, members),
        "level": preview.level.name(),
        "leaves": leaves,
        "reason": reason,
        "fields": fields,
        "bytes_hex": bytes.map(|bytes| hex(bytes)),
        "size": bytes.map(|bytes| bytes.len()),
    })
}

fn audience(audience: Audience) -> String {
    match audience {
        Audience::Mesh => "mesh".to_owned(),
        Audience::Peer(node) => node.to_string(),
    }
}

/// A row of the egress ledger.
pub(in crate::http) fn egress(entry: &EgressEntry, known: &[Member]) -> Json {
    let row = &entry.row;
    let (to, members) = match row.audience {
        EgressAudience::Mesh { members } => (Audience::Mesh, Some(members)),
        EgressAudience::Member(node) => (Audience::Peer(node), None),
    };
    let mut shown = match &row.what {
        Left::Own { value, level, fields, content } => json!({
            "what": "own",
            "kind": value.kind().name(),
            "value": value.as_str(),
            "level": level.name(),
            "fields": fields,
            "content": content.to_string(),
        }),
        Left::Attested { indicators, digest } => json!({
            "what": "attested",
            "indicators": indicators,
            "digest": digest.to_string(),
        }),
        Left::PassedOn { claims, bytes, digest } => json!({
            "what": "passed_on",
            "claims": claims,
            "bytes": bytes,
            "digest": digest.to_string(),
        }),
    };
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("number".to_owned(), entry.number.into());
        shown.insert("at".to_owned(), row.at.to_string().into());
        shown.insert("audience".to_owned(), audience(to).into());
        shown.insert("name".to_owned(), name(to, known).into());
        shown.insert("members".to_owned(), members.into());
    }
    shown
}
