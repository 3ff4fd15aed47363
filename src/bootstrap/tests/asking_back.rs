//! AutoNAT against libp2p's own client: what is dialled, and what is not.

use std::net::TcpListener;

use libp2p::Multiaddr;

use super::{Settings, guest, over_tcp, start};

/// A service of this machine that must not be dialled for others.
fn service() -> (TcpListener, Multiaddr) {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    service.set_nonblocking(true).unwrap();
    let port = service.local_addr().unwrap().port();
    (service, format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap())
}

#[tokio::test]
async fn a_private_address_is_never_dialled_for_a_stranger() {
    let settings = Settings { allow_private_addresses: false, ..over_tcp() };
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let mut guest = guest(1, &bootstrap).await;
    let (service, at) = service();
    assert!(!guest.tested(&at).await);
    let port = service.local_addr().unwrap().port();
    for disguise in [
        format!("/ip6/::ffff:127.0.0.1/tcp/{port}"),
        format!("/dns/localhost/tcp/{port}"),
        format!("/ip4/8.8.8.8/tcp/1/ip4/127.0.0.1/tcp/{port}"),
    ] {
        assert!(!guest.tested(&disguise.parse().unwrap()).await, "{disguise}");
    }
    assert_eq!(service.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(metrics.bootstrap.dial_backs.with_label_values(&["address"]).get(), 4);
}

#[tokio::test]
async fn in_a_laboratory_the_same_address_is_dialled() {
    let bootstrap = start(over_tcp()).await.unwrap();
    let mut guest = guest(1, &bootstrap).await;
    let (service, at) = service();
    assert!(!guest.tested(&at).await, "nobody speaks libp2p there");
    assert!(service.accept().is_ok(), "but it was tried");
}

#[tokio::test]
async fn a_node_learns_that_it_can_be_reached_and_the_dial_back_is_closed() {
    let settings = over_tcp();
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let mut guest = guest(1, &bootstrap).await;
    let at = guest.listen().await;
    assert!(guest.tested(&at).await);
    let status = bootstrap.status();
    guest.drive_until(|| status.borrow().connections == 1).await;
    assert_eq!(metrics.bootstrap.dial_backs.with_label_values(&["connected"]).get(), 1);
}

#[tokio::test]
async fn whoever_is_tested_too_often_is_not_told_that_it_cannot_be_reached() {
    let settings = over_tcp();
    let (metrics, bootstrap) = (settings.metrics.clone(), start(settings).await.unwrap());
    let (mut first, mut second) = (guest(1, &bootstrap).await, guest(2, &bootstrap).await);
    let at = first.listen().await;
    assert!(first.tested(&at).await);
    let at = second.listen().await;
    second.candidate(&at);
    let refused = metrics.bootstrap.dial_backs.with_label_values(&["too_often"]);
    // A client that was told so asks no more; this one asks again.
    second.drive_until(|| refused.get() >= 2).await;
    assert_eq!(second.swarm.external_addresses().filter(|address| **address == at).count(), 0);
}
