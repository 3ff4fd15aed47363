//! Small steps over bytes that every format takes.
//!
//! Owns tokens, numbers, addresses and escapes. It must never skip what it did
//! not check.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// The text before the delimiter; the rest then begins after it.
#[inline]
pub(super) fn take_until<'a>(rest: &mut &'a [u8], delimiter: u8) -> Option<&'a [u8]> {
    let at = memchr::memchr(delimiter, rest)?;
    let (token, tail) = rest.split_at_checked(at)?;
    *rest = tail.get(1..)?;
    Some(token)
}

/// The text before the next space, or all of it.
#[inline]
pub(super) fn take_word<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    take_until(rest, b' ').unwrap_or_else(|| std::mem::take(rest))
}

/// The same for words of a few bytes.
#[inline]
pub(super) fn take_short_word<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (word, tail) = rest.split_at(find_near(b' ', rest).unwrap_or(rest.len()));
    *rest = tail.get(1..).unwrap_or_default();
    word
}

/// Where a byte is that mostly is near: a few bytes are walked in less time than a search
/// takes to begin.
#[inline]
pub(super) fn find_near(byte: u8, text: &[u8]) -> Option<usize> {
    const NEAR: usize = 16;
    let (near, far) = text.split_at_checked(NEAR).unwrap_or((text, &[]));
    let found = near.iter().position(|other| *other == byte);
    found.or_else(|| Some(near.len() + memchr::memchr(byte, far)?))
}

/// Passes a literal text.
#[inline]
pub(super) fn literal(rest: &mut &[u8], text: &[u8]) -> Option<()> {
    *rest = rest.strip_prefix(text)?;
    Some(())
}

/// Nothing but digits, as a number.
#[inline]
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    digits.iter().try_fold(0, |value, byte| Some(value * 10 + u64::from(digit(*byte)?)))
}

/// The value of a decimal digit.
#[inline]
pub(super) fn digit(byte: u8) -> Option<u8> {
    let value = byte.wrapping_sub(b'0');
    (value < 10).then_some(value)
}

/// Nothing but digits, as a port or status.
#[inline]
pub(super) fn small(digits: &[u8]) -> Option<u16> {
    number(digits)?.try_into().ok()
}

/// An address and nothing else; v4-mapped as IPv4. A zone (`%eth0`) is none.
#[inline]
pub(super) fn ip(token: &[u8]) -> Option<IpAddr> {
    ipv4(token).map(IpAddr::V4).or_else(|| ipv6(token))
}

#[inline]
fn ipv4(token: &[u8]) -> Option<Ipv4Addr> {
    let mut rest = token;
    take_ipv4(&mut rest).filter(|_| rest.is_empty())
}

/// An IPv4 address; what comes after it stays.
#[inline]
pub(super) fn take_ipv4(rest: &mut &[u8]) -> Option<Ipv4Addr> {
    let (first, tail) = octet(rest)?;
    let (second, tail) = octet(tail.strip_prefix(b".")?)?;
    let (third, tail) = octet(tail.strip_prefix(b".")?)?;
    let (fourth, tail) = octet(tail.strip_prefix(b".")?)?;
    *rest = tail;
    Some(Ipv4Addr::new(first, second, third, fourth))
}

/// At most three digits. Without leading zeros: some programs read what has some as octal,
/// and then it is another address.
#[inline]
fn octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let (first, tail) = text.split_first()?;
    let first = digit(*first)?;
    let Some((second, after)) = next_digit(tail) else { return Some((first, tail)) };
    let two = first * 10 + second;
    let Some((third, after)) = next_digit(after) else {
        return (first != 0).then_some((two, after));
    };
    let octet = u8::try_from(u16::from(two) * 10 + u16::from(third)).ok()?;
    (first != 0).then_some((octet, after))
}

#[inline]
fn next_digit(text: &[u8]) -> Option<(u8, &[u8])> {
    let (byte, tail) = text.split_first()?;
    Some((digit(*byte)?, tail))
}

fn ipv6(token: &[u8]) -> Option<IpAddr> {
    if token.len() > 45 || memchr::memchr(b':', token).is_none() {
        return None;
    }
    let address: IpAddr = std::str::from_utf8(token).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

/// An address or a network; host bits cleared, v4-mapped as IPv4.
pub(super) fn network(token: &[u8]) -> Option<IpNet> {
    let Some(slash) = memchr::memchr(b'/', token) else {
        return ip(token).map(IpNet::from);
    };
    let (address, length) = token.split_at_checked(slash)?;
    let length = number(length.get(1..)?)?.try_into().ok()?;
    Some(IpNet::new(ip(address)?, length).ok()?.trunc())
}

/// Resolves backslash escapes; what is none stays as it is.
pub(super) fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, tail) = rest.split_at(at);
        out.extend_from_slice(before);
        rest = one_escape(tail, out);
    }
    out.extend_from_slice(rest);
}

/// Resolves the escape with which `tail` begins; gives what comes after it.
fn one_escape<'a>(tail: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let (simple, after) = match tail {
        [_, b'x', high, low, after @ ..] => match (nibble(*high), nibble(*low)) {
            (Some(high), Some(low)) => (high << 4 | low, after),
            _ => (b'\\', tail.get(1..).unwrap_or_default()),
        },
        [_, b'u', after @ ..] => return unicode_escape(after, out),
        [_, b'n', after @ ..] => (b'\n', after),
        [_, b'r', after @ ..] => (b'\r', after),
        [_, b't', after @ ..] => (b'\t', after),
        [_, b'b', after @ ..] => (8, after),
        [_, b'f', after @ ..] => (12, after),
        [_, byte @ (b'"' | b'\\' | b'/'), after @ ..] => (*byte, after),
        _ => (b'\\', tail.get(1..).unwrap_or_default()),
    };
    out.push(simple);
    after
}

/// `HHHH` after `\u`, with the second half of a surrogate pair if it is the first.
fn unicode_escape<'a>(after: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some((first, rest)) = four_digits(after) else {
        out.extend_from_slice(b"\\u");
        return after;
    };
    let (code, rest) = match (first, rest.strip_prefix(b"\\u").and_then(four_digits)) {
        (0xD800..=0xDBFF, Some((second @ 0xDC00..=0xDFFF, rest))) => {
            (0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00), rest)
        }
        _ => (first, rest),
    };
    let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

fn four_digits(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(4)?;
    let code = digits
        .iter()
        .try_fold(0_u32, |code, digit| Some(code << 4 | u32::from(nibble(*digit)?)))?;
    Some((code, rest))
}

/// The value of a hexadecimal digit.
pub(super) fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
