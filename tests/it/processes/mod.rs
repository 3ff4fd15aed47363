//! Whole processes: real nodes, real files, real sockets.

mod bad_start;
mod demo;
mod exchange;
mod kill;
mod organisation;
mod producers;
mod prove;
mod scanning;
mod stranger;
mod tools;

pub use organisation::{Organisation, Settings, attack_line, eventually};
