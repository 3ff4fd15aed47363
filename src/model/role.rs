//! What a client with a token may do.

use std::fmt;
use std::str::FromStr;

/// What a token lets its holder do. How much it shows is its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientRole {
    /// Read indicators.
    Reader,
    /// Read, and add, share, take back and vote.
    Writer,
    /// Read what is to be blocked.
    Bouncer,
    /// Everything.
    Admin,
}

impl ClientRole {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Reader, Self::Writer, Self::Bouncer, Self::Admin];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Bouncer => "bouncer",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for ClientRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ClientRole {
    type Err = BadClientRole;

    fn from_str(name: &str) -> Result<Self, BadClientRole> {
        let named = Self::ALL.into_iter().find(|role| role.name() == name);
        named.ok_or_else(|| BadClientRole(name.to_owned()))
    }
}

/// A name that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role of a token: use reader, writer, bouncer or admin")]
pub struct BadClientRole(pub String);
