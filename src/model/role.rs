//! What the bearer of a token may do.

use std::fmt;
use std::str::FromStr;

/// What the bearer of a token may do; how much it shows is its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Read.
    Reader,
    /// And hand indicators in.
    Writer,
    /// Ask only what is to be blocked.
    Bouncer,
    /// Everything that the public listener has.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Reader, Self::Writer, Self::Bouncer, Self::Admin];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Bouncer => "bouncer",
            Self::Admin => "admin",
        }
    }

    /// Whether it may read indicators.
    pub fn reads(self) -> bool {
        self != Self::Bouncer
    }

    /// Whether it may hand indicators in.
    pub fn writes(self) -> bool {
        matches!(self, Self::Writer | Self::Admin)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = BadRole;

    fn from_str(text: &str) -> Result<Self, BadRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| BadRole(text.to_owned()))
    }
}

/// A text that is not a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role: use reader, writer, bouncer or admin")]
pub struct BadRole(pub String);
