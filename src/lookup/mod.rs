//! Outside knowledge: clamd, which says what is malware.
//!
//! Owns the connections to those who know, and the folder whose files they are asked
//! about. It knows no store and no indicator of this node. It must never open anything
//! but a regular file in that folder, and never take from an answer more than its
//! bounds allow.

pub mod clamd;
pub mod folder;
