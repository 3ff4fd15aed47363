//! What a behaviour does that wraps another and leaves its handlers as they are.

/// The two methods of a `NetworkBehaviour` that give a connection its handler, done by the
/// field `inner`.
macro_rules! handlers_of_inner {
    () => {
        fn handle_established_inbound_connection(
            &mut self,
            connection: ::libp2p::swarm::ConnectionId,
            peer: ::libp2p::PeerId,
            local: &::libp2p::Multiaddr,
            remote: &::libp2p::Multiaddr,
        ) -> Result<::libp2p::swarm::THandler<Self>, ::libp2p::swarm::ConnectionDenied> {
            self.inner.handle_established_inbound_connection(connection, peer, local, remote)
        }

        fn handle_established_outbound_connection(
            &mut self,
            connection: ::libp2p::swarm::ConnectionId,
            peer: ::libp2p::PeerId,
            remote: &::libp2p::Multiaddr,
            role: ::libp2p::core::Endpoint,
            port: ::libp2p::core::transport::PortUse,
        ) -> Result<::libp2p::swarm::THandler<Self>, ::libp2p::swarm::ConnectionDenied> {
            self.inner.handle_established_outbound_connection(connection, peer, remote, role, port)
        }
    };
}

pub(crate) use handlers_of_inner;
