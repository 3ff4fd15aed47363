//! From evidence to what leaves: the privacy filter, the pseudonym's signature,
//! the egress row, the mesh or a member, in that order.
//!
//! Owns the order. Who is reached is resolved when an indicator is shared ([`audience`]),
//! what is told is worked out when it is sent ([`plan`]), and a row of the egress ledger
//! is durable before the bytes it speaks of are sent ([`send`]). The operator's word is
//! in [`wishes`]. Recipients' names stay here: no claim holds one.

mod audience;
mod plan;
mod send;
mod wishes;

#[cfg(test)]
mod tests;

pub use wishes::{Leaving, NewIndicator, Shared};

pub(super) use plan::Plan;
