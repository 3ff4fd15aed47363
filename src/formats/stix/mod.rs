//! STIX 2.1 (OASIS, 10 June 2021): indicators as other programs exchange them.
//!
//! Owns the mapping of the design document's section 9 in both directions: a value is a
//! pattern, a marking is one of the fixed TLP objects, and what STIX has no property for
//! stands in one registered extension.

pub mod pattern;
