//! Distributed Threat Intelligence Mesh: the architecture document (see below).

pub mod ageing;
pub mod assess;
pub mod config;
pub mod detect;
pub mod hygiene;
pub mod keys;
pub mod model;
pub mod parse;
pub mod privacy;
pub mod wire;

#[cfg(feature = "node")]
pub mod bootstrap;
#[cfg(feature = "node")]
pub mod cli;
#[cfg(feature = "node")]
pub mod demo;
#[cfg(feature = "node")]
pub mod http;
#[cfg(feature = "node")]
pub mod mesh;
#[cfg(feature = "node")]
pub mod metrics;
#[cfg(feature = "node")]
pub mod node;
#[cfg(feature = "node")]
pub mod store;
#[cfg(feature = "node")]
pub mod watch;
