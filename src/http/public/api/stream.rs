//! Changes as they happen: server-sent events that can be taken up again where they broke
//! off.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream::unfold;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;

use super::Api;
use super::guard::Sees;
use super::indicators::cursor;
use super::types::{Error, Indicator};
use crate::http::error::ApiError;
use crate::node::{Node, Sight, Wanted, microseconds};
use crate::privacy::tlp::View;

/// Streams at a time.
pub const MAX_STREAMS: usize = 64;
/// Between two looks at what changed.
const LOOK: Duration = Duration::from_secs(1);
/// Indicators that are read at a time.
const BATCH: usize = 100;
/// A sign of life this often, so that nothing between takes the stream for dead.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// The id of the last event that was seen; `Last-Event-ID` has the same effect.
    /// Nothing: from now on. 0: from the beginning.
    cursor: Option<String>,
}

/// Where a stream stands.
struct Standing {
    node: Node,
    view: View,
    /// The stamp of the last change that was read.
    after: u64,
    ready: VecDeque<Sight>,
    _place: OwnedSemaphorePermit,
}

/// Changes of indicators, one `indicator` event each, as they happen. That an indicator has
/// ended by its age is not told: `until` says when it will.
#[utoipa::path(
    get, path = "/api/v1/indicators/stream", params(Asked), security(("token" = [])),
    responses(
        (status = 200, description = "Events with an Indicator as data",
            content_type = "text/event-stream", body = String),
        (status = 400, description = "The query cannot be read", body = Error),
        (status = 401, body = Error), (status = 403, body = Error), (status = 429, body = Error),
        (status = 503, description = "As many streams as there may be", body = Error),
    )
)]
pub(super) async fn stream(
    State(Api { node, streams }): State<Api>,
    Sees(view): Sees,
    query: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let Query(asked) = query.map_err(|why| ApiError::bad_request(why.body_text()))?;
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = match asked.cursor.as_deref().or(header) {
        Some(text) => cursor(text)?,
        // Stamps are microseconds of this node's clock.
        None => microseconds(),
    };
    let full = |_| {
        let what = "as many streams are open as there may be: close one";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, what).retry_after(Some(60))
    };
    let place = streams.try_acquire_owned().map_err(full)?;
    let standing = Standing { node, view, after, ready: VecDeque::new(), _place: place };
    let events = unfold(standing, |standing| async { next(standing).await });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}

async fn next(mut standing: Standing) -> Option<(Result<Event, Infallible>, Standing)> {
    loop {
        if let Some(sight) = standing.ready.pop_front() {
            let event = Event::default().id(sight.added.to_string()).event("indicator");
            // Its fields are texts and numbers: that cannot fail.
            let event = event.json_data(Indicator::from(&sight)).ok()?;
            return Some((Ok(event), standing));
        }
        let wanted = Wanted { after: standing.after, limit: BATCH, ..Wanted::default() };
        // Whoever listens takes it up again when the node is back.
        let found = standing.node.sights(standing.view, wanted).await.ok()?;
        standing.after = found.next;
        standing.ready = found.sights.into();
        if standing.ready.is_empty() && !found.more {
            tokio::time::sleep(LOOK).await;
        }
    }
}
