//! Two members behind routers that choose ports at random: no hole can be punched, so they
//! stay on the relay, and everything works there.

use std::time::{Duration, Instant};

use memchr::memmem;
use serde_json::json;

use crate::behind::{Behind, Carrier, Plan, SOON};
use crate::canary::{CANARY, Marks};
use crate::capture::Capture;
use crate::mesh::values;
use crate::nat::Mapping;
use crate::node::Way;
use crate::prove::{full, report};
use crate::wait::within;

const PLAN: Plan =
    Plan { carrier: Carrier::Tcp, mapping: Mapping::Random, bootstraps: 2, public: false };

/// Packets by which a member may begin something towards the other's router: for each of the
/// four times that the two meet here three tries at two addresses, each packet repeated while
/// nobody answers.
const MAX_BEGUN: u64 = 4 * 30;

#[test]
fn who_stays_on_the_relay_has_every_function() {
    let Some(behind) = Behind::new(PLAN) else { return };
    let taps: Vec<Capture> =
        behind.bootstraps.iter().map(|one| Capture::start(&one.place.namespace)).collect();
    let start = Instant::now();
    let mut behind = behind.started();
    let mut lines = vec![format!("connected through a bootstrap after {:.1?}", start.elapsed())];

    let took = behind.exchange(SOON, 0);
    lines.push(format!("gossip both ways in {took:.2?}"));
    let took = red(&behind);
    lines.push(format!("a red indicator delivered and stored in {took:.2?}"));
    lines.push(revocation(&behind));
    lines.push(nothing_in_clear(&behind, taps));
    lines.push(sync(&mut behind));
    lines.push(other_bootstrap(&mut behind));
    lines.push(no_storm(&behind, start));
    report("nat-relayed", &lines);
}

fn red(behind: &Behind) -> Duration {
    let [one, two] = [&behind.nodes[0], &behind.nodes[1]];
    let start = Instant::now();
    let canary = json!({ "value": CANARY, "tlp": "red", "to": [two.name] });
    one.post(&["indicators"], &canary).unwrap();
    let found = within(SOON, "the red one is delivered", || two.knows(CANARY));
    assert_eq!(found["tlp"], "red");
    start.elapsed()
}

fn revocation(behind: &Behind) -> String {
    let [one, two] = [&behind.nodes[0], &behind.nodes[1]];
    let start = Instant::now();
    two.post(&["peers", "revoke"], &json!({ "peer": one.name })).unwrap();
    within(SOON, "the revoked one is disconnected", || {
        (one.way_to(two) == Way::None).then_some(())
    });
    let closed = start.elapsed();
    let start = Instant::now();
    let again = json!({ "peer_id": one.peer_id, "name": one.name });
    two.post(&["peers", "approve"], &again).unwrap();
    behind.are_connected();
    let took = behind.exchange(SOON, 10);
    let back = start.elapsed();
    format!(
        "revoked: closed on both sides in {closed:.2?}; approved again: back after {back:.1?}, the \
         next claims took {took:.2?}"
    )
}

/// A bootstrap carries what it cannot read, and keeps none of it.
fn nothing_in_clear(behind: &Behind, taps: Vec<Capture>) -> String {
    let id = behind.nodes[1].knows(CANARY).unwrap()["id"].as_str().unwrap().to_owned();
    let mut marks = Marks::new(&id);
    marks.and(&values(0, 2));
    let (mut searched, mut packets) = (0, 0);
    for tap in taps {
        let seen = tap.end();
        packets += seen.len();
        // The tap works: what begins a connection is in clear.
        assert!(memmem::find(&seen, b"/multistream/1.0.0").is_some());
        searched += marks.never_in("a packet at a bootstrap", &seen);
    }
    for bootstrap in &behind.bootstraps {
        searched += marks.never_below(bootstrap.folder());
    }
    format!(
        "{:.1} MB searched, {:.1} MB of them packets at the bootstraps: no canary in clear",
        searched as f64 / 1e6,
        packets as f64 / 1e6
    )
}

/// One was away while the other saw much.
fn sync(behind: &mut Behind) -> String {
    let claims = if full() { 100_000 } else { 300 };
    let patience = Duration::from_secs(if full() { 1800 } else { 120 });
    behind.nodes[1].stop();
    let before = behind.nodes[0].count();
    behind.nodes[0].is_attacked_by(&values(1000, claims), 7);
    within(patience, "one has found them all", || {
        (behind.nodes[0].count() >= before + claims as u64).then_some(())
    });
    let start = Instant::now();
    behind.nodes[1].spawn();
    behind.nodes[1].answers();
    within(patience, "the other has them, too", || {
        (behind.nodes[1].count() >= before + claims as u64).then_some(())
    });
    let took = start.elapsed();
    let way = behind.nodes[1].way_to(&behind.nodes[0]);
    assert_eq!(way, Way::Relayed);
    let moved = behind.nodes[1].metric("dtim_sync_bytes_total") / 1e6;
    format!(
        "{claims} claims by sync over the relay in {took:.1?} from the start ({moved:.1} MB, \
         {:.2} MB/s)",
        moved / took.as_secs_f64()
    )
}

/// The bootstrap that carries the two is killed.
fn other_bootstrap(behind: &mut Behind) -> String {
    let relay = |behind: &Behind| {
        let end = behind.nodes[0].ends_at(&behind.nodes[1]).remove(0);
        let by = behind.bootstraps.iter().position(|one| end.contains(&one.peer_id));
        by.unwrap_or_else(|| panic!("{end} leads through no bootstrap"))
    };
    let first = relay(behind);
    behind.bootstraps[first].kill();
    let took = behind.exchange(SOON, 30);
    behind.are_connected();
    assert_ne!(relay(behind), first);
    format!("its bootstrap killed: claims passed through the other one {took:.1?} later")
}

/// What cannot be punched is not tried without end.
fn no_storm(behind: &Behind, since: Instant) -> String {
    let [one, two] = &behind.nats;
    if full() {
        // Long enough for the direct way to be tried again.
        std::thread::sleep(Duration::from_secs(600).saturating_sub(since.elapsed()));
    }
    let begun = [one.begun_to(two), two.begun_to(one)];
    let seconds = since.elapsed().as_secs_f64();
    assert!(begun.iter().all(|begun| *begun <= MAX_BEGUN), "{begun:?} in {seconds} s");
    format!("towards each other's router they began {begun:?} packets in {seconds:.0} s")
}
