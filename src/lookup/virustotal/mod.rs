//! VirusTotal's API v3: a value in, what its engines think of it out.
//!
//! Owns one HTTPS request an answer, to one host, whatever that host says. It must never
//! upload anything, follow a redirect or read more of an answer than its bound.

mod quota;
mod report;
mod tls;

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use crate::model::{Kind, Value};

pub use quota::{Quota, back_off};
pub use report::{Report, Said};

#[cfg(test)]
mod tests;

/// The public API.
const HOST: &str = "www.virustotal.com";
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read: a file's report takes up to 1 MiB.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// Asks about values.
#[derive(Clone)]
pub struct VirusTotal {
    key: Zeroizing<String>,
    at: At,
    patience: Duration,
}

/// Whom to ask.
#[derive(Clone)]
enum At {
    Public(tls::Tls),
    /// A server of a test's own.
    #[cfg(test)]
    Test(std::net::SocketAddr),
}

/// No key in any log.
impl std::fmt::Debug for VirusTotal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VirusTotal").finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The key may ask no more for a while (status 429).
    #[error("VirusTotal's quota is used up")]
    Busy {
        /// The seconds that it asks to wait.
        retry_after: Option<u64>,
    },
    /// The key is not accepted (status 401 or 403).
    #[error(
        "VirusTotal does not accept the key: correct [watchers] virustotal_api_key and restart"
    )]
    Refused,
    /// It may answer later.
    #[error("VirusTotal cannot be reached: {0}")]
    Away(String),
    /// It answered, and asking again for this value would not help.
    #[error("VirusTotal's answer cannot be used: {0}")]
    Unusable(String),
    /// It cannot be asked about such a value.
    #[error("VirusTotal knows hashes, addresses, domains and URLs only")]
    Kind,
    /// The key cannot stand in a request.
    #[error("the VirusTotal key holds characters that no key has: correct it and restart")]
    Key,
}

impl VirusTotal {
    /// With that key. Nothing is connected yet; the system's root certificates are read.
    pub fn new(key: &str) -> io::Result<Self> {
        let key = Zeroizing::new(key.to_owned());
        Ok(Self { key, at: At::Public(tls::Tls::new()?), patience: PATIENCE })
    }

    /// With a server of a test's own, which has so long to answer.
    #[cfg(test)]
    pub(crate) fn test(address: std::net::SocketAddr, patience: Duration) -> Self {
        Self { key: Zeroizing::new("a key".to_owned()), at: At::Test(address), patience }
    }

    /// What it says about a value.
    pub async fn ask(&self, value: &Value) -> Result<Said, NoAnswer> {
        let path = path(value).ok_or(NoAnswer::Kind)?;
        let asking = async {
            match &self.at {
                At::Public(tls) => {
                    let stream = TcpStream::connect((HOST, 443)).await.map_err(away)?;
                    let stream = tls.connect(HOST, stream).await.map_err(away)?;
                    self.exchange(stream, &path, value).await
                }
                #[cfg(test)]
                At::Test(address) => {
                    let stream = TcpStream::connect(address).await.map_err(away)?;
                    self.exchange(stream, &path, value).await
                }
            }
        };
        let late = |_| NoAnswer::Away(format!("no answer in {} s", self.patience.as_secs()));
        tokio::time::timeout(self.patience, asking).await.map_err(late)?
    }

    async fn exchange<S>(&self, stream: S, path: &str, value: &Value) -> Result<Said, NoAnswer>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut key =
            header::HeaderValue::from_str(self.key.as_str()).map_err(|_| NoAnswer::Key)?;
        key.set_sensitive(true);
        let request = Request::get(path)
            .header(header::HOST, HOST)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("dtim/", env!("CARGO_PKG_VERSION")))
            .header("x-apikey", key)
            .body(Empty::<Bytes>::new())
            .map_err(|why| NoAnswer::Unusable(why.to_string()))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(away)?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(away)?;
            let status = response.status();
            let retry_after = response.headers().get(header::RETRY_AFTER);
            let retry_after = retry_after.and_then(|wait| wait.to_str().ok()?.parse().ok());
            if let Some(verdict) = verdict(status, retry_after) {
                return verdict;
            }
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|why| NoAnswer::Unusable(why.to_string()))?.to_bytes();
            Report::read(&body, value).map(Said::Report).map_err(NoAnswer::Unusable)
        };
        tokio::pin!(answer);
        // The connection only moves bytes; what counts is the answer.
        tokio::select! {
            answer = &mut answer => answer,
            ended = connection => match ended {
                Ok(()) => answer.await,
                Err(error) => Err(away(error)),
            },
        }
    }
}

/// What a status says by itself; nothing for 200, where the body speaks.
fn verdict(status: StatusCode, retry_after: Option<u64>) -> Option<Result<Said, NoAnswer>> {
    match status {
        StatusCode::OK => None,
        StatusCode::NOT_FOUND => Some(Ok(Said::Unknown)),
        StatusCode::TOO_MANY_REQUESTS => Some(Err(NoAnswer::Busy { retry_after })),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(Err(NoAnswer::Refused)),
        status if status.is_server_error() => Some(Err(NoAnswer::Away(status.to_string()))),
        // A redirect among them: nobody else is asked.
        status => Some(Err(NoAnswer::Unusable(status.to_string()))),
    }
}

fn away(why: impl std::fmt::Display) -> NoAnswer {
    NoAnswer::Away(why.to_string())
}

/// Whether it has reports on values of a kind.
#[must_use]
pub fn knows(kind: &Kind) -> bool {
    matches!(kind, Kind::Md5 | Kind::Sha1 | Kind::Sha256 | Kind::Ip | Kind::Domain | Kind::Url)
}

/// Where a value's report is; nothing for a kind that has none.
fn path(value: &Value) -> Option<String> {
    let (collection, id) = match value.kind() {
        Kind::Md5 | Kind::Sha1 | Kind::Sha256 => ("files", value.as_str().to_owned()),
        Kind::Ip => ("ip_addresses", value.as_str().to_owned()),
        Kind::Domain => ("domains", value.as_str().to_owned()),
        Kind::Url => ("urls", base64_url(value.as_str().as_bytes())),
        Kind::Cidr | Kind::Email | Kind::Sha512 | Kind::Custom(_) => return None,
    };
    Some(format!("/api/v3/{collection}/{id}"))
}

/// RFC 4648 section 5, without padding.
fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        let digits = [18, 12, 6, 0].map(|shift| (bits >> shift & 63) as usize);
        let digits = digits.iter().take(chunk.len() + 1);
        text.extend(digits.filter_map(|digit| ALPHABET.get(*digit)).map(|byte| char::from(*byte)));
    }
    text
}
