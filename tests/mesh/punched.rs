//! Two members behind routers that keep ports: a hole is punched and the bootstrap is
//! needed no more.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::behind::{Behind, Carrier, Plan, SOON};
use crate::figures::percentile;
use crate::mesh::values;
use crate::nat::{Mapping, Nat};
use crate::node::Way;
use crate::prove::{full, report};
use crate::wait::{found_within, within};

/// How long the two may stay on the relay before a try counts as failed.
const PUNCHED_BY: Duration = Duration::from_secs(60);
/// Back after a change of address (the goal).
const BACK_BY: Duration = Duration::from_secs(30);

fn plan(carrier: Carrier) -> Plan {
    Plan { carrier, mapping: Mapping::Kept, bootstraps: 1, public: false }
}

#[test]
fn a_hole_is_punched_over_tcp() {
    punched(Carrier::Tcp);
}

#[test]
fn a_hole_is_punched_over_quic() {
    punched(Carrier::Quic);
}

fn punched(carrier: Carrier) {
    let tries = if full() { 20 } else { 1 };
    let (mut first_claim, mut direct) = (Vec::new(), Vec::new());
    for _ in 0..tries {
        let Some(mut behind) = Behind::new(plan(carrier)) else { return };
        first_claim.push(first_claim_after_start(&mut behind).as_secs_f64());
        let Some(took) = behind.are_direct(PUNCHED_BY) else { continue };
        direct.push(took.as_secs_f64());
        // It is so also for those who look at the cable, once the relay is left.
        behind.have_left_the_relay();
        let [one, two] = &behind.nats;
        let before = one.sent_to(two);
        behind.exchange(SOON, 10);
        assert!(one.sent_to(two) > before);
    }
    let punched = direct.len();
    first_claim.sort_by(f64::total_cmp);
    direct.sort_by(f64::total_cmp);
    let middle = |sorted: &[f64]| sorted.first().map_or(f64::NAN, |_| percentile(sorted, 50));
    report(
        &format!("nat-punched-{carrier:?}").to_lowercase(),
        &[
            format!(
                "{carrier:?}, both behind a router that keeps ports: {punched} of {tries} tries \
                 gave a direct connection, {:.1} s after the first claim (median)",
                middle(&direct)
            ),
            format!(
                "{carrier:?}: from start to the first exchanged claim, with nothing but a \
                 bootstrap's address and one approved PeerId: median {:.1} s, most {:.1} s",
                middle(&first_claim),
                percentile(&first_claim, 100)
            ),
        ],
    );
    assert!(punched * 10 >= tries * 9, "{punched} of {tries}");
}

/// One member is there and has a claim; the other starts for the first time.
fn first_claim_after_start(behind: &mut Behind) -> Duration {
    let value = &values(0, 1)[0];
    let (new, there) = behind.nodes.split_at_mut(1);
    let (new, there) = (&mut new[0], &mut there[0]);
    there.spawn();
    there.answers();
    within(SOON, "who is there has a place at the bootstrap", || {
        let status = there.get(&["status"], &[]).unwrap();
        (status["network"]["reachability"] == "relayed").then_some(())
    });
    there.post(&["indicators"], &json!({ "value": value, "tlp": "green" })).unwrap();
    let start = Instant::now();
    new.spawn();
    new.answers();
    within(SOON, "the new member hears its first claim", || new.knows(value));
    start.elapsed()
}

/// The bootstrap is gone, and a member restarts.
#[test]
fn who_is_connected_needs_no_bootstrap() {
    let plan = Plan { public: true, ..plan(Carrier::Tcp) };
    let Some(behind) = Behind::new(plan) else { return };
    let mut behind = behind.started();
    behind.have_left_the_relay();

    let since = |behind: &Behind| -> Vec<String> {
        let peers = [0, 1].map(|n| behind.nodes[n].get(&["peers"], &[]).unwrap());
        let all = peers.iter().flat_map(|peers| peers["peers"].as_array().unwrap());
        all.map(|peer| peer["since"].to_string()).collect()
    };
    let before = since(&behind);
    behind.bootstraps[0].kill();
    let took = behind.exchange(SOON, 100);
    assert_eq!(since(&behind), before, "nobody was disconnected");
    let mut lines = vec![format!("the bootstrap is killed: the next claims took {took:.2?}")];

    // A restart finds what is public in the cache; the other's hole may be found as well.
    behind.nodes[0].stop();
    let start = Instant::now();
    behind.nodes[0].spawn();
    behind.nodes[0].answers();
    let [one, two, public] = [&behind.nodes[0], &behind.nodes[1], &behind.nodes[2]];
    within(SOON, "a restarted member reaches the public one", || {
        (one.way_to(public) == Way::Direct).then_some(())
    });
    let took = start.elapsed();
    let hole = found_within(BACK_BY, || (one.way_to(two) == Way::Direct).then_some(()));
    let hole = hole.map_or("not".to_owned(), |()| format!("after {:.1?}", start.elapsed()));
    lines.push(format!(
        "without the bootstrap a restarted member is back at a public one after {took:.1?}, at one \
         behind a router {hole}"
    ));
    behind.exchange(SOON, 110);
    report("nat-alone", &lines);
}

#[test]
fn who_is_behind_a_router_that_moves_comes_back() {
    moves("router", 120, Nat::move_public);
}

#[test]
fn who_moves_behind_a_router_comes_back() {
    moves("member", 130, Nat::move_inside);
}

/// How long until claims pass again both ways.
fn moves(what: &str, first: u32, change: fn(&mut Nat)) {
    let plan = Plan { public: true, ..plan(Carrier::Tcp) };
    let Some(behind) = Behind::new(plan) else { return };
    let mut behind = behind.started();
    behind.have_left_the_relay();
    change(&mut behind.nats[0]);
    let start = Instant::now();
    let took = behind.exchange(SOON, first);
    behind.are_connected();
    let all = start.elapsed();
    assert!(all <= BACK_BY || !full(), "{what}: {all:?}");
    report(
        &format!("nat-moved-{what}"),
        &[format!(
            "the {what}'s address changed: claims passed both ways {took:.1?} later, everybody was \
             connected with everybody {all:.1?} later (goal 30 s)"
        )],
    );
}
