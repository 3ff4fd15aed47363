//! Kademlia against libp2p's own client.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use libp2p::kad::{self, Quorum, Record, RecordKey};
use libp2p::swarm::{Config, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId};

use super::guest::{BehaviourEvent, Guest, keys};
use super::{HERE, Settings, address_of, guest, in_memory, node, over_tcp, start};
use crate::bootstrap::clock::Clock;
use crate::bootstrap::kademlia::{Behaviour, MAX_ADDRESS_BYTES, MAX_ADDRESSES};
use crate::bootstrap::places::Claimant;
use crate::config::Admit;
use crate::mesh::neighbourhood::Neighbourhood;
use crate::mesh::transport::{self, Transport};
use crate::metrics::Metrics;

/// Where a guest says that it can be reached.
const SAID: &str = "/ip4/127.0.0.1/tcp/1";

fn with_peer(address: &str, peer: PeerId) -> Multiaddr {
    format!("{address}/p2p/{peer}").parse().unwrap()
}

#[tokio::test]
async fn a_registered_node_is_found_and_no_other() {
    let bootstrap = start(over_tcp()).await.unwrap();
    let at = address_of(&bootstrap);
    let (mut seeker, mut known) = (guest(1, &bootstrap).await, guest(2, &bootstrap).await);
    assert_eq!(seeker.find(&at, known.peer()).await, [], "it did not ask to be found");
    known.register(HERE).await.unwrap();
    assert_eq!(seeker.find(&at, known.peer()).await, [with_peer(SAID, known.peer())]);

    let mut status = bootstrap.status();
    status.wait_for(|status| status.findable == 1).await.unwrap();
    known.unregister(HERE);
    known.discover(Some(HERE), None, None).await.unwrap();
    status.wait_for(|status| status.findable == 0).await.unwrap();
    assert_eq!(seeker.find(&at, known.peer()).await, [], "it does not want to any more");

    known.register(HERE).await.unwrap();
    assert_eq!(status.wait_for(|status| status.findable == 1).await.unwrap().registrations, 1);
    let peer = known.peer();
    drop(known);
    status.wait_for(|status| status.findable == 0).await.unwrap();
    assert_eq!(seeker.find(&at, peer).await, [], "it is gone");
}

#[tokio::test]
async fn at_a_listed_bootstrap_it_is_enough_to_say_where_one_is() {
    let listed = BTreeSet::from([node(1), node(2)]);
    let settings = Settings { admit: Admit::Listed, listed, ..over_tcp() };
    let bootstrap = start(settings).await.unwrap();
    let (mut seeker, mut known) = (guest(1, &bootstrap).await, guest(2, &bootstrap).await);
    let mut status = bootstrap.status();
    tokio::select! {
        found = status.wait_for(|status| status.findable == 2) => drop(found.unwrap()),
        () = known.serve() => unreachable!(),
    }
    let found = seeker.find(&address_of(&bootstrap), known.peer()).await;
    assert_eq!(found, [with_peer(SAID, known.peer())]);
}

#[tokio::test]
async fn it_keeps_no_record() {
    let settings = in_memory();
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let at = address_of(&bootstrap);
    let mut guest = guest(1, &bootstrap).await;
    guest.find(&at, PeerId::random()).await;
    let key = RecordKey::new(&"key");
    let kademlia = &mut guest.swarm.behaviour_mut().kademlia;
    kademlia.put_record(Record::new(key.clone(), vec![7; 4096]), Quorum::One).unwrap();
    kademlia.remove_record(&key);
    kademlia.start_providing(key.clone()).unwrap();
    let counted = |request| metrics.bootstrap.kademlia_requests.with_label_values(&[request]);
    guest.drive_until(|| counted("put_value").get() > 0 && counted("add_provider").get() > 0).await;
    let mut other = super::guest(2, &bootstrap).await;
    other.find(&at, PeerId::random()).await;
    let query = other.swarm.behaviour_mut().kademlia.get_record(key);
    let found = other
        .until(|event| match event {
            SwarmEvent::Behaviour(BehaviourEvent::Kademlia(
                kad::Event::OutboundQueryProgressed {
                    id,
                    result: kad::QueryResult::GetRecord(found),
                    ..
                },
            )) if id == query => Some(found.is_ok()),
            _ => None,
        })
        .await;
    assert!(!found);
}

#[tokio::test]
async fn a_peer_that_asks_without_end_is_shut_out() {
    let settings = in_memory();
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let at = address_of(&bootstrap);
    let mut bad = guest(1, &bootstrap).await;
    let mut lookups = 0;
    while bad.is_connected() && lookups < 1000 {
        bad.find(&at, PeerId::random()).await;
        lookups += 1;
    }
    assert!((200..300).contains(&lookups), "240 questions a minute: {lookups}");
    assert_eq!(metrics.bootstrap.peers_shut_out.with_label_values(&["kademlia"]).get(), 1);
}

/// Nodes choose how long their addresses are, and with a key near another's they
/// choose in whose answers they stand.
#[tokio::test]
async fn long_addresses_do_not_make_an_answer_too_long_to_be_read() {
    let server = keys([9; 32]);
    let own = server.public().to_peer_id();
    let listed = (0..60).map(|_| PeerId::random()).collect();
    let mut kademlia = Behaviour::new(own, &listed, Clock::start(), Metrics::new());
    let from = Neighbourhood::of_ip([198, 51, 100, 1].into());
    for peer in &listed {
        let longest = (0..MAX_ADDRESSES + 2).map(|n| {
            let name = "a".repeat(MAX_ADDRESS_BYTES - 5 - n % 2);
            let address: Multiaddr = format!("/dns/{name}/tcp/{n}").parse().unwrap();
            address
        });
        kademlia.introduce(Claimant { peer: *peer, from }, longest).unwrap();
    }
    assert_eq!(kademlia.len(), 60);
    let connections = transport::build(Transport::Memory, &server, &[]).unwrap();
    let config = Config::with_tokio_executor();
    let mut swarm =
        Swarm::new(connections, Lone { identify: identify(&server), kademlia }, own, config);
    swarm.listen_on("/memory/0".parse().unwrap()).unwrap();
    let at = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            break address.with_p2p(own).unwrap();
        }
    };
    let serving = tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    let mut guest = Guest::connect([1; 32], &at).await.unwrap();
    let kademlia = &mut guest.swarm.behaviour_mut().kademlia;
    kademlia.add_address(&own, super::address::without_peer(&at));
    kademlia.get_closest_peers(PeerId::random());
    let mut dialled = BTreeSet::new();
    guest
        .until(|event| match event {
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), .. } => {
                dialled.insert(peer);
                (dialled.len() == 20).then_some(())
            }
            _ => None,
        })
        .await;
    serving.abort();
}

#[derive(libp2p::swarm::NetworkBehaviour)]
struct Lone {
    identify: libp2p::identify::Behaviour,
    kademlia: Behaviour,
}

fn identify(keys: &libp2p::identity::Keypair) -> libp2p::identify::Behaviour {
    libp2p::identify::Behaviour::new(libp2p::identify::Config::new("test".into(), keys.public()))
}
