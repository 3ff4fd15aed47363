//! The Traffic Light Protocol as a table: which marking may take which path.

use std::str::FromStr;

use super::To;
use crate::model::{Recipients, Scope, Tlp};

/// A way on which a claim or its indicator leaves this node or is shown by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// Eagerly, to every member.
    Gossip,
    /// Reconciliation with a member.
    Sync,
    /// Straight to one member, whom the scope names, or, if not, a scope that names nobody.
    Direct {
        /// Whether the scope names the member or one of their groups.
        named: bool,
    },
    /// Without any authentication.
    PublicEndpoint,
    /// To an authenticated client: API, TAXII, feeds, bouncers.
    Client(ClientScope),
}

impl Path {
    /// Every path that exists.
    pub const ALL: [Self; 8] = [
        Self::Gossip,
        Self::Sync,
        Self::Direct { named: false },
        Self::Direct { named: true },
        Self::PublicEndpoint,
        Self::Client(ClientScope::Green),
        Self::Client(ClientScope::Amber),
        Self::Client(ClientScope::Red),
    ];
}

/// How much a client's token shows. Amber and red are for the own organisation's clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientScope {
    /// White and green.
    Green,
    /// And amber.
    Amber,
    /// Everything.
    Red,
}

impl ClientScope {
    /// Every scope, each shows more than the one before.
    pub const ALL: [Self; 3] = [Self::Green, Self::Amber, Self::Red];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
        }
    }
}

impl FromStr for ClientScope {
    type Err = BadClientScope;

    fn from_str(name: &str) -> Result<Self, BadClientScope> {
        let named = Self::ALL.into_iter().find(|scope| scope.name() == name);
        named.ok_or_else(|| BadClientScope(name.to_owned()))
    }
}

/// A name that is no scope of a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope of a token: use green, amber or red")]
pub struct BadClientScope(pub String);

/// Who looks at what this node knows. What is hidden from a view must not show there in
/// any number, time or order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// Whoever asks, without any authentication.
    Public,
    /// A client whose token shows white and green.
    Green,
    /// A client whose token shows amber besides.
    Amber,
    /// The operator, and a client whose token shows everything.
    #[default]
    Red,
}

impl View {
    /// Every view, each sees more than the one before.
    pub const ALL: [Self; 4] = [Self::Public, Self::Green, Self::Amber, Self::Red];

    /// The path that what it sees takes.
    pub fn path(self) -> Path {
        match self {
            Self::Public => Path::PublicEndpoint,
            Self::Green => Path::Client(ClientScope::Green),
            Self::Amber => Path::Client(ClientScope::Amber),
            Self::Red => Path::Client(ClientScope::Red),
        }
    }

    /// Whether it sees what has a marking.
    pub fn sees(self, tlp: Tlp) -> bool {
        allows(tlp, self.path())
    }
}

impl From<ClientScope> for View {
    fn from(scope: ClientScope) -> Self {
        match scope {
            ClientScope::Green => Self::Green,
            ClientScope::Amber => Self::Amber,
            ClientScope::Red => Self::Red,
        }
    }
}

/// Whether a marking may take a path (the table of the design's section 4).
pub fn allows(tlp: Tlp, path: Path) -> bool {
    match path {
        Path::Gossip | Path::Sync => tlp <= Tlp::Green,
        // What the mesh carries anyway is not delivered as well.
        Path::Direct { named: false } => matches!(tlp, Tlp::Amber | Tlp::AmberStrict),
        Path::Direct { named: true } => tlp >= Tlp::Amber,
        Path::PublicEndpoint => tlp == Tlp::White,
        Path::Client(ClientScope::Green) => tlp <= Tlp::Green,
        Path::Client(ClientScope::Amber) => tlp <= Tlp::Amber,
        Path::Client(ClientScope::Red) => true,
    }
}

/// Whether evidence of a scope may be told to an audience.
pub fn reaches(scope: &Scope, to: &To) -> bool {
    match (to, scope.recipients()) {
        (To::Mesh, Recipients::Everyone) => allows(scope.tlp(), Path::Gossip),
        // The mesh reaches everybody, so a scope that names someone never takes it.
        (To::Mesh, Recipients::Only(_)) => false,
        (To::Member { .. }, Recipients::Everyone) => {
            allows(scope.tlp(), Path::Direct { named: false })
        }
        (To::Member { name, groups, .. }, Recipients::Only(names)) => {
            let named = names.contains(name) || !names.is_disjoint(groups);
            named && allows(scope.tlp(), Path::Direct { named: true })
        }
    }
}
