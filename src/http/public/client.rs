//! Who is at the other end of a connection.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::model::NodeId;
use crate::tls::Certificates;

/// What the handshake tells of a client; an extension of each of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Where it comes from.
    pub ip: IpAddr,
    /// What it proved.
    pub proved: Proved,
}

/// What a client proved in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proved {
    /// Nothing.
    Nothing,
    /// That it has a certificate of `[security] client_ca`.
    Certificate,
    /// That it is this node.
    Node(NodeId),
}

impl Client {
    /// After the handshake. Nothing if it came as a node with a key that no node has.
    pub(super) fn of(
        ip: IpAddr,
        as_node: bool,
        certificates: Option<&[CertificateDer<'_>]>,
    ) -> Option<Self> {
        let proved = match (as_node, certificates) {
            (true, certificates) => Proved::Node(Certificates::node_of(certificates?)?),
            (false, Some(_)) => Proved::Certificate,
            (false, None) => Proved::Nothing,
        };
        Some(Self { ip, proved })
    }
}

/// The listener puts it into every request.
impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
