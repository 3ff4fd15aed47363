//! What a stranger gets from a real node: a handshake, and the door.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, SwarmBuilder, identify, noise, ping, tcp, yamux};

use super::prove::report;
use super::{Organisation, Settings};

#[derive(NetworkBehaviour)]
struct Curious {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

#[test]
fn a_stranger_is_closed_right_after_the_handshake_and_learns_nothing() {
    let mut alpha = Organisation::new("alpha", Settings::default());
    alpha.start();
    let address: Multiaddr = alpha.address().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut closed_after = Vec::new();
    for _ in 0..10 {
        closed_after.push(runtime.block_on(knock(address.clone())));
    }
    closed_after.sort();
    let line = format!(
        "stranger closed after the handshake: median {:?}, worst {:?} (goal 50 ms)",
        closed_after[5], closed_after[9]
    );
    report("stranger", &[line]);
    alpha.stop();
}

/// Time from the end of the handshake to the end of the connection. Fails if
/// any protocol spoke in between.
async fn knock(address: Multiaddr) -> Duration {
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| Curious {
            identify: identify::Behaviour::new(identify::Config::new("/test".into(), key.public())),
            ping: ping::Behaviour::default(),
        })
        .unwrap()
        .build();
    swarm.dial(address).unwrap();
    let mut since = None;
    let closed = async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => since = Some(Instant::now()),
                SwarmEvent::ConnectionClosed { .. } => {
                    return since.unwrap().elapsed();
                }
                SwarmEvent::OutgoingConnectionError { error, .. } => {
                    panic!("the handshake itself failed: {error}");
                }
                SwarmEvent::Behaviour(CuriousEvent::Identify(identify::Event::Received {
                    ..
                })) => {
                    panic!("a stranger was told who we are");
                }
                SwarmEvent::Behaviour(CuriousEvent::Ping(ping::Event {
                    result: Ok(_), ..
                })) => {
                    panic!("a stranger was answered");
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(super::organisation::DEADLINE, closed).await.unwrap()
}
