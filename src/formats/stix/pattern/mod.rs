//! STIX patterns (STIX 2.1 section 9): what an indicator matches.
//!
//! Owns the grammar, whole, so that a pattern that is refused is refused for what it says
//! and not for how it is written. Matching against observed data is not done here.

mod grammar;
mod literal;
mod values;
mod write;

#[cfg(test)]
pub(in crate::formats::stix) mod tests;

use std::borrow::Cow;

pub use grammar::{BadPattern, MAX_DEPTH, MAX_PATTERN_BYTES, parse};
pub use values::{Found, NotIndicator, values};
pub use write::write;

/// What is to be observed.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation<'a> {
    /// One object of which this holds: `[ … ]`.
    Of(Comparison<'a>),
    /// Several observations, at least two.
    Joined(Join, Vec<Self>),
    /// An observation within limits of time or number.
    Qualified(Box<Self>, Vec<Qualifier<'a>>),
}

/// How parts are joined, from the one that binds the closest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Join {
    /// All of them.
    And,
    /// One of them.
    Or,
    /// All of them, in this order; of observations only.
    FollowedBy,
}

/// What must hold of an observed object.
#[derive(Clone, Debug, PartialEq)]
pub enum Comparison<'a> {
    /// One property.
    Test(Test<'a>),
    /// Several comparisons, at least two.
    Joined(Join, Vec<Self>),
}

/// What must hold of one property.
#[derive(Clone, Debug, PartialEq)]
pub struct Test<'a> {
    /// Which property.
    pub path: Path<'a>,
    /// It must not hold.
    pub negated: bool,
    /// What.
    pub is: Is<'a>,
}

/// A property of an observed object, such as `file:hashes.'SHA-256'`.
#[derive(Clone, Debug, PartialEq)]
pub struct Path<'a> {
    /// The type of the object.
    pub object: &'a str,
    /// The steps to the property, at least one.
    pub steps: Vec<Step<'a>>,
}

/// One step into a property.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<'a> {
    /// A named part.
    Key(Cow<'a, str>),
    /// An element of a list, as it is written.
    Index(&'a str),
    /// Any element of a list.
    Any,
}

/// The operators and what they compare with.
#[derive(Clone, Debug, PartialEq)]
pub enum Is<'a> {
    /// `=`, `!=`, `<`, `>`, `<=`, `>=`.
    Compared(Operator, Literal<'a>),
    /// `IN`.
    In(Vec<Literal<'a>>),
    /// `LIKE`, with `%` and `_`.
    Like(Cow<'a, str>),
    /// `MATCHES`, a regular expression.
    Matches(Cow<'a, str>),
    /// `ISSUBSET`: lies inside this network.
    Subset(Cow<'a, str>),
    /// `ISSUPERSET`: holds this network.
    Superset(Cow<'a, str>),
    /// `EXISTS`.
    There,
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=` or `==`.
    Equal,
    /// `!=` or `<>`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

/// A constant. What is no text is kept as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal<'a> {
    /// A text, without its quotes and escapes.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(&'a str),
    /// A number with a point.
    Float(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// `b'…'`: base64.
    Binary(&'a str),
    /// `h'…'`: hexadecimal.
    Hex(&'a str),
    /// `t'…'`: a time in UTC.
    Time(&'a str),
}

/// A limit on observations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Qualifier<'a> {
    /// All within so many seconds.
    Within(&'a str),
    /// So often.
    Repeats(&'a str),
    /// Between two times.
    Between(&'a str, &'a str),
}
