//! `[bootstrap]`: the meeting point, read by `dtim bootstrap` only.

use std::ops::RangeInclusive;

use crate::model::{Community, DAY, MINUTE, NodeId};

use super::base::community;
use super::problem::Wrong;
use super::section::Section;
use super::setting::{Bytes, Seconds, Single};
use super::tree::Item;

/// What a circuit may carry: a handshake at least.
const CIRCUIT_BYTES: RangeInclusive<u64> = (64 << 10)..=(1 << 40);
/// How long a circuit may last.
const CIRCUIT_SECONDS: RangeInclusive<u64> = 10..=DAY;

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
        let mut bytes = Bytes(self.relay_max_circuit_bytes);
        section.set_if("relay_max_circuit_bytes", &mut bytes, |bytes| {
            within(bytes.0, CIRCUIT_BYTES, "64KiB to 1TiB")
        });
        self.relay_max_circuit_bytes = bytes.0;
        let mut duration = Seconds(self.relay_max_circuit_duration);
        section.set_if("relay_max_circuit_duration", &mut duration, |duration| {
            within(duration.0, CIRCUIT_SECONDS, "10s to 24h")
        });
        self.relay_max_circuit_duration = duration.0;
    }
}

fn within(value: u64, bounds: RangeInclusive<u64>, said: &str) -> Result<(), Wrong> {
    if bounds.contains(&value) {
        return Ok(());
    }
    Err(Wrong::new("is out of bounds", format!("use {said}")))
}
