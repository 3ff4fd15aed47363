//! The one integration-test binary: each further one would link RocksDB and libp2p again.
//!
//! What needs the shells stands behind the feature `node`; the rest also runs
//! with `--no-default-features`.

// Tests say what they expect by failing, and nobody outside uses them.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::let_underscore_must_use,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::unwrap_used,
    unreachable_pub
)]

mod examples;
mod source;
mod stix;
mod tidy;

#[cfg(feature = "node")]
mod cli;
#[cfg(feature = "node")]
mod comparison;
#[cfg(feature = "node")]
mod metrics;
#[cfg(feature = "node")]
mod operations;
#[cfg(feature = "node")]
mod processes;
#[cfg(feature = "node")]
mod rotation;
