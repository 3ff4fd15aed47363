//! Who asks, and what that lets them do.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Taxii;
use super::collections::Shelf;
use super::error::Refused;
use crate::formats::taxii::accepts;
use crate::privacy::tlp::View;
use crate::store::TokenRecord;

/// The longest credentials that are looked at, in bytes.
const MAX_CREDENTIALS_BYTES: usize = 1024;

/// Who asks: the bearer of a token, or anybody where anybody may read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Who(Option<TokenRecord>);

impl Who {
    /// Whether they may know that a collection is there.
    pub(super) fn knows(&self, shelf: Shelf) -> bool {
        self.reads(shelf) || self.writes(shelf)
    }

    /// Whether they may read it.
    pub(super) fn reads(&self, shelf: Shelf) -> bool {
        let most = match &self.0 {
            None => View::Public,
            Some(token) if !token.role.reads() => return false,
            Some(token) => View::of(token.scope),
        };
        matches!(shelf, Shelf::View(view) if view <= most)
    }

    /// Whether they may write to it.
    pub(super) fn writes(&self, shelf: Shelf) -> bool {
        shelf == Shelf::Inbox && self.0.as_ref().is_some_and(|token| token.role.writes())
    }

    /// The token that was named.
    pub(super) fn token(&self) -> Option<&TokenRecord> {
        self.0.as_ref()
    }
}

/// No answer without knowing who asks, and in no other media type.
impl FromRequestParts<Taxii> for Who {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, taxii: &Taxii) -> Result<Self, Refused> {
        let who = match parts.headers.get(header::AUTHORIZATION) {
            None if taxii.node.live().config.api.public_indicators => Self(None),
            None => return Err(Refused::unauthorized()),
            Some(credentials) => {
                let token = credentials.to_str().ok().and_then(token);
                let token = token.and_then(|token| taxii.node.bearer(&token));
                Self(Some(token.ok_or_else(Refused::unauthorized)?))
            }
        };
        let accept = parts.headers.get_all(header::ACCEPT).iter();
        let accept: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
        let accept = (!accept.is_empty()).then(|| accept.join(","));
        if accepts(accept.as_deref()) { Ok(who) } else { Err(Refused::not_acceptable()) }
    }
}

/// The token in the credentials: a bearer token (RFC 6750), or the password of HTTP Basic
/// (RFC 7617) under whatever name.
fn token(credentials: &str) -> Option<String> {
    if credentials.len() > MAX_CREDENTIALS_BYTES {
        return None;
    }
    let (scheme, rest) = credentials.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64.decode(rest).ok()?).ok()?;
    let (_, password) = pair.split_once(':')?;
    Some(password.to_owned())
}
