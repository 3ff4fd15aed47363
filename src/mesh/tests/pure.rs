//! What decides without a network: quotas, back-offs, strikes, scores.

use std::time::{Duration, Instant};

use libp2p::gossipsub::TopicHash;
use proptest::prelude::*;
use tokio::sync::mpsc;

use super::{claim, community, peer_id};
use crate::mesh::Event;
use crate::mesh::address::{is_global, party, peer_in, without_peer};
use crate::mesh::book::{Book, Dial};
use crate::mesh::discovery::{Ask, Discovery, PAGE};
use crate::mesh::gossip::{DECAY, score_params, score_thresholds};
use crate::mesh::judge::{Desk, Job, Judge, Offence};
use crate::mesh::quota::{self, Bucket, Quotas};
use crate::mesh::rate::Rate;
use crate::mesh::seen::Seen;
use crate::mesh::strikes::Strikes;
use crate::metrics::Metrics;
use crate::model::ContentId;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_member_may_send_a_burst_and_then_its_rate() {
    let (mut quotas, start) = (Quotas::new(quota::CLAIMS), Instant::now());
    let taken = (0..30_000).filter(|_| quotas.take(1, 1, start)).count();
    assert_eq!(taken, 20_000);
    let taken = (0..30_000).filter(|_| quotas.take(1, 1, start + 60 * SECOND)).count();
    assert_eq!(taken, 6_000);
    assert!(quotas.take(2, 1, start), "others are not affected");
}

#[test]
fn what_was_spent_on_credit_is_earned_back_first() {
    let start = Instant::now();
    let mut bucket = Bucket::new(0.5, 2.0, start);
    bucket.spend(2.0, start);
    assert_eq!(bucket.debt(start), None);
    bucket.spend(3.0, start);
    assert_eq!(bucket.debt(start), Some(6 * SECOND));
    assert!(!bucket.take(1.0, start + 7 * SECOND));
    assert_eq!(bucket.debt(start + 6 * SECOND), None, "no time runs backwards");
    // However long nothing is spent, no more than the burst is there.
    assert!(bucket.take(2.0, start + 3600 * SECOND));
    assert!(!bucket.take(0.1, start + 3600 * SECOND));
}

proptest! {
    /// Whatever it spends and when, a member gets no more than its share and one burst.
    #[test]
    fn nobody_takes_more_than_its_share(
        spent in proptest::collection::vec((0.0..2.0_f64, 0.0..10.0_f64), 1..200),
    ) {
        let start = Instant::now();
        let mut bucket = Bucket::new(0.1, 1.0, start);
        let (mut now, mut sum, mut largest) = (start, 0.0, 0.0_f64);
        for (amount, pause) in spent {
            now += Duration::from_secs_f64(pause) + bucket.debt(now).unwrap_or_default();
            bucket.spend(amount, now);
            sum += amount;
            largest = largest.max(amount);
            let share = 0.1 * now.duration_since(start).as_secs_f64();
            prop_assert!(sum <= share + 1.0 + largest + 1e-3, "{sum} of {share}");
        }
    }
}

#[test]
fn quotas_forget_who_is_quiet() {
    let (mut quotas, start) = (Quotas::new(quota::CLAIMS), Instant::now());
    for member in 0..100_000 {
        quotas.take(member, 1, start + member * SECOND);
    }
    assert!(quotas.len() <= 1024 + 200);
}

#[test]
fn a_rate_bounds_its_table() {
    let (mut rate, start) = (Rate::new(2, 60 * SECOND, 10), Instant::now());
    assert_eq!((0..5).map(|_| rate.allow(0, start)).filter(|allowed| *allowed).count(), 2);
    let admitted = (1..1000).filter(|key| rate.allow(*key, start)).count();
    assert_eq!(admitted, 9);
    assert!(rate.allow(0, start + 60 * SECOND), "a new window begins");
}

#[test]
fn the_oldest_ids_are_forgotten_first() {
    let seen = Seen::with_capacity(2);
    for byte in 0..3 {
        seen.insert(ContentId([byte; 32]));
        seen.insert(ContentId([byte; 32]));
    }
    let known: Vec<bool> = (0..3).map(|byte| seen.contains(&ContentId([byte; 32]))).collect();
    assert_eq!(known, [false, true, true]);
    let loaded = Seen::new((0..3).map(|byte| ContentId([byte; 32])).collect());
    assert!((0..3).all(|byte| loaded.contains(&ContentId([byte; 32]))));
}

#[test]
fn three_rejected_claims_are_too_many_but_not_in_a_day() {
    let (mut strikes, start) = (Strikes::default(), Instant::now());
    let out: Vec<bool> = (0..3)
        .map(|minute| strikes.add(peer_id(1), Offence::Rejected, start + 60 * minute * SECOND))
        .collect();
    assert_eq!(out, [false, false, true]);
    let slowly = (0..24)
        .any(|hour| strikes.add(peer_id(2), Offence::Rejected, start + 3600 * hour * SECOND));
    assert!(!slowly);
    let flood = (0..70_000).position(|_| strikes.add(peer_id(3), Offence::OverQuota, start));
    assert!(flood.is_some_and(|at| at >= 57_999), "{flood:?}");
}

fn due(book: &mut Book, at: Instant) -> bool {
    !book.due(at).is_empty()
}

#[test]
fn who_denies_us_is_asked_ever_less_often() {
    let (mut book, start) = (Book::default(), Instant::now());
    let peer = peer_id(1);
    book.want(peer, &["/memory/1".parse().unwrap()], start);
    let mut attempts = 0;
    let mut last = start;
    for tick in 0..3600 * 5_u32 {
        let now = start + SECOND / 5 * tick;
        if due(&mut book, now) {
            attempts += 1;
            last = now;
            book.connected(&peer, now);
            book.disconnected(&peer, now + Duration::from_millis(5), 0.5);
        }
    }
    assert!((60..=100).contains(&attempts), "{attempts} attempts in an hour");
    assert!(book.away().all(|away| away.closed_at_once));
    // Approved again on this side, it is asked at once.
    book.want(peer, &[], last);
    assert!(due(&mut book, last));
}

#[test]
fn a_connection_that_lasted_starts_the_back_off_again() {
    let (mut book, start) = (Book::default(), Instant::now());
    let peer = peer_id(1);
    book.want(peer, &["/memory/1".parse().unwrap()], start);
    for _ in 0..10 {
        book.due(start + 3600 * SECOND);
        book.failed(&peer, start, 0.0);
    }
    let later = start + 7200 * SECOND;
    book.connected(&peer, later);
    assert!(!due(&mut book, later));
    book.disconnected(&peer, later + 60 * SECOND, 1.0);
    assert!(due(&mut book, later + 61 * SECOND));
}

#[test]
fn addresses_of_strangers_wait_bounded_until_they_are_approved() {
    let (mut book, start) = (Book::default(), Instant::now());
    for port in 0..20 {
        book.learn(peer_id(1), &format!("/memory/{port}").parse().unwrap(), start);
    }
    assert!(!due(&mut book, start));
    book.want(peer_id(1), &[], start);
    let dials = book.due(start);
    let Dial::Peer(peer, addresses) = &dials[0] else { panic!("{dials:?}") };
    assert_eq!((*peer, addresses.len()), (peer_id(1), 8));
    assert_eq!(addresses[0].to_string(), "/memory/19");
    book.unwant(&peer_id(1));
    assert!(!due(&mut book, start + 3600 * SECOND));
}

#[test]
fn only_global_addresses_of_others_are_dialled() {
    let global = |text: &str| is_global(&text.parse().unwrap());
    for address in [
        "/ip4/127.0.0.1/tcp/1",
        "/ip4/10.0.0.1/tcp/1",
        "/ip4/169.254.169.254/tcp/80",
        "/ip4/100.64.0.1/tcp/1",
        "/ip6/::1/tcp/1",
        "/ip6/fc00::1/tcp/1",
        "/ip6/fe80::1/tcp/1",
        "/ip6/::ffff:10.0.0.1/tcp/1",
        "/dns/localhost/tcp/1",
        "/dns4/internal.example/tcp/1",
        "/memory/1",
        // libp2p's TCP dials the last host.
        "/ip4/8.8.8.8/tcp/1/ip4/127.0.0.1/tcp/22",
        "/ip4/8.8.8.8/tcp/1/p2p-circuit/ip4/127.0.0.1/tcp/22",
        "/ip4/10.0.0.1/tcp/1/p2p-circuit",
        "/ip4/8.8.8.8/udp/53",
        "/ip4/8.8.8.8",
    ] {
        assert!(!global(address), "{address}");
    }
    let (relay, node) = (peer_id(1), peer_id(2));
    for address in [
        "/ip4/8.8.8.8/tcp/3031".to_owned(),
        format!("/ip4/8.8.8.8/tcp/3031/p2p/{node}"),
        "/ip6/2606:4700::1111/udp/3031/quic-v1".to_owned(),
        format!("/ip4/8.8.8.8/tcp/3031/p2p/{relay}/p2p-circuit/p2p/{node}"),
    ] {
        assert!(global(&address), "{address}");
    }
}

#[test]
fn an_ipv6_customer_is_one_host() {
    let host = |text: &str| party(&text.parse().unwrap());
    assert_eq!(host("/ip6/2001:db8::1/tcp/1"), host("/ip6/2001:db8::ffff/tcp/9"));
    assert_ne!(host("/ip6/2001:db8::1/tcp/1"), host("/ip6/2001:db8:0:1::1/tcp/1"));
    assert_eq!(host("/ip6/::ffff:1.2.3.4/tcp/1"), host("/ip4/1.2.3.4/tcp/2"));
    assert_eq!(host("/memory/1"), None);
    let address = format!("/memory/1/p2p/{}", peer_id(1)).parse().unwrap();
    assert_eq!(peer_in(&address), Some(peer_id(1)));
    assert_eq!(without_peer(&address).to_string(), "/memory/1");
}

#[test]
fn a_bootstrap_is_asked_page_by_page_and_then_at_intervals() {
    let start = Instant::now();
    let (bootstrap, interval) = (peer_id(1), 60 * SECOND);
    let mut discovery = Discovery::new([bootstrap], true, interval, start);
    assert!(discovery.due(start).is_empty(), "nothing while it is not connected");
    discovery.connected(&bootstrap, start);
    assert_eq!(discovery.due(start), [Ask::Register(bootstrap), Ask::Discover(bootstrap, None)]);
    discovery.registered(&bootstrap, 7200, start);
    let cookie = vec![1];
    let page = usize::try_from(PAGE).unwrap();
    assert!(discovery.discovered(&bootstrap, page, cookie.clone(), start));
    assert_eq!(discovery.due(start), [Ask::Discover(bootstrap, Some(cookie.clone()))]);
    assert!(discovery.discovered(&bootstrap, 3, cookie.clone(), start));
    assert!(discovery.due(start + 59 * SECOND).is_empty());
    assert_eq!(discovery.due(start + interval).len(), 1);
    assert!(!discovery.discovered(&bootstrap, page + 1, cookie, start + interval));
    let refresh = start + 3600 * SECOND;
    assert!(discovery.due(refresh).contains(&Ask::Register(bootstrap)), "before the TTL ends");
}

#[test]
fn the_judge_waits_for_a_busy_node_and_marks_nothing_as_seen_that_no_node_took() {
    let seen = std::sync::Arc::new(Seen::with_capacity(10));
    let judge = Judge::new(community(), std::sync::Arc::clone(&seen), Metrics::new());
    let (answers, mut inbox) = mpsc::channel(8);
    let (events, mut outbox) = mpsc::channel(1);
    let desk = Desk::open(judge, answers, events).unwrap();
    let submit = |number| {
        let message = vec![0].into();
        assert!(desk.submit(Job { message, from: peer_id(1), bytes: claim(number) }));
    };
    (0..3).for_each(submit);
    for number in 0..3 {
        let Some(Event::Claim { verified, .. }) = outbox.blocking_recv() else { panic!() };
        assert_eq!(verified.bytes(), claim(number));
    }
    let mut verdict = || format!("{:?}", inbox.blocking_recv().unwrap().acceptance);
    assert_eq!([verdict(), verdict(), verdict()], ["Accept"; 3]);
    drop(outbox);
    submit(3);
    assert_eq!(verdict(), "Ignore");
    assert!(seen.contains(&ContentId::of(&claim(2))));
    assert!(!seen.contains(&ContentId::of(&claim(3))));
    desk.close();
}

#[test]
fn a_judge_that_cannot_keep_up_says_so() {
    let judge =
        Judge::new(community(), std::sync::Arc::new(Seen::with_capacity(10)), Metrics::new());
    let (answers, inbox) = mpsc::channel(1);
    let (events, _outbox) = mpsc::channel(1);
    let desk = Desk::open(judge, answers, events).unwrap();
    // Nobody takes its answers, so it stops at the second.
    let job = || Job { message: vec![0].into(), from: peer_id(1), bytes: Vec::new() };
    assert!((0..10_000).any(|_| !desk.submit(job())), "the queue is bounded");
    drop(inbox);
    desk.close();
}

/// Gossipsub's score (specification v1.1) of a peer in the mesh, for the terms
/// that are not switched off.
struct Model {
    minutes: f64,
    first: f64,
    rejected: f64,
    misbehaved: f64,
}

impl Model {
    fn step(&mut self) {
        let params = score_params(topic());
        let claims = &params.topics[&topic()];
        self.minutes += DECAY.as_secs_f64() / 60.0;
        self.first *= claims.first_message_deliveries_decay;
        self.rejected *= claims.invalid_message_deliveries_decay;
        self.misbehaved *= params.behaviour_penalty_decay;
    }

    fn score(&self) -> f64 {
        let params = score_params(topic());
        let claims = &params.topics[&topic()];
        let time = self.minutes.min(claims.time_in_mesh_cap) * claims.time_in_mesh_weight;
        let first = self.first.min(claims.first_message_deliveries_cap)
            * claims.first_message_deliveries_weight;
        let rejected = self.rejected.powi(2) * claims.invalid_message_deliveries_weight;
        let excess = (self.misbehaved - params.behaviour_penalty_threshold).max(0.0);
        (time + first + rejected).min(params.topic_score_cap)
            + excess.powi(2) * params.behaviour_penalty_weight
    }
}

fn topic() -> TopicHash {
    crate::mesh::gossip::topic(&community()).hash()
}

#[test]
fn the_score_parameters_are_valid_and_only_the_modelled_terms_are_on() {
    let params = score_params(topic());
    params.validate().unwrap();
    score_thresholds().validate().unwrap();
    let claims = &params.topics[&topic()];
    let off = [
        claims.mesh_message_deliveries_weight,
        claims.mesh_failure_penalty_weight,
        params.app_specific_weight,
        // Thirty honest peers behind one address are not punished.
        params.ip_colocation_factor_weight,
        params.slow_peer_weight,
    ];
    assert!(off.iter().all(|weight| *weight == 0.0), "{off:?}");
}

proptest! {
    #[test]
    fn a_peer_that_only_misbehaves_is_out_in_three_minutes(
        minutes_before in 0.0..10_000.0_f64,
        first in 0.0..10_000.0_f64,
        per_minute in 1.0..600.0_f64,
        kind in any::<bool>(),
    ) {
        let mut peer = Model { minutes: minutes_before, first, rejected: 0.0, misbehaved: 0.0 };
        let per_step = per_minute * DECAY.as_secs_f64() / 60.0;
        let out = (0..18).any(|_| {
            if kind { peer.rejected += per_step } else { peer.misbehaved += per_step * 10.0 }
            peer.step();
            peer.score() < score_thresholds().graylist_threshold
        });
        prop_assert!(out, "{}", peer.score());
    }

    #[test]
    fn a_quiet_honest_peer_never_falls_below_zero(hours in 0_u32..48, sent in 0.0..100.0_f64) {
        let mut peer = Model { minutes: 0.0, first: sent, rejected: 0.0, misbehaved: 0.0 };
        for _ in 0..hours * 360 {
            peer.step();
            prop_assert!(peer.score() >= 0.0);
        }
    }
}
