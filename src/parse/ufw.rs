//! Packets that the kernel's netfilter logged, ufw's among them.
//!
//! Owns the order in which the kernel prints a packet. It must never read the
//! packet that an ICMP error quotes (in brackets): its addresses are a stranger's text.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::event::{Action, Body, Event, Link, Packet};
use super::scan::{ip, literal, small, take_short_word, take_until};
use super::{Context, Unparsed, frame};
use crate::model::Source;

/// `frame kernel: [uptime] prefix IN=… OUT=… … SRC=… DST=… …`
pub(super) fn parse<'a>(
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let frame = frame::frame(line, context)?;
    if frame.program != b"kernel" {
        // A whole syslog may be watched; only the kernel speaks of packets.
        return Ok(None);
    }
    let message = after_uptime(frame.message);
    let Some(at) = packet_start(message) else { return Ok(None) };
    let (prefix, mut rest) = message.split_at_checked(at).ok_or(Unparsed::NotThisFormat)?;
    let time = frame.time.ok_or(Unparsed::NoTime)?;

    let mut packet =
        Packet { prefix: prefix.trim_ascii(), action: action(prefix), ..Packet::default() };
    // The kernel prints these two first and always (net/netfilter/nf_log_syslog.c).
    literal(&mut rest, b"IN=").ok_or(Unparsed::NotThisFormat)?;
    packet.interface_in = take_short_word(&mut rest);
    literal(&mut rest, b"OUT=").ok_or(Unparsed::NotThisFormat)?;
    packet.interface_out = take_short_word(&mut rest);
    let mut link = Link::default();
    let source = addresses(&mut rest, &mut link)?;
    transport(rest, &mut link, &mut packet)?;
    let event = Event::new(Source::Ufw, Body::Packet(packet));
    Ok(Some(Event { time: Some(time), src_ip: Some(source), link, ..event }))
}

/// Skips `[ 2785.517650] `, which journald and newer rsyslog leave out.
fn after_uptime(message: &[u8]) -> &[u8] {
    let uptime = || {
        let mut rest = message.strip_prefix(b"[")?;
        let stamp = take_until(&mut rest, b']')?.trim_ascii();
        let digits =
            !stamp.is_empty() && stamp.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
        digits.then(|| rest.trim_ascii_start())
    };
    uptime().unwrap_or(message)
}

/// Where `IN=` begins, followed by `OUT=`: prefixes often stick to it (`DROP:IN=`).
fn packet_start(message: &[u8]) -> Option<usize> {
    static IN: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"IN="));
    let mut from = 0;
    loop {
        let at = from + IN.find(message.get(from..)?)?;
        let mut rest = message.get(at..)?;
        take_short_word(&mut rest);
        let letter_before = at
            .checked_sub(1)
            .and_then(|before| message.get(before))
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        if rest.starts_with(b"OUT=") && !letter_before {
            return Some(at);
        }
        from = at + 3;
    }
}

/// What the prefix says was done. ufw's are `[UFW BLOCK]`, `[UFW LIMIT BLOCK]`,
/// `[UFW AUDIT INVALID]`…; others write what they like.
fn action(prefix: &[u8]) -> Action {
    let says = |words: &[&str]| {
        words.iter().any(|word| {
            prefix.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    if says(&["AUDIT"]) {
        Action::Audit
    } else if says(&["BLOCK", "DROP", "REJECT", "DENY", "DENIED"]) {
        Action::Block
    } else if says(&["LIMIT"]) {
        Action::Limit
    } else if says(&["ALLOW", "ACCEPT"]) {
        Action::Allow
    } else {
        Action::Unknown
    }
}

/// `SRC=` and `DST=`, which stand next to each other after what is known of the link.
fn addresses(rest: &mut &[u8], link: &mut Link<'_>) -> Result<std::net::IpAddr, Unparsed> {
    while !rest.is_empty() {
        let word = take_short_word(rest);
        if word.starts_with(b"[") {
            break;
        }
        if let Some(source) = word.strip_prefix(b"SRC=") {
            let source = ip(source).ok_or(Unparsed::NoAddress)?;
            let target = take_short_word(rest).strip_prefix(b"DST=").and_then(ip);
            link.dst_ip = Some(target.ok_or(Unparsed::NoAddress)?);
            return Ok(source);
        }
    }
    Err(Unparsed::NoAddress)
}

/// `PROTO=`, ports and TCP flags.
fn transport<'a>(
    mut rest: &'a [u8],
    link: &mut Link<'a>,
    packet: &mut Packet<'a>,
) -> Result<(), Unparsed> {
    while !rest.is_empty() {
        let word = take_short_word(&mut rest);
        if word.starts_with(b"[") {
            break;
        }
        if let Some(proto) = word.strip_prefix(b"PROTO=") {
            link.proto = proto;
        } else if let Some(port) = word.strip_prefix(b"SPT=") {
            link.src_port = Some(small(port).ok_or(Unparsed::BadNumber)?);
        } else if let Some(port) = word.strip_prefix(b"DPT=") {
            link.dst_port = Some(small(port).ok_or(Unparsed::BadNumber)?);
        } else if word.starts_with(b"RES=") {
            // Flags stand between the reserved bits and the urgent pointer.
            static URGENT: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"URGP="));
            let end = URGENT.find(rest).unwrap_or(0);
            packet.flags = rest.get(..end).unwrap_or_default().trim_ascii();
            break;
        }
    }
    Ok(())
}
