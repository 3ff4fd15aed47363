//! The Traffic Light Protocol as a table: which marking may take which path.

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

/// What a reader may know of all that this node knows. Each holds what those before it
/// hold, and has numbers, times and ids of its own: it must show exactly what a node
/// would show that never had the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// What needs no token.
    Public,
    /// What a token of scope green shows.
    Green,
    /// Of scope amber.
    Amber,
    /// Of scope red: everything.
    Red,
}

impl View {
    /// Every view, from the least to the most shown.
    pub const ALL: [Self; 4] = [Self::Public, Self::Green, Self::Amber, Self::Red];

    /// The name of its widest marking that the one before it does not show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "white",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
        }
    }

    /// What a token of a scope shows.
    pub fn of(scope: ClientScope) -> Self {
        match scope {
            ClientScope::Green => Self::Green,
            ClientScope::Amber => Self::Amber,
            ClientScope::Red => Self::Red,
        }
    }

    /// The way on which it is shown.
    pub fn path(self) -> Path {
        match self {
            Self::Public => Path::PublicEndpoint,
            Self::Green => Path::Client(ClientScope::Green),
            Self::Amber => Path::Client(ClientScope::Amber),
            Self::Red => Path::Client(ClientScope::Red),
        }
    }

    /// Whether it shows a claim of that marking.
    pub fn shows(self, tlp: Tlp) -> bool {
        allows(tlp, self.path())
    }

    /// Whether it shows evidence of that scope. What names somebody is for them and for
    /// the own organisation, not for whoever else may read.
    pub fn shows_scope(self, scope: &Scope) -> bool {
        let names = matches!(scope.recipients(), Recipients::Only(_));
        self.shows(scope.tlp()) && (!names || self >= Self::Amber)
    }
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
    /// Every scope, from the least to the most shown.
    pub const ALL: [Self; 3] = [Self::Green, Self::Amber, Self::Red];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
        }
    }
}

impl std::fmt::Display for ClientScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for ClientScope {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or_else(|| BadScope(text.to_owned()))
    }
}

/// A text that is not a scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a scope: use green, amber or red")]
pub struct BadScope(pub String);

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

/// Whether a path shows evidence of a scope. Who the scope names is told directly; besides
/// them only the own organisation's clients are shown what is limited to names.
pub fn shows(scope: &Scope, path: Path) -> bool {
    let own = matches!(path, Path::Client(ClientScope::Amber | ClientScope::Red));
    allows(scope.tlp(), path) && (own || *scope.recipients() == Recipients::Everyone)
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
