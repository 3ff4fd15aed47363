//! Requests that a node signed.

use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::model::Timestamp;
use crate::wire::request::{BadSignature, Headers, Request, Signer, verify};

/// Who signed a request; nothing if nobody did. Whether it was here before is not
/// looked at.
pub(super) fn signer(
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Result<Option<Signer>, BadSignature> {
    let headers = &parts.headers;
    let input = one(headers, "signature-input")?;
    let signature = one(headers, "signature")?;
    let (input, signature) = match (input, signature) {
        (None, None) => return Ok(None),
        (input, signature) => (
            input.ok_or(BadSignature::Form)?.to_owned(),
            signature.ok_or(BadSignature::Form)?.to_owned(),
        ),
    };
    let digest = one(headers, "content-digest")?.map(str::to_owned);
    let request = Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        authority: one(headers, "host")?.unwrap_or_default(),
        body,
    };
    verify(&request, &Headers { digest, input, signature }, now).map(Some)
}

/// A header that stands in the request once at most.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, BadSignature> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| BadSignature::Form),
        (Some(_), Some(_)) => Err(BadSignature::Form),
    }
}
