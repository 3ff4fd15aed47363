//! Hygiene: is this fit to be an indicator?
//!
//! Owns the two questions that stand before evidence is kept and before anything
//! is shared. The *fixed rules* ([`fixed`]) are the same on every node and part of
//! the wire version, so a claim that breaks them may be held against its sender.
//! The *local lists* ([`Lists`]) are this operator's own networks and domains and
//! the warninglists; they must never decide what is passed on, only what is kept,
//! shared and shown here.

mod builtin;
mod fixed;
mod lists;
mod own;
mod reserved;
mod warninglist;

#[cfg(test)]
pub(crate) mod corpus;
#[cfg(test)]
mod tests;

pub use fixed::{fixed, is_global, is_special_name};
pub use lists::Lists;
pub use own::{BadOwn, Own};
pub use warninglist::{BadWarninglist, Warninglist};

use crate::model::Value;

/// Both parts: the fixed rules and this operator's lists.
pub fn check(value: &Value, lists: &Lists) -> Result<(), Unfit> {
    fixed(value)?;
    lists.check(value)
}

/// Why a value is not fit to be an indicator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is no address that the whole Internet can reach.
    #[error("it is not a globally reachable address: {block}")]
    NotGlobal {
        /// The block of the IANA registries that it lies in.
        block: &'static str,
    },
    /// Its host has a name that means nothing, or another thing, on another network.
    #[error("the name ends in .{suffix}, which has no meaning on the public Internet")]
    SpecialName {
        /// The end of the name that says so.
        suffix: &'static str,
    },
    /// A network of too many addresses.
    #[error("the network is too broad: the widest that may be shared is /{limit}")]
    TooBroad {
        /// The shortest prefix that is taken.
        limit: u8,
    },
    /// A domain under which strangers register their own.
    #[error("it is a public suffix: many unrelated organisations have names under it")]
    PublicSuffix,
    /// It is, holds, or lies in what the operator called their own.
    #[error("it touches the own asset {entry} ([hygiene] own, or an address of this node)")]
    Own {
        /// The operator's entry.
        entry: String,
    },
    /// It stands in a list of what is known to be harmless.
    #[error("it is on the warninglist {list:?}: {entry}")]
    Listed {
        /// The list's name.
        list: String,
        /// The entry that matched.
        entry: String,
    },
}

impl Unfit {
    /// The name in metric labels and JSON.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotGlobal { .. } => "not_global",
            Self::SpecialName { .. } => "special_name",
            Self::TooBroad { .. } => "too_broad",
            Self::PublicSuffix => "public_suffix",
            Self::Own { .. } => "own",
            Self::Listed { .. } => "warninglist",
        }
    }
}
