//! The one integration-test binary: each further one would link RocksDB and libp2p again.
//!
//! What needs the shells stands behind the feature `node`; the rest also runs
//! with `--no-default-features`.

mod examples;
mod source;
mod tidy;

#[cfg(feature = "node")]
mod metrics;
#[cfg(feature = "node")]
mod operations;
#[cfg(feature = "node")]
mod processes;
