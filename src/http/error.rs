//! An error as every route answers it: `{"error": "…", "remedy": "…"}`.

use axum::Json;
use axum::http::StatusCode;
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
}

impl ApiError {
    /// The request is wrong.
    pub(super) fn bad_request(error: impl ToString) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: error.to_string(), remedy: String::new() }
    }

    /// No such route or thing.
    pub(super) fn not_found(error: impl ToString) -> Self {
        Self { status: StatusCode::NOT_FOUND, error: error.to_string(), remedy: String::new() }
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
            | NodeError::File { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, error: error.to_string(), remedy: String::new() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error, "remedy": self.remedy }))).into_response()
    }
}
