//! Whole processes: real nodes, real files, real sockets.

mod api;
mod backup;
mod bad_start;
mod bootstrap;
mod delivery;
mod demo;
mod exchange;
mod hostile;
mod journal;
mod kill;
mod operator;
mod organisation;
mod producers;
pub mod prove;
mod registry;
mod replay;
mod scanning;
mod stix;
mod stranger;
mod sync;
mod taxii;
mod tools;

pub use organisation::{Organisation, Settings, attack_line, eventually};
