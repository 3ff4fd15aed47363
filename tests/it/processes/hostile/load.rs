//! How much is said: floods cost the flooder (cases 22, 33).

use std::time::{Duration, Instant};

use super::{Hostile, Line, cost, eventually, nothing_wrong, verdicts, watched};
use crate::processes::Settings;
use crate::processes::prove::{self, report};

/// What a flood may cost in memory: design section 11 says 64 MiB.
const MEMORY: u64 = 64 << 20;

#[test]
fn a_flood_is_ignored_beyond_the_quota_and_an_honest_relay_is_not_punished() {
    // The quota allows 20,000 at once and 100 a second.
    let claims: u64 = if prove::full() { 40_000 } else { 22_000 };
    let mut line = Line::new([66]);
    let mut far = watched("far", Settings::default());
    // The middle is the victim of the flood; the far one hears it from the honest relay only.
    far.configure(&line.honest.as_peer(&[line.honest.address()]), &[]);
    let peers = line.victim.as_peer(&[line.victim.address()]) + &far.as_peer(&[]);
    line.honest.configure(&peers, &[]);
    line.honest.stop();
    line.honest.start();
    far.configure(&line.honest.as_peer(&[line.honest.address()]), &[]);
    far.start();
    line.exchange();
    eventually("the far one listens", || far.gossips_with("honest").then_some(()));

    let count = claims.to_string();
    let hostile = Hostile::start(66, &[&line.victim], &["publish", "--count", &count]);
    hostile.event("done");
    let judged = eventually("the victim has judged them all", || {
        let verdicts = verdicts(&line.victim);
        (verdicts.values().sum::<u64>() >= claims).then_some(verdicts)
    });
    // Neither the flooder nor who passed it on sent anything wrong.
    nothing_wrong(&judged);
    line.still_works("45.156.1.1");
    eventually("what is new reaches the far one", || far.knows("45.156.1.1"));
    for (node, peer) in [(&line.honest, "victim"), (&far, "honest")] {
        assert!(node.is_connected_to(peer), "an honest relay was punished");
        nothing_wrong(&verdicts(node));
    }
    assert!(hostile.end().iter().all(|said| said["event"] != "closed"));
    report("flood", &[format!("{claims} claims at once, judged by the victim: {judged:?}")]);
    for node in [&mut line.victim, &mut line.honest, &mut far] {
        node.stop();
    }
}

#[test]
fn control_messages_take_their_sender_s_share_and_nothing_is_kept_of_them() {
    let kinds = [
        "ihave",
        "iwant",
        "iwant-known",
        "graft",
        "prune",
        "graft-prune",
        "idontwant",
        "topics",
        "flapping",
        "noise",
    ];
    let seeds = || 100..;
    let mut line = Line::new(seeds().take(kinds.len()));
    let mut figures = Vec::new();
    for (kind, seed) in kinds.into_iter().zip(seeds()) {
        let before = (cost(&line.victim), line.victim.stderr().len());
        let start = Instant::now();
        let attack = ["spam", "--control", kind, "--count", "1000000"];
        let hostile = Hostile::start(seed, &[&line.victim], &attack);
        hostile.event("began");
        // In the middle of it everything works.
        for round in 0..if prove::full() { 30 } else { 1 } {
            // The share of a core is measured over half a minute.
            let next = Duration::from_secs(round).saturating_sub(start.elapsed());
            std::thread::sleep(next);
            line.still_works(&format!("45.156.{seed}.{}", 2 * round));
        }
        let after = (cost(&line.victim), line.victim.stderr().len());
        let seconds = start.elapsed().as_secs_f64();
        let grown = after.0.memory.saturating_sub(before.0.memory);
        let logged = after.1 - before.1;
        figures.push(format!(
            "{kind}: {seconds:.1} s; {:.2} of a core, {} KiB more memory, {} KiB logged",
            (after.0.processor - before.0.processor) / seconds,
            grown >> 10,
            logged >> 10,
        ));
        println!("{}", figures.last().unwrap());
        assert!(grown < MEMORY, "{kind}: {grown} bytes");
        assert!(logged < 64 << 10, "{kind}: {logged} bytes logged");
    }
    report("control", &figures);
    line.victim.stop();
    line.honest.stop();
}
