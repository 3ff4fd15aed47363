//! HTTP: routes as functions of a [`crate::node::Node`], and the client for them.
//!
//! Owns the JSON that people and programs see. Decides nothing: a route reads
//! its input, asks the node and writes down the answer.

pub mod client;
mod control;
mod error;
mod import;
mod json;
mod listen;
mod metrics;
mod public;

pub use control::router as control_router;
pub use import::ImportEntry;
pub use listen::{ListenError, serve_control, serve_metrics};
pub use metrics::{Readiness, router as metrics_router};
pub use public::{Client, Public, registry_router, router as public_router, serve_public};
