//! fail2ban's own log.
//!
//! Owns what its `actions` say about an address. It must never read a verdict out
//! of another component's line: those quote the attacker's text.

use super::event::{Ban, BanAction, Body, Event};
use super::scan::{literal, network, take_until};
use super::{Context, Unparsed, frame, time};
use crate::model::{Source, Timestamp};

/// `time fail2ban.actions [pid]: NOTICE  [jail] Ban address`, plain, or with syslog's frame around it.
pub(super) fn parse<'a>(
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let mut rest = line;
    let (time, verdict) = match time::iso(&mut rest, context) {
        Some(time) if rest.starts_with(b" fail2ban") => {
            (Some(time), own_line(rest.trim_ascii_start()).ok_or(Unparsed::NotThisFormat)?)
        }
        _ => framed(line, context)?,
    };
    let Some(verdict) = verdict else { return Ok(None) };
    let Some(ban) = ban(verdict)? else { return Ok(None) };
    let src_ip =
        (ban.network.prefix_len() == ban.network.max_prefix_len()).then(|| ban.network.addr());
    Ok(Some(Event { time, src_ip, ..Event::new(Source::Fail2ban, Body::Ban(ban)) }))
}

type Verdict<'a> = Option<&'a [u8]>;

/// In syslog's frame, the program is fail2ban or one of its components.
fn framed<'a>(
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<(Option<Timestamp>, Verdict<'a>), Unparsed> {
    let frame = frame::frame(line, context)?;
    let verdict = match frame.program {
        // The component is the program, or (old journald format) nothing but the verdict follows.
        b"fail2ban.actions" => Some(after_level(frame.message)),
        b"fail2ban" | b"fail2ban-server" if frame.message.starts_with(b"[") => Some(frame.message),
        b"fail2ban" | b"fail2ban-server" => {
            own_line(frame.message).ok_or(Unparsed::NotThisFormat)?
        }
        program if program.starts_with(b"fail2ban.") => None,
        _ => return Err(Unparsed::NotThisFormat),
    };
    Ok((frame.time, verdict))
}

/// `fail2ban.actions   [pid]: LEVEL  verdict`. `Some(None)` is another component's line.
#[allow(clippy::option_option)] // not of this format; of it, but no verdict; a verdict
fn own_line(line: &[u8]) -> Option<Verdict<'_>> {
    let mut rest = line;
    let mut tag = take_until(&mut rest, b':')?;
    if let Some(at) = memchr::memchr(b'[', tag) {
        tag = tag.get(..at)?;
    }
    let component = tag.trim_ascii_end().strip_prefix(b"fail2ban")?;
    if component.contains(&b' ') {
        return None;
    }
    Some((component == b".actions").then(|| after_level(rest)))
}

fn after_level(message: &[u8]) -> &[u8] {
    let message = message.trim_ascii_start();
    [b"NOTICE".as_slice(), b"WARNING", b"INFO"]
        .iter()
        .find_map(|level| message.strip_prefix(*level))
        .unwrap_or(message)
        .trim_ascii_start()
}

/// `[jail] Ban address`; jails are named by the operator and may hold spaces.
fn ban(verdict: &[u8]) -> Result<Option<Ban<'_>>, Unparsed> {
    let mut rest = verdict;
    if literal(&mut rest, b"[").is_none() {
        return Ok(None);
    }
    let Some(jail) = take_until(&mut rest, b']') else { return Ok(None) };
    let rest = rest.trim_ascii_start();
    let verbs = [
        (b"Ban ".as_slice(), BanAction::Ban),
        (b"Restore Ban ", BanAction::Restore),
        (b"Unban ", BanAction::Unban),
    ];
    let said = verbs.iter().find_map(|(verb, action)| Some((*action, rest.strip_prefix(*verb)?)));
    let Some((action, address)) = said else { return Ok(None) };
    let network = network(address.trim_ascii()).ok_or(Unparsed::NoAddress)?;
    Ok(Some(Ban { jail, action, network }))
}
