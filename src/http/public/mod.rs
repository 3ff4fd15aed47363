//! The public listener: HTTPS for nodes, registries and an organisation's own clients.
//!
//! Owns the socket that strangers reach: TLS 1.3 only, with bounds on connections,
//! handshakes, headers, bodies and time. A route sees who is at the other end as a
//! [`Client`], which the handshake proved.

mod api;
mod client;
mod door;
mod listen;
mod registry;
mod signed;
mod taxii;

#[cfg(test)]
mod tests;

use axum::Router;

use super::error::ApiError;
use crate::node::Node;

pub use client::Client;
pub use listen::{Public, serve_public};
pub use registry::router as registry_router;

/// The routes of a node.
pub fn router(node: Node) -> Router {
    let nowhere = async || ApiError::not_found("no such route");
    api::router(node.clone()).merge(taxii::router(node)).fallback(nowhere)
}
