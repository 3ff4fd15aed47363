//! The properties of foreign objects that mean something here. All others are skipped.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value as Json};

/// A text that is borrowed where it has no escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// What every object has.
#[derive(Debug, Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) r#type: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
}

/// How an object is marked.
#[derive(Debug, Deserialize)]
pub(super) struct Granular<'a> {
    #[serde(borrow)]
    pub(super) marking_ref: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Indicator<'a> {
    /// Read, so that it does not stand there twice.
    #[serde(borrow, rename = "type")]
    _type: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) pattern: Text<'a>,
    #[serde(borrow)]
    pub(super) pattern_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) modified: Text<'a>,
    #[serde(borrow)]
    pub(super) created: Text<'a>,
    #[serde(borrow)]
    pub(super) valid_from: Text<'a>,
    #[serde(borrow)]
    pub(super) valid_until: Option<Text<'a>>,
    pub(super) confidence: Option<u64>,
    #[serde(default)]
    pub(super) revoked: bool,
    #[serde(borrow, default)]
    pub(super) labels: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) object_marking_refs: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) granular_markings: Vec<Granular<'a>>,
    #[serde(default)]
    pub(super) extensions: Extensions,
}

#[derive(Debug, Deserialize)]
pub(super) struct Sighting<'a> {
    #[serde(borrow)]
    pub(super) sighting_of_ref: Text<'a>,
    #[serde(borrow)]
    pub(super) modified: Text<'a>,
    #[serde(borrow)]
    pub(super) last_seen: Option<Text<'a>>,
    pub(super) count: Option<u64>,
    #[serde(default)]
    pub(super) revoked: bool,
    #[serde(borrow, default)]
    pub(super) object_marking_refs: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) granular_markings: Vec<Granular<'a>>,
    #[serde(default)]
    pub(super) extensions: Extensions,
}

/// The part of a marking-definition that says a TLP.
#[derive(Debug, Deserialize)]
pub(super) struct Marking<'a> {
    #[serde(borrow)]
    pub(super) definition_type: Option<Text<'a>>,
    pub(super) definition: Option<Definition>,
    #[serde(default)]
    pub(super) extensions: Extensions,
}

#[derive(Debug, Deserialize)]
pub(super) struct Definition {
    pub(super) tlp: Option<String>,
}

/// The extensions that are understood.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) own: Option<Own>,
    pub(super) tlp_2: Option<Tlp2>,
}

/// Our own.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Own {
    #[serde(default)]
    pub(super) recipients: BTreeSet<String>,
    pub(super) sightings: Option<u64>,
    #[serde(default)]
    pub(super) custom_fields: Dictionary,
}

/// TLP 2.0's.
#[derive(Debug, Deserialize)]
pub(super) struct Tlp2 {
    pub(super) tlp_2_0: String,
}

/// A dictionary that has no key twice.
#[derive(Debug, Default)]
pub(super) struct Dictionary(pub(super) Map<String, Json>);

impl<'de> Deserialize<'de> for Dictionary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Dictionary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a dictionary")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Dictionary, A::Error> {
                let mut entries = Map::new();
                while let Some((key, value)) = map.next_entry::<String, Json>()? {
                    if entries.insert(key, value).is_some() {
                        return Err(A::Error::custom("duplicate field"));
                    }
                }
                Ok(Dictionary(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl<'de> Deserialize<'de> for Extensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Extensions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("extensions")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extensions, A::Error> {
                let mut found = Extensions::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    let twice = match key.0.as_ref() {
                        super::EXTENSION => found.own.replace(map.next_value()?).is_some(),
                        super::TLP_2 => found.tlp_2.replace(map.next_value()?).is_some(),
                        _ => {
                            map.next_value::<serde::de::IgnoredAny>()?;
                            false
                        }
                    };
                    if twice {
                        return Err(A::Error::custom("duplicate field"));
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
