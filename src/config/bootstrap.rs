//! `[bootstrap]`: the meeting point, read by `dtim bootstrap` only.

use crate::model::{Community, MINUTE, NodeId};

use super::base::community;
use super::problem::Wrong;
use super::section::Section;
use super::setting::Single;
use super::tree::Item;

/// `[bootstrap]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Bootstrap {
    /// Whom it serves.
    pub admit: Admit,
    /// The nodes that it serves when it does not serve everybody.
    pub listed: Vec<NodeId>,
    /// The communities that it serves.
    pub communities: Vec<Community>,
    /// The most bytes that one relayed circuit may carry.
    pub relay_max_circuit_bytes: u64,
    /// The longest that one relayed circuit may last, in seconds.
    pub relay_max_circuit_duration: u64,
}

/// Whom a bootstrap serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// Everybody, within limits.
    Open,
    /// The listed nodes only.
    Listed,
}

impl Single for Admit {
    fn single(item: &Item) -> Result<Self, Wrong> {
        match item.text()? {
            "open" => Ok(Self::Open),
            "listed" => Ok(Self::Listed),
            other => Err(Wrong::not(other, "an admission rule", "use open or listed")),
        }
    }
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            admit: Admit::Open,
            listed: Vec::new(),
            communities: vec![community()],
            relay_max_circuit_bytes: 64 << 20,
            relay_max_circuit_duration: 30 * MINUTE,
        }
    }
}

impl Bootstrap {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.set("admit", &mut self.admit);
        section.set("listed", &mut self.listed);
        section.set_if("communities", &mut self.communities, |communities| {
            if communities.is_empty() {
                return Err(Wrong::new("no community would be served", "name at least one"));
            }
            Ok(())
        });
        section.later_by(
            "relay_max_circuit_bytes",
            &mut self.relay_max_circuit_bytes,
            |s, slot| {
                s.bytes("relay_max_circuit_bytes", slot);
            },
        );
        let duration = &mut self.relay_max_circuit_duration;
        section.later_by("relay_max_circuit_duration", duration, |s, slot| {
            s.seconds("relay_max_circuit_duration", slot);
        });
    }
}
