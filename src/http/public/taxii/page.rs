//! Pages: runs of places in a view, and what is filtered out of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::cache::Cache;
use super::object::{self, Object};
use crate::formats::taxii::{MEDIA_TYPE, Query, Stamp, Versions};
use crate::node::{self, Node, NodeError};
use crate::privacy::tlp::View;
use crate::store::Place;

/// Objects of a page, unless fewer or more are asked for.
const DEFAULT_OBJECTS: usize = 100;
/// Objects of a page at most.
const MAX_OBJECTS: usize = 1000;
/// Places that one page looks at, however many of them show nothing.
const MAX_PLACES: usize = 5000;
/// The stamp of the first object that is in every collection: before all indicators.
/// 2022-10-01T00:00:00Z, when TLP 2.0 was published.
const FIXED_FROM: u64 = 1_664_582_400_000_000;

const FIRST: HeaderName = HeaderName::from_static("x-taxii-date-added-first");
const LAST: HeaderName = HeaderName::from_static("x-taxii-date-added-last");

/// A page of objects, the first added first.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<(Stamp, Arc<Object>)>,
    /// Where it ended, if there is more.
    pub(super) next: Option<Stamp>,
}

impl Page {
    /// As the messages say it: not at all, if there is no more.
    pub(super) fn more(&self) -> Option<bool> {
        self.next.map(|_| true)
    }

    /// The objects' bytes.
    pub(super) fn bodies(&self) -> Vec<&[u8]> {
        self.objects.iter().map(|(_, object)| object.body.as_slice()).collect()
    }

    /// An answer with the times of the page in its head. Who goes on after the last of
    /// them misses nothing: places behind the last object show none.
    pub(super) fn respond(&self, body: Vec<u8>) -> Response {
        let mut response = ([(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        let first = self.objects.first().map(|(added, _)| *added).or(self.next);
        let last = self.next.or_else(|| self.objects.last().map(|(added, _)| *added));
        for (name, stamp) in [(FIRST, first), (LAST, last)] {
            let value = stamp.and_then(|stamp| HeaderValue::try_from(stamp.to_string()).ok());
            if let Some(value) = value {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// Takes as many of `objects` as fit.
    fn fill(&mut self, objects: impl Iterator<Item = (Stamp, Arc<Object>)>, limit: usize) {
        for (added, object) in objects {
            if self.objects.len() == limit {
                self.next = self.objects.last().map(|(added, _)| *added);
                return;
            }
            self.objects.push((added, object));
        }
    }
}

/// What a query finds in a view. Blocks on the disk.
pub(super) fn page(
    node: &Node,
    cache: &Cache,
    view: View,
    query: &Query,
) -> Result<Page, NodeError> {
    let limit = query.limit.unwrap_or(DEFAULT_OBJECTS).min(MAX_OBJECTS);
    let mut page = Page::default();
    if let Some(ids) = &query.ids {
        page.fill(named(node, cache, view, ids, query)?.into_iter(), limit);
        return Ok(page);
    }
    let fixed = fixed(view).filter(|(added, object)| wanted(query, *added, object));
    page.fill(fixed, limit);
    if page.next.is_some() || !query.wants_type("indicator") {
        return Ok(page);
    }
    match &query.versions {
        Versions::Kept => run(node, cache, view, (query.after().0, None), limit, &mut page)?,
        // A version is a stamp without its last three digits, so its objects are a run too.
        Versions::At(times) => {
            for time in times.iter().filter(|_| query.wants_type("indicator")) {
                let after = query.after().0.max(time.0.saturating_sub(1));
                let before = time.0.saturating_add(1000);
                if page.next.is_none() && after < before {
                    run(node, cache, view, (after, Some(before)), limit, &mut page)?;
                }
            }
        }
    }
    Ok(page)
}

/// Fills a page with what stands between two stamps.
fn run(
    node: &Node,
    cache: &Cache,
    view: View,
    (mut after, before): (u64, Option<u64>),
    limit: usize,
    page: &mut Page,
) -> Result<(), NodeError> {
    let mut looked = 0;
    loop {
        let room = limit - page.objects.len();
        // One more than there is room for tells whether there is more.
        let mut places = node.places(view, after, before, room + 1)?;
        let more = places.len() > room;
        if room == 0 {
            if more {
                page.next = Some(Stamp(after.max(last_of(page))));
            }
            return Ok(());
        }
        places.truncate(room);
        let Some(last) = places.last().map(|place| place.added) else { return Ok(()) };
        looked += places.len();
        after = last;
        page.objects.extend(write(node, cache, view, &places)?);
        if !more {
            return Ok(());
        }
        if page.objects.len() == limit || looked >= MAX_PLACES {
            page.next = Some(Stamp(last));
            return Ok(());
        }
    }
}

fn last_of(page: &Page) -> u64 {
    page.objects.last().map_or(0, |(added, _)| added.0)
}

/// One object. Nothing if it is not there.
pub(super) fn single(
    node: &Node,
    cache: &Cache,
    view: View,
    id: &str,
    query: &Query,
) -> Result<Option<Page>, NodeError> {
    let Some((added, object)) = find(node, cache, view, id)? else { return Ok(None) };
    let mut page = Page::default();
    if wanted(query, added, &object) {
        page.objects.push((added, object));
    }
    Ok(Some(page))
}

/// The objects of these ids that a query wants, in the order of the collection.
fn named(
    node: &Node,
    cache: &Cache,
    view: View,
    ids: &BTreeSet<String>,
    query: &Query,
) -> Result<Vec<(Stamp, Arc<Object>)>, NodeError> {
    let mut found = Vec::new();
    for id in ids {
        found.extend(find(node, cache, view, id)?);
    }
    found.retain(|(added, object)| wanted(query, *added, object));
    found.sort_unstable_by_key(|(added, _)| *added);
    Ok(found)
}

fn find(
    node: &Node,
    cache: &Cache,
    view: View,
    id: &str,
) -> Result<Option<(Stamp, Arc<Object>)>, NodeError> {
    if let Some(fixed) = fixed(view).find(|(_, object)| object.id == id) {
        return Ok(Some(fixed));
    }
    let uuid = id.strip_prefix("indicator--").and_then(|uuid| Uuid::try_parse(uuid).ok());
    // Other spellings of the same UUID are other ids.
    let Some(uuid) = uuid.filter(|uuid| id.ends_with(&uuid.to_string())) else { return Ok(None) };
    let Some(place) = node.place_of(view, uuid)? else { return Ok(None) };
    Ok(write(node, cache, view, &[place])?.pop())
}

/// The objects at these places; those that show nothing are left out.
fn write(
    node: &Node,
    cache: &Cache,
    view: View,
    places: &[Place],
) -> Result<Vec<(Stamp, Arc<Object>)>, NodeError> {
    let tick = node::tick(node::now());
    let kept = cache.get(view, places, tick);
    let mut objects = Vec::with_capacity(places.len());
    let mut fresh = Vec::new();
    for (place, kept) in places.iter().zip(kept) {
        let object = match kept {
            Some(object) => object,
            None => match object::write(node, view, *place)? {
                Some(object) => {
                    let object = Arc::new(object);
                    fresh.push((*place, Arc::clone(&object)));
                    object
                }
                None => continue,
            },
        };
        objects.push((Stamp(place.added), object));
    }
    cache.put(view, tick, fresh);
    Ok(objects)
}

/// What is in a collection whatever this node knows.
fn fixed(view: View) -> impl Iterator<Item = (Stamp, Arc<Object>)> {
    (FIXED_FROM..).map(Stamp).zip(object::fixed(view))
}

fn wanted(query: &Query, added: Stamp, object: &Object) -> bool {
    added > query.after()
        && query.wants_type(object.sort)
        && query.versions.wants(object.version.parse().unwrap_or_default())
}
