//! The request line that a web client sent.
//!
//! Owns how it is taken apart, and who the client is behind trusted proxies.

use std::net::IpAddr;

use super::Context;
use super::event::Http;
use super::scan;
use super::text::Text;

/// A request line, taken apart: all empty if it is garbage.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub(super) method: Text<'a>,
    pub(super) path: Text<'a>,
    pub(super) protocol: Text<'a>,
}

/// Keeps a request line whole and taken apart.
pub(super) fn split<'a>(http: &mut Http<'a>, request: Text<'a>) {
    http.request = request;
    let Parts { method, path, protocol } = parts(request);
    (http.method, http.path, http.protocol) = (method, path, protocol);
}

/// Method, target and protocol of a request line.
#[inline]
pub(super) fn parts(request: Text<'_>) -> Parts<'_> {
    let raw = request.raw();
    // A token (RFC 9110 section 5.6.2), as long as some server lets it pass.
    let length = raw.iter().take_while(|byte| is_token(**byte)).count();
    let Some((method, rest)) = raw.split_at_checked(length) else { return Parts::default() };
    let Some(rest) = rest.strip_prefix(b" ").filter(|_| (1..=255).contains(&length)) else {
        return Parts::default();
    };
    // A target may hold spaces when the server lets them pass, so the protocol is the last word.
    let (target, protocol) = last_word(rest);
    let text = |raw| Text::new(raw, request.escape());
    if protocol.starts_with(b"HTTP/") {
        Parts { method: text(method), path: text(target), protocol: text(protocol) }
    } else {
        Parts { method: text(method), path: text(rest), protocol: Text::default() }
    }
}

/// What stands before the last space, and what after it; nothing, if there is none.
#[inline]
fn last_word(text: &[u8]) -> (&[u8], &[u8]) {
    // ` HTTP/1.1`, nearly always.
    if let Some((before, [b' ', word @ ..])) = text.split_last_chunk::<9>()
        && let [b'H', b'T', b'T', b'P', b'/', version @ ..] = word
        && version.iter().all(|byte| *byte != b' ')
    {
        return (before, word);
    }
    match memchr::memrchr(b' ', text) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, b""),
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        )
}

/// Who sent the request: the socket's address, unless that is a trusted proxy.
/// Then the rightmost hop that is not trusted; if the proxy names none, nobody
/// is known, because the proxy itself must not be blamed.
#[inline]
pub(super) fn client(
    socket: Option<IpAddr>,
    forwarded_for: Option<Text<'_>>,
    context: &Context<'_>,
) -> Option<IpAddr> {
    let socket = socket?;
    if !context.is_proxy(socket) {
        return Some(socket);
    }
    for hop in forwarded_for?.raw().rsplit(|byte| *byte == b',') {
        // What is no address was written by a stranger, and so was all that stands left of it.
        let hop = hop_address(hop.trim_ascii())?;
        if !context.is_proxy(hop) {
            return Some(hop);
        }
    }
    None
}

/// `192.0.2.1`, `192.0.2.1:5566`, `2001:db8::1`, `[2001:db8::1]:5566`.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    if let Some(bracketed) = hop.strip_prefix(b"[") {
        let mut rest = bracketed;
        let address = scan::take_until(&mut rest, b']')?;
        let port = rest.strip_prefix(b":");
        return (rest.is_empty() || port.and_then(scan::small).is_some())
            .then(|| scan::ip(address))
            .flatten();
    }
    scan::ip(hop).or_else(|| {
        let mut rest = hop;
        let address = scan::take_until(&mut rest, b':')?;
        scan::small(rest)?;
        scan::ip(address)
    })
}
