//! How an import is written on the control socket: by `dtim indicators import`, which takes
//! files apart, for the node, which judges what is in them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::error::ApiError;
use super::json;
use crate::model::{
    Confidence, CustomFields, Evidence, Kind, Origin, Recipients, Scope, Tag, Timestamp, Tlp, Value,
};
use crate::node::Import;

/// One value that is imported. Times are seconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportEntry {
    kind: String,
    value: String,
    /// Its author takes it back; nothing below counts then.
    #[serde(default)]
    taken_back: bool,
    #[serde(default)]
    of_dtim: bool,
    #[serde(default)]
    first_seen: u64,
    #[serde(default)]
    last_seen: u64,
    #[serde(default)]
    until: Option<u64>,
    #[serde(default)]
    count: u64,
    #[serde(default)]
    confidence: u8,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    tlp: String,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    custom: Map<String, Json>,
}

impl ImportEntry {
    /// Its author tells it.
    pub fn told(evidence: &Evidence) -> Self {
        Self {
            taken_back: false,
            of_dtim: evidence.origin == Origin::ImportOfDtim,
            first_seen: evidence.first_seen.seconds(),
            last_seen: evidence.last_seen.seconds(),
            until: evidence.until.map(Timestamp::seconds),
            count: evidence.count,
            confidence: evidence.confidence.percent(),
            tags: evidence.tags.iter().map(ToString::to_string).collect(),
            tlp: evidence.scope.tlp().name().to_owned(),
            to: match evidence.scope.recipients() {
                Recipients::Everyone => Vec::new(),
                Recipients::Only(names) => names.iter().cloned().collect(),
            },
            custom: json::custom(&evidence.custom),
            ..Self::taken_back(&evidence.value)
        }
    }

    /// Its author takes it back.
    pub fn taken_back(value: &Value) -> Self {
        Self {
            kind: value.kind().name().to_owned(),
            value: value.as_str().to_owned(),
            taken_back: true,
            of_dtim: false,
            first_seen: 0,
            last_seen: 0,
            until: None,
            count: 0,
            confidence: 0,
            tags: Vec::new(),
            tlp: String::new(),
            to: Vec::new(),
            custom: Map::new(),
        }
    }

    /// What it says.
    pub(super) fn read(self) -> Result<Import, ApiError> {
        let kind: Kind = self.kind.parse().map_err(ApiError::bad_request)?;
        let value = Value::parse(&kind, &self.value).map_err(ApiError::bad_request)?;
        if self.taken_back {
            return Ok(Import::TakenBack(value));
        }
        let tlp: Tlp = self.tlp.parse().map_err(ApiError::bad_request)?;
        let confidence = Confidence::new(self.confidence)
            .ok_or_else(|| ApiError::bad_request("confidence is a number from 0 to 100"))?;
        let tags = self.tags.iter().map(|tag| tag.parse::<Tag>());
        let custom = self.custom.into_iter().map(|(k, v)| Ok((k, json::read_custom(v)?)));
        Ok(Import::Told(Evidence {
            value,
            origin: if self.of_dtim { Origin::ImportOfDtim } else { Origin::Import },
            first_seen: Timestamp(self.first_seen),
            last_seen: Timestamp(self.last_seen),
            until: self.until.map(Timestamp),
            count: self.count,
            confidence,
            tags: tags.collect::<Result<_, _>>().map_err(ApiError::bad_request)?,
            scope: Scope::new(tlp, self.to),
            custom: custom.collect::<Result<CustomFields, ApiError>>()?,
        }))
    }
}
