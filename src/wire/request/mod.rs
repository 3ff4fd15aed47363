//! Signed HTTP requests: RFC 9421 with a node's Ed25519 key, RFC 9530 for the body.
//!
//! Whoever signs names its key in `keyid` (base64 of the 32 bytes), covers at least
//! method, path and, where there is a body, its digest, and says when it signed and a
//! nonce. The covered bytes are those that came: parameters are not written anew, so
//! it does not matter in which order another program writes them.

mod digest;
mod nonces;

#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use httpsig::prelude::message_component::HttpMessageComponentId;
use httpsig::prelude::{HttpSignatureHeaders, HttpSignatureParams};

use crate::keys::{self, Identity};
use crate::model::{MINUTE, NodeId, Timestamp};

pub use nonces::{MAX_NONCES, Nonces};

/// How far the signer's clock may be from ours, in seconds.
pub const WINDOW: u64 = 5 * MINUTE;
/// The longest header of a signature that is read, in bytes.
const MAX_HEADER_BYTES: usize = 2048;
/// The longest nonce, in bytes.
const MAX_NONCE_BYTES: usize = 128;
/// The algorithm's name in the registry of RFC 9421, section 6.2.2.
const ALGORITHM: &str = "ed25519";
/// What our own signatures are called.
const LABEL: &str = "dtim";

/// The parts of a request that a signature can cover, as they came or will go.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`, `POST`.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The query, without the question mark; empty: none.
    pub query: &'a str,
    /// The host, with the port if it is not the scheme's own.
    pub authority: &'a str,
    /// The body; empty: none.
    pub body: &'a [u8],
}

/// The headers that make a request a signed one, with the names that RFC 9421 and
/// RFC 9530 give them in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// `content-digest`; none without a body.
    pub digest: Option<String>,
    /// `signature-input`.
    pub input: String,
    /// `signature`.
    pub signature: String,
}

/// Who signed, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Whose key it is.
    pub node: NodeId,
    /// When it says it signed.
    pub created: Timestamp,
    /// What it says only once.
    pub nonce: String,
}

/// Why a signature is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// There is none, or not exactly one, or not of that form.
    #[error("the request needs one signature after RFC 9421 in Signature-Input and Signature")]
    Form,
    /// Something that must be covered is not.
    #[error(
        "the signature must cover \"@method\", \"@path\" and, with a body, \"content-digest\", \
         and may cover \"@authority\" and \"@query\" besides"
    )]
    Components,
    /// A parameter is missing or has another form.
    #[error(
        "the signature needs the parameters created, nonce (at most 128 bytes) and keyid, the \
         base64 of the 32 bytes of an Ed25519 key; alg is ed25519 or left out"
    )]
    Parameters,
    /// From another time.
    #[error("the signature was made more than five minutes ago or ahead: set the clock")]
    Time,
    /// The body is not the one that was signed.
    #[error("Content-Digest (RFC 9530, sha-256 or sha-512) is missing or not that of the body")]
    Digest,
    /// Not by that key over these bytes.
    #[error("the signature is not that of the key in keyid over this request")]
    Wrong,
    /// The same request was here before.
    #[error("a request with this nonce was here before: sign each request anew")]
    Replayed,
}

impl BadSignature {
    /// The metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Form => "signature_form",
            Self::Components => "signature_components",
            Self::Parameters => "signature_parameters",
            Self::Time => "signature_time",
            Self::Digest => "digest",
            Self::Wrong => "signature_wrong",
            Self::Replayed => "replayed",
        }
    }
}

/// Signs a request. The nonce must be new: base64 of random bytes.
pub fn sign(request: &Request<'_>, identity: &Identity, now: Timestamp, nonce: &str) -> Headers {
    let mut names = vec!["\"@method\"", "\"@authority\"", "\"@path\""];
    if !request.query.is_empty() {
        names.push("\"@query\"");
    }
    let digest = (!request.body.is_empty()).then(|| digest::of(request.body));
    if digest.is_some() {
        names.push("\"content-digest\"");
    }
    let keyid = BASE64.encode(identity.node_id().public_key());
    let created = now.seconds();
    let params = format!(
        "({});created={created};nonce=\"{nonce}\";alg=\"{ALGORITHM}\";keyid=\"{keyid}\"",
        names.join(" ")
    );
    let names = names.into_iter().map(str::to_owned);
    // Every name is one that `base` knows.
    let base = base(names, request, digest.as_deref(), &params).unwrap_or_default();
    let signature = BASE64.encode(identity.sign(base.as_bytes()));
    Headers {
        digest,
        input: format!("{LABEL}={params}"),
        signature: format!("{LABEL}=:{signature}:"),
    }
}

/// Who signed a request. Whether the nonce is new is for [`Nonces`] to say.
pub fn verify(
    request: &Request<'_>,
    headers: &Headers,
    now: Timestamp,
) -> Result<Signer, BadSignature> {
    if headers.input.len().max(headers.signature.len()) > MAX_HEADER_BYTES {
        return Err(BadSignature::Form);
    }
    let all = HttpSignatureHeaders::try_parse(&headers.signature, &headers.input)
        .map_err(|_| BadSignature::Form)?;
    let (one, None) = (all.values().next().ok_or(BadSignature::Form)?, all.values().nth(1)) else {
        return Err(BadSignature::Form);
    };
    let params = one.signature_params();
    let names: Vec<String> =
        params.covered_components.iter().map(HttpMessageComponentId::to_string).collect();
    let covers = |name: &str| names.iter().any(|covered| covered == name);
    let body = request.body.is_empty() || covers("\"content-digest\"");
    if !(covers("\"@method\"") && covers("\"@path\"") && body) {
        return Err(BadSignature::Components);
    }
    let signer = signer(params, now)?;
    // There is one member only, so what follows its name is its value, as it came.
    let (_, raw) = headers.input.split_once('=').ok_or(BadSignature::Form)?;
    let base = base(names.into_iter(), request, headers.digest.as_deref(), raw.trim())?;
    let signature = BASE64.decode(one.signature().to_string()).ok();
    let signature: [u8; 64] =
        signature.and_then(|bytes| bytes.try_into().ok()).ok_or(BadSignature::Wrong)?;
    if !keys::verify_node(&signer.node, base.as_bytes(), &signature) {
        return Err(BadSignature::Wrong);
    }
    let digest = headers.digest.as_deref();
    if !request.body.is_empty() && !digest.is_some_and(|said| digest::fits(said, request.body)) {
        return Err(BadSignature::Digest);
    }
    Ok(signer)
}

fn signer(params: &HttpSignatureParams, now: Timestamp) -> Result<Signer, BadSignature> {
    let bad = BadSignature::Parameters;
    if params.alg.as_deref().is_some_and(|alg| alg != ALGORITHM) {
        return Err(bad);
    }
    let key = BASE64.decode(params.keyid.as_deref().ok_or(bad)?).map_err(|_| bad)?;
    let node = NodeId::from_public_key(key.try_into().map_err(|_| bad)?);
    let nonce = params.nonce.clone().ok_or(bad)?;
    if !(1..=MAX_NONCE_BYTES).contains(&nonce.len()) {
        return Err(bad);
    }
    let created = Timestamp(params.created.ok_or(bad)?);
    let expired = params.expires.is_some_and(|expires| Timestamp(expires) < now);
    if expired || now.since(created).max(created.since(now)) > WINDOW {
        return Err(BadSignature::Time);
    }
    Ok(Signer { node, created, nonce })
}

/// What is signed (RFC 9421, section 2.5): a line for each covered component, and the
/// parameters as they stand in the header.
fn base(
    names: impl Iterator<Item = String>,
    request: &Request<'_>,
    digest: Option<&str>,
    params: &str,
) -> Result<String, BadSignature> {
    let mut base = String::new();
    for name in names {
        let value = match name.as_str() {
            "\"@method\"" => request.method.to_owned(),
            "\"@path\"" => request.path.to_owned(),
            "\"@query\"" => format!("?{}", request.query),
            "\"@authority\"" => request.authority.to_ascii_lowercase(),
            "\"content-digest\"" => digest.ok_or(BadSignature::Digest)?.trim().to_owned(),
            _ => return Err(BadSignature::Components),
        };
        base.push_str(&format!("{name}: {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": {params}"));
    Ok(base)
}
