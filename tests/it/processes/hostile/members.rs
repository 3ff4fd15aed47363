//! Who somebody is: many hostile members around one (case 31), one that reads
//! nothing (32), one that is sent away (46), one with many names, and one that
//! accuses its victim.

use std::time::Instant;

use serde_json::json;

use super::{Hostile, Line, approved, cost, eventually, metrics, nothing_wrong, verdicts, watched};
use crate::processes::{Settings, attack_line};

#[test]
fn a_node_between_hostile_members_still_hears_and_is_heard() {
    const HOSTILE: u8 = 20;
    let mut honest = watched("honest", Settings::default());
    let mut victim = watched("victim", Settings::default());
    honest.configure(&victim.as_peer(&[]), &[]);
    honest.start();
    // It dials the honest one itself: a place in the mesh is kept for whom it chose.
    let hostile: String = (100..100 + HOSTILE).map(approved).collect();
    victim.configure(&(honest.as_peer(&[honest.address()]) + &hostile), &[]);
    victim.start();
    let eclipse = Hostile::start(100, &[&victim], &["eclipse", "--members", "20"]);
    eclipse.event("done");
    let line = Line { victim, honest };
    line.exchange();
    for number in 0..20 {
        line.victim.append("access.log", &attack_line(&format!("45.155.1.{number}")));
        line.honest.append("access.log", &attack_line(&format!("45.155.2.{number}")));
    }
    for number in 0..20 {
        let (own, other) = (format!("45.155.1.{number}"), format!("45.155.2.{number}"));
        eventually("what the victim tells is heard", || line.honest.knows(&own));
        eventually("the victim hears the rest", || line.victim.knows(&other));
    }
    let connected = metrics(&line.victim)["dtim_peers_connected{role=\"member\"}"];
    assert_eq!(connected, f64::from(HOSTILE + 1), "all of them are there");
    stop(line);
}

#[test]
fn a_member_that_reads_nothing_holds_up_nobody_and_little_memory() {
    let line = Line::new([66, 67]);
    let (_deaf, grown) = talk_to_the_deaf(&line);
    // The claims themselves are in the store and in the index of what was seen.
    println!("a deaf member and {CLAIMS} claims: {} KiB more memory", grown >> 10);
    assert!(grown < 96 << 20, "{grown} bytes");
    stop(line);
}

#[test]
fn a_deaf_member_fills_no_log() {
    let line = Line::new([66, 67]);
    let (_deaf, _) = talk_to_the_deaf(&line);
    let log = line.victim.stderr();
    assert!(log.len() < 64 << 10, "{} bytes logged", log.len());
    stop(line);
}

/// More claims than the queues and windows of one that reads nothing hold.
const CLAIMS: u64 = 15_000;

/// The deaf one, and how many bytes of memory the victim took meanwhile.
fn talk_to_the_deaf(line: &Line) -> (Hostile, u64) {
    let deaf = Hostile::start(66, &[&line.victim], &["deaf"]);
    deaf.event("done");
    let before = cost(&line.victim);
    let count = CLAIMS.to_string();
    let talker = Hostile::start(67, &[&line.victim], &["publish", "--count", &count]);
    talker.event("done");
    eventually("the victim took them all", || {
        (verdicts(&line.victim).values().sum::<u64>() >= CLAIMS).then_some(())
    });
    line.still_works("45.156.1.1");
    (deaf, cost(&line.victim).memory.saturating_sub(before.memory))
}

#[test]
fn a_member_that_is_revoked_in_mid_stream_is_gone_and_stays_out() {
    let line = Line::new([66]);
    let hostile = Hostile::start(66, &[&line.victim], &["persist", "--tries", "5"]);
    hostile.event("joined");
    eventually("its claims go through", || {
        (verdicts(&line.honest).get("accept") >= Some(&10)).then_some(())
    });
    let revoked = Instant::now();
    line.victim.tell(&["peers", "revoke"], &json!({ "peer": "mallory-66" })).unwrap();
    hostile.event("sent away");
    println!(
        "its connection was gone {:.0?} after its revocation was asked for",
        revoked.elapsed()
    );
    let taken = verdicts(&line.victim);
    let rest = hostile.wait_for_end();
    assert!(rest.iter().all(|said| said["event"] != "joined"), "{rest:?}");
    line.still_works("45.156.1.1");
    let after = verdicts(&line.victim);
    // Its last claims may have been on their way to the judge; then nothing more.
    assert!(after["accept"] <= taken["accept"] + 10, "{taken:?} {after:?}");
    // What only it brought weighs nothing at once.
    let told = line.victim.knows("45.155.0.0").unwrap();
    assert_eq!(told["confidence"], 0, "{told}");
    assert_eq!(told["sources"], 0, "{told}");
    // Elsewhere it counts: there the victim itself delivered it.
    assert_ne!(line.honest.knows("45.155.0.0").unwrap()["confidence"], 0);
    stop(line);
}

#[test]
fn a_hundred_names_of_one_member_are_one_source() {
    let line = Line::beside(66);
    let attack = ["accuse", "45.155.205.233", "--pseudonyms", "100"];
    let hostile = Hostile::start(66, &[&line.victim, &line.honest], &attack);
    hostile.event("done");
    for (node, name) in [(&line.victim, "victim"), (&line.honest, "honest")] {
        let told = eventually("all of it arrived", || {
            let told = node.knows("45.155.205.233")?;
            (told["claims"].as_array()?.len() == 100).then_some(told)
        });
        assert_eq!(told["sources"], 1, "{name}: {told}");
        // Claims of 80 % by members with trust 0.5, each of which enters once: each of the
        // two may have some from the other, who was quicker to pass them on.
        let claims = told["claims"].as_array().unwrap().iter();
        let from_other = claims.filter(|claim| claim["delivered_by"] != json!(["mallory-66"]));
        let most = if from_other.count() == 0 { 40 } else { 64 };
        assert!(told["confidence"].as_u64().unwrap() <= most, "{name}: {told}");
        assert_ne!(told["block"], true, "{name}: {told}");
    }
    // An own sighting counts one more, and no more than that.
    line.victim.append("access.log", &attack_line("45.155.205.233"));
    eventually("it counts two", || {
        let told = line.victim.knows("45.155.205.233")?;
        (told["sources"] == 2).then_some(())
    });
    assert!(hostile.end().iter().all(|said| said["event"] != "closed"));
    stop(line);
}

#[test]
fn two_colluders_get_nobody_blocked() {
    // A real service, in the eyes of the victim; it never saw it attack (case 62).
    let service = "45.155.205.233";
    let line = Line::new([66, 67]);
    let attack = ["accuse", service, "--pseudonyms", "3"];
    let colluders = [66, 67].map(|seed| Hostile::start(seed, &[&line.victim], &attack));
    colluders.iter().for_each(|colluder| drop(colluder.event("done")));
    let told = eventually("all of it arrived", || {
        let told = line.victim.knows(service)?;
        (told["claims"].as_array()?.len() == 6).then_some(told)
    });
    assert_eq!(told["sources"], 1, "{told}");
    assert_ne!(told["block"], true, "{told}");
    stop(line);
}

#[test]
fn claims_about_the_victim_itself_cost_it_no_neighbour() {
    let own = "[hygiene]\nown = [\"45.155.205.0/24\"]\n".to_owned();
    let mut victim = watched("victim", Settings { extra: own, ..Settings::default() });
    let mut relays = ["relay-a", "relay-b", "relay-c"].map(|n| watched(n, Settings::default()));
    for relay in &mut relays {
        relay.configure(&(victim.as_peer(&[]) + &approved(66)), &[]);
        relay.start();
    }
    let peers: String = relays.iter().map(|relay| relay.as_peer(&[relay.address()])).collect();
    victim.configure(&peers, &[]);
    victim.start();
    for relay in &relays {
        eventually("all exchange", || relay.gossips_with("victim").then_some(()));
        eventually("all exchange", || victim.gossips_with(&relay.name).then_some(()));
    }
    let victims: Vec<&_> = relays.iter().collect();
    let accused = ["45.155.205.1", "45.155.205.2", "45.155.205.0/24", "45.155.205.3"];
    let hostile = Hostile::start(66, &victims, &[&["accuse"][..], &accused].concat());
    hostile.event("done");
    // The claims stay in the set and are shown to weigh nothing.
    for value in accused {
        let told = eventually("the victim heard it", || victim.knows(value));
        assert_eq!(told["confidence"], 0, "{told}");
        assert_ne!(told["block"], true, "{told}");
    }
    nothing_wrong(&verdicts(&victim));
    for relay in &relays {
        assert!(victim.gossips_with(&relay.name), "{} was given up", relay.name);
        assert!(relay.gossips_with("victim"));
    }
    relays[0].append("access.log", &attack_line("45.156.1.1"));
    eventually("the victim still hears", || victim.knows("45.156.1.1"));
    victim.append("access.log", &attack_line("45.156.1.2"));
    eventually("and is heard", || relays[2].knows("45.156.1.2"));
    victim.stop();
    for relay in &mut relays {
        relay.stop();
    }
}

fn stop(mut line: Line) {
    line.victim.stop();
    line.honest.stop();
}
