//! What STIX has no property for: one registered property extension (section 7.3).
//!
//! Whoever carries it came from a node of this software, so that it is not counted a second
//! time where it comes by the mesh as well.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::model::{CustomFields, CustomValue, MAX_CUSTOM_FIELDS};

/// The id of the extension, the same in every release.
pub const EXTENSION: &str = "extension-definition--4aa3d9f2-7c5e-4b0e-9d0b-6f2b1f6f7a11";
/// Who made the extension: the software, never the node.
const AUTHOR: &str = "identity--9c2b8b52-35c8-4b0c-8b8e-0f4a2c6d7e21";
/// When the extension was defined.
const CREATED: &str = "2026-11-24T00:00:00.000Z";

/// The greatest whole number that JSON carries safely (section 2.8).
const MAX_INTEGER: u64 = (1 << 53) - 1;
/// The longest key of a dictionary (section 2.5).
const MAX_KEY_BYTES: usize = 250;
/// The most room that foreign custom fields take, in bytes of JSON.
const MAX_CUSTOM_BYTES: usize = 4096;
/// How deep custom fields are nested at most.
const MAX_DEPTH: usize = 8;

/// The definition, in words.
const SCHEMA: &str = "A property extension of indicator and sighting. All properties are \
optional. recipients: a list of texts, the names of those whom the object is limited to. \
sightings: an integer, how often it was seen, in the steps 1, 2, 5 and 10. custom_fields: a \
dictionary of texts, integers, booleans, lists and dictionaries.";

/// The objects that a bundle needs for the extension: its author and its definition.
pub(super) fn objects() -> [Json; 2] {
    [
        json!({
            "type": "identity",
            "spec_version": "2.1",
            "id": AUTHOR,
            "created": CREATED,
            "modified": CREATED,
            "name": "DTIM",
            "description": "The software that defines the extension; not an organisation.",
            "identity_class": "system",
        }),
        json!({
            "type": "extension-definition",
            "spec_version": "2.1",
            "id": EXTENSION,
            "created_by_ref": AUTHOR,
            "created": CREATED,
            "modified": CREATED,
            "name": "DTIM indicator",
            "description": "What the distributed threat intelligence mesh tells of an indicator \
                            besides the properties of STIX.",
            "schema": SCHEMA,
            "version": "1.0.0",
            "extension_types": ["property-extension"],
        }),
    ]
}

/// The extension of one object. What is `None` is not told.
#[derive(Debug, Serialize)]
pub(super) struct Extension<'a> {
    extension_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients: Option<&'a BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sightings: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_fields: Option<Json>,
}

impl Default for Extension<'_> {
    /// Tells nothing but where the object came from.
    fn default() -> Self {
        let extension_type = "property-extension";
        Self { extension_type, recipients: None, sightings: None, custom_fields: None }
    }
}

impl<'a> Extension<'a> {
    pub(super) fn new(
        recipients: &'a BTreeSet<String>,
        sightings: Option<u64>,
        custom: &CustomFields,
    ) -> Self {
        let recipients = Some(recipients).filter(|names| !names.is_empty());
        Self { recipients, sightings, custom_fields: dictionary(custom), ..Self::default() }
    }
}

/// A dictionary as STIX allows it: plain keys and no null, nothing empty.
fn dictionary(fields: &BTreeMap<String, CustomValue>) -> Option<Json> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let fits = |key: &str| (1..=MAX_KEY_BYTES).contains(&key.len()) && key.bytes().all(plain);
    let all: Map<String, Json> = fields
        .iter()
        .filter(|(key, _)| fits(key))
        .filter_map(|(key, value)| Some((key.clone(), told(value)?)))
        .collect();
    (!all.is_empty()).then_some(Json::Object(all))
}

fn told(value: &CustomValue) -> Option<Json> {
    Some(match value {
        CustomValue::Null => return None,
        CustomValue::Bool(truth) => (*truth).into(),
        CustomValue::Integer(number) => {
            (number.unsigned_abs() <= MAX_INTEGER).then(|| (*number).into())?
        }
        // STIX knows no bytes: its type binary is base64 in a text.
        CustomValue::Bytes(bytes) => STANDARD.encode(bytes).into(),
        CustomValue::Text(text) => text.clone().into(),
        CustomValue::List(list) => {
            let all: Vec<Json> = list.iter().filter_map(told).collect();
            (!all.is_empty()).then(|| all.into())?
        }
        CustomValue::Map(map) => dictionary(map)?,
    })
}

/// Custom fields that somebody else wrote: none if they take too much room. What is no
/// custom value is left out.
pub(super) fn read(fields: Map<String, Json>) -> CustomFields {
    let bytes = |value: &Json| value.to_string().len();
    let all: usize = fields.iter().map(|(key, value)| key.len() + bytes(value)).sum();
    if all > MAX_CUSTOM_BYTES {
        return CustomFields::new();
    }
    fields
        .into_iter()
        .take(MAX_CUSTOM_FIELDS)
        .filter_map(|(key, value)| Some((key, value_of(value, MAX_DEPTH)?)))
        .collect()
}

fn value_of(value: Json, depth: usize) -> Option<CustomValue> {
    let depth = depth.checked_sub(1)?;
    Some(match value {
        Json::Null => CustomValue::Null,
        Json::Bool(truth) => CustomValue::Bool(truth),
        Json::Number(number) => CustomValue::Integer(number.as_i64()?),
        Json::String(text) => CustomValue::Text(text),
        Json::Array(all) => {
            CustomValue::List(all.into_iter().filter_map(|one| value_of(one, depth)).collect())
        }
        Json::Object(all) => CustomValue::Map(
            all.into_iter().filter_map(|(key, one)| Some((key, value_of(one, depth)?))).collect(),
        ),
    })
}
