//! AutoNAT against libp2p's own client: what is dialled, and what is not.

use std::io::ErrorKind;
use std::net::TcpListener;

use libp2p::Multiaddr;

use super::guest::Guest;
use super::{Bootstrap, Settings, address_of, guest, over_tcp, start};

/// A node that listens, and so has the server test where.
async fn listening(seed: u8, bootstrap: &Bootstrap) -> (Guest, Multiaddr) {
    let server = address_of(bootstrap);
    let mut guest = Guest::new([seed; 32], &server);
    let at = guest.listen().await;
    (guest.meet(&server).await.unwrap(), at)
}

#[tokio::test]
async fn a_private_address_is_never_dialled_for_a_stranger() {
    let settings = Settings { allow_private_addresses: false, ..over_tcp() };
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let mut guest = guest(1, &bootstrap).await;
    // A service of this machine, which the bootstrap could reach.
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    service.set_nonblocking(true).unwrap();
    let port = service.local_addr().unwrap().port();
    let asked = [
        format!("/ip4/127.0.0.1/tcp/{port}"),
        format!("/ip6/::ffff:127.0.0.1/tcp/{port}"),
        format!("/dns/localhost/tcp/{port}"),
        format!("/ip4/8.8.8.8/tcp/1/ip4/127.0.0.1/tcp/{port}"),
    ];
    for address in &asked {
        assert!(!guest.tested(&address.parse().unwrap()).await, "{address}");
    }
    assert_eq!(service.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let refused = metrics.bootstrap.dial_backs.with_label_values(&["address"]).get();
    assert!(refused >= 4, "{refused}");
}

#[tokio::test]
async fn a_node_learns_that_it_can_be_reached_and_the_dial_back_is_closed() {
    let settings = over_tcp();
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let (mut guest, at) = listening(1, &bootstrap).await;
    assert!(guest.tested(&at).await);
    let status = bootstrap.status();
    guest.drive_until(|| status.borrow().connections == 1).await;
    assert_eq!(metrics.bootstrap.dial_backs.with_label_values(&["connected"]).get(), 1);
}

#[tokio::test]
async fn whoever_is_tested_too_often_is_not_told_that_it_cannot_be_reached() {
    let settings = over_tcp();
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let (mut first, at) = listening(1, &bootstrap).await;
    assert!(first.tested(&at).await);
    let (mut second, at) = listening(2, &bootstrap).await;
    let refused = metrics.bootstrap.dial_backs.with_label_values(&["too_often"]);
    // A client that was told so asks no more; this one asks again.
    second.drive_until(|| refused.get() >= 2).await;
    assert!(second.swarm.external_addresses().all(|address| *address != at));
}
