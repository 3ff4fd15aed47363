//! Refusals, in the words of TAXII 2.1 section 3.6.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::formats::taxii::{BadQuery, Error, MEDIA_TYPE};
use crate::node::NodeError;
use crate::store::StoreError;

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    title: String,
}

impl Refused {
    fn new(status: StatusCode, title: impl ToString) -> Self {
        Self { status, title: title.to_string() }
    }

    /// The request is not understood.
    pub(super) fn bad_request(title: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, title)
    }

    /// No token, or none that is known.
    pub(super) fn unauthorized() -> Self {
        let title = "name a token: as a bearer token, or as the password of HTTP Basic";
        Self::new(StatusCode::UNAUTHORIZED, title)
    }

    /// The token does not allow it.
    pub(super) fn forbidden(title: impl ToString) -> Self {
        Self::new(StatusCode::FORBIDDEN, title)
    }

    /// It is not there, or not for this reader.
    pub(super) fn not_found(title: impl ToString) -> Self {
        Self::new(StatusCode::NOT_FOUND, title)
    }

    /// The method does not belong to the path.
    pub(super) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "this path has no such method")
    }

    /// Nothing is written in what the client wants to read.
    pub(super) fn not_acceptable() -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, format!("accept {MEDIA_TYPE}"))
    }

    /// The body is longer than the API root says.
    pub(super) fn too_large() -> Self {
        let title = "the body is longer than max_content_length: send the objects in parts";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, title)
    }

    /// The body is something else.
    pub(super) fn media_type() -> Self {
        let title = format!("send the body as {MEDIA_TYPE}, without a Content-Encoding");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, title)
    }

    /// The body is an envelope of something that is not taken.
    pub(super) fn unprocessable(title: impl ToString) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, title)
    }

    /// Too much was sent.
    pub(super) fn too_many() -> Self {
        let title = "too many bodies were sent today: send more objects in each, or wait";
        Self::new(StatusCode::TOO_MANY_REQUESTS, title)
    }

    /// A mistake of this node.
    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the node failed; its log says why")
    }
}

impl From<BadQuery> for Refused {
    fn from(why: BadQuery) -> Self {
        Self::bad_request(why)
    }
}

impl From<NodeError> for Refused {
    fn from(error: NodeError) -> Self {
        match &error {
            NodeError::Store(StoreError::Full { .. }) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "the node's store is full")
            }
            NodeError::Stopping | NodeError::Stopped(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "the node is stopping")
            }
            _ => {
                // What went wrong inside is for the operator, not for a client.
                tracing::error!(%error, "a TAXII request failed");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let error = Error::new(self.status.as_u16(), self.title);
        let body = serde_json::to_vec(&error).unwrap_or_default();
        let mut response =
            (self.status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let headers = response.headers_mut();
            for challenge in ["Basic realm=\"dtim\", charset=\"UTF-8\"", "Bearer realm=\"dtim\""] {
                headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
        }
        response
    }
}
