//! A STIX bundle by plain HTTPS, of any size.

use reqwest::{Response, StatusCode, header};

use super::{Mark, NoFeed, Source, send};
use crate::formats::stix::Splitter;

/// The longest bundle that is read, in bytes, unpacked.
const MAX_BYTES: u64 = 4 << 30;
/// Objects that are handed on together.
const BATCH: usize = 1000;
/// The longest name of a version.
const MAX_ETAG_BYTES: usize = 256;

/// A walk through a bundle.
#[derive(Debug)]
pub struct Walk {
    source: Source,
    /// Nothing once it has ended, and from the start if nothing has changed.
    response: Option<Response>,
    splitter: Splitter,
    bytes: u64,
    etag: Option<String>,
}

impl Walk {
    pub(super) async fn begin(source: &Source, known: Option<String>) -> Result<Self, NoFeed> {
        let accept = "application/stix+json;version=2.1, application/json;q=0.9, */*;q=0.1";
        let mut request = source.ask(source.url.clone(), accept);
        if let Some(etag) = &known {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let response = send(request).await?;
        let same = response.status() == StatusCode::NOT_MODIFIED;
        let etag = response.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.filter(|etag| etag.len() <= MAX_ETAG_BYTES).map(str::to_owned);
        Ok(Self {
            source: source.clone(),
            etag: if same { known } else { etag },
            response: (!same).then_some(response),
            splitter: Splitter::default(),
            bytes: 0,
        })
    }

    pub(super) async fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>, NoFeed> {
        let Some(response) = &mut self.response else { return Ok(None) };
        let mut objects = Vec::new();
        while objects.len() < BATCH {
            let Some(piece) = response.chunk().await.map_err(NoFeed::away)? else {
                self.response = None;
                std::mem::take(&mut self.splitter).finish().map_err(NoFeed::unusable)?;
                break;
            };
            self.bytes += piece.len() as u64;
            if self.bytes > MAX_BYTES {
                return Err(NoFeed::unusable(format!("it is longer than {MAX_BYTES} bytes")));
            }
            let split = self.splitter.take(&piece, |object| objects.push(object.to_vec()));
            split.map_err(NoFeed::unusable)?;
        }
        Ok(Some(objects))
    }

    pub(super) fn mark(&self) -> Mark {
        self.source.mark(None, self.etag.clone())
    }
}
