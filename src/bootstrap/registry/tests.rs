//! What is listed of whom, whichever way it registered.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use libp2p::core::PeerRecord;
use libp2p::identity::Keypair;

use super::super::desk::{Caller, Desk, Rules};
use super::{Page, Peer, Reader, Reason, Refusal, Registry, Wanted, Wish};
use crate::bootstrap::{RelayLimits, Settings, start};
use crate::config::Admit;
use crate::mesh::address::node_of;
use crate::mesh::neighbourhood::Neighbourhood;
use crate::mesh::rendezvous::Request;
use crate::mesh::transport::Transport;
use crate::metrics::Metrics;
use crate::model::{Community, NodeId, Timestamp};

const NOW: Timestamp = Timestamp(1_790_000_000);
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(8, 8, 8, 8));

fn settings(admit: Admit, listed: &[NodeId]) -> Settings {
    Settings {
        seed: [255; 32],
        listen: vec!["/memory/0".parse().unwrap()],
        external: Vec::new(),
        admit,
        listed: listed.iter().copied().collect(),
        communities: vec![Community::new("here").unwrap(), Community::new("there").unwrap()],
        allow_private_addresses: false,
        max_connections: 16,
        // The tests of one process share its memory.
        max_memory: 1 << 40,
        relay: RelayLimits {
            reservation: Duration::from_secs(60),
            circuit: Duration::from_secs(60),
            circuit_bytes: 1 << 20,
        },
        transport: Transport::Memory,
        metrics: Metrics::new(),
    }
}

fn node(n: u8) -> NodeId {
    NodeId::from_public_key([n; 32])
}

fn wish(endpoint: &str) -> Wish<'_> {
    Wish { community: None, endpoint, addresses: &[] }
}

async fn register(registry: &Registry, n: u8, endpoint: &str) -> Result<(u64, Page), Refusal> {
    registry.register(node(n), HERE, &wish(endpoint), NOW).await
}

#[tokio::test]
async fn who_registers_is_listed_once_with_what_others_can_reach() {
    let bootstrap = start(settings(Admit::Open, &[])).await.unwrap();
    let registry = bootstrap.registry();
    let addresses = ["/ip4/8.8.4.4/tcp/3031".to_owned(), "/ip4/10.0.0.1/tcp/3031".to_owned()];
    let first = Wish { addresses: &addresses, ..wish("https://node.example.com:3030/") };
    let (ttl, page) = registry.register(node(1), HERE, &first, NOW).await.unwrap();
    let peer = Peer {
        node: node(1),
        endpoint: "https://node.example.com:3030".to_owned(),
        addresses: vec!["/ip4/8.8.4.4/tcp/3031".to_owned()],
    };
    assert_eq!((ttl, page), (7200, Page { peers: vec![peer], next: None }));
    let (_, page) = register(&registry, 1, "/ip4/8.8.4.4/tcp/1").await.unwrap();
    assert_eq!(page.peers.len(), 1, "one registration a key");
    assert_eq!(page.peers[0].endpoint, "/ip4/8.8.4.4/tcp/1");

    let elsewhere = Wish { community: Some("there"), ..wish("/ip4/8.8.4.4/tcp/2") };
    let (_, page) = registry.register(node(2), HERE, &elsewhere, NOW).await.unwrap();
    assert_eq!(page.peers.len(), 1, "communities are apart");
    let nowhere = Wanted { community: Some("nowhere"), ..Wanted::default() };
    let error = registry.list(None, HERE, &nowhere).await.unwrap_err();
    assert_eq!(error, Refusal::Community("nowhere".to_owned()));
}

#[tokio::test]
async fn only_addresses_that_others_can_reach_are_listed() {
    let bootstrap = start(settings(Admit::Open, &[])).await.unwrap();
    let other = format!("/ip4/8.8.4.4/tcp/1/p2p/{}", node(9));
    let long = format!("https://{}.example.org", "a.".repeat(300));
    for endpoint in [
        "https://127.0.0.1:3030",
        "https://[::1]:3030",
        "https://169.254.169.254",
        "/ip4/192.168.1.1/tcp/3031",
        "/dns/internal.example.org/tcp/3031",
        "http://node.example.org",
        "https://user@node.example.org",
        "https://node.example.org/path",
        "https://node.example.org/?q",
        "node.example.org:3030",
        "",
        &other,
        &long,
    ] {
        let refused = register(&bootstrap.registry(), 1, endpoint).await;
        assert!(matches!(refused, Err(Refusal::Address(_))), "{endpoint}: {refused:?}");
    }
    let many = vec!["/ip4/8.8.4.4/tcp/1".to_owned(); 17];
    let wish = Wish { addresses: &many, ..wish("/ip4/8.8.4.4/tcp/1") };
    let refused = bootstrap.registry().register(node(1), HERE, &wish, NOW).await;
    assert!(matches!(refused, Err(Refusal::Address(_))));
}

#[tokio::test]
async fn a_listed_registry_serves_the_listed_only() {
    let bootstrap = start(settings(Admit::Listed, &[node(1)])).await.unwrap();
    let registry = bootstrap.registry();
    assert!(register(&registry, 1, "https://a.example.org").await.is_ok());
    let refused = register(&registry, 2, "https://b.example.org").await;
    assert_eq!(refused, Err(Refusal::NotListed));
    let wanted = Wanted::default();
    assert_eq!(registry.list(None, HERE, &wanted).await, Err(Refusal::Unsigned));
    assert_eq!(registry.list(Some(node(2)), HERE, &wanted).await, Err(Refusal::NotListed));
    assert_eq!(registry.list(Some(node(1)), HERE, &wanted).await.unwrap().peers.len(), 1);
}

#[tokio::test]
async fn quotas_are_those_of_the_rendezvous() {
    let bootstrap = start(settings(Admit::Open, &[])).await.unwrap();
    let registry = bootstrap.registry();
    let mut taken = 0;
    while register(&registry, 1, "https://a.example.org").await.is_ok() {
        taken += 1;
    }
    assert!((10..30).contains(&taken), "10 a minute: {taken}");
    let mut others = Vec::new();
    for n in 2..60 {
        others.push(register(&registry, n, "https://a.example.org").await);
    }
    let places = others.iter().filter(|other| other.is_ok()).count() + 1;
    assert_eq!(places, 32, "a neighbourhood has 32 places");
    assert!(others.contains(&Err(Refusal::Full)));
    let mut read = 0;
    while registry.list(None, HERE, &Wanted::default()).await.is_ok() {
        read += 1;
    }
    assert!((120..240).contains(&read), "120 pages a minute: {read}");
    let elsewhere: IpAddr = [9, 9, 9, 9].into();
    assert!(registry.list(None, elsewhere, &Wanted::default()).await.is_ok());
    let wish = wish("https://z.example.org");
    assert!(registry.register(node(70), elsewhere, &wish, NOW).await.is_ok());
    let older = registry.register(node(70), elsewhere, &wish, NOW.minus(1)).await;
    assert_eq!(older, Err(Refusal::Stale));
}

#[tokio::test]
async fn pages_go_through_the_list_without_a_gap() {
    let bootstrap = start(settings(Admit::Open, &[])).await.unwrap();
    let registry = bootstrap.registry();
    for n in 0..30 {
        register(&registry, n, "https://a.example.org").await.unwrap();
    }
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let wanted = Wanted { community: Some("here"), after, limit: Some(7) };
        let page = registry.list(None, HERE, &wanted).await.unwrap();
        assert!(page.peers.len() <= 7);
        all.extend(page.peers.into_iter().map(|peer| peer.node));
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(all, (0..30).map(node).collect::<Vec<_>>());
}

/// A node that registers at the rendezvous with a signed record.
fn at_rendezvous(desk: &mut Desk, seed: u8, address: &str, now: Timestamp) -> NodeId {
    let keys = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    let node = node_of(&keys.public().to_peer_id()).unwrap();
    let record = PeerRecord::new(&keys, vec![address.parse().unwrap()]).unwrap();
    let record = record.into_signed_envelope().into_protobuf_encoding();
    let from = Neighbourhood::of_ip(HERE);
    let request = Request::Register { namespace: "dtim/here".to_owned(), record, ttl: None };
    desk.serve(Caller { node, from }, request, now);
    node
}

#[test]
fn rendezvous_and_https_are_listed_together() {
    let communities = vec![Community::new("here").unwrap()];
    let rules = Rules { communities, listed: BTreeSet::new(), allow_private_addresses: false };
    let mut desk = Desk::new(rules, NOW);
    let from = Neighbourhood::of_ip(HERE);
    let both = at_rendezvous(&mut desk, 1, "/ip4/8.8.8.8/tcp/3031", NOW);
    let mut https = |node: NodeId, endpoint: &str| {
        let record = wish(endpoint).record(node, false).unwrap();
        desk.register_https(Caller { node, from }, 0, 1, record, NOW).unwrap();
    };
    https(node(7), "https://only.example.org");
    https(both, "https://both.example.org");
    let rendezvous = at_rendezvous(&mut desk, 2, "/ip4/8.8.4.4/tcp/3031", NOW);

    let mut read = |now: Timestamp| {
        let listing = desk.list(Reader::Anybody(from), 0, 0, 100, now).unwrap();
        let entries = listing.entries.into_iter();
        entries.filter_map(|(node, records)| Peer::of(node, &records, false)).collect::<Vec<_>>()
    };
    let peer = |node, endpoint: &str, addresses: &[&str]| Peer {
        node,
        endpoint: endpoint.to_owned(),
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
    };
    let expected = [
        peer(node(7), "https://only.example.org", &[]),
        peer(both, "https://both.example.org", &["/ip4/8.8.8.8/tcp/3031"]),
        peer(rendezvous, "/ip4/8.8.4.4/tcp/3031", &["/ip4/8.8.4.4/tcp/3031"]),
    ];
    assert_eq!(read(NOW), expected);
    assert_eq!(read(NOW.plus(7201)), [], "registrations end by themselves");
    assert_eq!(desk.registrations(NOW), 4);
    // A reader of the rendezvous would drop a page for one record that it cannot read.
    let discover =
        Request::Discover { namespace: Some("dtim/here".to_owned()), limit: None, cookie: None };
    let reply = format!("{:?}", desk.serve(Caller { node: both, from }, discover, NOW));
    assert!(!reply.contains("only.example"), "{reply}");
    assert_eq!(Refusal::from(Reason::TooOften), Refusal::TooOften);
}
