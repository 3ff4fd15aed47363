//! Formats of other programs: what they read from a node and write to it.
//!
//! Owns the mapping between the model and foreign files. Pure: a format takes values
//! that [`crate::privacy`] let through and gives bytes, or takes bytes and gives values
//! that nothing has checked yet. It must never see raw evidence or choose what may be shown.

pub mod stix;
pub mod taxii;
mod told;
mod view;

#[cfg(test)]
mod tests;

pub use told::{Sightings, Told};
pub use view::{Known, Retraction, View};
