//! Whole processes: real nodes, real files, real sockets.

mod bad_start;
mod demo;
mod exchange;
mod journal;
mod kill;
mod organisation;
pub mod prove;
mod stranger;

pub use organisation::{Organisation, Settings, attack_line, eventually};
