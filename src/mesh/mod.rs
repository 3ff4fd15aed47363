//! The swarm: one task, a cloneable handle, few commands, events out.

pub mod address;
pub mod admission;
pub mod limits;
pub mod rate;
pub mod role;
pub mod transport;

pub use role::Role;
