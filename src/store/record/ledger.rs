//! A row of the egress ledger, chained to the row before it.

use serde::{Deserialize, Serialize};

use super::{Blob, Record, evidence};
use crate::model::{ContentId, NodeId, Timestamp};
use crate::store::family::Family;
use crate::store::{EgressAudience, EgressRow, Left};

/// A row and the BLAKE3 of the stored value of the row before it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct LedgerRow {
    pub(in crate::store) previous: [u8; 32],
    pub(in crate::store) row: EgressRow,
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct LedgerForm {
    previous: Blob,
    at: u64,
    kind: String,
    value: String,
    members: Option<u32>,
    member: Option<Blob>,
    level: String,
    fields: Vec<String>,
    content: Blob,
    /// Of what was passed on: how many claims and bytes. It has no value and no level.
    #[serde(default)]
    passed: Option<(u64, u64)>,
    /// How many indicators were attested. Such a row has no value and no level either.
    #[serde(default)]
    attested: Option<u64>,
}

impl Record for LedgerRow {
    const FAMILY: Family = Family::Egress;
    const VERSION: u8 = 1;
    type Form = LedgerForm;

    fn to_form(&self) -> LedgerForm {
        let row = &self.row;
        let (members, member) = match &row.audience {
            EgressAudience::Mesh { members } => (Some(*members), None),
            EgressAudience::Member(node) => (None, Some(node.public_key().into())),
        };
        let form = LedgerForm {
            previous: (&self.previous).into(),
            at: row.at.seconds(),
            kind: String::new(),
            value: String::new(),
            members,
            member,
            level: String::new(),
            fields: Vec::new(),
            content: Blob(Vec::new()),
            passed: None,
            attested: None,
        };
        match &row.what {
            Left::Own { value, level, fields, content } => LedgerForm {
                kind: value.kind().name().to_owned(),
                value: value.as_str().to_owned(),
                level: level.name().to_owned(),
                fields: fields.clone(),
                content: content.as_bytes().into(),
                ..form
            },
            Left::Attested { indicators, digest } => LedgerForm {
                content: digest.as_bytes().into(),
                attested: Some(*indicators),
                ..form
            },
            Left::PassedOn { claims, bytes, digest } => LedgerForm {
                content: digest.as_bytes().into(),
                passed: Some((*claims, *bytes)),
                ..form
            },
        }
    }

    fn from_form(form: LedgerForm) -> Option<Self> {
        let audience = match (form.members, form.member) {
            (Some(members), None) => EgressAudience::Mesh { members },
            (None, Some(node)) => EgressAudience::Member(NodeId::from_public_key(node.array()?)),
            (None, None) | (Some(_), Some(_)) => return None,
        };
        let content = ContentId(form.content.array()?);
        let what = match (form.passed, form.attested) {
            (Some((claims, bytes)), _) => Left::PassedOn { claims, bytes, digest: content },
            (None, Some(indicators)) => Left::Attested { indicators, digest: content },
            (None, None) => Left::Own {
                value: evidence::value(&form.kind, &form.value)?,
                level: form.level.parse().ok()?,
                fields: form.fields,
                content,
            },
        };
        let row = EgressRow { at: Timestamp(form.at), audience, what };
        Some(Self { previous: form.previous.array()?, row })
    }
}
