//! What a message says: rubbish is refused where it arrives, and whoever sends
//! it is shut out (cases 21, 26, 36, 43); nothing names an author (27).

use super::{Hostile, Line, approved, eventually, messages, metrics, nothing_wrong, verdicts};
use crate::processes::attack_line;

/// Attacks that every node must refuse alike, and what the judge calls it.
const REJECTED: [(&str, &str); 22] = [
    ("signature", "signature"),
    ("other-community", "signature"),
    ("weak-key", "signature"),
    ("schema", "malformed"),
    ("unknown-field", "malformed"),
    ("version", "version"),
    ("size", "too_large"),
    ("noise", "cbor"),
    ("indefinite", "cbor"),
    ("order", "cbor"),
    ("duplicate", "cbor"),
    ("longer", "cbor"),
    ("tag", "cbor"),
    ("trailing", "cbor"),
    ("depth", "cbor"),
    ("spelling", "not_canonical"),
    ("unfit", "unfit"),
    ("amber", "tlp"),
    ("red", "tlp"),
    ("unknown-marking", "malformed"),
    ("capital-marking", "malformed"),
    ("talkative-retraction", "malformed"),
];

/// Attacks that depend on clocks: nobody is to blame.
const IGNORED: [(&str, &str); 3] =
    [("future", "from_the_future"), ("ends-too-late", "ends_too_late"), ("ended", "ended")];

#[test]
fn what_every_node_refuses_goes_no_further_and_its_sender_is_shut_out() {
    let seeds = || 100..100 + REJECTED.len() as u8;
    let mut line = Line::new(seeds());
    for ((defect, verdict), seed) in REJECTED.into_iter().zip(seeds()) {
        let before = verdicts(&line.victim).get(verdict).copied().unwrap_or_default();
        let first = (u32::from(seed) * 10).to_string();
        let attack = ["rubbish", "--defect", defect, "--count", "3", "--first", &first];
        let hostile = Hostile::start(seed, &[&line.victim], &attack);
        hostile.event("closed");
        let after = verdicts(&line.victim)[verdict];
        assert_eq!(after - before, 3, "{defect}: the third is too many");
        // It is not let in again.
        let again = Hostile::start(seed, &[&line.victim], &["observe"]);
        again.wait("is not let in", |said| (said["event"] == "problem").then_some(()));
    }
    line.still_works("45.155.205.233");
    nothing_wrong(&verdicts(&line.honest));
    let refused = metrics(&line.victim);
    let shut_out = refused["dtim_connections_refused_total{reason=\"shut_out\"}"];
    assert!(shut_out >= REJECTED.len() as f64, "{shut_out}");
    line.victim.stop();
    line.honest.stop();
}

#[test]
fn what_only_clocks_tell_is_ignored_and_nobody_is_blamed() {
    let mut line = Line::new([66]);
    for (defect, verdict) in IGNORED {
        let attack = ["rubbish", "--defect", defect, "--count", "10"];
        let hostile = Hostile::start(66, &[&line.victim], &attack);
        hostile.event("done");
        eventually("the victim ignores them", || {
            (verdicts(&line.victim).get(verdict) == Some(&10)).then_some(())
        });
        let rest = hostile.end();
        assert!(rest.iter().all(|said| said["event"] != "closed"), "{rest:?}");
    }
    line.still_works("45.155.205.233");
    nothing_wrong(&verdicts(&line.honest));
    line.victim.stop();
    line.honest.stop();
}

#[test]
fn what_is_larger_than_any_claim_is_not_even_read_and_ends_the_same() {
    let mut line = Line::new([66]);
    let attack = ["rubbish", "--defect", "huge", "--count", "20"];
    Hostile::start(66, &[&line.victim], &attack).event("closed");
    line.still_works("45.155.205.233");
    line.victim.stop();
    line.honest.stop();
}

#[test]
fn no_message_names_an_author_and_none_that_does_is_taken() {
    let mut line = Line::new([66, 67, 68, 69, 70]);
    let observer = Hostile::start(66, &[&line.victim], &["observe"]);
    observer.event("joined");
    // Own claims, and those that are passed on for another.
    for number in 0..20 {
        line.victim.append("access.log", &attack_line(&format!("45.155.205.{number}")));
        line.honest.append("access.log", &attack_line(&format!("45.155.206.{number}")));
    }
    let mut seen = Vec::new();
    while seen.len() < 40 {
        let rpc = observer.event("rpc");
        assert_eq!(rpc["unknown"], serde_json::json!([]));
        seen.extend(messages(&[rpc]));
    }
    for message in &seen {
        assert_eq!(message["fields"], serde_json::json!([2, 4]), "data and topic, no more");
        assert_eq!(message["topic"], "/dtim/1/test/claims");
    }
    for (mark, seed) in ["from", "seqno", "signature", "key"].into_iter().zip(67..) {
        let attack = ["marked", "--mark", mark, "--count", "3"];
        let hostile = Hostile::start(seed, &[&line.victim], &attack);
        hostile.event("done");
        hostile.event("closed");
    }
    line.still_works("45.155.207.1");
    let taken = verdicts(&line.victim);
    // What the honest one saw, and nothing of what was marked.
    assert_eq!(taken.values().sum::<u64>(), 21, "{taken:?}");
    assert!(observer.end().iter().all(|said| said["event"] != "undecodable"));
    line.victim.stop();
    line.honest.stop();
}

#[test]
fn the_hostile_program_attacks_no_stranger() {
    for victim in ["/ip4/8.8.8.8/tcp/3031", "/dns/example.org/tcp/3031", "/ip6/2001:db8::1/tcp/1"] {
        let output = std::process::Command::new(super::program())
            .args(["--victim", victim, "observe"])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success() && said.contains("is refused"), "{said}");
    }
    assert!(approved(66).contains("12D3KooW"));
}
