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
