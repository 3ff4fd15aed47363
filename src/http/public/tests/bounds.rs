//! What a client may take: places, bytes, time.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Certificate, StatusCode};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::super::door::{
    ARRIVALS, Closed, Door, MAX_CONNECTIONS, MAX_HANDSHAKES, MAX_HANDSHAKES_PER_HOST, MAX_PER_HOST,
};
use super::{Listening, listen, routes};
use crate::model::Timestamp;

const NOW: Timestamp = Timestamp(1_790_000_000);

fn host(n: usize) -> IpAddr {
    std::net::Ipv4Addr::from_bits(u32::try_from(n).unwrap() + 0x0808_0000).into()
}

fn client(listening: &Listening) -> reqwest::Client {
    let ca = Certificate::from_pem(&listening.ca()).unwrap();
    reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap()
}

fn url(listening: &Listening, path: &str) -> String {
    format!("https://localhost:{}{path}", listening.address.port())
}

#[test]
fn one_host_fills_its_own_places_only() {
    let door = Door::new();
    let mut places = Vec::new();
    for _ in 0..MAX_HANDSHAKES_PER_HOST {
        places.push(door.enter(host(1), NOW).unwrap());
    }
    assert_eq!(door.enter(host(1), NOW).unwrap_err(), Closed::Handshakes);
    let other = door.enter(host(2), NOW).unwrap();
    drop(other);
    for place in &mut places {
        place.established();
    }
    while places.len() < MAX_PER_HOST {
        let mut place = door.enter(host(1), NOW).unwrap();
        place.established();
        places.push(place);
    }
    assert_eq!(door.enter(host(1), NOW).unwrap_err(), Closed::Host);
    places.pop();
    assert!(door.enter(host(1), NOW).is_ok(), "a place that was left is free again");
    drop(places);
    assert_eq!(door.connections(), 0);
    let neighbour: IpAddr = "2001:db8:0:1::1".parse().unwrap();
    let held: Vec<_> = (0..MAX_HANDSHAKES_PER_HOST).map(|_| door.enter(neighbour, NOW)).collect();
    let same: IpAddr = "2001:db8:0:1:ffff::2".parse().unwrap();
    assert_eq!(door.enter(same, NOW).unwrap_err(), Closed::Handshakes, "one /64 is one host");
    drop(held);
}

#[test]
fn there_are_bounds_in_all_and_for_how_often_one_comes() {
    let door = Door::new();
    let mut places: Vec<_> =
        (0..MAX_HANDSHAKES).map(|n| door.enter(host(n), NOW).unwrap()).collect();
    assert_eq!(door.enter(host(9999), NOW).unwrap_err(), Closed::Handshakes);
    places.iter_mut().for_each(super::super::door::Place::established);
    for n in MAX_HANDSHAKES..MAX_CONNECTIONS {
        let mut place = door.enter(host(n), NOW).unwrap();
        place.established();
        places.push(place);
    }
    assert_eq!(door.enter(host(9999), NOW).unwrap_err(), Closed::Full);
    drop(places);
    let came = (0..).take_while(|_| door.enter(host(5000), NOW).is_ok()).count();
    assert_eq!(u64::try_from(came).unwrap(), ARRIVALS.requests);
    assert_eq!(door.enter(host(5000), NOW).unwrap_err(), Closed::TooOften);
    assert!(door.enter(host(5001), NOW).is_ok());
    assert!(door.enter(host(5000), NOW.plus(60)).is_ok());
}

#[tokio::test]
async fn silent_connections_do_not_keep_others_out_for_long() {
    let listening = listen(routes()).await;
    let mut silent = Vec::new();
    for _ in 0..MAX_HANDSHAKES_PER_HOST {
        silent.push(TcpStream::connect(listening.address).await.unwrap());
    }
    // One more of this host is closed at once.
    let mut one_more = TcpStream::connect(listening.address).await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(20), one_more.read(&mut [0; 1])).await;
    assert!(matches!(read.unwrap(), Ok(0) | Err(_)));
    assert_eq!(listening.metrics.http.refused.with_label_values(&["handshakes"]).get(), 1);
    // The silent ones are dropped by themselves, and their places are free.
    for stream in &mut silent {
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut [0; 1])).await;
        assert!(matches!(read.unwrap(), Ok(0) | Err(_)));
    }
    let slow = listening.metrics.http.refused.with_label_values(&["slow_handshake"]).get();
    assert_eq!(slow, u64::try_from(MAX_HANDSHAKES_PER_HOST).unwrap());
    let answer = client(&listening).get(url(&listening, "/who")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_head_has_a_size_and_a_fault_is_an_answer() {
    let listening = listen(routes()).await;
    let client = client(&listening);
    let get = |path: &str| client.get(url(&listening, path));
    let long = get("/who").header("x-long", "x".repeat(20_000)).send().await.unwrap();
    assert_eq!(long.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let mut many = get("/who");
    for n in 0..100 {
        many = many.header(format!("x-{n}"), "x");
    }
    let many = many.send().await.unwrap();
    assert_eq!(many.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(get("/panic").send().await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(get("/who").send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn stopping_closes_what_rests_and_ends() {
    let listening = listen(routes()).await;
    let client = client(&listening);
    client.get(url(&listening, "/who")).send().await.unwrap().text().await.unwrap();
    listening.stop.send(true).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), listening.ended).await;
    ended.unwrap().unwrap();
    assert_eq!(listening.metrics.http.connections.get(), 0);
    assert!(TcpStream::connect(listening.address).await.is_err());
}
