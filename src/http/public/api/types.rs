//! What goes over the API: the field names of the original document's schema.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::assess::{Assessment, Block, Who};
use crate::http::json;
use crate::node::{Shared, Sight};

/// What a node tells of one indicator, as far as the token shows it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Indicator {
    /// Made of type and value; the same on every node.
    #[schema(example = "0f9a6d1a5c2e4b7d8e3f6a1b2c3d4e5f")]
    id: String,
    /// ip, cidr, domain, url, email, md5, sha1, sha256, sha512 or x-<name>.
    #[serde(rename = "type")]
    #[schema(example = "ip")]
    kind: String,
    /// In canonical form.
    #[schema(example = "45.155.205.233")]
    value: String,
    /// 0 to 100 at the time of this version; null at privacy level strict, and of what is
    /// taken back.
    #[schema(minimum = 0, maximum = 100)]
    confidence: Option<u8>,
    /// How many independent sources there are.
    sources: u32,
    /// Whether it is to be blocked.
    block: bool,
    /// When it was first told.
    #[schema(format = DateTime)]
    created: String,
    /// The time of this version.
    #[schema(format = DateTime)]
    modified: String,
    /// When it ends.
    #[schema(format = DateTime)]
    until: String,
    /// How often it was seen, in steps, as far as the level tells it.
    sightings: Option<u64>,
    /// What it does, as far as the level tells it.
    tags: Vec<String>,
    /// The strictest marking of what is shown.
    #[schema(example = "green")]
    tlp: String,
    /// Members or groups that it is limited to.
    recipients: Vec<String>,
    /// Custom fields, as far as the level tells them.
    #[schema(value_type = Object)]
    custom_fields: serde_json::Map<String, serde_json::Value>,
    /// It was told, and is taken back.
    retracted: bool,
    /// Of this version: `cursor` goes on behind it.
    cursor: String,
}

impl From<&Sight> for Indicator {
    fn from(sight: &Sight) -> Self {
        let told = &sight.told;
        let why = sight.why.as_ref();
        Self {
            id: told.value.id().to_string(),
            kind: told.value.kind().name().to_owned(),
            value: told.value.as_str().to_owned(),
            confidence: told.confidence.map(|confidence| confidence.percent()),
            sources: why.map_or(0, |why| why.sources),
            block: why.is_some_and(|why| why.block == Block::Yes),
            created: told.created.to_string(),
            modified: told.modified.to_string(),
            until: told.until.to_string(),
            sightings: told.sightings.map(|sightings| sightings.count),
            tags: told.tags.iter().map(ToString::to_string).collect(),
            tlp: told.tlp.name().to_owned(),
            recipients: told.recipients.iter().cloned().collect(),
            custom_fields: json::custom(&told.custom),
            retracted: told.revoked,
            cursor: sight.added.to_string(),
        }
    }
}

/// A page of indicators, the oldest change first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page {
    /// The indicators.
    pub(super) indicators: Vec<Indicator>,
    /// Give it as `cursor` to go on, now or later: what changes comes behind it.
    pub(super) next: String,
    /// Whether there may be more now.
    pub(super) more: bool,
}

/// One indicator, and why it has its confidence.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Detail {
    #[serde(flatten)]
    indicator: Indicator,
    /// The sum behind the confidence; null of what is taken back.
    why: Option<Why>,
}

/// The sum behind a confidence: 1 − Π(1 − contribution).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Why {
    /// Before rounding, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    exact: f64,
    /// Why it is not to be blocked; null if it is.
    not_blocked: Option<String>,
    /// The factors, and what did not enter.
    terms: Vec<Term>,
}

/// One factor.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Term {
    /// this node, imports, a member, or no approved peer. Which member is for the
    /// operator only (`dtim why`).
    who: String,
    /// What it weighs, 0 to 1.
    weight: f64,
    /// What was told, 0 to 100.
    confidence: u8,
    /// Seconds since it was last seen, at the time of this version.
    age_seconds: u64,
    /// What it adds, 0 to 1.
    contribution: f64,
    /// Why it does not count, if it does not.
    note: Option<String>,
}

impl From<&Assessment> for Why {
    fn from(assessment: &Assessment) -> Self {
        let who = |who: &Who| who.describe(|_| "a member".to_owned());
        let terms = assessment.terms.iter().map(|term| Term {
            who: who(&term.who),
            weight: term.weight,
            confidence: term.base.percent(),
            age_seconds: term.age,
            contribution: term.contribution,
            note: term.note.as_ref().map(ToString::to_string),
        });
        Self {
            exact: assessment.exact,
            not_blocked: match &assessment.block {
                Block::Yes => None,
                Block::No(reason) => Some(reason.to_string()),
            },
            terms: terms.collect(),
        }
    }
}

impl From<&Sight> for Detail {
    fn from(sight: &Sight) -> Self {
        Self { indicator: sight.into(), why: sight.why.as_ref().map(Why::from) }
    }
}

/// A new indicator, as this organisation's own word.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    /// The value, also defanged.
    #[schema(example = "45.155.205[.]233")]
    pub(super) value: String,
    /// Its type, if it cannot be told from the value.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    /// 0 to 100; 80 if none is given.
    #[schema(minimum = 0, maximum = 100)]
    pub(super) confidence: Option<u8>,
    /// What it does.
    #[serde(default)]
    pub(super) tags: BTreeSet<String>,
    /// How far it may travel; red if none is given, and as before if it is known.
    pub(super) tlp: Option<String>,
    /// Members or groups that it is limited to.
    #[serde(default)]
    pub(super) recipients: Vec<String>,
    /// Custom fields.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(super) custom_fields: serde_json::Map<String, serde_json::Value>,
}

/// How far an indicator may travel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewScope {
    /// white (clear), green, amber, amber+strict or red.
    #[schema(example = "green")]
    pub(super) tlp: String,
    /// Members or groups that it is limited to.
    #[serde(default)]
    pub(super) recipients: Vec<String>,
}

/// This organisation's vote.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewVote {
    /// It is none: it counts for nothing here.
    pub(super) false_positive: bool,
}

/// What leaves because of a change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Leaves {
    /// The indicator.
    id: String,
    /// How far it may travel from now on.
    tlp: String,
    /// How many audiences are told something because of it.
    audiences: usize,
}

impl From<&Shared> for Leaves {
    fn from(shared: &Shared) -> Self {
        Self {
            id: shared.value.id().to_string(),
            tlp: shared.scope.tlp().name().to_owned(),
            audiences: shared.leaving.iter().filter(|leaving| leaving.held.is_none()).count(),
        }
    }
}

/// Why something was not done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Error {
    /// What is wrong.
    error: String,
    /// What to do.
    remedy: String,
}
