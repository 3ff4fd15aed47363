//! The list of who is there: who may fill it, what it tells whom (cases 9 to 12).

use std::time::Instant;

use serde_json::Value;

use super::super::hostile::{Hostile, peer_id};
use super::super::prove::{full, report};
use super::{MEMORY, Meeting, all_served};

/// It always has a place.
const LISTED: u8 = 70;
/// It registered before the attack.
const REGISTERED: u8 = 71;

fn bootstrap() -> Meeting {
    Meeting::start("allow_private_addresses = true", &format!("listed = [{:?}]", peer_id(LISTED)))
}

#[test]
fn who_registers_without_end_is_cut_off() {
    let bootstrap = bootstrap();
    let said = bootstrap.attacked(66, &["again"]).event("registered");
    let granted = said["granted"].as_u64().unwrap();
    assert!((1..=30).contains(&granted), "{said}");
    assert_eq!(said["back"], false, "it is shut out: {said}");
    all_served(&bootstrap.serves(REGISTERED), &["registration", "discovery"]);
    report("registry-again", &[format!("one identity: cut off after {granted} registrations")]);
}

#[test]
fn a_crowd_of_throwaway_identities_fills_neither_memory_nor_list() {
    let bootstrap = bootstrap();
    all_served(&bootstrap.serves(REGISTERED), &["registration"]);
    // One network, then very many.
    let requests = if full() { [100_000, 900_000] } else { [2_000, 18_000] };
    let mut lines = Vec::new();
    for (requests, hosts) in requests.into_iter().zip(["1", "8000"]) {
        let (before, start) = (bootstrap.cost(), Instant::now());
        let count = requests.to_string();
        let crowd = bootstrap.attacked(1, &["crowd", "--requests", &count, "--hosts", hosts]);
        crowd.event("began");
        // In the middle of it.
        let during = honest(&bootstrap);
        let crowded = crowd.event_at_last("crowded");
        let grown = bootstrap.cost().memory.saturating_sub(before.memory);
        let seconds = start.elapsed().as_secs_f64();
        let held = bootstrap.metric("dtim_registrations", "");
        lines.push(format!(
            "{requests} registrations by {} throwaway identities from {hosts} networks in \
             {seconds:.0} s: {} granted, {held:.0} held, {:.1} MiB more memory (goal 32); meanwhile \
             a listed and a registered one were served in {:.0} and {:.0} ms",
            crowded["identities"],
            crowded["granted"],
            grown as f64 / 1_048_576.0,
            during[0],
            during[1]
        ));
        println!("{}", lines[lines.len() - 1]);
        assert!(grown < MEMORY, "{grown} bytes");
    }
    let after = honest(&bootstrap);
    lines.push(format!("afterwards: {:.0} and {:.0} ms", after[0], after[1]));
    report("registry-crowd", &lines);
}

/// How long the listed and the registered one take to refresh and to ask.
fn honest(bootstrap: &Meeting) -> [f64; 2] {
    [LISTED, REGISTERED].map(|seed| {
        all_served(&bootstrap.serves(seed), &["connection", "registration", "discovery"])
    })
}

/// The outcomes that an attack tells of.
fn outcomes(attack: Hostile, event: &str) -> Value {
    attack.event(event)["outcomes"].clone()
}

#[test]
fn what_is_not_the_callers_own_and_true_is_not_listed() {
    let bootstrap = Meeting::start("", "");
    let outcomes = outcomes(bootstrap.attacked(66, &["forge"]), "forged");
    assert_eq!(outcomes["own"], "granted", "{outcomes}");
    for (what, why) in [
        ("old", "InvalidRecord"),
        ("foreign", "NotAuthorized"),
        ("torn", "InvalidRecord"),
        ("private", "InvalidRecord"),
        ("namespace", "InvalidNamespace"),
    ] {
        assert_eq!(outcomes[what], why, "{what}: {outcomes}");
    }
}

#[test]
fn nobody_is_told_of_other_communities_or_of_everybody_at_once() {
    let bootstrap = bootstrap();
    let crowd = bootstrap.attacked(1, &["crowd", "--requests", "1500", "--hosts", "8000"]);
    crowd.event("crowded");
    let outcomes = outcomes(bootstrap.attacked(66, &["snoop"]), "snooped");
    assert_eq!(outcomes["all"], "NotAuthorized", "{outcomes}");
    for what in ["empty", "long", "foreign"] {
        assert_eq!(outcomes[what], "InvalidNamespace", "{what}: {outcomes}");
    }
    assert_eq!(outcomes["cookie"], "InvalidCookie", "{outcomes}");
    let page = outcomes["unlimited"].as_u64().unwrap();
    assert!((1..=100).contains(&page), "{outcomes}");
}
