//! Questions to a multiaddr: which host, which peer, may it be dialled.
//! Pure; it never resolves a name.

use std::net::{IpAddr, Ipv6Addr};

use libp2p::PeerId;
use libp2p::multiaddr::{Multiaddr, Protocol};

use crate::hygiene;
use crate::model::{NodeId, Value};

/// The libp2p name of a node. `None` cannot happen for a [`NodeId`], whose
/// bytes are a well-formed PeerId; a caller skips it.
#[must_use]
pub fn peer_of(node: NodeId) -> Option<PeerId> {
    PeerId::from_bytes(&node.to_peer_id_bytes()).ok()
}

/// The node behind a PeerId; `None` if its key is not Ed25519.
#[must_use]
pub fn node_of(peer: &PeerId) -> Option<NodeId> {
    NodeId::from_peer_id_bytes(&peer.to_bytes()).ok()
}

/// The PeerId at the end of an address, if it names one: behind a relay that is
/// who is reached there, not the relay.
#[must_use]
pub fn peer_in(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// The address without a `/p2p` at its end, as it is kept by peer.
#[must_use]
pub fn without_peer(address: &Multiaddr) -> Multiaddr {
    let mut address = address.clone();
    if peer_in(&address).is_some() {
        address.pop();
    }
    address
}

/// Whether an address leads through a relay.
#[must_use]
pub fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// The relay of a relayed address: the PeerId before `/p2p-circuit`.
#[must_use]
pub fn relay_in(address: &Multiaddr) -> Option<PeerId> {
    let direct: Multiaddr =
        address.iter().take_while(|part| *part != Protocol::P2pCircuit).collect();
    peer_in(&direct).filter(|_| is_relayed(address))
}

/// Where a peer is reached through a relay that is itself at `relay_at`.
#[must_use]
pub fn through(relay: PeerId, relay_at: &Multiaddr) -> Multiaddr {
    without_peer(relay_at).with(Protocol::P2p(relay)).with(Protocol::P2pCircuit)
}

/// The other end of an incoming connection. Of one through a relay libp2p only
/// says whose it is; where it came through stands in the local address.
#[must_use]
pub fn far_end(local: &Multiaddr, remote: &Multiaddr) -> Multiaddr {
    without_peer(if is_relayed(local) { local } else { remote })
}

/// The host that stands for one party in limits: an IPv4 address, or the /64
/// of an IPv6 address, because one customer owns at least that much.
#[must_use]
pub fn party(address: &Multiaddr) -> Option<IpAddr> {
    match ip(address)?.to_canonical() {
        IpAddr::V4(v4) => Some(IpAddr::V4(v4)),
        IpAddr::V6(v6) => {
            Some(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))))
        }
    }
}

/// May an address be dialled that a stranger or a registry named? Only what is
/// globally reachable, written as a number and of a form that leaves no doubt
/// which host is meant: directly, or behind a relay of which the same is true.
#[must_use]
pub fn is_global(address: &Multiaddr) -> bool {
    // A name in a registry may resolve to an internal host (threat case 13).
    let relayed = |part: &Protocol<'_>| matches!(part, Protocol::P2pCircuit);
    let first: Multiaddr = address.iter().take_while(|part| !relayed(part)).collect();
    let mut rest = address.iter().skip_while(|part| !relayed(part)).skip(1);
    endpoint(&first).is_some_and(global_ip) && rest.all(|part| matches!(part, Protocol::P2p(_)))
}

/// The host of an address that names one endpoint and nothing else: TCP, or QUIC
/// version 1, with a `/p2p` at its end or without. libp2p's TCP dials the last host
/// in an address, so one that names two is none.
#[must_use]
pub fn endpoint(address: &Multiaddr) -> Option<IpAddr> {
    let mut parts = address.iter();
    let ip = parts.next().and_then(number)?;
    match parts.next()? {
        Protocol::Tcp(_) => {}
        Protocol::Udp(_) if parts.next() == Some(Protocol::QuicV1) => {}
        _ => return None,
    }
    match (parts.next(), parts.next()) {
        (None, _) | (Some(Protocol::P2p(_)), None) => Some(ip),
        _ => None,
    }
}

/// May an own address be told in an invite? A name was given by the operator, of
/// this node or of a relay; a number must be globally reachable.
#[must_use]
pub fn may_be_told(address: &Multiaddr) -> bool {
    ip(address).is_none_or(global_ip)
}

/// The address of the host, if it is written as one.
#[must_use]
pub fn ip(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(number)
}

fn number(part: Protocol<'_>) -> Option<IpAddr> {
    if let Protocol::Ip4(v4) = part {
        Some(IpAddr::V4(v4))
    } else if let Protocol::Ip6(v6) = part {
        Some(IpAddr::V6(v6))
    } else {
        None
    }
}

fn global_ip(ip: IpAddr) -> bool {
    hygiene::fixed(&Value::from_ip(ip)).is_ok()
}
