//! What goes over the API: the field names of the original document's schema.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::assess::{Block, Who};
use crate::model::{Timestamp, Value};
use crate::node::{Found, Listed, Shared};

/// What this node knows of one indicator, as far as the token shows it.
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
    /// 0 to 100, now.
    #[schema(minimum = 0, maximum = 100)]
    confidence: u8,
    /// How many independent sources there are.
    sources: u32,
    /// Whether it is to be blocked.
    block: bool,
    /// The strictest marking of what is shown.
    #[schema(example = "green")]
    tlp: String,
    /// The earliest time that anybody told.
    created: Option<String>,
    /// The latest.
    modified: Option<String>,
    /// Whether this node saw it itself.
    own: bool,
    /// Whether this organisation voted it a false positive.
    false_positive: bool,
}

impl From<&Listed> for Indicator {
    fn from(listed: &Listed) -> Self {
        Self {
            id: listed.value.id().to_string(),
            kind: listed.value.kind().name().to_owned(),
            value: listed.value.as_str().to_owned(),
            confidence: listed.assessment.confidence.percent(),
            sources: listed.assessment.sources,
            block: listed.assessment.block == Block::Yes,
            tlp: listed.tlp.name().to_owned(),
            created: listed.first_seen.as_ref().map(Timestamp::to_string),
            modified: listed.last_seen.as_ref().map(Timestamp::to_string),
            own: listed.own,
            false_positive: listed.voted_false,
        }
    }
}

/// A page of indicators, the last changed first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page {
    /// The indicators.
    pub(super) indicators: Vec<Indicator>,
    /// Give it as `cursor` for the next page; null after the last.
    pub(super) next: Option<String>,
}

/// One indicator, what was told of it, and why it has its confidence.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Detail {
    #[serde(flatten)]
    indicator: Indicator,
    /// How often this node saw it.
    sightings: u64,
    /// What it does, as anybody told.
    tags: BTreeSet<String>,
    /// The sum behind the confidence.
    why: Why,
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
    /// Seconds since it was last seen.
    age_seconds: u64,
    /// What it adds, 0 to 1.
    contribution: f64,
    /// Why it does not count, if it does not.
    note: Option<String>,
}

impl From<&Found> for Detail {
    fn from(found: &Found) -> Self {
        let assessment = &found.listed.assessment;
        let who = |who: &Who| who.describe(|_| "a member".to_owned());
        let terms = assessment.terms.iter().map(|term| Term {
            who: who(&term.who),
            weight: term.weight,
            confidence: term.base.percent(),
            age_seconds: term.age,
            contribution: term.contribution,
            note: term.note.as_ref().map(ToString::to_string),
        });
        let own = found.evidence.iter().filter(|evidence| evidence.origin.is_own());
        let tags = found.evidence.iter().flat_map(|evidence| &evidence.tags);
        let told = found.heard.iter().flat_map(|heard| &heard.claim.tags);
        Self {
            indicator: (&found.listed).into(),
            sightings: own.fold(0, |sum, evidence| sum.saturating_add(evidence.count)),
            tags: tags.chain(told).map(ToString::to_string).collect(),
            why: Why {
                exact: assessment.exact,
                not_blocked: match &assessment.block {
                    Block::Yes => None,
                    Block::No(reason) => Some(reason.to_string()),
                },
                terms: terms.collect(),
            },
        }
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
        let value: &Value = &shared.value;
        Self {
            id: value.id().to_string(),
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
