//! The frame that syslog puts around a message.
//!
//! Owns `<PRI>`, time, host and program. It must never look for the program
//! anywhere but at its place: the message is often a stranger's.

use super::scan::{literal, number, take_until};
use super::{Context, Unparsed, time};
use crate::model::Timestamp;

/// A syslog line, taken apart.
pub(super) struct Frame<'a> {
    /// When, if the frame says so.
    pub(super) time: Option<Timestamp>,
    /// Which program spoke, without its process id.
    pub(super) program: &'a [u8],
    /// What it said.
    pub(super) message: &'a [u8],
}

/// `[<PRI>] time host program[pid]: message`; RFC 3164 as rsyslog and journald
/// write it, with its own or RFC 3339's time. Without a time only `host program[pid]:`
/// (`journalctl -o short-unix` aside, journald's "cat with host") is taken.
pub(super) fn frame<'a>(line: &'a [u8], context: &Context<'_>) -> Result<Frame<'a>, Unparsed> {
    let mut rest = priority(line);
    if rest.len() < line.len()
        && let Some(after) = rest.strip_prefix(b"1 ")
    {
        return rfc5424(after, context).ok_or(Unparsed::NotThisFormat);
    }
    let dated = time::rfc3164(&mut rest, context).or_else(|| time::iso(&mut rest, context));
    if dated.is_some() {
        literal(&mut rest, b" ").ok_or(Unparsed::NotThisFormat)?;
    }
    take_until(&mut rest, b' ').filter(|host| !host.is_empty()).ok_or(Unparsed::NotThisFormat)?;
    let tag = take_until(&mut rest, b':').ok_or(Unparsed::NotThisFormat)?;
    let program = match tag.iter().position(|byte| *byte == b'[') {
        Some(at) => process_id(tag, at).ok_or(Unparsed::NotThisFormat)?,
        None => tag,
    };
    if program.is_empty() || program.contains(&b' ') {
        return Err(Unparsed::NotThisFormat);
    }
    let message = rest.strip_prefix(b" ").unwrap_or(rest);
    Ok(Frame { time: dated, program, message })
}

/// `time host program process message-id structured-data message` (RFC 5424), after its
/// version; what is not known is a hyphen.
fn rfc5424<'a>(mut rest: &'a [u8], context: &Context<'_>) -> Option<Frame<'a>> {
    let time = match rest.strip_prefix(b"-") {
        Some(after) => {
            rest = after;
            None
        }
        None => Some(time::iso(&mut rest, context)?),
    };
    literal(&mut rest, b" ")?;
    let _host = take_until(&mut rest, b' ')?;
    let program = take_until(&mut rest, b' ').filter(|program| !program.is_empty())?;
    let _process = take_until(&mut rest, b' ')?;
    let _message_id = take_until(&mut rest, b' ')?;
    let mut message = structured_data(rest)?;
    message = message.strip_prefix(b" ").unwrap_or(message);
    // Some put a byte order mark before UTF-8.
    message = message.strip_prefix("\u{feff}".as_bytes()).unwrap_or(message);
    Some(Frame { time, program, message })
}

/// What comes after `-` or `[id name="value" …]…`, whose values may hold `\]`.
fn structured_data(rest: &[u8]) -> Option<&[u8]> {
    if let Some(after) = rest.strip_prefix(b"-") {
        return Some(after);
    }
    let mut rest = rest;
    while rest.first() == Some(&b'[') {
        let (mut quoted, mut at) = (false, 1);
        loop {
            match rest.get(at)? {
                b'\\' if quoted => at += 1,
                b'"' => quoted = !quoted,
                b']' if !quoted => break,
                _ => {}
            }
            at += 1;
        }
        rest = rest.get(at + 1..)?;
    }
    Some(rest)
}

/// What comes before `[123]`, if that is what comes at `at`.
fn process_id(tag: &[u8], at: usize) -> Option<&[u8]> {
    let (program, id) = tag.split_at_checked(at)?;
    number(id.strip_prefix(b"[")?.strip_suffix(b"]")?)?;
    Some(program)
}

/// What comes after `<0>` to `<191>`.
fn priority(line: &[u8]) -> &[u8] {
    let after = |mut rest: &'_ [u8]| -> Option<usize> {
        literal(&mut rest, b"<")?;
        let value = number(take_until(&mut rest, b'>')?)?;
        (value <= 191).then_some(line.len() - rest.len())
    };
    after(line).and_then(|start| line.get(start..)).unwrap_or(line)
}
