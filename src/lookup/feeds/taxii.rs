//! A collection of a TAXII 2.1 server.

use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::{Mark, NoFeed, Source, body, send};
use crate::formats::taxii::{Collections, Envelope, MEDIA_TYPE};

/// The longest page that is read, in bytes.
const MAX_PAGE_BYTES: usize = 64 << 20;
/// The longest answer about what is there, in bytes.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// API roots of a server that are looked at.
const MAX_ROOTS: usize = 8;
/// Pages of one walk: ten million objects.
const MAX_PAGES: u32 = 10_000;
/// Objects of a page.
const PAGE: &str = "1000";
/// How many names of collections a refusal shows.
const MAX_SHOWN: usize = 10;

/// What a server's first page, or an API root's, may say.
#[derive(Deserialize)]
struct Front {
    #[serde(default)]
    api_roots: Vec<String>,
    #[serde(default)]
    default: Option<String>,
}

/// Where the objects of a collection are.
pub(super) async fn find(source: &Source, wanted: &str) -> Result<Url, NoFeed> {
    let mut there = Vec::new();
    for root in roots(source).await? {
        let url = root.join("collections/").map_err(NoFeed::unusable)?;
        let found: Collections = answer(source, url.clone()).await?;
        for one in found.collections {
            let names = [Some(&one.id), Some(&one.title), one.alias.as_ref()];
            if one.can_read && names.into_iter().flatten().any(|name| name == wanted) {
                let mut objects = url;
                let mut path =
                    objects.path_segments_mut().map_err(|()| NoFeed::unusable("no path"))?;
                path.pop_if_empty().push(&one.id).push("objects").push("");
                drop(path);
                return Ok(objects);
            }
            if there.len() < MAX_SHOWN {
                there.push(format!("{:?}", one.title.chars().take(60).collect::<String>()));
            }
        }
    }
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    Err(NoFeed::NoCollection { wanted: wanted.to_owned(), there })
}

/// The API roots of a server, or the one that was named, the default one first.
async fn roots(source: &Source) -> Result<Vec<Url>, NoFeed> {
    let mut base = source.url.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    let front: Front = answer(source, base.clone()).await?;
    if front.api_roots.is_empty() {
        return Ok(vec![base]);
    }
    let mut roots: Vec<Url> = Vec::new();
    for root in front.default.into_iter().chain(front.api_roots) {
        let mut url = base.join(&root).map_err(NoFeed::unusable)?;
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        // The credentials are for the server that was named.
        if url.origin() == base.origin() && !roots.contains(&url) && roots.len() < MAX_ROOTS {
            roots.push(url);
        }
    }
    if roots.is_empty() {
        return Err(NoFeed::unusable("its API roots are at another host: name one as url"));
    }
    Ok(roots)
}

async fn answer<T: DeserializeOwned>(source: &Source, url: Url) -> Result<T, NoFeed> {
    let response = send(source.ask(url, MEDIA_TYPE)).await?;
    let body = body(response, MAX_ANSWER_BYTES).await?;
    message(&body)
}

/// A message of TAXII, which is always an object: a list would be read as its fields.
fn message<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, NoFeed> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(NoFeed::unusable("it is no message of TAXII"));
    }
    serde_json::from_slice(body).map_err(NoFeed::unusable)
}

/// A walk through a collection.
#[derive(Debug)]
pub struct Walk {
    source: Source,
    objects: Url,
    /// When the last object that was read was added.
    added: Option<String>,
    /// Where the next page begins, if the server says it by a word.
    next: Option<String>,
    /// Since when this walk asks: stays while `next` leads from page to page.
    after: Option<String>,
    pages: u32,
    ended: bool,
}

impl Walk {
    pub(super) fn new(source: Source, objects: Url, added: Option<String>) -> Self {
        let after = added.clone();
        Self { source, objects, added, next: None, after, pages: 0, ended: false }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>, NoFeed> {
        if self.ended {
            return Ok(None);
        }
        if self.pages == MAX_PAGES {
            return Err(NoFeed::unusable(format!("it has more than {MAX_PAGES} pages")));
        }
        self.pages += 1;
        let response = send(self.source.ask(self.page(), MEDIA_TYPE)).await?;
        let last = last_added(response.headers());
        let body = body(response, MAX_PAGE_BYTES).await?;
        let envelope: Envelope<'_> = message(&body)?;
        let objects: Vec<Vec<u8>> =
            envelope.objects.iter().map(|one| one.get().as_bytes().to_vec()).collect();
        self.go_on(envelope.more, envelope.next, last, objects.is_empty())?;
        Ok(Some(objects))
    }

    /// Takes what a page says of the next one.
    fn go_on(
        &mut self,
        more: bool,
        next: Option<String>,
        last: Option<String>,
        empty: bool,
    ) -> Result<(), NoFeed> {
        let moved = last.is_some() && last > self.added;
        if last > self.added {
            self.added = last;
        }
        if !more {
            self.ended = true;
        } else if next.is_some() {
            // OASIS's own server gives the same word with each page.
            if next == self.next && empty {
                return Err(NoFeed::unusable("its pages lead in a circle"));
            }
            self.next = next;
        } else if moved {
            (self.next, self.after) = (None, self.added.clone());
        } else {
            return Err(NoFeed::unusable("it has more and does not say where"));
        }
        Ok(())
    }

    fn page(&self) -> Url {
        let mut url = self.objects.clone();
        let mut query = url.query_pairs_mut();
        query.append_pair("limit", PAGE);
        if let Some(after) = &self.after {
            query.append_pair("added_after", after);
        }
        if let Some(next) = &self.next {
            query.append_pair("next", next);
        }
        drop(query);
        url
    }

    pub(super) fn mark(&self) -> Mark {
        self.source.mark(self.added.clone(), None)
    }
}

/// Kept as it came: it is given back to the same server. Times in one form compare as texts.
fn last_added(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-taxii-date-added-last")?.to_str().ok()?;
    (text.len() <= 40 && text.ends_with('Z')).then(|| text.to_owned())
}
