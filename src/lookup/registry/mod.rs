//! The registry over HTTPS: this node registers there and learns who else is there.
//!
//! Owns the requests to the one registry that the configuration names. It must never
//! follow a redirect, connect to a private address unless the configuration allows it,
//! or read more of an answer than its bounds. What the registry says of others is a
//! hint: whoever it names is a stranger.

mod answer;
mod resolver;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use multiaddr::Multiaddr;
use reqwest::{Certificate, Client, Method, StatusCode, header, redirect, tls};
use serde_json::json;
use url::Url;

use crate::keys::Identity;
use crate::model::{Community, NodeId, Timestamp};
use crate::wire::request::{self, Headers};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest answer that is read: a page of a hundred nodes with all their addresses
/// takes less than a third.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// Pages that are read in one round: a community of a thousand.
const MAX_PAGES: usize = 10;
/// Nodes that are read of one page.
const MAX_PEERS: usize = 100;
/// How much of a refusal is shown.
const MAX_SHOWN_CHARS: usize = 200;

/// Asks one registry.
#[derive(Clone)]
pub struct Registry {
    url: Url,
    client: Client,
    identity: Identity,
    community: Community,
}

/// No key in any log.
impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// A node that the registry named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its key, as the registry says.
    pub node: NodeId,
    /// Where it is, as the registry says; not one of them was tried or resolved.
    pub addresses: Vec<Multiaddr>,
}

/// A registration that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// For how many seconds, as the registry says.
    pub ttl: Option<u64>,
    /// The first of who else is there.
    pub peers: Vec<Named>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The registry cannot be asked at all.
    #[error("[network] registry_url cannot be used ({0}): correct it, or registry_ca")]
    Settings(String),
    /// It may answer later.
    #[error("the registry cannot be reached: {0}")]
    Away(String),
    /// It asks to be left alone for a while (status 429, 503).
    #[error("the registry is busy")]
    Busy {
        /// The seconds that it asks to wait.
        retry_after: Option<u64>,
    },
    /// It does not want this node, or this request.
    #[error("the registry refuses ({status}): {said}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        said: String,
    },
    /// It answered something else.
    #[error("the registry's answer cannot be used: {0}")]
    Unusable(String),
}

impl NoAnswer {
    /// The metric's label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Settings(_) => "settings",
            Self::Away(_) => "away",
            Self::Busy { .. } => "busy",
            Self::Refused { .. } => "refused",
            Self::Unusable(_) => "unusable",
        }
    }
}

impl Registry {
    /// The registry at `url`. `ca`: who signed its certificate, in PEM; none: those that
    /// the system trusts. Nothing is connected yet.
    pub fn new(
        url: &Url,
        ca: Option<&[u8]>,
        identity: Identity,
        community: Community,
        allow_private: bool,
    ) -> Result<Self, NoAnswer> {
        let wrong = |why: String| NoAnswer::Settings(why);
        resolver::check_literal(url, allow_private).map_err(wrong)?;
        let mut client = Client::builder()
            .https_only(true)
            .http1_only()
            .tls_version_min(tls::Version::TLS_1_3)
            .redirect(redirect::Policy::none())
            .referer(false)
            // A proxy of the environment would see which node asks.
            .no_proxy()
            .timeout(PATIENCE)
            .user_agent(concat!("dtim/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(resolver::Resolver { allow_private });
        if let Some(ca) = ca {
            let ca = Certificate::from_pem_bundle(ca).map_err(|why| wrong(why.to_string()))?;
            if ca.is_empty() {
                return Err(wrong("registry_ca holds no certificate".to_owned()));
            }
            client = client.tls_certs_only(ca);
        }
        let client = client.build().map_err(|why| wrong(chain(&why)))?;
        Ok(Self { url: url.clone(), client, identity, community })
    }

    /// Registers this node; the first of who else is there.
    pub async fn register(
        &self,
        endpoint: &str,
        addresses: &[Multiaddr],
        now: Timestamp,
    ) -> Result<Registered, NoAnswer> {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let body = json!({
            "public_key": BASE64.encode(self.identity.node_id().public_key()),
            "endpoint": endpoint,
            "community": self.community.as_str(),
            "addresses": addresses,
        });
        let url = self.route("api/v1/nodes/register")?;
        let body = body.to_string().into_bytes();
        let (answer, _) = self.ask(Method::POST, &url, body, Some(now)).await?;
        answer::registered(&answer)
    }

    /// Everybody who is there. The question is signed only if the registry wants that:
    /// who asks need not tell who it is.
    pub async fn peers(&self, now: Timestamp) -> Result<Vec<Named>, NoAnswer> {
        let mut url = self.route("api/v1/peers")?;
        url.query_pairs_mut().append_pair("community", self.community.as_str());
        let mut signed = None;
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let page = match self.ask(Method::GET, &url, Vec::new(), signed).await {
                Err(NoAnswer::Refused { status: 401, .. }) if signed.is_none() => {
                    signed = Some(now);
                    self.ask(Method::GET, &url, Vec::new(), signed).await?
                }
                page => page?,
            };
            let (answer, link) = page;
            all.extend(answer::peers(&answer)?);
            match link.and_then(|link| answer::next(&link, &url)) {
                Some(next) => url = next,
                None => break,
            }
        }
        Ok(all)
    }

    fn route(&self, path: &str) -> Result<Url, NoAnswer> {
        // `join` would take the place of the last segment.
        let mut base = self.url.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        base.join(path).map_err(|why| NoAnswer::Settings(why.to_string()))
    }

    /// The body and the `Link` of an answer; signed if a time is given.
    async fn ask(
        &self,
        method: Method,
        url: &Url,
        body: Vec<u8>,
        signed: Option<Timestamp>,
    ) -> Result<(Vec<u8>, Option<String>), NoAnswer> {
        let mut request = self.client.request(method.clone(), url.clone());
        if let Some(now) = signed {
            let Headers { digest, input, signature } = self.sign(&method, url, &body, now);
            request = request.header("signature-input", input).header("signature", signature);
            if let Some(digest) = digest {
                request = request.header("content-digest", digest);
            }
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|why| NoAnswer::Away(chain(&why)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let retry_after = text(header::RETRY_AFTER).and_then(|wait| wait.parse().ok());
        let link = text(header::LINK).map(str::to_owned);
        let body = read(response).await?;
        match status {
            StatusCode::OK => Ok((body, link)),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Err(NoAnswer::Busy { retry_after })
            }
            status if status.is_client_error() => {
                Err(NoAnswer::Refused { status: status.as_u16(), said: said(&body) })
            }
            status if status.is_server_error() => Err(NoAnswer::Away(status.to_string())),
            // A redirect among them: nobody else is asked.
            status => Err(NoAnswer::Unusable(status.to_string())),
        }
    }

    fn sign(&self, method: &Method, url: &Url, body: &[u8], now: Timestamp) -> Headers {
        let host = url.host_str().unwrap_or_default();
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let request = request::Request {
            method: method.as_str(),
            path: url.path(),
            query: url.query().unwrap_or_default(),
            authority: &authority,
            body,
        };
        let nonce = BASE64.encode(rand::random::<[u8; 16]>());
        request::sign(&request, &self.identity, now, &nonce)
    }
}

/// The body, unless it is longer than it may be.
async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|why| NoAnswer::Away(chain(&why)))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            let what = format!("it is longer than {MAX_ANSWER_BYTES} bytes");
            return Err(NoAnswer::Unusable(what));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a refusal says, as a line.
fn said(body: &[u8]) -> String {
    let json = serde_json::from_slice::<serde_json::Value>(body).ok();
    let error = json.as_ref().and_then(|json| json.get("error")?.as_str());
    let text = error.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    text.chars().filter(|c| !c.is_control()).take(MAX_SHOWN_CHARS).collect()
}

/// An error with its causes; the first alone says nothing. Without the address, which
/// the configuration has.
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}
