//! Nodes that prove their identity to each other: mutual TLS without any authority.
//!
//! The certificate carries the identity's signature in libp2p's TLS extension (libp2p
//! specification `tls/tls.md`), so it authenticates a PeerId and nothing else.

use std::sync::Arc;

use libp2p::identity::Keypair;
use libp2p::tls::certificate::parse;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, NoKeyLog, ServerConfig};

use super::TlsError;
use crate::keys::Identity;
use crate::model::NodeId;

/// The application protocol (ALPN) by which a client says that it is a node.
pub const PEER_ALPN: &[u8] = b"dtim-peer/1";

/// What is served to who says that it is a node: it must prove that.
pub(super) fn server(identity: &Identity) -> Result<ServerConfig, TlsError> {
    let mut config = libp2p::tls::make_server_config(&keypair(identity)?)
        .map_err(|why| TlsError::Make(why.to_string()))?;
    config.alpn_protocols = vec![PEER_ALPN.to_vec()];
    // The library would write session keys into a file that the environment names.
    config.key_log = Arc::new(NoKeyLog);
    Ok(config)
}

/// With what this node connects to another node's public listener, proving its own
/// identity. The other side must prove `node`.
pub fn peer_client(identity: &Identity, node: NodeId) -> Result<ClientConfig, TlsError> {
    let peer = libp2p::PeerId::from_bytes(&node.to_peer_id_bytes())
        .map_err(|why| TlsError::Make(why.to_string()))?;
    let mut config = libp2p::tls::make_client_config(&keypair(identity)?, Some(peer))
        .map_err(|why| TlsError::Make(why.to_string()))?;
    config.alpn_protocols = vec![PEER_ALPN.to_vec()];
    config.key_log = Arc::new(NoKeyLog);
    Ok(config)
}

/// Who a certificate, which the handshake has checked, belongs to; nothing if its key is
/// not of a kind that a node can have.
pub(super) fn node_of(certificate: &CertificateDer<'_>) -> Option<NodeId> {
    let peer = parse(certificate).ok()?.peer_id();
    NodeId::from_peer_id_bytes(&peer.to_bytes()).ok()
}

fn keypair(identity: &Identity) -> Result<Keypair, TlsError> {
    Keypair::ed25519_from_bytes(*identity.seed()).map_err(|why| TlsError::Make(why.to_string()))
}
