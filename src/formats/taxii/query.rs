//! The filters of a request (TAXII 2.1 section 3.4).

use std::collections::BTreeSet;

use url::form_urlencoded;

use super::{BadCursor, BadStamp, Cursor, Stamp};

/// The most values of one `match` filter: each may be one look into the store.
pub const MAX_MATCHES: usize = 100;

/// An endpoint that can be filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The objects of a collection, or their manifest.
    Objects,
    /// One object.
    Object,
    /// The versions of one object.
    Versions,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only what was added after this time.
    pub added_after: Option<Stamp>,
    /// At most so many, more than none.
    pub limit: Option<usize>,
    /// Only what comes after the page that ended here.
    pub next: Option<Cursor>,
    /// Only objects with one of these ids.
    pub ids: Option<BTreeSet<String>>,
    /// Only objects of one of these types.
    pub types: Option<BTreeSet<String>>,
    /// Only these versions.
    pub versions: Versions,
    /// Only objects of one of these versions of STIX.
    pub spec_versions: Option<BTreeSet<String>>,
}

/// Which versions of an object are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// The last, the first or all of them: of each object there is one.
    #[default]
    Kept,
    /// Those of these times; of nothing else.
    At(BTreeSet<Stamp>),
}

/// Why a query is not understood. The sentence is for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// It is there twice.
    #[error("{0} stands there twice: give it once, with commas between values")]
    Twice(String),
    /// Not a filter here.
    #[error("{0} does not filter this endpoint: leave it out")]
    NotHere(String),
    /// Nothing, or too much, between the commas.
    #[error("{0} takes 1 to {MAX_MATCHES} values with commas between them")]
    Values(String),
    /// Not a number above zero.
    #[error("limit is a whole number above 0")]
    Limit,
    /// Not a time.
    #[error(transparent)]
    Time(#[from] BadStamp),
    /// Not a page of ours.
    #[error(transparent)]
    Next(#[from] BadCursor),
    /// `all` with others.
    #[error("match[version]=all stands alone")]
    All,
}

impl Query {
    /// Reads the part of a URL after its question mark. What is no filter of TAXII's is
    /// passed over.
    pub fn parse(text: &str, endpoint: Endpoint) -> Result<Self, BadQuery> {
        let mut query = Self::default();
        let mut seen = BTreeSet::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let known = matches!(&*name, "added_after" | "limit" | "next");
            if !known && !name.starts_with("match[") {
                continue;
            }
            if !allows(endpoint, &name) {
                return Err(BadQuery::NotHere(cut(&name)));
            }
            if !seen.insert(name.to_string()) {
                return Err(BadQuery::Twice(cut(&name)));
            }
            query.take(&name, &value)?;
        }
        Ok(query)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), BadQuery> {
        match name {
            "added_after" => self.added_after = Some(value.parse()?),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit > 0);
                self.limit = Some(limit.ok_or(BadQuery::Limit)?);
            }
            "next" => self.next = Some(value.parse()?),
            "match[id]" => self.ids = Some(values(name, value)?),
            "match[type]" => self.types = Some(values(name, value)?),
            "match[spec_version]" => self.spec_versions = Some(values(name, value)?),
            _ => self.versions = versions(&values(name, value)?)?,
        }
        Ok(())
    }

    /// The stamp after which the answer begins: both filters must hold.
    #[must_use]
    pub fn after(&self) -> Stamp {
        let next = self.next.map(|cursor| cursor.0);
        self.added_after.max(next).unwrap_or_default()
    }

    /// Whether objects of a type, in STIX 2.1, are asked for.
    #[must_use]
    pub fn wants_type(&self, kind: &str) -> bool {
        let spec = self.spec_versions.as_ref().is_none_or(|all| all.contains("2.1"));
        spec && self.types.as_ref().is_none_or(|all| all.contains(kind))
    }
}

impl Versions {
    /// Whether a version of that time is asked for.
    #[must_use]
    pub fn wants(&self, version: Stamp) -> bool {
        match self {
            Self::Kept => true,
            Self::At(times) => times.contains(&version.milliseconds()),
        }
    }
}

fn allows(endpoint: Endpoint, name: &str) -> bool {
    match name {
        "added_after" | "limit" | "next" | "match[spec_version]" => true,
        "match[version]" => endpoint != Endpoint::Versions,
        "match[id]" | "match[type]" => endpoint == Endpoint::Objects,
        _ => false,
    }
}

fn values(name: &str, text: &str) -> Result<BTreeSet<String>, BadQuery> {
    let values: Vec<&str> = text.split(',').collect();
    if values.len() > MAX_MATCHES || values.iter().any(|value| value.is_empty()) {
        return Err(BadQuery::Values(cut(name)));
    }
    Ok(values.into_iter().map(str::to_owned).collect())
}

fn versions(values: &BTreeSet<String>) -> Result<Versions, BadQuery> {
    if values.contains("all") && values.len() > 1 {
        return Err(BadQuery::All);
    }
    let named = |value: &String| matches!(value.as_str(), "all" | "last" | "first");
    let times = values.iter().filter(|value| !named(value));
    let times: BTreeSet<Stamp> = times
        .map(|value| value.parse().map(Stamp::milliseconds))
        .collect::<Result<_, BadStamp>>()?;
    let kept = values.iter().any(named);
    Ok(if kept { Versions::Kept } else { Versions::At(times) })
}

/// Enough of what somebody sent to know it again.
fn cut(name: &str) -> String {
    name.chars().take(40).collect()
}
