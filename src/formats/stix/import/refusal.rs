//! Why an object becomes no indicator.

use super::super::pattern::{BadPattern, NotIndicator};

/// Why an object becomes no indicator.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The object is not as STIX 2.1 wants it.
    #[error("not an object of STIX 2.1: {0}")]
    Json(String),
    /// It has no id.
    #[error("it has no id")]
    NoId,
    /// Its pattern is in another language.
    #[error("its pattern is in the language {0:?}; only stix is read")]
    Language(String),
    /// Its pattern does not parse.
    #[error("{0}")]
    Pattern(BadPattern),
    /// Its pattern names no single value.
    #[error("{0}")]
    NotIndicator(NotIndicator),
    /// Its pattern compares with nothing.
    #[error("its pattern names no value")]
    NoValue,
    /// Its confidence is out of range.
    #[error("its confidence is not between 0 and 100")]
    Confidence,
    /// One of its times is none.
    #[error("one of its times is not in RFC 3339, in UTC and after 1970")]
    Time,
    /// It ends before it begins.
    #[error("its valid_until is not later than its valid_from")]
    NeverValid,
    /// A marking that contradicts its id.
    #[error("it says another marking than its id stands for; the id holds")]
    Marking,
    /// A sighting of something else.
    #[error("it is a sighting of something that is no indicator")]
    SightingOfOther,
    /// A sighting of an indicator that was not read.
    #[error("it is a sighting of an indicator that did not come before it in this bundle")]
    SightingOfUnknown,
    /// A sighting that a node of this software wrote.
    #[error("it is a sighting told by a DTIM node, and was counted with its indicator")]
    SightingOfDtim,
    /// A sighting that was taken back.
    #[error("it is a sighting that was taken back")]
    SightingRevoked,
    /// Its author took it back.
    #[error("its author took it back")]
    Revoked,
    /// It begins later.
    #[error("it is not valid yet")]
    NotYet,
    /// It has ended, by its own word or by age.
    #[error("it has ended, by its valid_until or by its age")]
    Ended,
}

impl Refusal {
    pub(super) fn json(error: &serde_json::Error) -> Self {
        Self::Json(super::short(&error.to_string()))
    }

    /// The name in counts and metric labels.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::NoId => "no_id",
            Self::Language(_) => "language",
            Self::Pattern(_) => "pattern",
            Self::NotIndicator(why) => why.label(),
            Self::NoValue => "no_value",
            Self::Confidence => "confidence",
            Self::Time => "time",
            Self::NeverValid => "never_valid",
            Self::Marking => "marking",
            Self::SightingOfOther => "sighting_of_other",
            Self::SightingOfUnknown => "sighting_of_unknown",
            Self::SightingOfDtim => "sighting_of_dtim",
            Self::SightingRevoked => "sighting_revoked",
            Self::Revoked => "revoked",
            Self::NotYet => "not_yet",
            Self::Ended => "ended",
        }
    }
}
