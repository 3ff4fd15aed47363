//! Rules over events: which address did something that others should know of.
//!
//! Owns the rules, how they are matched, and the buckets that count. It works in
//! event time and in the order of the lines, so that reading the same lines again
//! gives the same state. It must never read a clock, and never iterate in an order
//! that differs from run to run.

mod bucket;
mod builtin;
mod detector;
mod matcher;
mod memo;
mod read;
mod rule;
mod rules;
mod table;
mod texts;

#[cfg(test)]
mod tests;

pub use bucket::MAX_DISTINCT;
pub use detector::{DEFAULT_CAPACITY, Detector, Hit};
pub use rule::{Condition, Example, Limit, Part, Rule, Subject, Test};
pub use rules::{MAX_RULES, RuleProblem, Rules};
