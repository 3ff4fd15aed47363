//! TAXII 2.1 at `/taxii2/`: what this node knows, for programs that speak the standard.
//!
//! Owns the routes and their answers; what the protocol says is in
//! [`crate::formats::taxii`]. There is a collection for each view, which can be read, and
//! an inbox, which can be written to. It must never show an object by another view than
//! its collection's, and tells of what a reader may not know that it is not there.

mod access;
mod cache;
mod collections;
mod error;
mod inbox;
mod object;
mod page;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use serde::Serialize;

use crate::formats::taxii::{
    ApiRoot, Collections, Cursor, Discovery, Endpoint, Entry, MEDIA_TYPE, Manifest, Query, Stamp,
    VersionList, envelope,
};
use crate::node::Node;

use access::Who;
use cache::Cache;
use collections::{Shelf, describe};
use error::Refused;
use inbox::Statuses;
use page::Page;

/// The largest body that is taken: about ten thousand objects.
const MAX_BODY_BYTES: usize = 16 << 20;
/// Where the one API root is.
const ROOT: &str = "/taxii2/dtim/";

type Answer = Result<Response, Refused>;

/// What the routes share.
#[derive(Clone)]
struct Taxii {
    node: Node,
    cache: Arc<Cache>,
    statuses: Arc<Statuses>,
}

/// The routes.
pub fn router(node: Node) -> Router {
    let taxii = Taxii { node, cache: Arc::default(), statuses: Arc::default() };
    let inbox = get(objects).post(inbox::add).layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    Router::new()
        .route("/taxii2/", get(discovery))
        .route("/taxii2/dtim/", get(root))
        .route("/taxii2/dtim/status/{status}/", get(inbox::status))
        .route("/taxii2/dtim/collections/", get(collections))
        .route("/taxii2/dtim/collections/{collection}/", get(collection))
        .route("/taxii2/dtim/collections/{collection}/manifest/", get(manifest))
        .route("/taxii2/dtim/collections/{collection}/objects/", inbox)
        .route(
            "/taxii2/dtim/collections/{collection}/objects/{object}/",
            get(object).delete(delete),
        )
        .route("/taxii2/dtim/collections/{collection}/objects/{object}/versions/", get(versions))
        .route("/taxii2", any(nowhere))
        .route("/taxii2/{*path}", any(nowhere))
        .method_not_allowed_fallback(async || Refused::method())
        .with_state(taxii)
}

async fn nowhere(_: Who) -> Refused {
    Refused::not_found("there is nothing here: every path of TAXII 2.1 ends with a slash")
}

async fn discovery(State(taxii): State<Taxii>, _: Who) -> Answer {
    answer(&Discovery {
        title: title(&taxii),
        default: Some(ROOT.to_owned()),
        api_roots: vec![ROOT.to_owned()],
    })
}

async fn root(State(taxii): State<Taxii>, _: Who) -> Answer {
    answer(&ApiRoot::new(title(&taxii), MAX_BODY_BYTES as u64))
}

async fn collections(State(taxii): State<Taxii>, who: Who) -> Answer {
    let shelves = Shelf::all().filter(|shelf| who.knows(*shelf));
    answer(&Collections {
        collections: shelves.map(|shelf| describe(&taxii.node, shelf, &who)).collect(),
    })
}

async fn collection(
    State(taxii): State<Taxii>,
    who: Who,
    Path(collection): Path<String>,
) -> Answer {
    let shelf = Shelf::named(&taxii.node, &collection, &who)?;
    answer(&describe(&taxii.node, shelf, &who))
}

async fn objects(
    State(taxii): State<Taxii>,
    who: Who,
    Path(collection): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let page = read(&taxii, &who, &collection, query, None, Endpoint::Objects).await?;
    Ok(page.respond(envelope(&page.bodies(), page.next.map(Cursor))))
}

async fn manifest(
    State(taxii): State<Taxii>,
    who: Who,
    Path(collection): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let page = read(&taxii, &who, &collection, query, None, Endpoint::Objects).await?;
    let entry = |(added, object): &(Stamp, Arc<object::Object>)| {
        Entry::new(&object.id, *added, &object.version)
    };
    let manifest =
        Manifest { more: page.more(), objects: page.objects.iter().map(entry).collect() };
    Ok(page.respond(json(&manifest)?))
}

async fn object(
    State(taxii): State<Taxii>,
    who: Who,
    Path((collection, object)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Answer {
    let page = read(&taxii, &who, &collection, query, Some(object), Endpoint::Object).await?;
    Ok(page.respond(envelope(&page.bodies(), page.next.map(Cursor))))
}

async fn versions(
    State(taxii): State<Taxii>,
    who: Who,
    Path((collection, object)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Answer {
    let page = read(&taxii, &who, &collection, query, Some(object), Endpoint::Versions).await?;
    let versions = page.objects.iter().map(|(_, object)| object.version.clone()).collect();
    Ok(page.respond(json(&VersionList { more: page.more(), versions })?))
}

/// No collection can be both read and written to, so nothing can be deleted here: what
/// this node tells is taken back by its operator, in `dtim indicators retract`.
async fn delete(
    State(taxii): State<Taxii>,
    who: Who,
    Path((collection, _)): Path<(String, String)>,
) -> Answer {
    Shelf::named(&taxii.node, &collection, &who)?;
    Err(Refused::forbidden("nothing can be deleted from this collection"))
}

async fn read(
    taxii: &Taxii,
    who: &Who,
    collection: &str,
    query: Option<String>,
    object: Option<String>,
    endpoint: Endpoint,
) -> Result<Page, Refused> {
    let view = Shelf::named(&taxii.node, collection, who)?.readable()?;
    let query = Query::parse(&query.unwrap_or_default(), endpoint)?;
    let cache = Arc::clone(&taxii.cache);
    let page = taxii.node.blocking(move |node| match object {
        None => page::page(node, &cache, view, &query).map(Some),
        Some(id) => page::single(node, &cache, view, &id, &query),
    });
    page.await?.ok_or_else(|| Refused::not_found("there is no such object"))
}

fn title(taxii: &Taxii) -> String {
    format!("DTIM node of the community {}", taxii.node.live().config.node.community)
}

fn json(body: &impl Serialize) -> Result<Vec<u8>, Refused> {
    serde_json::to_vec(body).map_err(|_| Refused::internal())
}

fn answer(body: &impl Serialize) -> Answer {
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], json(body)?).into_response())
}
