//! Constants of the grammar: texts, numbers, times, bytes.

use std::borrow::Cow;

use winnow::Parser as _;
use winnow::ascii::digit0;
use winnow::combinator::opt;
use winnow::token::{one_of, take_till};

use super::Literal;
use super::grammar::{Read, Stop, blank, word};

/// Any constant.
pub(super) fn constant<'a>(input: &mut &'a str) -> Read<Literal<'a>> {
    blank(input);
    match input.as_bytes() {
        [b'\'', ..] => text(input).map(Literal::Text),
        [b'h', b'\'', ..] => written(input, is_hex).map(Literal::Hex),
        [b'b', b'\'', ..] => written(input, is_base64).map(Literal::Binary),
        [b't', b'\'', ..] => written(input, is_time).map(Literal::Time),
        [b'+' | b'-' | b'.' | b'0'..=b'9', ..] => number(input),
        _ => {
            let name = word(input);
            let truth = match name {
                "true" => true,
                "false" => false,
                _ => return Err(Stop::Syntax),
            };
            *input = input.get(name.len()..).unwrap_or_default();
            Ok(Literal::Bool(truth))
        }
    }
}

/// A text in quotes. Only a quote and a backslash are escaped, and always are.
pub(super) fn text<'a>(input: &mut &'a str) -> Read<Cow<'a, str>> {
    blank(input);
    '\''.parse_next(input)?;
    let mut plain = run(input)?;
    if '\''.parse_next(input).map_err(|_: Stop| ()).is_ok() {
        return Ok(Cow::Borrowed(plain));
    }
    let mut text = String::new();
    loop {
        text.push_str(plain);
        if one_of::<_, _, Stop>('\'').parse_next(input).is_ok() {
            return Ok(Cow::Owned(text));
        }
        '\\'.parse_next(input)?;
        text.push(one_of(['\'', '\\']).parse_next(input)?);
        plain = run(input)?;
    }
}

/// Up to the next quote or backslash.
fn run<'a>(input: &mut &'a str) -> Read<&'a str> {
    take_till(0.., ['\'', '\\']).parse_next(input)
}

/// A letter and, in quotes, something of that form.
fn written<'a>(input: &mut &'a str, form: fn(&[u8]) -> bool) -> Read<&'a str> {
    let before = *input;
    let inner = before.get(2..).and_then(|rest| rest.split_once('\''));
    let (inner, after) = inner.filter(|(inner, _)| form(inner.as_bytes())).ok_or(Stop::Syntax)?;
    *input = after;
    Ok(inner)
}

fn is_hex(text: &[u8]) -> bool {
    text.len().is_multiple_of(2) && text.iter().all(u8::is_ascii_hexdigit)
}

fn is_base64(text: &[u8]) -> bool {
    let unpadded = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    !unpadded.is_empty()
        && text.len().is_multiple_of(4)
        && unpadded.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

/// `YYYY-MM-DDThh:mm:ss[.s…]Z`, each part within its range; which days a month has is not asked.
fn is_time(text: &[u8]) -> bool {
    let Some((seconds, rest)) = text.split_at_checked(19) else { return false };
    let shape = seconds.iter().zip(b"dddd-dd-ddTdd:dd:dd").all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        _ => byte == form,
    });
    let two = |at: usize| {
        let digit = |at: usize| seconds.get(at).map_or(0, |byte: &u8| byte.wrapping_sub(b'0'));
        digit(at) * 10 + digit(at + 1)
    };
    let fraction = match rest {
        [b'Z'] => true,
        [b'.', digits @ .., b'Z'] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    shape
        && fraction
        && (1..=12).contains(&two(5))
        && (1..=31).contains(&two(8))
        && two(11) <= 23
        && two(14) <= 59
        && two(17) <= 60
}

/// A number, with its sign.
fn number<'a>(input: &mut &'a str) -> Read<Literal<'a>> {
    let mut whole = (opt(one_of(['+', '-'])), digit0).take();
    let (rest, integer) = whole.parse_peek(*input).map_err(|_: Stop| Stop::Syntax)?;
    let digits = integer.trim_start_matches(['+', '-']);
    let fraction = rest
        .strip_prefix('.')
        .map_or(0, |after| after.bytes().take_while(u8::is_ascii_digit).count());
    let length = if fraction > 0 { integer.len() + 1 + fraction } else { integer.len() };
    let (text, rest) = input.split_at_checked(length).ok_or(Stop::Syntax)?;
    let literal = match (fraction, digits) {
        (0, "0") => Literal::Integer(text),
        // A lexer would read the zero alone, and nothing may follow it.
        (0, digits) if digits.is_empty() || digits.starts_with('0') => return Err(Stop::Syntax),
        (0, _) => Literal::Integer(text),
        _ => Literal::Float(text),
    };
    *input = rest;
    Ok(literal)
}
