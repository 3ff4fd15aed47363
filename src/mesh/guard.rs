//! What this node dials, whoever asks for it: the last door before the network.
//!
//! Owns the addresses that the operator named and the relays that may be used.
//! Everything else, what a stranger, a registry, a member's Kademlia, identify
//! or a hole punch named, is dialled only if it is globally reachable: libp2p's
//! behaviours dial by themselves, so each of them would need its own filter, and
//! a node must not be made to knock inside its operator's network.

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use libp2p::PeerId;
use libp2p::core::transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent};
use libp2p::multiaddr::Multiaddr;

use super::address::{is_global, is_relayed, relay_in, without_peer};
use super::transport::Connections;

/// What may be dialled. Cheap to clone; every clone is the same list.
#[derive(Clone, Debug)]
pub struct Dialable {
    /// Laboratories and meshes of private networks: everything may be.
    private: bool,
    rules: Arc<RwLock<Rules>>,
}

#[derive(Debug, Default)]
struct Rules {
    /// Without a peer at the end; bounded by what the operator named.
    named: HashSet<Multiaddr>,
    /// Infrastructure that is connected; bounded by the config.
    relays: HashSet<PeerId>,
}

impl Dialable {
    /// Only global addresses, or with `private` any.
    #[must_use]
    pub fn new(private: bool) -> Self {
        Self { private, rules: Arc::default() }
    }

    /// The operator named these addresses, and no others.
    pub fn set_named<'a>(&self, addresses: impl Iterator<Item = &'a Multiaddr>) {
        let named = addresses.map(without_peer).collect();
        self.rules.write().unwrap_or_else(PoisonError::into_inner).named = named;
    }

    /// A relay can be used from now on, or no longer.
    pub fn set_relay(&self, relay: PeerId, usable: bool) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        if usable {
            rules.relays.insert(relay);
        } else {
            rules.relays.remove(&relay);
        }
    }

    /// Whether an address may be dialled now. One through a relay may be if the
    /// relay is infrastructure and connected: where it is was said by whoever
    /// named the address, and is not needed.
    #[must_use]
    pub fn allows(&self, address: &Multiaddr) -> bool {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        if is_relayed(address) {
            return relay_in(address).is_some_and(|relay| rules.relays.contains(&relay));
        }
        self.private || is_global(address) || rules.named.contains(&without_peer(address))
    }
}

/// A transport that dials what is [`Dialable`].
pub(super) struct Guard {
    inner: Connections,
    dialable: Dialable,
}

impl Guard {
    pub(super) fn new(inner: Connections, dialable: Dialable) -> Self {
        Self { inner, dialable }
    }
}

impl Transport for Guard {
    type Output = <Connections as Transport>::Output;
    type Error = <Connections as Transport>::Error;
    type ListenerUpgrade = <Connections as Transport>::ListenerUpgrade;
    type Dial = <Connections as Transport>::Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<Self::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Self::Dial, TransportError<Self::Error>> {
        if self.dialable.allows(&address) {
            return self.inner.dial(address, options);
        }
        let refused = "this address is private, or behind a relay that is not connected";
        Err(TransportError::Other(io::Error::new(io::ErrorKind::PermissionDenied, refused)))
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}
