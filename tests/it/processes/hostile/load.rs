//! How much is said: floods cost the flooder (cases 22, 33).

use super::{Hostile, Line, approved, cost, eventually, metrics, verdicts, watched};
use crate::processes::Settings;
use crate::processes::prove::report;

/// What a flood may cost in memory: design section 11 says 64 MiB.
const MEMORY: u64 = 64 << 20;

#[test]
fn a_flood_is_ignored_beyond_the_quota_and_an_honest_relay_is_not_punished() {
    const CLAIMS: u64 = 25_000;
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

    let count = CLAIMS.to_string();
    let hostile = Hostile::start(66, &[&line.victim], &["publish", "--count", &count]);
    hostile.event("done");
    let judged = eventually("the victim has judged them all", || {
        let verdicts = verdicts(&line.victim);
        let late = metrics(&line.victim);
        let overflow = late.get("dtim_judge_overflow_total{reason=\"queue\"}").copied();
        let all = verdicts.values().sum::<u64>() + overflow.unwrap_or_default() as u64;
        (all >= CLAIMS).then_some(verdicts)
    });
    // Neither the flooder nor who passed it on sent anything wrong.
    let reasons: Vec<&str> = judged.keys().map(String::as_str).collect();
    let mild = ["accept", "overloaded", "quota"];
    assert!(reasons.iter().all(|reason| mild.contains(reason)), "{judged:?}");
    line.still_works("45.156.1.1");
    eventually("what is new reaches the far one", || far.knows("45.156.1.1"));
    for (node, peer) in [(&line.honest, "victim"), (&far, "honest")] {
        assert!(node.is_connected_to(peer), "an honest relay was punished");
        let verdicts = verdicts(node);
        assert!(verdicts.keys().all(|reason| mild.contains(&&**reason)), "{verdicts:?}");
    }
    assert!(hostile.end().iter().all(|said| said["event"] != "closed"));
    report("flood", &[format!("25,000 claims at once, judged by the victim: {judged:?}")]);
    for node in [&mut line.victim, &mut line.honest, &mut far] {
        node.stop();
    }
}

#[test]
fn control_messages_cost_little_and_nothing_is_kept_of_them() {
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
        let start = std::time::Instant::now();
        let attack = ["spam", "--control", kind, "--count", "5000"];
        let hostile = Hostile::start(seed, &[&line.victim], &attack);
        let count = hostile.event("sent")["count"].clone();
        hostile.event("done");
        line.still_works(&format!("45.156.{seed}.1"));
        let after = (cost(&line.victim), line.victim.stderr().len());
        let grown = after.0.memory.saturating_sub(before.0.memory);
        let logged = after.1 - before.1;
        figures.push(format!(
            "{kind}: {count} RPCs taken in {:?}; {:.2} s of processor, {} KiB more memory, {} KiB logged",
            start.elapsed(),
            after.0.processor - before.0.processor,
            grown >> 10,
            logged >> 10,
        ));
        println!("{}", figures.last().unwrap());
        assert!(grown < MEMORY, "{kind}: {grown} bytes");
        assert!(logged < 64 << 10, "{kind}: {logged} bytes logged\n{}", line.victim.stderr());
    }
    report("control", &figures);
    assert!(!approved(66).is_empty());
    line.victim.stop();
    line.honest.stop();
}
