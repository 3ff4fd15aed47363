//! What Suricata's rules and decoders complain about.
//!
//! Owns who attacks, and which outside name and which file an alert is about.
//!
//! # Who attacks
//!
//! 1. If the rule has the keyword `target`, the record names `alert.source`: it attacks.
//! 2. Else, if exactly one side is ours, the other one does.
//! 3. Else nobody is named. The direction tells who called whom; but a response can be
//!    the attack, and where neither side is ours, each is somebody's victim perhaps.
//!
//! Never named are: one of ours; a trusted proxy, who speaks for others; and whoever
//! answers the name questions of ours, for the bad thing is the name then.

use std::net::IpAddr;

use super::record::{self, Alert, End, Record, inner, ip, list, number, text, word};
use crate::parse::event::{self, Body, Link, Seen, SeenKind};
use crate::parse::text::{Escape, Text};
use crate::parse::{Context, Unparsed, scan};

/// An `alert`, or a `drop` that tells of one.
pub(super) fn alert<'a>(
    record: &Record<'a>,
    src_ip: IpAddr,
    link: &Link<'a>,
    context: &Context<'_>,
) -> Result<Body<'a>, Unparsed> {
    let alert: Alert<'_> = inner(record.alert)?;
    Ok(Body::Alert(event::Alert {
        signature: text(alert.signature).unwrap_or_default(),
        signature_id: number(alert.signature_id),
        category: text(alert.category).unwrap_or_default(),
        severity: number(alert.severity),
        action: word(alert.action),
        attacker: attacker(record, &alert, src_ip, link, context)?,
        domain: domain(record, src_ip, link, context)?,
        seen: seen(record, &alert, link)?,
        ..event::Alert::default()
    }))
}

/// What a decoder found odd. It says nothing of an attack.
pub(super) fn anomaly<'a>(record: &Record<'a>) -> Result<Body<'a>, Unparsed> {
    let anomaly: record::Anomaly<'_> = inner(record.anomaly)?;
    Ok(Body::Alert(event::Alert {
        signature: text(anomaly.event).unwrap_or_default(),
        signature_id: number(anomaly.code),
        category: text(anomaly.kind).unwrap_or_default(),
        message: text(anomaly.layer).unwrap_or_default(),
        ..event::Alert::default()
    }))
}

fn attacker(
    record: &Record<'_>,
    alert: &Alert<'_>,
    src_ip: IpAddr,
    link: &Link<'_>,
    context: &Context<'_>,
) -> Result<Option<IpAddr>, Unparsed> {
    let Some(dst_ip) = link.dst_ip else { return Ok(None) };
    let source: End<'_> = inner(alert.source)?;
    let target: End<'_> = inner(alert.target)?;
    let named = match (ip(source.ip)?, ip(target.ip)?) {
        (Some(source), Some(target)) => {
            let ends = [(src_ip, dst_ip), (dst_ip, src_ip)];
            if !ends.contains(&(source, target)) {
                return Err(Unparsed::Ambiguous);
            }
            Some(source)
        }
        _ => match (context.is_ours(src_ip), context.is_ours(dst_ip)) {
            (true, false) => Some(dst_ip),
            (false, true) => Some(src_ip),
            _ => None,
        },
    };
    let asked = link.direction != "in" && is_question(record, link);
    Ok(named.filter(|ip| !asked && !context.is_ours(*ip) && !context.is_proxy(*ip)))
}

/// Whether it is about talk with a name server.
fn is_question(record: &Record<'_>, link: &Link<'_>) -> bool {
    let ports = [link.src_port, link.dst_port];
    record.dns.is_some() || word(record.app_proto) == b"dns" || ports.contains(&Some(53))
}

/// The name of the far side, if ours called it. In what a stranger sends to us, names
/// are the stranger's text.
fn domain<'a>(
    record: &Record<'a>,
    src_ip: IpAddr,
    link: &Link<'a>,
    context: &Context<'_>,
) -> Result<Option<Text<'a>>, Unparsed> {
    let ends = [Some(src_ip), link.dst_ip];
    let all_ours = ends.into_iter().flatten().all(|ip| context.is_ours(ip));
    // A question may go to a name server of ours.
    let ours_ask = link.direction == "out" || (all_ours && link.direction == "forward");
    if let Some(dns) = super::dns(record.dns)?.filter(|_| ours_ask) {
        return Ok(Some(dns.query).filter(|name| !name.is_empty()));
    }
    if link.direction != "out" {
        return Ok(None);
    }
    let tls: record::Tls<'_> = inner(record.tls.or(record.quic))?;
    let http: record::Http<'_> = inner(record.http)?;
    Ok(text(tls.sni).or_else(|| text(http.hostname)))
}

/// The one file of a transaction in which this very rule matched, if ours fetched it.
fn seen<'a>(
    record: &Record<'a>,
    alert: &Alert<'a>,
    link: &Link<'a>,
) -> Result<Option<Seen<'a>>, Unparsed> {
    let files = list::<record::File<'_>>(record.files)?;
    let Some(file) = files.first.filter(|_| files.count == 1 && link.direction == "out") else {
        return Ok(None);
    };
    let ids = file.sid.map_or("", |ids| ids.get()).trim_matches(['[', ']']);
    let id = number(alert.signature_id);
    let matched =
        id.is_some() && ids.split(',').any(|own| scan::number(own.trim().as_bytes()) == id);
    let hashes = [file.sha256, file.sha1, file.md5].map(word);
    let strongest = hashes.into_iter().find(|hash| !hash.is_empty());
    Ok(strongest
        .filter(|_| matched)
        .map(|hash| Seen { value: Text::new(hash, Escape::None), kind: SeenKind::Hash }))
}
