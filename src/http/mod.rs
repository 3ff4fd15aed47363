//! (to be written)

pub mod client;
