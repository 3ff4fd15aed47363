//! What a pattern names as indicators.
//!
//! A pattern says when something is to be looked at; an indicator is one value that is bad
//! by itself. So only what stands alone becomes one: alternatives each do, conditions that
//! must hold together do not.

use super::{Comparison, Is, Join, Literal, Observation, Operator, Path, Step, Test};
use crate::model::{Kind, NotCanonical, Value};

/// How much of a property's name is shown.
const MAX_SHOWN_CHARS: usize = 80;

/// What a pattern gives. Both may hold something: of alternatives, some can be indicators.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The indicators, in their order; one may stand there twice.
    pub values: Vec<Value>,
    /// What cannot become one, and why.
    pub refused: Vec<NotIndicator>,
}

/// Why (a part of) a pattern is no indicator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotIndicator {
    /// Several conditions that must hold together.
    #[error("several conditions must hold together, and none of them is an indicator alone")]
    Together,
    /// Observations in an order.
    #[error("it is a sequence of observations")]
    Sequence,
    /// Limits of time or number.
    #[error("it limits how often or when something is seen")]
    Limited,
    /// It says what is not to be.
    #[error("it says what something is not")]
    Negated,
    /// Not an equality.
    #[error("it compares with {0}, which names no single value")]
    Operator(&'static str),
    /// A constant that is no text.
    #[error("the value is not a text")]
    NotText,
    /// Nothing that is a kind here.
    #[error("{0} is no kind of indicator")]
    Property(String),
    /// Of the right sort, but no value of it.
    #[error("{kind}: {why}")]
    Value {
        /// The kind that it should be.
        kind: Kind,
        /// Why it is none.
        why: NotCanonical,
    },
}

impl NotIndicator {
    /// The name in counts and metric labels.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Sequence => "sequence",
            Self::Limited => "limited",
            Self::Negated => "negated",
            Self::Operator(_) => "operator",
            Self::NotText => "not_text",
            Self::Property(_) => "property",
            Self::Value { .. } => "value",
        }
    }
}

/// What a pattern names as indicators, and why the rest of it names none.
pub fn values(pattern: &Observation<'_>) -> Found {
    let mut found = Found::default();
    observed(pattern, &mut found);
    found
}

fn observed(observation: &Observation<'_>, found: &mut Found) {
    match observation {
        Observation::Of(comparison) => compared(comparison, found),
        Observation::Joined(Join::Or, all) => all.iter().for_each(|one| observed(one, found)),
        Observation::Joined(Join::And, _) => found.refused.push(NotIndicator::Together),
        Observation::Joined(Join::FollowedBy, _) => found.refused.push(NotIndicator::Sequence),
        Observation::Qualified(..) => found.refused.push(NotIndicator::Limited),
    }
}

fn compared(comparison: &Comparison<'_>, found: &mut Found) {
    match comparison {
        Comparison::Test(test) => tested(test, found),
        Comparison::Joined(Join::Or, all) => all.iter().for_each(|one| compared(one, found)),
        Comparison::Joined(_, all) => match address_with_type(all) {
            Some(test) => tested(test, found),
            None => found.refused.push(NotIndicator::Together),
        },
    }
}

/// `network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '…'`, as
/// MISP writes an address: the first test says nothing that the second does not.
fn address_with_type<'a, 'p>(all: &'a [Comparison<'p>]) -> Option<&'a Test<'p>> {
    let [Comparison::Test(first), Comparison::Test(second)] = all else { return None };
    let (of, value) = if ends_in(&first.path, "type") { (first, second) } else { (second, first) };
    let same_object = of.path.object == value.path.object
        && of.path.steps.split_last()?.1 == value.path.steps.split_last()?.1;
    let says = matches!(
        &of.is,
        Is::Compared(Operator::Equal, Literal::Text(name))
            if matches!(name.as_ref(), "ipv4-addr" | "ipv6-addr" | "domain-name")
    );
    let fits = same_object && says && !of.negated && ends_in(&of.path, "type");
    (fits && ends_in(&value.path, "value")).then_some(value)
}

fn ends_in(path: &Path<'_>, name: &str) -> bool {
    matches!(path.steps.last(), Some(Step::Key(key)) if key == name)
}

fn tested(test: &Test<'_>, found: &mut Found) {
    if test.negated {
        found.refused.push(NotIndicator::Negated);
        return;
    }
    match &test.is {
        Is::Compared(Operator::Equal, literal) => named(&test.path, literal, false, found),
        Is::In(all) => all.iter().for_each(|literal| named(&test.path, literal, false, found)),
        Is::Subset(network) => {
            named(&test.path, &Literal::Text(network.as_ref().into()), true, found);
        }
        other => found.refused.push(NotIndicator::Operator(name(other))),
    }
}

fn name(is: &Is<'_>) -> &'static str {
    match is {
        Is::Compared(Operator::Equal, _) => "=",
        Is::Compared(Operator::NotEqual, _) => "!=",
        Is::Compared(Operator::Less, _) => "<",
        Is::Compared(Operator::LessOrEqual, _) => "<=",
        Is::Compared(Operator::Greater, _) => ">",
        Is::Compared(Operator::GreaterOrEqual, _) => ">=",
        Is::In(_) => "IN",
        Is::Like(_) => "LIKE",
        Is::Matches(_) => "MATCHES",
        Is::Subset(_) => "ISSUBSET",
        Is::Superset(_) => "ISSUPERSET",
        Is::There => "EXISTS",
    }
}

fn named(path: &Path<'_>, literal: &Literal<'_>, subset: bool, found: &mut Found) {
    let refusal = match (sort(path), literal) {
        (None, _) => NotIndicator::Property(shown(path)),
        (Some(Sort::One(_)), _) if subset => NotIndicator::Operator("ISSUBSET"),
        (Some(sort), Literal::Text(text)) => match value(&sort, text, subset) {
            Ok(value) => return found.values.push(value),
            Err(refusal) => refusal,
        },
        (Some(_), _) => NotIndicator::NotText,
    };
    found.refused.push(refusal);
}

/// What a property holds.
enum Sort {
    /// An address or a network.
    Address,
    /// An address, a network or a name.
    Host,
    /// A value of one kind.
    One(Kind),
}

fn sort(path: &Path<'_>) -> Option<Sort> {
    let keys: Option<Vec<&str>> = path
        .steps
        .iter()
        .map(|step| if let Step::Key(key) = step { Some(key.as_ref()) } else { None })
        .collect();
    Some(match (path.object, keys?.as_slice()) {
        ("ipv4-addr" | "ipv6-addr", ["value"]) => Sort::Address,
        ("network-traffic", ["src_ref" | "dst_ref", "value"]) => Sort::Host,
        ("domain-name", ["value"]) => Sort::One(Kind::Domain),
        ("url", ["value"]) => Sort::One(Kind::Url),
        ("email-addr", ["value"]) => Sort::One(Kind::Email),
        ("email-message", ["from_ref" | "sender_ref", "value"]) => Sort::One(Kind::Email),
        ("file", ["hashes", algorithm]) => Sort::One(hash(algorithm)?),
        (object, ["value"]) => match object.parse() {
            Ok(Kind::Custom(kind)) => Sort::One(Kind::Custom(kind)),
            _ => return None,
        },
        _ => return None,
    })
}

/// The kind of a hash (section 10.7), also as it is often misspelt: `SHA256`, `sha-256`.
fn hash(algorithm: &str) -> Option<Kind> {
    let plain: String = algorithm.chars().filter(|c| *c != '-').collect();
    match plain.to_ascii_uppercase().as_str() {
        "MD5" => Some(Kind::Md5),
        "SHA1" => Some(Kind::Sha1),
        "SHA256" => Some(Kind::Sha256),
        "SHA512" => Some(Kind::Sha512),
        _ => None,
    }
}

fn value(sort: &Sort, text: &str, subset: bool) -> Result<Value, NotIndicator> {
    let parse = |kind: &Kind, text: &str| {
        Value::parse(kind, text).map_err(|why| NotIndicator::Value { kind: kind.clone(), why })
    };
    match sort {
        Sort::One(kind) => parse(kind, text),
        Sort::Host
            if !subset && !text.contains(':') && text.ends_with(|c: char| !c.is_ascii_digit()) =>
        {
            parse(&Kind::Domain, text)
        }
        Sort::Address | Sort::Host => {
            let Some((address, _)) = text.split_once('/') else { return parse(&Kind::Ip, text) };
            let network = parse(&Kind::Cidr, text)?;
            let single = network.network().is_some_and(|n| n.prefix_len() == n.max_prefix_len());
            // `= '198.51.100.1/32'` names one address (section 6.4); see `write`.
            if single && !subset { parse(&Kind::Ip, address) } else { Ok(network) }
        }
    }
}

/// The property as it is written, cut to a bound.
fn shown(path: &Path<'_>) -> String {
    let mut text = format!("{}:", path.object);
    for (at, step) in path.steps.iter().enumerate() {
        let dot = if at > 0 { "." } else { "" };
        match step {
            Step::Key(key) => text.extend([dot, key.as_ref()]),
            Step::Index(index) => text.extend(["[", index, "]"]),
            Step::Any => text.push_str("[*]"),
        }
    }
    text.chars().filter(|c| !c.is_control()).take(MAX_SHOWN_CHARS).collect()
}
