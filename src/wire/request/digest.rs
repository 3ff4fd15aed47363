//! `Content-Digest` (RFC 9530): `sha-256=:base64:`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256, Sha512};

/// The header's value for a body.
pub(super) fn of(body: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64.encode(Sha256::digest(body)))
}

/// Whether a header fits a body: it names one digest at least that is still good, and
/// all such that it names are right.
pub(super) fn fits(header: &str, body: &[u8]) -> bool {
    let mut known = 0;
    for member in header.split(',') {
        let Some((name, value)) = member.trim().split_once('=') else { return false };
        let digest = match name {
            "sha-256" => Sha256::digest(body).to_vec(),
            "sha-512" => Sha512::digest(body).to_vec(),
            _ => continue,
        };
        if value != format!(":{}:", BASE64.encode(digest)) {
            return false;
        }
        known += 1;
    }
    known > 0
}
