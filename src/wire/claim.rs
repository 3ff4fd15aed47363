//! The payload: a claim as a CBOR map with integer keys (`proto/claim.cddl`).

use std::collections::BTreeMap;

use serde_cbor::Value as Cbor;

use super::Refusal;
use super::cbor;
use crate::model::{
    Claim, Confidence, CustomFields, CustomValue, Day, Kind, MAX_CUSTOM_FIELDS, MAX_TAGS,
    SightingsBucket, Tag, Timestamp, Tlp, Value,
};

/// The version of the payload that this code writes and reads.
const VERSION: i128 = 1;

const VERSION_KEY: i128 = 0;
const KIND_KEY: i128 = 1;
const VALUE_KEY: i128 = 2;
const TLP_KEY: i128 = 3;
const UNTIL_KEY: i128 = 4;
const REVISION_KEY: i128 = 5;
const CONFIDENCE_KEY: i128 = 6;
const CREATED_KEY: i128 = 7;
const MODIFIED_KEY: i128 = 8;
const SIGHTINGS_KEY: i128 = 9;
const TAGS_KEY: i128 = 10;
const CUSTOM_KEY: i128 = 11;
const RETRACTED_KEY: i128 = 12;
/// Keys that a later minor version may add, with integer values: they are kept
/// (the bytes are) and not understood.
const EXTENSION_KEYS: std::ops::RangeInclusive<i128> = 32..=63;

/// The payload of a claim. Whatever the claim holds, [`decode`] is the judge of
/// whether it may travel.
pub(super) fn encode(claim: &Claim) -> Result<Vec<u8>, Refusal> {
    let text = |text: &str| Cbor::Text(text.to_owned());
    let mut fields = BTreeMap::new();
    let mut put = |key: i128, value: Cbor| fields.insert(Cbor::Integer(key), value);
    put(VERSION_KEY, Cbor::Integer(VERSION));
    put(KIND_KEY, text(claim.value.kind().name()));
    put(VALUE_KEY, text(claim.value.as_str()));
    put(TLP_KEY, text(claim.tlp.name()));
    put(UNTIL_KEY, Cbor::from(claim.until.0));
    put(REVISION_KEY, Cbor::from(claim.revision));
    if let Some(confidence) = claim.confidence {
        put(CONFIDENCE_KEY, Cbor::from(confidence.percent()));
    }
    if let Some(created) = claim.created {
        put(CREATED_KEY, Cbor::from(created.seconds()));
    }
    if let Some(modified) = claim.modified {
        put(MODIFIED_KEY, Cbor::from(modified.seconds()));
    }
    if let Some(sightings) = claim.sightings {
        put(SIGHTINGS_KEY, Cbor::from(sightings.floor()));
    }
    if !claim.tags.is_empty() {
        put(TAGS_KEY, Cbor::Array(claim.tags.iter().map(|tag| text(tag.as_str())).collect()));
    }
    if !claim.custom.is_empty() {
        put(CUSTOM_KEY, custom_map(&claim.custom));
    }
    if claim.retracted {
        put(RETRACTED_KEY, Cbor::Bool(true));
    }
    // serde_cbor sorts a map's keys in the order of RFC 8949 section 4.2.1.
    serde_cbor::to_vec(&Cbor::Map(fields)).map_err(|_| Refusal::Malformed { field: "claim" })
}

fn custom_map(fields: &CustomFields) -> Cbor {
    Cbor::Map(
        fields.iter().map(|(name, value)| (Cbor::Text(name.clone()), custom(value))).collect(),
    )
}

fn custom(value: &CustomValue) -> Cbor {
    match value {
        CustomValue::Null => Cbor::Null,
        CustomValue::Bool(is) => Cbor::Bool(*is),
        CustomValue::Integer(number) => Cbor::from(*number),
        CustomValue::Bytes(bytes) => Cbor::Bytes(bytes.clone()),
        CustomValue::Text(text) => Cbor::Text(text.clone()),
        CustomValue::List(items) => Cbor::Array(items.iter().map(custom).collect()),
        CustomValue::Map(fields) => custom_map(fields),
    }
}

/// Reads a payload: strict CBOR, every field within its bounds, the value canonical.
pub fn decode(payload: &[u8]) -> Result<Claim, Refusal> {
    cbor::strict(payload)?;
    let Ok(Cbor::Map(map)) = serde_cbor::from_slice(payload) else {
        return Err(Refusal::Malformed { field: "claim" });
    };
    let mut fields = Fields(map);
    if fields.integer("version", VERSION_KEY)? != Some(VERSION) {
        return Err(Refusal::Version);
    }
    let claim = Claim {
        value: value(&mut fields)?,
        tlp: tlp(&mut fields)?,
        until: Day(fields.required("until", UNTIL_KEY)?),
        revision: fields.required("revision", REVISION_KEY)?,
        confidence: confidence(&mut fields)?,
        created: fields.number("created", CREATED_KEY)?.map(Timestamp),
        modified: fields.number("modified", MODIFIED_KEY)?.map(Timestamp),
        sightings: sightings(&mut fields)?,
        tags: tags(&mut fields)?,
        custom: custom_fields(&mut fields)?,
        retracted: retracted(&mut fields)?,
    };
    fields.only_extensions_left()?;
    coherent(claim)
}

/// What the fields must be to each other.
fn coherent(claim: Claim) -> Result<Claim, Refusal> {
    if claim.created.zip(claim.modified).is_some_and(|(created, modified)| created > modified) {
        return Err(Refusal::Malformed { field: "modified" });
    }
    let tells_more = claim.confidence.is_some()
        || claim.created.is_some()
        || claim.modified.is_some()
        || claim.sightings.is_some()
        || !claim.tags.is_empty()
        || !claim.custom.is_empty();
    if claim.retracted && tells_more {
        return Err(Refusal::Malformed { field: "retracted" });
    }
    Ok(claim)
}

/// The fields that were not taken yet.
struct Fields(BTreeMap<Cbor, Cbor>);

impl Fields {
    fn take(&mut self, key: i128) -> Option<Cbor> {
        self.0.remove(&Cbor::Integer(key))
    }

    fn integer(&mut self, field: &'static str, key: i128) -> Result<Option<i128>, Refusal> {
        match self.take(key) {
            None => Ok(None),
            Some(Cbor::Integer(number)) => Ok(Some(number)),
            Some(_) => Err(Refusal::Malformed { field }),
        }
    }

    fn number<N: TryFrom<i128>>(
        &mut self,
        field: &'static str,
        key: i128,
    ) -> Result<Option<N>, Refusal> {
        let number = self.integer(field, key)?.map(N::try_from).transpose();
        number.map_err(|_| Refusal::Malformed { field })
    }

    fn required<N: TryFrom<i128>>(&mut self, field: &'static str, key: i128) -> Result<N, Refusal> {
        self.number(field, key)?.ok_or(Refusal::Malformed { field })
    }

    fn text(&mut self, field: &'static str, key: i128) -> Result<String, Refusal> {
        match self.take(key) {
            Some(Cbor::Text(text)) => Ok(text),
            _ => Err(Refusal::Malformed { field }),
        }
    }

    fn only_extensions_left(self) -> Result<(), Refusal> {
        let extension = |(key, value): (&Cbor, &Cbor)| {
            matches!(key, Cbor::Integer(key) if EXTENSION_KEYS.contains(key))
                && matches!(value, Cbor::Integer(_))
        };
        if self.0.iter().all(extension) {
            Ok(())
        } else {
            Err(Refusal::Malformed { field: "unknown key" })
        }
    }
}

fn value(fields: &mut Fields) -> Result<Value, Refusal> {
    let kind: Kind =
        fields.text("kind", KIND_KEY)?.parse().map_err(|_| Refusal::Malformed { field: "kind" })?;
    let text = fields.text("value", VALUE_KEY)?;
    match Value::parse(&kind, &text) {
        Ok(value) if value.as_str() == text => Ok(value),
        _ => Err(Refusal::NotCanonical),
    }
}

fn tlp(fields: &mut Fields) -> Result<Tlp, Refusal> {
    // Only the wire's own names: `Tlp::from_str` also reads what people write.
    let name = fields.text("tlp", TLP_KEY)?;
    let known = Tlp::ALL.into_iter().find(|tlp| tlp.name() == name);
    known.ok_or(Refusal::Malformed { field: "tlp" })
}

fn confidence(fields: &mut Fields) -> Result<Option<Confidence>, Refusal> {
    let field = "confidence";
    match fields.number(field, CONFIDENCE_KEY)? {
        None => Ok(None),
        Some(percent) => Confidence::new(percent).map(Some).ok_or(Refusal::Malformed { field }),
    }
}

fn sightings(fields: &mut Fields) -> Result<Option<SightingsBucket>, Refusal> {
    let field = "sightings";
    match fields.number(field, SIGHTINGS_KEY)? {
        None => Ok(None),
        Some(floor) => {
            SightingsBucket::from_floor(floor).map(Some).ok_or(Refusal::Malformed { field })
        }
    }
}

/// Sorted, each once, and not empty: no tags are told by leaving the field out.
fn tags(fields: &mut Fields) -> Result<Vec<Tag>, Refusal> {
    let wrong = || Refusal::Malformed { field: "tags" };
    let items = match fields.take(TAGS_KEY) {
        None => return Ok(Vec::new()),
        Some(Cbor::Array(items)) if (1..=MAX_TAGS).contains(&items.len()) => items,
        Some(_) => return Err(wrong()),
    };
    let tags = items.into_iter().map(|item| match item {
        Cbor::Text(text) => text.parse().map_err(|_| wrong()),
        _ => Err(wrong()),
    });
    let tags: Vec<Tag> = tags.collect::<Result<_, _>>()?;
    if tags.is_sorted_by(|a, b| a < b) { Ok(tags) } else { Err(wrong()) }
}

fn custom_fields(fields: &mut Fields) -> Result<CustomFields, Refusal> {
    let wrong = || Refusal::Malformed { field: "custom" };
    match fields.take(CUSTOM_KEY) {
        None => Ok(CustomFields::new()),
        Some(Cbor::Map(map)) if (1..=MAX_CUSTOM_FIELDS).contains(&map.len()) => {
            read_custom_map(map).ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
    }
}

fn read_custom_map(map: BTreeMap<Cbor, Cbor>) -> Option<CustomFields> {
    let fields = map.into_iter().map(|(name, value)| match name {
        Cbor::Text(name) => read_custom(value).map(|value| (name, value)),
        _ => None,
    });
    fields.collect()
}

fn read_custom(value: Cbor) -> Option<CustomValue> {
    match value {
        Cbor::Null => Some(CustomValue::Null),
        Cbor::Bool(is) => Some(CustomValue::Bool(is)),
        Cbor::Integer(number) => number.try_into().ok().map(CustomValue::Integer),
        Cbor::Bytes(bytes) => Some(CustomValue::Bytes(bytes)),
        Cbor::Text(text) => Some(CustomValue::Text(text)),
        Cbor::Array(items) => {
            items.into_iter().map(read_custom).collect::<Option<_>>().map(CustomValue::List)
        }
        Cbor::Map(map) => read_custom_map(map).map(CustomValue::Map),
        // serde_cbor hides a variant; the pre-walk lets none of these through.
        _ => None,
    }
}

fn retracted(fields: &mut Fields) -> Result<bool, Refusal> {
    match fields.take(RETRACTED_KEY) {
        None => Ok(false),
        Some(Cbor::Bool(true)) => Ok(true),
        Some(_) => Err(Refusal::Malformed { field: "retracted" }),
    }
}
