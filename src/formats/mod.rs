//! Formats of others: what this node says and hears in the words of standards.
//!
//! Owns the mapping of values to bytes and back, both ways where there are two. It must
//! never see evidence or a claim that its reader may not know: it is handed what a view
//! shows, and nothing else.

mod object_id;
pub mod taxii;

pub use object_id::object_id;
