//! What this node saw, and what it knows of an indicator as such.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Blob, Record};
use crate::model::{
    Audience, Confidence, CustomFields, CustomValue, Evidence, NodeId, Recipients, Scope,
    Timestamp, Tlp, Value,
};
use crate::privacy::tlp::View;
use crate::privacy::{To, tlp};
use crate::store::family::Family;

/// Evidence and whether the operator chose its scope.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct KeptEvidence {
    pub(in crate::store) evidence: Evidence,
    /// The operator's choice outlives later sightings.
    pub(in crate::store) scope_chosen: bool,
    /// The members that it may be told directly, since it was shared. Who becomes a
    /// member, or comes into a group, later is not among them.
    pub(in crate::store) members: Option<BTreeSet<NodeId>>,
}

impl KeptEvidence {
    /// Evidence of which nobody has been told.
    pub(in crate::store) fn new(evidence: Evidence) -> Self {
        Self { evidence, scope_chosen: false, members: None }
    }

    /// Whether it may still be told to an audience that it was shared with.
    pub(in crate::store) fn reaches(&self, audience: Audience) -> bool {
        match audience {
            Audience::Mesh => tlp::reaches(&self.evidence.scope, &To::Mesh),
            Audience::Peer(node) => self.members.as_ref().is_some_and(|all| all.contains(&node)),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct EvidenceForm {
    kind: String,
    value: String,
    origin: String,
    first_seen: u64,
    last_seen: u64,
    #[serde(default)]
    until: Option<u64>,
    count: u64,
    confidence: u8,
    tags: Vec<String>,
    tlp: String,
    recipients: Option<BTreeSet<String>>,
    custom: BTreeMap<String, CustomForm>,
    scope_chosen: bool,
    #[serde(default)]
    members: Option<BTreeSet<Blob>>,
}

#[derive(Serialize, Deserialize)]
enum CustomForm {
    Null,
    Bool(bool),
    Integer(i64),
    Bytes(Blob),
    Text(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Record for KeptEvidence {
    const FAMILY: Family = Family::Evidence;
    const VERSION: u8 = 1;
    type Form = EvidenceForm;

    fn to_form(&self) -> EvidenceForm {
        let evidence = &self.evidence;
        EvidenceForm {
            kind: evidence.value.kind().name().to_owned(),
            value: evidence.value.as_str().to_owned(),
            origin: evidence.origin.name().to_owned(),
            first_seen: evidence.first_seen.seconds(),
            last_seen: evidence.last_seen.seconds(),
            until: evidence.until.map(Timestamp::seconds),
            count: evidence.count,
            confidence: evidence.confidence.percent(),
            tags: evidence.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            tlp: evidence.scope.tlp().name().to_owned(),
            recipients: match evidence.scope.recipients() {
                Recipients::Everyone => None,
                Recipients::Only(names) => Some(names.clone()),
            },
            custom: evidence
                .custom
                .iter()
                .map(|(name, value)| (name.clone(), to_custom(value)))
                .collect(),
            scope_chosen: self.scope_chosen,
            members: self
                .members
                .as_ref()
                .map(|all| all.iter().map(|node| node.public_key().into()).collect()),
        }
    }

    fn from_form(form: EvidenceForm) -> Option<Self> {
        let tlp: Tlp = form.tlp.parse().ok()?;
        let recipients = form.recipients.map_or(Recipients::Everyone, Recipients::Only);
        let custom: CustomFields =
            form.custom.into_iter().map(|(name, value)| (name, from_custom(value))).collect();
        let evidence = Evidence {
            value: value(&form.kind, &form.value)?,
            origin: form.origin.parse().ok()?,
            first_seen: Timestamp(form.first_seen),
            last_seen: Timestamp(form.last_seen),
            until: form.until.map(Timestamp),
            count: form.count,
            confidence: Confidence::new(form.confidence)?,
            tags: form.tags.iter().map(|tag| tag.parse().ok()).collect::<Option<_>>()?,
            scope: Scope::from_parts(tlp, recipients),
            custom,
        };
        let members = match form.members {
            None => None,
            Some(all) => {
                let keys = all.iter().map(Blob::array);
                Some(keys.map(|key| key.map(NodeId::from_public_key)).collect::<Option<_>>()?)
            }
        };
        Some(Self { evidence, scope_chosen: form.scope_chosen, members })
    }
}

/// The canonical value of a stored kind and text.
pub(super) fn value(kind: &str, text: &str) -> Option<Value> {
    Value::parse(&kind.parse().ok()?, text).ok()
}

fn to_custom(value: &CustomValue) -> CustomForm {
    match value {
        CustomValue::Null => CustomForm::Null,
        CustomValue::Bool(truth) => CustomForm::Bool(*truth),
        CustomValue::Integer(number) => CustomForm::Integer(*number),
        CustomValue::Bytes(bytes) => CustomForm::Bytes(Blob(bytes.clone())),
        CustomValue::Text(text) => CustomForm::Text(text.clone()),
        CustomValue::List(list) => CustomForm::List(list.iter().map(to_custom).collect()),
        CustomValue::Map(map) => CustomForm::Map(
            map.iter().map(|(name, value)| (name.clone(), to_custom(value))).collect(),
        ),
    }
}

fn from_custom(form: CustomForm) -> CustomValue {
    match form {
        CustomForm::Null => CustomValue::Null,
        CustomForm::Bool(truth) => CustomValue::Bool(truth),
        CustomForm::Integer(number) => CustomValue::Integer(number),
        CustomForm::Bytes(bytes) => CustomValue::Bytes(bytes.0),
        CustomForm::Text(text) => CustomValue::Text(text),
        CustomForm::List(list) => CustomValue::List(list.into_iter().map(from_custom).collect()),
        CustomForm::Map(map) => CustomValue::Map(
            map.into_iter().map(|(name, value)| (name, from_custom(value))).collect(),
        ),
    }
}

/// An indicator as such. It exists as long as there is evidence or a claim of it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct KeptIndicator {
    pub(in crate::store) value: Value,
    /// By the logs' own time, or by the time of delivery.
    pub(in crate::store) first_seen: Timestamp,
    pub(in crate::store) last_seen: Timestamp,
    /// The stamp of its last change; zero before it has one.
    pub(in crate::store) added: u64,
    /// Its row in `due`.
    pub(in crate::store) due: Option<Timestamp>,
    /// How it stands in each view, in the order of [`View::ALL`].
    pub(in crate::store) places: Places,
}

/// How an indicator stands in each view.
pub(in crate::store) type Places = [Option<InView>; View::ALL.len()];

/// How an indicator stands in a view that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct InView {
    /// Its row in `added`: when it last changed in this view.
    pub(in crate::store) added: u64,
    /// Since when the view has shown it, without a break. Part of its object's id.
    pub(in crate::store) since: u64,
    /// It was shown, and was then taken back.
    pub(in crate::store) withdrawn: bool,
    /// Until when what it tells is known to be as in its last version.
    pub(in crate::store) checked: Timestamp,
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct IndicatorForm {
    kind: String,
    value: String,
    first_seen: u64,
    last_seen: u64,
    added: u64,
    due: Option<u64>,
    #[serde(default)]
    places: Vec<Option<(u64, u64, bool, u64)>>,
}

impl Record for KeptIndicator {
    const FAMILY: Family = Family::Indicators;
    const VERSION: u8 = 1;
    type Form = IndicatorForm;

    fn to_form(&self) -> IndicatorForm {
        IndicatorForm {
            kind: self.value.kind().name().to_owned(),
            value: self.value.as_str().to_owned(),
            first_seen: self.first_seen.seconds(),
            last_seen: self.last_seen.seconds(),
            added: self.added,
            due: self.due.map(Timestamp::seconds),
            places: self
                .places
                .iter()
                .map(|place| place.map(|p| (p.added, p.since, p.withdrawn, p.checked.seconds())))
                .collect(),
        }
    }

    fn from_form(form: IndicatorForm) -> Option<Self> {
        Some(Self {
            value: value(&form.kind, &form.value)?,
            first_seen: Timestamp(form.first_seen),
            last_seen: Timestamp(form.last_seen),
            added: form.added,
            due: form.due.map(Timestamp),
            places: std::array::from_fn(|view| {
                let (added, since, withdrawn, checked) =
                    form.places.get(view).copied().flatten()?;
                Some(InView { added, since, withdrawn, checked: Timestamp(checked) })
            }),
        })
    }
}
