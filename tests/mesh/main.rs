//! The mesh harness: release-mode nodes, each a process in a network namespace with an
//! address of its own, on a network that the tests can cut, thin out, slow and delay.
//!
//! `make test` runs it small, `make prove` with the figures of the issue. Where this
//! user may not make namespaces the tests say so aloud and are skipped, and where CI is
//! set they fail.

#![cfg(feature = "node")]
// Tests say what they expect by failing, and nobody outside uses them.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::let_underscore_must_use,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub
)]

mod behind;
mod capture;
mod figures;
mod graph;
mod hop;
mod meeting;
mod mesh;
mod nat;
mod net;
mod node;
#[path = "../it/processes/prove.rs"]
mod prove;
mod records;
mod wait;

mod altered;
mod away;
mod canary;
mod partition;
mod poor;
mod punched;
mod relayed;
mod silent;
mod spies;
mod spread;
