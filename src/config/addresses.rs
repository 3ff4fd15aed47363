//! What a multiaddr must look like where it is used.

use multiaddr::{Multiaddr, Protocol};

use crate::model::NodeId;

use super::problem::Wrong;

/// An address to listen on: TCP, or QUIC version 1 over UDP.
pub(super) fn to_listen_on(address: &Multiaddr) -> Result<(), Wrong> {
    match address.iter().last() {
        Some(Protocol::Tcp(_) | Protocol::QuicV1) => Ok(()),
        _ => Err(Wrong::not(
            &address.to_string(),
            "an address to listen on",
            "end it with /tcp/PORT or /udp/PORT/quic-v1",
        )),
    }
}

/// An address without the identity of who is there.
pub(super) fn without_peer(address: &Multiaddr) -> Result<(), Wrong> {
    if address.iter().any(|part| matches!(part, Protocol::P2p(_))) {
        let text = address.to_string();
        return Err(Wrong::new(format!("{text:?} names a peer"), "leave out /p2p/…"));
    }
    Ok(())
}

/// An address that says who is there.
pub(super) fn with_peer(address: &Multiaddr) -> Result<(), Wrong> {
    match peer_of(address) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Wrong::new(
            format!("{:?} does not say whose address it is", address.to_string()),
            "end it with /p2p/PEER_ID, as `dtim bootstrap` prints it",
        )),
        Err(wrong) => Err(wrong),
    }
}

/// An address of this peer, or one that names nobody.
pub(super) fn of_peer(address: &Multiaddr, peer: NodeId) -> Result<(), Wrong> {
    match peer_of(address)? {
        Some(other) if other != peer => Err(Wrong::new(
            format!("{:?} is the address of another peer", address.to_string()),
            format!("end it with /p2p/{peer}, or leave that out"),
        )),
        _ => Ok(()),
    }
}

/// Whose address it is: the last part, as in `/ip4/…/tcp/…/p2p/12D3KooW…`.
fn peer_of(address: &Multiaddr) -> Result<Option<NodeId>, Wrong> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => NodeId::from_peer_id_bytes(&peer.to_bytes())
            .map(Some)
            .map_err(|error| Wrong::new(format!("{peer} is {error}"), "ask the peer's operator")),
        _ => Ok(None),
    }
}
