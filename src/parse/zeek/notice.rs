//! What Zeek's scripts notice.
//!
//! Owns in which notices `src` is an attacker. It must never take it for one in
//! others: most notices name whatever host they are about, often the victim.

use std::net::IpAddr;

use super::record::{Column, Record};
use crate::parse::Context;
use crate::parse::event::{Alert, Seen, SeenKind};
use crate::parse::text::{Escape, Text};

/// The notices whose `src` attacks, by what their scripts fill in.
const ATTACKS: [&[u8]; 14] = [
    b"Scan::Address_Scan",
    b"Scan::Port_Scan",
    b"Scan::Random_Scan",
    b"SSH::Password_Guessing",
    b"SSH::Login_By_Password_Guesser",
    b"FTP::Bruteforcing",
    b"SMTP::Password_Guessing",
    b"RDP::Password_Guessing",
    b"HTTP::SQL_Injection_Attacker",
    b"Heartbleed::SSL_Heartbeat_Attack",
    b"Heartbleed::SSL_Heartbeat_Attack_Success",
    b"ICMP::ICMPAddressScan",
    b"ICMP::ICMPTimestampScan",
    b"CVE_2021_44228::LOG4J_ATTEMPT_HEADER",
];

/// One notice.
pub(super) fn alert<'a>(record: &Record<'a>, src_ip: IpAddr, context: &Context<'_>) -> Alert<'a> {
    let note = record.get(Column::Note).unwrap_or_default();
    let message = record.get(Column::Msg).or_else(|| record.get(Column::Sub));
    let attacks = ATTACKS.contains(&note.raw());
    let proxy = context.is_proxy(src_ip);
    Alert {
        signature: note,
        message: message.unwrap_or_default(),
        attacker: Some(src_ip).filter(|ip| attacks && !proxy && !context.is_ours(*ip)),
        seen: listed_file(record, note),
        ..Alert::default()
    }
}

/// The malware hash registry gives a link that ends with the file's hash.
fn listed_file<'a>(record: &Record<'a>, note: Text<'a>) -> Option<Seen<'a>> {
    if note.raw() != b"TeamCymruMalwareHashRegistry::Match" {
        return None;
    }
    let link = record.get(Column::Sub)?.raw();
    let (_, hash) = link.split_at_checked(link.len().checked_sub(40)?)?;
    let hexadecimal = hash.iter().all(u8::is_ascii_hexdigit);
    let value = Text::new(hash, Escape::None);
    hexadecimal.then_some(Seen { value, kind: SeenKind::Hash })
}
