//! Where a sentence names its client.

use std::net::IpAddr;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::parse::Unparsed;
use crate::parse::scan::{ip, small, take_word};

/// The other end of a connection. A host name (`UseDNS yes`) leaves the address open.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Client {
    pub(super) ip: Option<IpAddr>,
    pub(super) port: Option<u16>,
}

/// `ADDR[ port N]` at the beginning; gives what comes after it.
pub(super) fn first(sentence: &[u8]) -> Option<(Client, &[u8])> {
    let end = sentence.iter().position(|byte| *byte == b' ').unwrap_or(sentence.len());
    let (word, mut rest) = sentence.split_at_checked(end)?;
    let (word, colon) = match word.strip_suffix(b":") {
        // An IPv6 address may end in `::`, but then another colon would follow.
        Some(before) if ip(word).is_none() => (before, true),
        _ => (word, false),
    };
    // `Could not reverse map address 192.0.2.1.`
    let address = word.strip_suffix(b".").unwrap_or(word);
    let mut client = Client { ip: ip(address), port: None };
    if let Some(after) = rest.strip_prefix(b" port ").filter(|_| !colon) {
        let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, tail) = after.split_at_checked(digits)?;
        client.port = Some(small(number)?);
        rest = tail;
    }
    (client.ip.is_some() || looks_like_a_host(word)).then_some((client, rest))
}

/// `ADDR[ port N]` at the end; gives what comes before it.
pub(super) fn last(sentence: &[u8]) -> Option<(&[u8], Client)> {
    let (before, word) = split_last(sentence);
    let (head, marker) = split_last(before);
    let (before, word, port) = match (marker, small(word)) {
        (b"port", Some(port)) => {
            let (before, word) = split_last(head);
            (before, word, Some(port))
        }
        _ => (before, word, None),
    };
    let client = Client { ip: ip(word), port };
    (client.ip.is_some() || looks_like_a_host(word)).then_some((before, client))
}

/// The last word and what comes before its space.
fn split_last(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b' ', text) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (&[], text),
    }
}

fn looks_like_a_host(word: &[u8]) -> bool {
    !word.is_empty()
        && word.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(byte))
}

/// `USER from ADDR port N` and, perhaps, ` ssh2` and `: more`. The user may hold such a
/// sentence itself, and so may what comes after it (a certificate's name, SSH 1's remote
/// user): all that can be read so must name the same client.
pub(super) fn after_user(sentence: &[u8]) -> Result<Option<(&[u8], Client)>, Unparsed> {
    static FROM: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b" from "));
    let mut found: Option<(&[u8], Client)> = None;
    for at in FROM.find_iter(sentence) {
        let (user, rest) = sentence.split_at(at);
        let Some(rest) = rest.strip_prefix(b" from ") else { continue };
        let Some((client, after)) = first(rest) else { continue };
        let after = after.strip_prefix(b" ssh2").or(after.strip_prefix(b" ssh1")).unwrap_or(after);
        // OpenSSH never leaves out the port here.
        if client.port.is_none() || !(after.is_empty() || after.starts_with(b":")) {
            continue;
        }
        if found.is_some_and(|(_, other)| other != client) {
            return Err(Unparsed::Ambiguous);
        }
        found = found.or(Some((user, client)));
    }
    Ok(found)
}

/// `… ADDR port N: more`: user before it and reason after it may both be a stranger's.
pub(super) fn before_reason(sentence: &[u8]) -> Result<Option<(&[u8], Client)>, Unparsed> {
    let mut found: Option<(&[u8], Client)> = None;
    for at in memchr::memmem::find_iter(sentence, b" port ") {
        let end = sentence.get(at + 6..).unwrap_or_default();
        let digits = end.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || end.get(digits) != Some(&b':') {
            continue;
        }
        let Some((before, client)) = sentence.get(..at + 6 + digits).and_then(last) else {
            continue;
        };
        if found.is_some_and(|(_, other)| other != client) {
            return Err(Unparsed::Ambiguous);
        }
        found = found.or(Some((before, client)));
    }
    Ok(found)
}

/// The value of ` rhost=` in PAM's list, which comes before the user's name.
pub(super) fn rhost(sentence: &[u8]) -> Option<(Client, &[u8])> {
    let at = memchr::memmem::find(sentence, b" rhost=")?;
    let mut rest = sentence.get(at + 7..)?;
    let word = take_word(&mut rest);
    Some((Client { ip: ip(word), port: None }, rest))
}
