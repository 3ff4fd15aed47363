//! The guard: who asks, how often, and whether the table lets them.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::{Access, Denied, Route};
use crate::bootstrap::limiter::{Budget, Limiter};
use crate::http::error::ApiError;
use crate::http::public::Client;
use crate::model::MINUTE;
use crate::node::{Node, now};
use crate::privacy::tlp::View;

/// Requests with one token.
pub const REQUESTS: Budget = Budget { requests: 1200, seconds: MINUTE };
/// Requests of one host without a good token.
pub const STRANGERS: Budget = Budget { requests: 60, seconds: MINUTE };
/// Tokens whose requests are counted: as many as there may be.
const MAX_TOKENS: usize = 1000;
/// Hosts that are remembered.
const MAX_HOSTS: usize = 4096;

/// What a handler may show: the guard's decision, an extension of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sees(pub(super) View);

/// Whoever comes without the guard sees nothing.
impl<S: Sync> FromRequestParts<S> for Sees {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get().copied().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    node: Node,
    /// Held for a look.
    tokens: Arc<Mutex<Limiter<[u8; 32]>>>,
    strangers: Arc<Mutex<Limiter<IpAddr>>>,
}

impl Guard {
    pub(super) fn new(node: Node) -> Self {
        Self {
            node,
            tokens: Arc::new(Mutex::new(Limiter::new(REQUESTS, MAX_TOKENS))),
            strangers: Arc::new(Mutex::new(Limiter::new(STRANGERS, MAX_HOSTS))),
        }
    }

    pub(super) async fn check(self, route: Route, mut request: Request, next: Next) -> Response {
        let Some(Client { ip, .. }) = request.extensions().get::<Client>().cloned() else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        match self.decide(route, ip, request.headers()) {
            Ok(view) => {
                request.extensions_mut().insert(Sees(view));
                next.run(request).await
            }
            Err(refused) => refused.into_response(),
        }
    }

    fn decide(&self, route: Route, ip: IpAddr, headers: &HeaderMap) -> Result<View, Refused> {
        let token = match route.access() {
            Access::Anybody => None,
            Access::Token { .. } => bearer(headers).and_then(|token| self.node.bearer(token)),
        };
        let within = match &token {
            Some(token) => spend(&self.tokens, &token.hash),
            None => spend(&self.strangers, &ip),
        };
        if !within {
            return Err(Refused::TooOften);
        }
        route.decide(token.map(|token| (token.role, token.scope))).map_err(Refused::Denied)
    }
}

fn spend<K: Eq + std::hash::Hash + Clone>(limiter: &Mutex<Limiter<K>>, key: &K) -> bool {
    limiter.lock().unwrap_or_else(PoisonError::into_inner).spend(key, now())
}

/// The token of `Authorization: Bearer …` (RFC 6750).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// Why a request goes no further.
#[derive(Clone, Copy, Debug)]
enum Refused {
    /// The table does not let it.
    Denied(Denied),
    /// There were too many.
    TooOften,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::TooOften => {
                let what = "too many requests: come back in a minute";
                let refused = ApiError::new(StatusCode::TOO_MANY_REQUESTS, what);
                refused.retry_after(Some(60)).into_response()
            }
            Self::Denied(denied @ Denied::NoToken) => {
                let bearer = HeaderValue::from_static("Bearer realm=\"dtim\"");
                let refused = ApiError::new(StatusCode::UNAUTHORIZED, denied);
                ([(header::WWW_AUTHENTICATE, bearer)], refused).into_response()
            }
            Self::Denied(denied @ (Denied::Role | Denied::Scope)) => {
                ApiError::new(StatusCode::FORBIDDEN, denied).into_response()
            }
        }
    }
}
