//! What is done when strangers fill the memory.
//!
//! Every stream may hold what its reader has not taken yet, and nobody can tell from
//! outside who holds how much. The memory limit refuses who is new; this lets go of
//! who is there, most where there are most, so that the listed are still served.

use std::collections::{BTreeSet, HashMap};

use libp2p::swarm::ConnectionId;

use super::desk::Caller;
use crate::mesh::neighbourhood::Neighbourhood;
use crate::model::NodeId;

/// Whether the process takes more. Where the system does not tell it does not.
pub fn beyond(bytes: u64) -> bool {
    resident().is_some_and(|resident| resident > bytes)
}

fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The unlisted connections of the neighbourhood that has most of them.
pub fn to_close(
    callers: &HashMap<ConnectionId, Caller>,
    listed: &BTreeSet<NodeId>,
) -> Vec<ConnectionId> {
    let mut crowds: HashMap<Neighbourhood, Vec<ConnectionId>> = HashMap::new();
    for (connection, caller) in callers {
        if !listed.contains(&caller.node) {
            crowds.entry(caller.from).or_default().push(*connection);
        }
    }
    crowds.into_values().max_by_key(Vec::len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{beyond, to_close};
    use crate::bootstrap::desk::Caller;
    use crate::mesh::neighbourhood::Neighbourhood;
    use crate::model::NodeId;
    use libp2p::swarm::ConnectionId;
    use std::collections::{BTreeSet, HashMap};

    #[test]
    fn the_largest_crowd_goes_and_the_listed_stay() {
        let caller = |n: u8, network: u8| {
            let node = NodeId::from_public_key([n; 32]);
            let from = Neighbourhood::of_ip([198, 51, network, n].into());
            (ConnectionId::new_unchecked(n.into()), Caller { node, from })
        };
        let callers: HashMap<_, _> =
            [caller(1, 1), caller(2, 1), caller(3, 1), caller(4, 2)].into();
        let mut closed = to_close(&callers, &BTreeSet::from([NodeId::from_public_key([2; 32])]));
        closed.sort_unstable();
        assert_eq!(closed, [1, 3].map(ConnectionId::new_unchecked));
        assert!(beyond(1024 * 1024) && !beyond(1 << 50));
    }
}
