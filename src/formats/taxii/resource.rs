//! The messages (TAXII 2.1 sections 3.3 to 5). Lists that would be empty are left out,
//! as the standard wants it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Cursor, MEDIA_TYPE, STIX_MEDIA_TYPE, Stamp};

/// What a server has (section 4.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Discovery {
    /// What it is called.
    pub title: String,
    /// Where the API that is meant for most is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Where its APIs are: absolute, or beginning with one slash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_roots: Vec<String>,
}

/// An API (section 4.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiRoot {
    /// What it is called.
    pub title: String,
    /// The media types that it speaks.
    pub versions: Vec<String>,
    /// The largest body that it takes, in bytes.
    pub max_content_length: u64,
}

impl ApiRoot {
    /// One that speaks TAXII 2.1.
    #[must_use]
    pub fn new(title: impl Into<String>, max_content_length: u64) -> Self {
        Self { title: title.into(), versions: vec![MEDIA_TYPE.to_owned()], max_content_length }
    }
}

/// The collections of an API (section 5.1).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Collections {
    /// Those that the reader may know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<Collection>,
}

/// A collection (section 5.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Collection {
    /// A UUID of version 4.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// What is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A name that stands for the id in paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Whether the reader may read it.
    pub can_read: bool,
    /// Whether the reader may write to it.
    pub can_write: bool,
    /// What its objects are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media_types: Vec<String>,
}

/// What is in a collection (section 5.3).
#[derive(Clone, Debug, Default, Serialize)]
pub struct Manifest {
    /// Whether there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
    /// The objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Entry>,
}

/// An object in a manifest.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// When it came into the collection.
    pub date_added: String,
    /// Its version.
    pub version: String,
    /// What it is.
    pub media_type: &'static str,
}

impl Entry {
    /// An object of STIX 2.1; the version as it stands in the object.
    #[must_use]
    pub fn new(id: &str, added: Stamp, version: &str) -> Self {
        Self {
            id: id.to_owned(),
            date_added: added.to_string(),
            version: version.to_owned(),
            media_type: STIX_MEDIA_TYPE,
        }
    }
}

/// The versions of an object (section 5.8).
#[derive(Clone, Debug, Default, Serialize)]
pub struct VersionList {
    /// Whether there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
    /// Their times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

/// Objects in a request or an answer that is read (section 3.7). The objects stay as
/// they came: whoever knows STIX reads them.
#[derive(Debug, Default, Deserialize)]
pub struct Envelope<'a> {
    /// Whether there is more.
    #[serde(default)]
    pub more: bool,
    /// With what to ask for it.
    #[serde(default)]
    pub next: Option<String>,
    /// The objects.
    #[serde(default, borrow)]
    pub objects: Vec<&'a RawValue>,
}

/// The bytes of an envelope of objects that are JSON already, and where it ends if there
/// is more. Nothing is copied but these bytes.
#[must_use]
pub fn envelope<T: AsRef<[u8]>>(objects: &[T], next: Option<Cursor>) -> Vec<u8> {
    let bytes = objects.iter().map(|object| object.as_ref().len() + 1).sum::<usize>();
    let mut body = Vec::with_capacity(bytes + 64);
    body.push(b'{');
    if let Some(next) = next {
        body.extend_from_slice(format!("\"more\":true,\"next\":\"{next}\"").as_bytes());
    }
    for (index, object) in objects.iter().enumerate() {
        let before: &[u8] = match (index, next) {
            (0, None) => b"\"objects\":[",
            (0, Some(_)) => b",\"objects\":[",
            _ => b",",
        };
        body.extend_from_slice(before);
        body.extend_from_slice(object.as_ref());
    }
    body.extend_from_slice(if objects.is_empty() { b"}" } else { b"]}" });
    body
}

/// What became of objects that were handed in (section 4.3.1).
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// A UUID of version 4.
    pub id: String,
    /// `complete`, or `pending`.
    pub status: &'static str,
    /// When they came.
    pub request_timestamp: String,
    /// How many came.
    pub total_count: usize,
    /// How many were taken.
    pub success_count: usize,
    /// Those that were taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub successes: Vec<Stored>,
    /// How many were not.
    pub failure_count: usize,
    /// Those that were not, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Stored>,
    /// How many are still looked at.
    pub pending_count: usize,
}

/// An object in a status (section 4.3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// What is to be said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Why there is no answer (section 3.6.1).
#[derive(Clone, Debug, Serialize)]
pub struct Error {
    /// What is wrong.
    pub title: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The status, which the standard wants as a text.
    pub http_status: String,
}

impl Error {
    /// An error of an HTTP status.
    #[must_use]
    pub fn new(status: u16, title: impl Into<String>) -> Self {
        Self { title: title.into(), description: None, http_status: status.to_string() }
    }
}
