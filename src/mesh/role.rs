//! What a remote is to this node. Everything that may be done with a
//! connection follows from it.

use std::fmt;

/// What a remote peer is to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Approved by this operator: may hear and send claims.
    Member,
    /// A bootstrap named in the config: helps to connect, never hears a claim.
    Infrastructure,
    /// Everybody else: closed right after Noise.
    Stranger,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Member, Self::Infrastructure, Self::Stranger];

    /// The name, as it stands in metrics and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Infrastructure => "infrastructure",
            Self::Stranger => "stranger",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
