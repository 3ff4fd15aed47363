//! Kademlia: where an approved peer is now, if it is not where it was. Members
//! tell each other the addresses of those whom they know, bootstraps tell those
//! who came to them. What is found is an address to dial for a key that is
//! approved already; nobody becomes a member or a candidate by it.
//!
//! There are two tables. What members are told is never told to a bootstrap, which
//! would learn whom this node knows; it learns only for whom it looks. Nothing is
//! stored for others, and only approved peers and bootstraps come into a table
//! (threat case 19).

use std::time::Duration;

use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::kad::{
    self, BucketInserts, Caching, Event, GetClosestPeersError, GetClosestPeersOk, Mode,
    QueryResult, StoreInserts,
};
use libp2p::multiaddr::Multiaddr;
use libp2p::{PeerId, StreamProtocol};

use super::actor::Actor;
use super::events::MAX_ADDRESSES;
use super::gate::Gate;
use super::role::Role;
use crate::model::Community;

/// A lookup that has not found anything by then is over.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of an answer: twenty peers with their addresses.
const MAX_BYTES: usize = 16 * 1024;

pub(super) type Kademlia = Gate<kad::Behaviour<MemoryStore>>;

/// Kademlia's protocol among the members of a community.
///
/// # Errors
/// A community whose name cannot stand in a protocol, of which there is none.
pub fn protocol(community: &Community) -> Result<StreamProtocol, String> {
    let name = format!("/dtim/{community}/kad/1");
    StreamProtocol::try_from_owned(name).map_err(|error| error.to_string())
}

/// A table that nothing gets into by itself.
pub(super) fn behaviour(me: PeerId, protocol: StreamProtocol) -> Kademlia {
    let mut config = kad::Config::new(protocol);
    config
        .set_kbucket_inserts(BucketInserts::Manual)
        // What others want to be stored becomes an event, which nobody takes.
        .set_record_filtering(StoreInserts::FilterBoth)
        .set_caching(Caching::Disabled)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        .set_periodic_bootstrap_interval(None)
        .set_query_timeout(TIME_LIMIT)
        .set_max_packet_size(MAX_BYTES);
    let nothing =
        MemoryStoreConfig { max_records: 0, max_provided_keys: 0, ..MemoryStoreConfig::default() };
    let store = MemoryStore::with_config(me, nothing);
    let mut table = kad::Behaviour::with_config(me, store, config);
    table.set_mode(Some(Mode::Client));
    Gate::new(table)
}

impl Actor {
    fn table(&mut self, role: Role) -> Option<&mut kad::Behaviour<MemoryStore>> {
        let root = self.swarm.behaviour_mut();
        match role {
            Role::Member => Some(root.kad.inner_mut()),
            Role::Infrastructure => Some(root.kad_infrastructure.inner_mut()),
            Role::Stranger => None,
        }
    }

    /// A peer says where it is: worth telling other members, and asking it.
    pub(super) fn know_of(&mut self, peer: PeerId, addresses: &[Multiaddr]) {
        let role = self.role(&peer);
        let Some(table) = self.table(role) else { return };
        for address in addresses {
            table.add_address(&peer, address.clone());
        }
    }

    /// A peer is no longer told of.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        for role in [Role::Member, Role::Infrastructure] {
            if let Some(table) = self.table(role) {
                table.remove_peer(peer);
            }
        }
    }

    /// Whether there is anybody to ask: who is in a table and connected.
    pub(super) fn somebody_to_ask(&mut self) -> bool {
        let connected = |peer: &PeerId| self.links.contains_key(peer);
        let root = self.swarm.behaviour_mut();
        [&mut root.kad, &mut root.kad_infrastructure].into_iter().any(|table| {
            let mut buckets = table.inner_mut().kbuckets();
            buckets.any(|bucket| bucket.iter().any(|entry| connected(entry.node.key.preimage())))
        })
    }

    /// Asks members and bootstraps where an approved peer is.
    pub(super) fn look_up(&mut self, peer: PeerId) {
        for role in [Role::Member, Role::Infrastructure] {
            if let Some(table) = self.table(role) {
                table.get_closest_peers(peer);
            }
        }
    }

    /// Members may ask whoever can be reached by everybody.
    pub(super) fn answer_lookups(&mut self, reachable: bool) {
        let mode = if reachable { Mode::Server } else { Mode::Client };
        let table = self.swarm.behaviour_mut().kad.inner_mut();
        if table.mode() != mode {
            table.set_mode(Some(mode));
        }
    }

    pub(super) fn on_kad(&mut self, table: Role, event: Event) {
        match event {
            Event::OutboundQueryProgressed {
                result: QueryResult::GetClosestPeers(found), ..
            } => {
                let (Ok(GetClosestPeersOk { peers, .. })
                | Err(GetClosestPeersError::Timeout { peers, .. })) = found;
                for found in peers {
                    if self.role(&found.peer_id) != Role::Stranger {
                        for address in found.addrs.iter().take(MAX_ADDRESSES) {
                            self.learn(found.peer_id, address);
                        }
                    }
                }
            }
            // Libp2p adds where a peer was dialled: perhaps inside this network.
            Event::RoutingUpdated { peer, addresses, .. } => {
                let addresses = addresses.into_vec();
                let beyond = addresses.len().saturating_sub(MAX_ADDRESSES);
                let untold = |(at, address): (usize, &Multiaddr)| {
                    (at < beyond || !self.may_dial(address)).then(|| address.clone())
                };
                let untold: Vec<Multiaddr> =
                    addresses.iter().enumerate().filter_map(untold).collect();
                if let Some(table) = self.table(table) {
                    for address in untold {
                        table.remove_address(&peer, &address);
                    }
                }
            }
            Event::OutboundQueryProgressed { .. }
            | Event::InboundRequest { .. }
            | Event::UnroutablePeer { .. }
            | Event::RoutablePeer { .. }
            | Event::PendingRoutablePeer { .. }
            | Event::ModeChanged { .. } => {}
        }
    }
}
