//! How far a piece of evidence may travel: its marking and whom it names.

use std::collections::BTreeSet;

use super::Tlp;

/// Whom evidence may be told to, within what its marking allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// Whoever the marking allows.
    Everyone,
    /// These member names or groups only. Nobody, if there are none.
    Only(BTreeSet<String>),
}

/// A marking and its recipients.
///
/// Scopes form a semilattice under [`Scope::strictest`]: combining more of them
/// only ever narrows, whatever the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    tlp: Tlp,
    recipients: Recipients,
}

impl Scope {
    /// Stays on this node: what evidence has until the operator says otherwise.
    pub fn private() -> Self {
        Self { tlp: Tlp::Red, recipients: Recipients::Only(BTreeSet::new()) }
    }

    /// A marking and the names it is limited to. No names means everybody whom
    /// the marking allows; for red that is nobody.
    pub fn new(tlp: Tlp, names: impl IntoIterator<Item = String>) -> Self {
        let names: BTreeSet<String> = names.into_iter().collect();
        let recipients = if names.is_empty() && tlp != Tlp::Red {
            Recipients::Everyone
        } else {
            Recipients::Only(names)
        };
        Self { tlp, recipients }
    }

    /// How far it may travel.
    pub fn tlp(&self) -> Tlp {
        self.tlp
    }

    /// Whom it names.
    pub fn recipients(&self) -> &Recipients {
        &self.recipients
    }

    /// The scope that violates neither.
    pub fn strictest(&self, other: &Self) -> Self {
        let recipients = match (&self.recipients, &other.recipients) {
            (Recipients::Everyone, limited) | (limited, Recipients::Everyone) => limited.clone(),
            (Recipients::Only(a), Recipients::Only(b)) => {
                Recipients::Only(a.intersection(b).cloned().collect())
            }
        };
        let tlp = self.tlp.strictest(other.tlp);
        match recipients {
            // Two scopes that name nobody in common have no recipient left.
            Recipients::Everyone if tlp == Tlp::Red => Self::private(),
            recipients => Self { tlp, recipients },
        }
    }

    /// Rebuilds a stored scope: `Only` with no names stays nobody.
    pub fn from_parts(tlp: Tlp, recipients: Recipients) -> Self {
        match recipients {
            Recipients::Everyone if tlp == Tlp::Red => Self::private(),
            recipients => Self { tlp, recipients },
        }
    }
}
