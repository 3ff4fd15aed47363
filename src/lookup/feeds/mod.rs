//! Feeds: TAXII collections and STIX bundles of others, read from time to time.
//!
//! Owns the requests to the servers that the configuration names. It must never follow a
//! redirect or go to another server than the named one, because the credentials are for
//! that one alone, and never read more of an answer than its bounds. What a feed says is
//! handed on as it came: nothing here looks into an object.

mod bundle;
mod taxii;

#[cfg(test)]
mod tests;

use std::time::Duration;

use reqwest::{
    Certificate, Client, Identity, RequestBuilder, Response, StatusCode, header, redirect,
};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

/// From a request to the end of its answer's head, and between two pieces of its body.
const PATIENCE: Duration = Duration::from_secs(60);
/// To connect.
const CONNECT: Duration = Duration::from_secs(15);

/// How a feed is reached.
#[derive(Debug, Default)]
pub struct Access {
    /// Where it is.
    pub url: String,
    /// The id, the name or the title of a TAXII collection; none: a STIX bundle.
    pub collection: Option<String>,
    /// Name and password for HTTP Basic.
    pub basic: Option<(String, Zeroizing<String>)>,
    /// A bearer token.
    pub token: Option<Zeroizing<String>>,
    /// Who signed its certificate, in PEM; none: those that this system trusts.
    pub ca: Option<Vec<u8>>,
    /// The client's certificate and its key, in PEM.
    pub identity: Option<Zeroizing<Vec<u8>>>,
}

/// A feed that can be read.
#[derive(Clone)]
pub struct Source {
    client: Client,
    url: Url,
    collection: Option<String>,
    basic: Option<(String, Zeroizing<String>)>,
    token: Option<Zeroizing<String>>,
}

/// No secret in any log.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("collection", &self.collection).finish_non_exhaustive()
    }
}

/// Where reading ended the last time: opaque for everybody else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Of which feed.
    url: String,
    collection: Option<String>,
    /// When the last object of a collection was added.
    added: Option<String>,
    /// Which version of a bundle it was.
    etag: Option<String>,
}

/// Why a feed cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NoFeed {
    /// It cannot be asked at all.
    #[error("{0}")]
    Settings(String),
    /// It may answer later.
    #[error("it cannot be reached: {0}")]
    Away(String),
    /// It asks to be left alone for a while (status 429, 503).
    #[error("it is busy")]
    Busy {
        /// The seconds that it asks to wait.
        retry_after: Option<u64>,
    },
    /// It does not accept who asks (status 401, 403).
    #[error("it refuses ({0}): check username, password_file, token_file and cert")]
    Refused(u16),
    /// The collection is not there, or cannot be read.
    #[error("it has no collection {wanted:?} that can be read; it has: {there}")]
    NoCollection {
        /// What was asked for.
        wanted: String,
        /// What is there.
        there: String,
    },
    /// It answered something else.
    #[error("its answer cannot be used: {0}")]
    Unusable(String),
}

impl NoFeed {
    /// The metric's label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Settings(_) => "settings",
            Self::Away(_) => "away",
            Self::Busy { .. } => "busy",
            Self::Refused(_) => "refused",
            Self::NoCollection { .. } => "no_collection",
            Self::Unusable(_) => "unusable",
        }
    }

    fn away(why: reqwest::Error) -> Self {
        // The address stands in the configuration, and not in a log.
        let why = why.without_url();
        let mut text = why.to_string();
        let mut source = std::error::Error::source(&why);
        while let Some(inner) = source {
            text = format!("{text}: {inner}");
            source = inner.source();
        }
        Self::Away(text)
    }

    fn unusable(why: impl ToString) -> Self {
        Self::Unusable(why.to_string())
    }
}

impl Source {
    /// Nothing is connected yet.
    pub fn new(access: Access) -> Result<Self, NoFeed> {
        let wrong = |why: String| NoFeed::Settings(why);
        let url = Url::parse(&access.url).map_err(|why| wrong(format!("url: {why}")))?;
        let mut client = Client::builder()
            .http1_only()
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .read_timeout(PATIENCE)
            .user_agent(concat!("dtim/", env!("CARGO_PKG_VERSION")));
        if let Some(ca) = &access.ca {
            let ca = Certificate::from_pem_bundle(ca).map_err(|why| wrong(format!("ca: {why}")))?;
            if ca.is_empty() {
                return Err(wrong("ca holds no certificate".to_owned()));
            }
            client = client.tls_certs_only(ca);
        }
        if let Some(pem) = &access.identity {
            let identity = Identity::from_pem(pem);
            client = client.identity(identity.map_err(|why| wrong(format!("cert, key: {why}")))?);
        }
        let client = client.build().map_err(|why| wrong(why.to_string()))?;
        let Access { collection, basic, token, .. } = access;
        Ok(Self { client, url, collection, basic, token })
    }

    /// Begins to read what is new since a mark of this feed.
    pub async fn read(&self, mark: &Mark) -> Result<Reading, NoFeed> {
        let mine = mark.url == self.url.as_str() && mark.collection == self.collection;
        let mark = if mine { mark.clone() } else { Mark::default() };
        Ok(match &self.collection {
            Some(wanted) => {
                let collection = taxii::find(self, wanted).await?;
                Reading::Taxii(Box::new(taxii::Walk::new(self.clone(), collection, mark.added)))
            }
            None => Reading::Bundle(Box::new(bundle::Walk::begin(self, mark.etag).await?)),
        })
    }

    fn mark(&self, added: Option<String>, etag: Option<String>) -> Mark {
        Mark { url: self.url.to_string(), collection: self.collection.clone(), added, etag }
    }

    fn ask(&self, url: Url, accept: &str) -> RequestBuilder {
        let request = self.client.get(url).header(header::ACCEPT, accept);
        match (&self.basic, &self.token) {
            (Some((name, password)), _) => request.basic_auth(name, Some(password.as_str())),
            (None, Some(token)) => request.bearer_auth(token.as_str()),
            (None, None) => request,
        }
    }
}

/// A feed while it is read.
#[derive(Debug)]
pub enum Reading {
    /// A collection, page by page.
    Taxii(Box<taxii::Walk>),
    /// A bundle, piece by piece.
    Bundle(Box<bundle::Walk>),
}

impl Reading {
    /// The next objects as they came, none of them looked at; nothing at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>, NoFeed> {
        match self {
            Self::Taxii(walk) => walk.next().await,
            Self::Bundle(walk) => walk.next().await,
        }
    }

    /// Where it ended, once it has.
    #[must_use]
    pub fn mark(&self) -> Mark {
        match self {
            Self::Taxii(walk) => walk.mark(),
            Self::Bundle(walk) => walk.mark(),
        }
    }
}

/// Sends a request, and takes what its status says.
async fn send(request: RequestBuilder) -> Result<Response, NoFeed> {
    let response = request.send().await.map_err(NoFeed::away)?;
    let status = response.status();
    match status {
        StatusCode::OK | StatusCode::NOT_MODIFIED => Ok(response),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(NoFeed::Refused(status.as_u16())),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let wait = response.headers().get(header::RETRY_AFTER);
            let retry_after = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
            Err(NoFeed::Busy { retry_after })
        }
        status if status.is_server_error() => Err(NoFeed::Away(status.to_string())),
        // A redirect among them: the credentials are for nobody else.
        status => Err(NoFeed::Unusable(status.to_string())),
    }
}

/// A body of no more than so many bytes, unpacked.
async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, NoFeed> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(NoFeed::away)? {
        if body.len() + piece.len() > most {
            return Err(NoFeed::Unusable(format!("it is longer than {most} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
