//! The API for an organisation's own clients: indicators by token.
//!
//! Each route is an entry of the table in [`access`]; a request meets the guard before
//! its handler, and the handler gets the view that the guard decided. What the view does
//! not see is left out by the node before anything is counted.

mod access;
mod guard;
mod indicators;
mod openapi;
mod stream;
mod types;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRef, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::routing::MethodRouter;
use axum::{Router, routing};
use tokio::sync::Semaphore;
use tower_http::set_header::SetResponseHeaderLayer;

use self::access::Route;
use self::guard::Guard;
use crate::http::error::ApiError;
use crate::node::Node;

/// The largest body, in bytes: an indicator with all its custom fields.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// What handlers need.
#[derive(Clone, Debug)]
struct Api {
    node: Node,
    /// Places for streams.
    streams: Arc<Semaphore>,
}

impl FromRef<Api> for Node {
    fn from_ref(api: &Api) -> Self {
        api.node.clone()
    }
}

/// The routes.
pub fn router(node: Node) -> Router {
    let guard = Guard::new(node.clone());
    let api = Api { node, streams: Arc::new(Semaphore::new(stream::MAX_STREAMS)) };
    let mut router = Router::new();
    for route in Route::ALL {
        let guard = guard.clone();
        let check =
            from_fn(move |request: Request, next: Next| guard.clone().check(route, request, next));
        router = router.route(route.path(), handler(route).layer(check));
    }
    router
        .method_not_allowed_fallback(async || {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "this route has other methods")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(header(header::CACHE_CONTROL, "no-store"))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .with_state(api)
}

fn header(name: header::HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

fn handler(route: Route) -> MethodRouter<Api> {
    match route {
        Route::OpenApi => routing::get(openapi::document),
        Route::List => routing::get(indicators::list),
        Route::Add => routing::post(indicators::add),
        Route::Stream => routing::get(stream::stream),
        Route::Show => routing::get(indicators::show),
        Route::Share => routing::patch(indicators::share),
        Route::Retract => routing::post(indicators::retract),
        Route::Vote => routing::post(indicators::vote),
    }
}
