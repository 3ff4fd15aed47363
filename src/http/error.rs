//! An error as every route answers it: `{"error": "…", "remedy": "…"}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::node::NodeError;
use crate::store::StoreError;

/// A status, a sentence and what to do.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    error: String,
    remedy: String,
    retry_after: Option<u32>,
}

impl ApiError {
    /// With a status of its own.
    pub(super) fn new(status: StatusCode, error: impl ToString) -> Self {
        Self { status, error: error.to_string(), remedy: String::new(), retry_after: None }
    }

    /// The request is wrong.
    pub(super) fn bad_request(error: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// No such route or thing.
    pub(super) fn not_found(error: impl ToString) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// It may be tried again after so many seconds.
    pub(super) fn retry_after(mut self, seconds: Option<u32>) -> Self {
        self.retry_after = seconds;
        self
    }
}

impl From<NodeError> for ApiError {
    fn from(error: NodeError) -> Self {
        let status = match &error {
            NodeError::Request(_) => StatusCode::UNPROCESSABLE_ENTITY,
            NodeError::NotFound(_) => StatusCode::NOT_FOUND,
            NodeError::Stopping | NodeError::Stopped(_) => StatusCode::SERVICE_UNAVAILABLE,
            NodeError::Store(StoreError::Full { .. }) => StatusCode::INSUFFICIENT_STORAGE,
            NodeError::Keys(_)
            | NodeError::Store(_)
            | NodeError::Mesh(_)
            | NodeError::Tls(_)
            | NodeError::File { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.error, "remedy": self.remedy }));
        let retry_after =
            self.retry_after.map(|seconds| [(header::RETRY_AFTER, HeaderValue::from(seconds))]);
        (self.status, retry_after, body).into_response()
    }
}
