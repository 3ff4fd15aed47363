//! What the scrubber left out, and why: for the operator's eyes only.

use std::fmt;

use super::scrub::MAX_DEPTH;

/// A tag or custom field that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The tag's text or the field's name.
    pub field: String,
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

/// Why a tag or custom field was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Reason {
    /// A tag that only this operator knows.
    #[error("the tag is not in the vocabulary; [privacy] tags allows more")]
    NotInVocabulary,
    /// It holds a word of `never_share`.
    #[error("it holds a word of [privacy] never_share")]
    NeverShare,
    /// It names this machine, its users or an own domain.
    #[error("it names this machine, one of its users or an own domain")]
    Internal,
    /// A field's name that promises something private, or is no plain name.
    #[error("the field's name is not plain, or promises a person, a place or a log line")]
    FieldName,
    /// Looks like a log line.
    #[error("it may be a log line: it is long or holds more than plain words")]
    LogLine,
    /// Names a user.
    #[error("it may name a user")]
    UserName,
    /// Names a host.
    #[error("it holds a host name")]
    HostName,
    /// Holds an e-mail address.
    #[error("it holds an e-mail address")]
    Email,
    /// Holds an address.
    #[error("it holds an address")]
    Address,
    /// Holds a path.
    #[error("it holds a path")]
    Path,
    /// A number so great that it may be a time, an address or an account.
    #[error("it holds a number that may be a time, an address or an account")]
    Number,
    /// Bytes, which nobody can read.
    #[error("it holds bytes, which cannot be checked")]
    Bytes,
    /// Nested too deep.
    #[error("it is nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// There is no more room in the claim.
    #[error("the claim has no more room")]
    NoRoom,
}
