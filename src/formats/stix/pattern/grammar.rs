//! The grammar of section 9, as in OASIS's own ANTLR grammar. One pass, no going back.

use std::borrow::Cow;

use winnow::Parser as _;
use winnow::error::ParserError;
use winnow::token::{literal, take_while};

use super::literal::{constant, text};
use super::{Comparison, Is, Join, Literal, Observation, Operator, Path, Qualifier, Step, Test};

/// The longest pattern that is read, in bytes.
pub const MAX_PATTERN_BYTES: usize = 64 * 1024;
/// How deep parentheses may be nested.
pub const MAX_DEPTH: usize = 32;

/// Words that name no property and no object (the keywords of the grammar).
const KEYWORDS: [&str; 19] = [
    "AND",
    "OR",
    "NOT",
    "FOLLOWEDBY",
    "LIKE",
    "MATCHES",
    "ISSUPERSET",
    "ISSUBSET",
    "EXISTS",
    "LAST",
    "IN",
    "START",
    "STOP",
    "SECONDS",
    "true",
    "false",
    "WITHIN",
    "REPEATS",
    "TIMES",
];

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// Longer than [`MAX_PATTERN_BYTES`].
    #[error("the pattern is longer than {MAX_PATTERN_BYTES} bytes")]
    TooLong,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the pattern is nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// Two limits of one sort on one observation.
    #[error("the pattern limits one observation twice in the same way")]
    LimitedTwice,
    /// Not of the grammar.
    #[error("not a STIX pattern: wrong at byte {at}")]
    Syntax {
        /// How many bytes were read before.
        at: usize,
    },
}

/// What stops the reading; where, the rest of the input tells.
#[derive(Debug)]
pub(super) enum Stop {
    Syntax,
    TooDeep,
    LimitedTwice,
}

impl<'a> ParserError<&'a str> for Stop {
    type Inner = Self;

    fn from_input(_: &&'a str) -> Self {
        Self::Syntax
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

pub(super) type Read<T> = Result<T, Stop>;

/// Reads a pattern.
pub fn parse(text: &str) -> Result<Observation<'_>, BadPattern> {
    if text.len() > MAX_PATTERN_BYTES {
        return Err(BadPattern::TooLong);
    }
    let mut rest = text;
    let read = observations(&mut rest, MAX_DEPTH).and_then(|read| {
        blank(&mut rest);
        if rest.is_empty() { Ok(read) } else { Err(Stop::Syntax) }
    });
    read.map_err(|stop| match stop {
        Stop::Syntax => BadPattern::Syntax { at: text.len() - rest.len() },
        Stop::TooDeep => BadPattern::TooDeep,
        Stop::LimitedTwice => BadPattern::LimitedTwice,
    })
}

/// Skips white space and comments, which may stand between any two tokens.
pub(super) fn blank(input: &mut &str) {
    loop {
        *input = input.trim_start();
        let after = if let Some(line) = input.strip_prefix("//") {
            line.find(['\r', '\n']).map_or("", |end| line.get(end..).unwrap_or_default())
        } else if let Some((_, after)) =
            input.strip_prefix("/*").and_then(|text| text.split_once("*/"))
        {
            after
        } else {
            return;
        };
        *input = after;
    }
}

/// Takes a sign, if it comes next.
fn sign(input: &mut &str, sign: &'static str) -> bool {
    blank(input);
    literal::<_, _, Stop>(sign).parse_next(input).is_ok()
}

fn expect(input: &mut &str, wanted: &'static str) -> Read<()> {
    if sign(input, wanted) { Ok(()) } else { Err(Stop::Syntax) }
}

/// The word that comes next, hyphens included: the longest one, as a lexer would take it.
pub(super) fn word<'a>(input: &mut &'a str) -> &'a str {
    blank(input);
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !input.starts_with(starts) {
        return "";
    }
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    take_while::<_, _, Stop>(0.., goes_on).parse_peek(*input).map_or("", |(_, word)| word)
}

/// Takes a keyword, if it comes next as a whole word.
fn keyword(input: &mut &str, keyword: &str) -> bool {
    let found = word(input) == keyword;
    if found {
        *input = input.get(keyword.len()..).unwrap_or_default();
    }
    found
}

fn expect_keyword(input: &mut &str, wanted: &str) -> Read<()> {
    if keyword(input, wanted) { Ok(()) } else { Err(Stop::Syntax) }
}

fn deeper(depth: usize) -> Read<usize> {
    depth.checked_sub(1).ok_or(Stop::TooDeep)
}

/// Parts with a keyword between them.
fn joined<'a, T>(
    input: &mut &'a str,
    between: &str,
    mut part: impl FnMut(&mut &'a str) -> Read<T>,
    join: impl FnOnce(Vec<T>) -> T,
) -> Read<T> {
    let first = part(input)?;
    if !keyword(input, between) {
        return Ok(first);
    }
    let mut all = vec![first, part(input)?];
    while keyword(input, between) {
        all.push(part(input)?);
    }
    Ok(join(all))
}

fn observations<'a>(input: &mut &'a str, depth: usize) -> Read<Observation<'a>> {
    let make = |join| move |all| Observation::Joined(join, all);
    let and = |input: &mut &'a str| {
        joined(input, "AND", |input| observation(input, depth), make(Join::And))
    };
    let or = |input: &mut &'a str| joined(input, "OR", and, make(Join::Or));
    joined(input, "FOLLOWEDBY", or, make(Join::FollowedBy))
}

fn observation<'a>(input: &mut &'a str, depth: usize) -> Read<Observation<'a>> {
    let group = sign(input, "(");
    let observed = if group {
        let inner = observations(input, deeper(depth)?)?;
        expect(input, ")")?;
        inner
    } else {
        expect(input, "[")?;
        let comparison = comparison(input, depth)?;
        expect(input, "]")?;
        Observation::Of(comparison)
    };
    let mut qualifiers: Vec<Qualifier<'a>> = Vec::new();
    while let Some(qualifier) = qualifier(input)? {
        let same = |other: &Qualifier<'_>| {
            std::mem::discriminant(other) == std::mem::discriminant(&qualifier)
        };
        if !group && qualifiers.iter().any(same) {
            return Err(Stop::LimitedTwice);
        }
        qualifiers.push(qualifier);
    }
    if qualifiers.is_empty() {
        return Ok(observed);
    }
    Ok(Observation::Qualified(Box::new(observed), qualifiers))
}

fn qualifier<'a>(input: &mut &'a str) -> Read<Option<Qualifier<'a>>> {
    if keyword(input, "WITHIN") {
        let (Literal::Integer(number) | Literal::Float(number)) = positive(input)? else {
            return Err(Stop::Syntax);
        };
        expect_keyword(input, "SECONDS")?;
        return Ok(Some(Qualifier::Within(number)));
    }
    if keyword(input, "REPEATS") {
        let Literal::Integer(number) = positive(input)? else { return Err(Stop::Syntax) };
        expect_keyword(input, "TIMES")?;
        return Ok(Some(Qualifier::Repeats(number)));
    }
    if keyword(input, "START") {
        let Literal::Time(start) = constant(input)? else { return Err(Stop::Syntax) };
        expect_keyword(input, "STOP")?;
        let Literal::Time(stop) = constant(input)? else { return Err(Stop::Syntax) };
        return Ok(Some(Qualifier::Between(start, stop)));
    }
    Ok(None)
}

fn positive<'a>(input: &mut &'a str) -> Read<Literal<'a>> {
    blank(input);
    if input.starts_with('-') { Err(Stop::Syntax) } else { constant(input) }
}

fn comparison<'a>(input: &mut &'a str, depth: usize) -> Read<Comparison<'a>> {
    let make = |join| move |all| Comparison::Joined(join, all);
    let and =
        |input: &mut &'a str| joined(input, "AND", |input| part(input, depth), make(Join::And));
    joined(input, "OR", and, make(Join::Or))
}

fn part<'a>(input: &mut &'a str, depth: usize) -> Read<Comparison<'a>> {
    if sign(input, "(") {
        let inner = comparison(input, deeper(depth)?)?;
        expect(input, ")")?;
        return Ok(inner);
    }
    let negated = keyword(input, "NOT");
    if keyword(input, "EXISTS") {
        return Ok(Comparison::Test(Test { path: path(input)?, negated, is: Is::There }));
    }
    if negated {
        return Err(Stop::Syntax);
    }
    let path = path(input)?;
    let negated = keyword(input, "NOT");
    Ok(Comparison::Test(Test { path, negated, is: is(input)? }))
}

fn path<'a>(input: &mut &'a str) -> Read<Path<'a>> {
    let object = word(input);
    if object.is_empty() || is_keyword(object) {
        return Err(Stop::Syntax);
    }
    *input = input.get(object.len()..).unwrap_or_default();
    expect(input, ":")?;
    let mut steps = vec![key(input)?];
    loop {
        if sign(input, ".") {
            steps.push(key(input)?);
        } else if sign(input, "[") {
            steps.push(index(input)?);
            expect(input, "]")?;
        } else {
            return Ok(Path { object, steps });
        }
    }
}

fn key<'a>(input: &mut &'a str) -> Read<Step<'a>> {
    let name = word(input);
    if name.is_empty() {
        return text(input).map(Step::Key);
    }
    if name.contains('-') || is_keyword(name) {
        return Err(Stop::Syntax);
    }
    *input = input.get(name.len()..).unwrap_or_default();
    Ok(Step::Key(Cow::Borrowed(name)))
}

fn is_keyword(name: &str) -> bool {
    KEYWORDS.contains(&name)
}

fn index<'a>(input: &mut &'a str) -> Read<Step<'a>> {
    if sign(input, "*") {
        return Ok(Step::Any);
    }
    match constant(input)? {
        Literal::Integer(number) => Ok(Step::Index(number)),
        _ => Err(Stop::Syntax),
    }
}

fn is<'a>(input: &mut &'a str) -> Read<Is<'a>> {
    // The longer sign first.
    let signs = [
        ("==", Operator::Equal),
        ("=", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<>", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        ("<", Operator::Less),
        (">=", Operator::GreaterOrEqual),
        (">", Operator::Greater),
    ];
    if let Some((_, operator)) = signs.into_iter().find(|(wanted, _)| sign(input, wanted)) {
        let constant = constant(input)?;
        let ordered = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if ordered && matches!(constant, Literal::Bool(_)) {
            return Err(Stop::Syntax);
        }
        return Ok(Is::Compared(operator, constant));
    }
    if keyword(input, "IN") {
        return list(input).map(Is::In);
    }
    type Make<'a> = fn(Cow<'a, str>) -> Is<'a>;
    let words: [(&str, Make<'a>); 4] = [
        ("LIKE", Is::Like),
        ("MATCHES", Is::Matches),
        ("ISSUBSET", Is::Subset),
        ("ISSUPERSET", Is::Superset),
    ];
    for (wanted, make) in words {
        if keyword(input, wanted) {
            return text(input).map(make);
        }
    }
    Err(Stop::Syntax)
}

fn list<'a>(input: &mut &'a str) -> Read<Vec<Literal<'a>>> {
    expect(input, "(")?;
    let mut all = Vec::new();
    if sign(input, ")") {
        return Ok(all);
    }
    loop {
        all.push(constant(input)?);
        if sign(input, ")") {
            return Ok(all);
        }
        expect(input, ",")?;
    }
}
