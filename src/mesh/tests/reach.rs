//! What decides how this node is reached, without a network.

use std::time::{Duration, Instant};

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::ConnectionId;

use super::peer_id;
use crate::mesh::address::{far_end, is_relayed, may_be_told, peer_in, relay_in, without_peer};
use crate::mesh::book::{Book, Dial};
use crate::mesh::guard::Dialable;
use crate::mesh::paths::{self, Attempts, Connection, Keeper};
use crate::mesh::reach::{Claim, Learnt, Path, Reach, Reachability, Tested, candidates};
use crate::mesh::reserve::Reservations;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn address(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

/// A line through a relay.
fn behind(relay: u8) -> Multiaddr {
    address(&format!("/ip4/9.9.9.9/tcp/1/p2p/{}/p2p-circuit", peer_id(relay)))
}

#[test]
fn an_address_behind_a_relay_names_both() {
    let relayed = behind(9);
    let whole = address(&format!("{relayed}/p2p/{}", peer_id(1)));
    assert_eq!((peer_in(&whole), relay_in(&whole)), (Some(peer_id(1)), Some(peer_id(9))));
    assert_eq!((peer_in(&relayed), relay_in(&relayed)), (None, Some(peer_id(9))));
    assert_eq!(without_peer(&whole), relayed);
    assert!(is_relayed(&relayed) && !is_relayed(&address("/ip4/9.9.9.9/tcp/1")));
    // Of a peer that came through a relay libp2p says only whose it is.
    let remote = address(&format!("/p2p/{}", peer_id(1)));
    assert_eq!(far_end(&relayed, &remote), relayed);
    let straight = address("/ip4/8.8.8.8/tcp/5");
    assert_eq!(far_end(&address("/ip4/10.0.0.1/tcp/3031"), &straight), straight);
    assert!(may_be_told(&relayed) && may_be_told(&address("/dns4/relay.example/tcp/1")));
    assert!(!may_be_told(&address("/ip4/10.0.0.1/tcp/1")));
}

#[test]
fn what_a_peer_sees_is_turned_into_where_this_node_listens() {
    let listen = [
        address("/ip4/127.0.0.1/tcp/3031"),
        address("/ip4/192.168.1.2/tcp/3031"),
        address("/ip4/192.168.1.2/udp/3031/quic-v1"),
        address("/ip6/fe80::1/tcp/3031"),
        behind(9),
    ];
    let seen = |text: &str| candidates(&address(text), listen.iter());
    let expected = ["/ip4/8.8.8.8/tcp/3031", "/ip4/8.8.8.8/udp/3031/quic-v1"].map(address);
    assert_eq!(seen("/ip4/8.8.8.8/tcp/40000"), expected);
    assert_eq!(seen("/ip6/2606:4700::1/tcp/9"), [address("/ip6/2606:4700::1/tcp/3031")]);
    assert_eq!(seen("/dns4/me.example/tcp/1"), []);
    assert_eq!(candidates(&behind(9), listen.iter()), []);
}

/// A node that two bootstraps see at one address.
fn seen_by_two() -> (Reach, Multiaddr, Instant) {
    let (mut reach, own) = (Reach::default(), address("/ip4/8.8.8.8/tcp/3031"));
    reach.observed(peer_id(1), std::slice::from_ref(&own));
    reach.observed(peer_id(2), std::slice::from_ref(&own));
    (reach, own, Instant::now())
}

#[test]
fn reachable_is_what_a_bootstrap_reached_and_none_refutes() {
    let (mut reach, own, start) = seen_by_two();
    assert_eq!(reach.verdict(start), None);
    for server in [1, 2] {
        assert_eq!(reach.due(peer_id(server), start), Some(own.clone()));
        assert_eq!(reach.due(peer_id(server), start + 10 * SECOND), None, "it was asked");
    }
    reach.tested(peer_id(1), &own, Tested::Reached, start);
    assert_eq!(reach.verdict(start), Some(true));
    assert_eq!(reach.proven(start).collect::<Vec<_>>(), [&own]);
    reach.tested(peer_id(2), &own, Tested::NotReached, start);
    assert_eq!(reach.verdict(start), Some(false), "one that lies cannot cut this node off");
    assert_eq!(reach.proven(start).count(), 0);
    // The forwarding is repaired: it is noticed at the next test.
    let later = start + 16 * MINUTE;
    assert_eq!(reach.due(peer_id(2), later), Some(own.clone()));
    reach.tested(peer_id(2), &own, Tested::Reached, later);
    assert_eq!(reach.verdict(later), Some(true));
    // What nobody confirms any more does not count for ever.
    assert_eq!(reach.verdict(later + 61 * MINUTE), None);
}

#[test]
fn a_refusal_says_nothing_and_is_asked_again_later() {
    let (mut reach, own, start) = seen_by_two();
    reach.due(peer_id(1), start);
    reach.tested(peer_id(1), &own, Tested::NoAnswer, start);
    assert_eq!(reach.verdict(start), None);
    assert_eq!(reach.due(peer_id(1), start + MINUTE), None);
    assert!(reach.due(peer_id(1), start + 2 * MINUTE).is_some());
    // One that never answers is asked again as well.
    assert!(reach.due(peer_id(1), start + 4 * MINUTE).is_some());
}

#[test]
fn who_moved_forgets_where_it_was() {
    let (mut reach, own, start) = seen_by_two();
    reach.due(peer_id(1), start);
    reach.tested(peer_id(1), &own, Tested::Reached, start);
    let moved = address("/ip4/9.9.9.9/tcp/3031");
    reach.observed(peer_id(1), std::slice::from_ref(&moved));
    assert_eq!(reach.verdict(start), Some(true), "the other still sees it there");
    reach.observed(peer_id(2), std::slice::from_ref(&moved));
    assert_eq!((reach.verdict(start), reach.proven(start).count()), (None, 0));
    assert_eq!(reach.due(peer_id(2), start), Some(moved));
}

#[test]
fn what_the_operator_or_the_router_says_holds_until_it_is_refuted() {
    let (mut reach, start) = (Reach::default(), Instant::now());
    let own = address("/ip4/8.8.8.8/tcp/3031");
    reach.claim(&own, Claim::Router);
    assert_eq!(reach.verdict(start), Some(true));
    assert_eq!(reach.proven(start).count(), 0, "it is told anyhow");
    assert_eq!(reach.due(peer_id(1), start), None, "nobody dials where it sees nobody");
    reach.observed(peer_id(1), &[address("/ip4/8.8.8.8/tcp/4001")]);
    while reach.due(peer_id(1), start).is_some() {}
    reach.tested(peer_id(1), &own, Tested::NotReached, start);
    assert_eq!(reach.verdict(start), Some(false));
    reach.unclaim(&own);
    assert_eq!(reach.verdict(start), None);
    // Who goes out by another address is not reached there, and that says nothing.
    reach.claim(&address("/ip4/9.9.9.9/tcp/3031"), Claim::Operator);
    assert_eq!((reach.due(peer_id(1), start), reach.verdict(start)), (None, Some(true)));
}

#[test]
fn own_is_what_two_bootstraps_reach_or_the_router_forwards() {
    let (mut reach, own, start) = seen_by_two();
    for server in [1, 2] {
        assert!(reach.hosts(start).is_empty(), "one alone could lie");
        reach.due(peer_id(server), start);
        reach.tested(peer_id(server), &own, Tested::Reached, start);
    }
    assert_eq!(reach.hosts(start).into_values().collect::<Vec<_>>(), [Learnt::Bootstraps]);
    reach.claim(&address("/ip4/9.9.9.9/tcp/1"), Claim::Router);
    // What the operator says is known without being learnt.
    reach.claim(&address("/ip4/1.1.1.1/tcp/1"), Claim::Operator);
    let hosts: Vec<String> = reach.hosts(start).keys().map(ToString::to_string).collect();
    assert_eq!(hosts, ["8.8.8.8", "9.9.9.9"]);
}

#[test]
fn an_observer_has_a_bounded_say() {
    let mut reach = Reach::default();
    for round in 0..100_u16 {
        let many: Vec<Multiaddr> =
            (0..100).map(|n| address(&format!("/ip4/8.8.8.8/tcp/{}", round * 100 + n))).collect();
        reach.observed(peer_id(1), &many);
    }
    let now = Instant::now();
    assert_eq!(std::iter::from_fn(|| reach.due(peer_id(1), now)).count(), 4);
}

#[test]
fn reachability_in_all_its_states() {
    let state = |tested, reserved, punched| Reachability::new(tested, reserved, punched).name();
    assert_eq!(state(Some(true), true, true), "public");
    assert_eq!(state(Some(false), true, true), "punched");
    assert_eq!(state(None, true, false), "relayed");
    assert_eq!(state(Some(false), false, false), "unreachable");
    assert_eq!(state(None, false, false), "unknown");
}

#[test]
fn places_are_held_at_three_relays_and_asked_for_again_with_patience() {
    let start = Instant::now();
    let mut places = Reservations::new((1..=5).map(peer_id), start);
    assert_eq!(places.due(start), [], "none is connected");
    for relay in 1..=5 {
        places.connected(&peer_id(relay), &address("/ip4/9.9.9.9/tcp/1"), start);
    }
    let due = places.due(start);
    assert_eq!(due.len(), 3);
    let listeners: Vec<ListenerId> = due.iter().map(|_| ListenerId::next()).collect();
    for ((relay, at), listener) in due.iter().zip(&listeners) {
        assert_eq!(relay_in(at), Some(*relay));
        places.asked(relay, *listener);
    }
    assert_eq!(places.due(start), []);
    assert!(places.granted(&due[0].0) && !places.granted(&due[0].0), "a renewal is no new one");
    assert_eq!(places.held(), 1);
    // One refuses: another is asked, and that one again later and later.
    assert_eq!(places.ended(listeners[1], start, 1.0), Some((due[1].0, false)));
    assert!(!places.due(start).iter().any(|(relay, _)| *relay == due[1].0));
    assert!(places.due(start + 2 * SECOND).iter().any(|(relay, _)| *relay == due[1].0));
    assert_eq!(places.ended(listeners[0], start, 1.0), Some((due[0].0, true)), "it was held");
    assert_eq!(places.ended(ListenerId::next(), start, 1.0), None, "not one of these");
    // Another connection is another chance.
    places.disconnected(&due[1].0);
    assert!(!places.due(start + MINUTE).iter().any(|(relay, _)| *relay == due[1].0));
    places.connected(&due[1].0, &address("/ip4/9.9.9.9/tcp/1"), start);
    assert!(places.due(start).iter().any(|(relay, _)| *relay == due[1].0));
}

/// A connection that was made so long before `now`, and answered so long before.
fn made(id: usize, path: Path, opened: u32, heard: u32, now: Instant) -> Connection {
    Connection {
        id: ConnectionId::new_unchecked(id),
        address: address("/ip4/9.9.9.9/tcp/1"),
        path,
        dialled: true,
        own: None,
        opened: now - opened * SECOND,
        heard: Some(now - heard * SECOND),
    }
}

fn closed(connections: &[Connection], keeper: Keeper, now: Instant) -> Vec<ConnectionId> {
    paths::surplus(connections, keeper, now)
}

#[test]
fn the_relayed_path_goes_when_a_straight_one_has_proven_itself() {
    let now = Instant::now() + 3600 * SECOND;
    let relayed = made(1, Path::Relayed, 600, 1, now);
    let young = [relayed.clone(), made(2, Path::Punched, 1, 1, now)];
    let old = [relayed.clone(), made(2, Path::Punched, 60, 1, now)];
    let dead = [relayed.clone(), made(2, Path::Punched, 60, 20, now)];
    for keeper in [Keeper::Newest, Keeper::Other] {
        assert_eq!(closed(&young, keeper, now), []);
        assert_eq!(
            closed(&old, keeper, now),
            [ConnectionId::new_unchecked(1)],
            "both sides let it go"
        );
        assert_eq!(
            closed(&dead, keeper, now),
            [ConnectionId::new_unchecked(2)],
            "the dead one goes instead"
        );
    }
    assert_eq!(paths::best(&old), Some(Path::Punched));
    assert_eq!(paths::best(&[]), None);
}

#[test]
fn of_equals_one_side_keeps_the_newest() {
    let now = Instant::now() + 3600 * SECOND;
    for path in Path::ALL {
        let two = [made(1, path, 100, 1, now), made(2, path, 60, 1, now)];
        assert_eq!(closed(&two, Keeper::Newest, now), [ConnectionId::new_unchecked(1)]);
        assert_eq!(closed(&two, Keeper::Other, now), []);
        let fresh = [made(1, path, 100, 1, now), made(2, path, 1, 1, now)];
        assert_eq!(closed(&fresh, Keeper::Newest, now), [], "answers may be under way");
    }
    // When nothing answers nothing is given up here.
    let silent = [made(1, Path::Direct, 100, 30, now), made(2, Path::Relayed, 60, 30, now)];
    assert!(paths::all_silent(&silent, now));
    assert_eq!(closed(&silent, Keeper::Newest, now), []);
    let mute = Connection { heard: None, ..made(1, Path::Direct, 100, 0, now) };
    assert!(!paths::all_silent(&[mute], now), "who answers no pings is not silent");
    // What a bootstrap dialled was a test.
    let test = Connection { dialled: false, ..made(2, Path::Direct, 60, 1, now) };
    let bootstrap = [made(1, Path::Direct, 100, 1, now), test.clone()];
    assert_eq!(closed(&bootstrap, Keeper::Dialled, now), [ConnectionId::new_unchecked(2)]);
    // A dead line to a bootstrap holds a place at a relay through which nobody comes.
    let again = [made(1, Path::Direct, 100, 20, now), made(2, Path::Direct, 1, 1, now)];
    assert_eq!(closed(&again, Keeper::Dialled, now), [ConnectionId::new_unchecked(1)]);
    let tested = [made(1, Path::Direct, 100, 20, now), Connection { opened: now, ..test }];
    assert_eq!(closed(&tested, Keeper::Dialled, now), [], "a test is no line");
}

#[test]
fn the_straight_path_is_tried_soon_and_then_every_five_minutes() {
    let (mut attempts, start) = (Attempts::default(), Instant::now());
    let relayed = [peer_id(1)];
    let mut tried = Vec::new();
    for second in 0..1800_u32 {
        let due = attempts.due(&relayed, start + second * SECOND, 0.5);
        tried.extend(due.into_iter().map(|(_, again)| (second, again)));
    }
    let expected = [(3, false), (303, true), (603, true), (903, true), (1203, true), (1503, true)];
    assert_eq!(tried, expected);
    assert_eq!(attempts.due(&[], start, 0.5), [], "it went straight");
    assert_eq!(attempts.due(&relayed, start, 0.5), [], "and begins again when it is back");
}

#[test]
fn a_hundred_stale_addresses_do_not_hide_the_good_one() {
    let (mut book, mut now) = (Book::default(), Instant::now());
    let stale: Vec<Multiaddr> =
        (0..20).map(|n| address(&format!("/ip4/8.8.8.8/tcp/{n}"))).collect();
    let good = address("/ip4/9.9.9.9/tcp/1");
    let all: Vec<Multiaddr> = std::iter::once(good.clone()).chain(stale).collect();
    book.want(peer_id(1), &all, now);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let dials = book.due(now);
        let Dial::Peer(_, addresses) = &dials[0] else { panic!("{dials:?}") };
        assert!(addresses.len() <= 8);
        if addresses.contains(&good) {
            break;
        }
        book.failed(&peer_id(1), now, 1.0);
        now += MINUTE;
    }
    assert!(attempts <= 3, "{attempts} attempts");
}

#[test]
fn an_address_at_which_somebody_else_answers_is_left_out() {
    let (mut book, mut now) = (Book::default(), Instant::now());
    let (taken, other) = (address("/ip4/8.8.8.8/tcp/1"), address("/ip4/8.8.4.4/tcp/1"));
    book.want(peer_id(1), &[taken.clone(), other.clone()], now);
    book.learn(peer_id(1), &address("/ip4/9.9.9.9/tcp/1"), now);
    book.due(now);
    book.answered_by_another(&peer_id(1), &taken);
    book.answered_by_another(&peer_id(1), &address("/ip4/9.9.9.9/tcp/1"));
    let mut next = |book: &mut Book| {
        book.failed(&peer_id(1), now, 1.0);
        now += MINUTE;
        book.due(now)
    };
    assert_eq!(next(&mut book), [Dial::Peer(peer_id(1), vec![other.clone()])]);
    book.answered_by_another(&peer_id(1), &other);
    let Dial::Peer(_, addresses) = &next(&mut book)[0] else { panic!() };
    assert_eq!(addresses.len(), 2, "the operator's are tried again when nothing else is left");
}

#[test]
fn others_are_asked_ever_less_often_where_a_peer_is() {
    let (mut book, start) = (Book::default(), Instant::now());
    book.want(peer_id(1), &[address("/ip4/8.8.8.8/tcp/1")], start);
    assert_eq!(book.lost(start), []);
    for _ in 0..2 {
        book.due(start + MINUTE);
        book.failed(&peer_id(1), start, 0.0);
    }
    let asked = (0..1200).filter(|second| !book.lost(start + *second * SECOND).is_empty());
    assert_eq!(asked.collect::<Vec<_>>(), [0, 2, 6, 14, 30, 62, 126, 254, 510, 810, 1110]);
    book.want(peer_id(2), &[], start);
    assert_eq!(book.lost(start), [peer_id(2)], "nobody ever said where it is");
    // Whoever says where it went is believed soon.
    book.learn(peer_id(1), &address("/ip4/9.9.9.9/tcp/1"), start);
    assert!(matches!(&book.due(start + SECOND)[..], [Dial::Peer(peer, _)] if *peer == peer_id(1)));
}

#[test]
fn a_relay_that_is_back_is_used_at_once() {
    let (mut book, start) = (Book::default(), Instant::now());
    book.want(peer_id(1), &[behind(9)], start);
    let mut now = start;
    for _ in 0..10 {
        now += MINUTE;
        assert_eq!(book.due(now).len(), 1);
        book.failed(&peer_id(1), now, 1.0);
    }
    assert_eq!(book.due(now), []);
    book.relay_found(&peer_id(8), now);
    assert_eq!(book.due(now), [], "another relay");
    book.relay_found(&peer_id(9), now);
    assert_eq!(book.due(now).len(), 1);
}

#[test]
fn only_what_is_global_or_named_or_behind_a_connected_relay_is_dialled() {
    let named = address("/ip4/10.0.0.1/tcp/3031");
    let dialable = Dialable::new(false);
    dialable.set_named([named.clone()].iter());
    let with_key = address(&format!("{named}/p2p/{}", peer_id(1)));
    for allowed in [named, with_key, address("/ip4/8.8.8.8/tcp/1")] {
        assert!(dialable.allows(&allowed), "{allowed}");
    }
    for refused in
        ["/ip4/10.0.0.1/tcp/22", "/ip4/169.254.169.254/tcp/80", "/dns4/internal.example/tcp/1"]
    {
        assert!(!dialable.allows(&address(refused)), "{refused}");
    }
    assert!(!dialable.allows(&behind(9)));
    dialable.set_relay(peer_id(9), true);
    assert!(dialable.allows(&behind(9)) && !dialable.allows(&behind(8)));
    // A private address before an own relay is not needed, so it cannot hurt.
    let inside = format!("/ip4/10.0.0.9/tcp/1/p2p/{}/p2p-circuit/p2p/{}", peer_id(9), peer_id(1));
    assert!(dialable.allows(&address(&inside)));
    dialable.set_relay(peer_id(9), false);
    assert!(!dialable.allows(&behind(9)));
    assert!(!Dialable::new(true).allows(&behind(9)), "also in a laboratory");
    assert!(Dialable::new(true).allows(&address("/memory/1")));
}
