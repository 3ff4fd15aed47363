//! The sentences that tell of a client (OpenSSH's auth.c, packet.c, sshd.c; Linux-PAM).

use super::client::{self, Client};
use super::text;
use crate::parse::Unparsed;
use crate::parse::event::{Login, Outcome};
use crate::parse::scan::{ip, literal, number, small, take_until, take_word};
use crate::parse::text::Text;

/// What a sentence says.
pub(super) struct Said<'a> {
    pub(super) client: Client,
    pub(super) login: Login<'a>,
}

type Reading<'a> = Result<Option<Said<'a>>, Unparsed>;

fn said<'a>(
    client: Client,
    outcome: Outcome,
    user: Option<Text<'a>>,
    method: &'a [u8],
) -> Reading<'a> {
    Ok(Some(Said { client, login: Login { user, outcome, method } }))
}

/// A sentence without the level before it and `[preauth]` after it.
pub(super) fn read(message: &[u8]) -> Reading<'_> {
    let mut sentence = message;
    for level in [b"error: ".as_slice(), b"fatal: ", b"debug1: ", b"debug2: ", b"debug3: "] {
        sentence = sentence.strip_prefix(level).unwrap_or(sentence);
    }
    sentence = sentence.strip_suffix(b"[preauth]").unwrap_or(sentence).trim_ascii_end();
    match by_verb(sentence) {
        Ok(None) => fixed_beginning(sentence),
        other => other,
    }
}

/// Sentences with a user's name in them.
fn by_verb(sentence: &[u8]) -> Reading<'_> {
    let mut rest = sentence;
    match take_word(&mut rest) {
        b"Failed" => tried(rest, Outcome::Failed),
        b"Accepted" => tried(rest, Outcome::Accepted),
        b"Postponed" | b"Partial" => tried(rest, Outcome::Connection),
        b"Invalid" | b"Illegal" | b"invalid" | b"illegal" => invalid_user(rest),
        b"User" => not_allowed(rest),
        b"maximum" => too_many(rest, b"authentication attempts exceeded for "),
        b"Too" => too_many(rest, b"many authentication failures for "),
        b"Disconnecting" | b"Disconnecting:" => disconnecting(rest),
        b"Disconnected" => gone(rest, b"from ", Outcome::Disconnected),
        b"Connection" => match rest.strip_prefix(b"from ") {
            Some(rest) => begun(rest),
            None if rest.starts_with(b"closed by ") => {
                gone(rest, b"closed by ", Outcome::Disconnected)
            }
            None => gone(rest, b"reset by ", Outcome::Disconnected),
        },
        b"Bad" => bad_protocol(rest),
        b"Close" | b"Starting" => session(rest),
        b"Authentication" => wrong_place(rest),
        b"PAM:" => pam_failure(rest),
        b"PAM" => pam(sentence),
        word if word.starts_with(b"pam_") => pam(sentence),
        _ => Ok(None),
    }
}

/// The name after `invalid user`, which the verb may or may not say.
fn named(user: &[u8]) -> (&[u8], bool) {
    for known in [b"invalid user".as_slice(), b"illegal user"] {
        if let Some(name) = user.strip_prefix(known) {
            return (name.strip_prefix(b" ").unwrap_or(name), true);
        }
    }
    (user, false)
}

/// `METHOD for [invalid user ]USER from ADDR port N ssh2[: key]`
fn tried(rest: &[u8], outcome: Outcome) -> Reading<'_> {
    let mut rest = rest;
    let method = take_word(&mut rest);
    // A tail of its own: `Postponed publickey for … ssh2 [preauth]` lost its bracket already.
    let Some(rest) = rest.strip_prefix(b"for ") else { return Ok(None) };
    let Some((user, client)) = client::after_user(rest)? else { return Ok(None) };
    let (user, invalid) = named(user);
    let outcome =
        if invalid && outcome == Outcome::Failed { Outcome::InvalidUser } else { outcome };
    said(client, outcome, text(user), method)
}

/// `user USER from ADDR[ port N]`
fn invalid_user(rest: &[u8]) -> Reading<'_> {
    let Some(rest) = rest.strip_prefix(b"user") else { return Ok(None) };
    let Some((before, client)) = client::last(rest) else { return Ok(None) };
    let Some(user) = before.strip_suffix(b" from") else { return Ok(None) };
    said(client, Outcome::InvalidUser, text(user.trim_ascii_start()), b"")
}

/// `USER from ADDR not allowed because reason`
fn not_allowed(rest: &[u8]) -> Reading<'_> {
    let Some(at) = memchr::memmem::rfind(rest, b" not allowed because ") else { return Ok(None) };
    let Some((before, client)) = rest.get(..at).and_then(client::last) else { return Ok(None) };
    let Some(user) = before.strip_suffix(b" from") else { return Ok(None) };
    said(client, Outcome::InvalidUser, text(user), b"")
}

/// `[invalid user ]USER from ADDR port N ssh2`
fn too_many<'a>(rest: &'a [u8], words: &[u8]) -> Reading<'a> {
    let Some(rest) = rest.strip_prefix(words) else { return Ok(None) };
    let Some((user, client)) = client::after_user(rest)? else { return Ok(None) };
    said(client, Outcome::TooManyFailures, text(named(user).0), b"")
}

/// `[authenticating|invalid] user USER ADDR port N: reason`, or without user.
fn disconnecting(rest: &[u8]) -> Reading<'_> {
    let Some((before, client)) = client::before_reason(rest)? else { return Ok(None) };
    let outcome = if memchr::memmem::find(rest, b": Too many authentication failures").is_some() {
        Outcome::TooManyFailures
    } else {
        Outcome::Disconnected
    };
    said(client, outcome, user_before(before), b"")
}

/// What stands between the verb and the address: a user, or nothing.
fn user_before(before: &[u8]) -> Option<Text<'_>> {
    [b"authenticating user".as_slice(), b"invalid user", b"user"]
        .iter()
        .find_map(|kind| before.strip_prefix(*kind))
        .and_then(|user| text(user.trim_ascii_start()))
}

/// `by|from [authenticating|invalid] user USER ADDR port N`
fn gone<'a>(rest: &'a [u8], words: &[u8], outcome: Outcome) -> Reading<'a> {
    let Some(rest) = rest.strip_prefix(words) else { return Ok(None) };
    let Some((before, client)) = client::last(rest) else { return Ok(None) };
    if client.ip.is_none() && client.port.is_none() {
        // `Connection closed by remote host` names nobody.
        return Ok(None);
    }
    // Somebody who had logged in and left did nothing wrong; nor did who was not asked yet.
    let outcome = match before {
        b"" => Outcome::Connection,
        user if user.starts_with(b"user ") => Outcome::Connection,
        _ => outcome,
    };
    said(client, outcome, user_before(before), b"")
}

/// `ADDR port N on …`, `ADDR port N: problem`
fn begun(rest: &[u8]) -> Reading<'_> {
    let Some((client, after)) = client::first(rest) else { return Ok(None) };
    let outcome = if after.starts_with(b":") { Outcome::BadProtocol } else { Outcome::Connection };
    said(client, outcome, None, b"")
}

/// `protocol version identification 'anything' from ADDR[ port N]`
fn bad_protocol(rest: &[u8]) -> Reading<'_> {
    if !rest.starts_with(b"protocol version identification ") {
        return Ok(None);
    }
    let Some((before, client)) = client::last(rest) else { return Ok(None) };
    if !before.ends_with(b"' from") {
        return Ok(None);
    }
    said(client, Outcome::BadProtocol, None, b"")
}

/// `session: … user|for USER from ADDR port N id M`
fn session(rest: &[u8]) -> Reading<'_> {
    if !rest.starts_with(b"session: ") {
        return Ok(None);
    }
    let Some(at) = memchr::memmem::rfind(rest, b" id ") else { return Ok(None) };
    let Some((before, client)) = rest.get(..at).and_then(client::last) else { return Ok(None) };
    if !before.ends_with(b" from") {
        return Ok(None);
    }
    said(client, Outcome::Connection, None, b"")
}

/// `tried for USER with correct key but not from a permitted host (host=H, ip=ADDR…)`
fn wrong_place(rest: &[u8]) -> Reading<'_> {
    let Some(rest) = rest.strip_prefix(b"tried for ") else { return Ok(None) };
    let Some(at) = memchr::memmem::rfind(rest, b", ip=") else { return Ok(None) };
    let address = rest.get(at + 5..).unwrap_or_default();
    let end = address.iter().position(|byte| matches!(byte, b',' | b')')).unwrap_or(0);
    let Some(ip) = address.get(..end).and_then(ip) else { return Ok(None) };
    let user = memchr::memmem::find(rest, b" with correct key").and_then(|at| rest.get(..at));
    let client = Client { ip: Some(ip), port: None };
    said(client, Outcome::Failed, user.and_then(text), b"publickey")
}

/// `Authentication failure for [illegal user ]USER from ADDR[ via ADDR]`, or another of
/// PAM's reasons: `Failed …` says it again.
fn pam_failure(rest: &[u8]) -> Reading<'_> {
    let Some(at) = memchr::memmem::find(rest, b" for ") else { return Ok(None) };
    let rest = rest.get(at + 5..).unwrap_or_default();
    let Some((mut before, mut client)) = client::last(rest) else { return Ok(None) };
    if let Some(peer) = before.strip_suffix(b" via").and_then(client::last) {
        (before, client) = peer;
    }
    let Some(user) = before.strip_suffix(b" from") else { return Ok(None) };
    said(client, Outcome::Failed, text(named(user).0), b"pam")
}

/// `pam_unix(sshd:auth): authentication failure; … rhost=ADDR  user=USER`
fn pam(sentence: &[u8]) -> Reading<'_> {
    let Some((client, rest)) = pam_list(sentence).and_then(client::rhost) else {
        return Ok(None);
    };
    let user = rest.trim_ascii_start().strip_prefix(b"user=").and_then(text);
    said(client, Outcome::Failed, user, b"pam")
}

/// PAM's list after words of its own. Some modules write the user's name before theirs.
fn pam_list(sentence: &[u8]) -> Option<&[u8]> {
    let mut rest = sentence;
    if literal(&mut rest, b"PAM ").is_some() {
        number(take_word(&mut rest))?;
        literal(&mut rest, b"more ")?;
    } else {
        take_until(&mut rest, b')')?;
        literal(&mut rest, b": ")?;
    }
    literal(&mut rest, b"authentication failure")?;
    let list = rest.strip_prefix(b"s").unwrap_or(rest);
    list.starts_with(b"; logname=").then_some(list)
}

/// Sentences whose address stands right after fixed words.
fn fixed_beginning(sentence: &[u8]) -> Reading<'_> {
    const BEGINNINGS: [(&[u8], Outcome); 16] = [
        (b"Received disconnect from ", Outcome::Connection),
        (b"Unable to negotiate with ", Outcome::BadProtocol),
        // A monitor that looks whether the port is open sends nothing either.
        (b"Did not receive identification string from ", Outcome::Connection),
        (b"banner exchange: Connection from ", Outcome::BadProtocol),
        (b"ssh_dispatch_run_fatal: Connection from ", Outcome::BadProtocol),
        (b"Protocol major versions differ for ", Outcome::BadProtocol),
        (b"scanned from ", Outcome::BadProtocol),
        (b"ROOT LOGIN REFUSED FROM ", Outcome::Failed),
        (b"Timeout before authentication for connection from ", Outcome::Disconnected),
        (b"Timeout before authentication for ", Outcome::Disconnected),
        (b"Read error from remote host ", Outcome::Connection),
        (b"Could not reverse map address ", Outcome::Connection),
        (b"Address ", Outcome::Connection),
        (b"refused connect from ", Outcome::Connection),
        (b"reverse mapping checking getaddrinfo for ", Outcome::Connection),
        (b"drop connection #", Outcome::Connection),
    ];
    let found = BEGINNINGS.iter().find_map(|(words, outcome)| {
        sentence.strip_prefix(*words).map(|rest| (*words, rest, *outcome))
    });
    let Some((words, rest, outcome)) = found else { return Ok(None) };
    let client = match words {
        b"refused connect from " => bracketed(rest, b'(', b')'),
        b"reverse mapping checking getaddrinfo for " => {
            let end = memchr::memmem::rfind(rest, b" failed").unwrap_or(rest.len());
            rest.get(..end).and_then(|rest| bracketed(rest, b'[', b']'))
        }
        b"drop connection #" => dropped(rest),
        b"ssh_dispatch_run_fatal: Connection from "
            if rest.starts_with(b"authenticating user") || rest.starts_with(b"invalid user") =>
        {
            client::before_reason(rest)?.map(|(_, client)| client)
        }
        _ => client::first(rest).map(|(client, _)| client),
    };
    client.map_or(Ok(None), |client| said(client, outcome, None, b""))
}

/// The address in the brackets with which the text ends; the name before them is the
/// other side's own.
fn bracketed(text: &[u8], open: u8, close: u8) -> Option<Client> {
    let inside = text.strip_suffix(&[close])?;
    let at = memchr::memrchr(open, inside)?;
    Some(Client { ip: Some(ip(inside.get(at + 1..)?)?), port: None })
}

/// `N from [ADDR]:PORT on …`
fn dropped(rest: &[u8]) -> Option<Client> {
    let mut rest = rest;
    small(take_word(&mut rest))?;
    literal(&mut rest, b"from [")?;
    let address = ip(take_until(&mut rest, b']')?)?;
    literal(&mut rest, b":")?;
    Some(Client { ip: Some(address), port: small(take_word(&mut rest)) })
}
