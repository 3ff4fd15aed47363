//! When and to whom something is said: replays go nowhere (case 25), and what a
//! relay changes is refused (36).

use std::fs;
use std::path::Path;

use super::{Hostile, Line, eventually, messages, nothing_wrong, verdicts, verdicts_by};
use crate::processes::{Organisation, attack_line, prove};

#[test]
fn a_replay_after_a_restart_is_passed_on_to_nobody() {
    let (mut line, file) = fifty_published();
    line.victim.stop();
    line.victim.start();
    line.honest.configure(&line.victim.as_peer(&[line.victim.address()]), &[]);
    line.honest.stop();
    line.honest.start();
    line.exchange();
    replayed(&line, file.path());
    line.victim.stop();
    line.honest.stop();
}

#[test]
fn a_replay_after_the_duplicate_cache_is_passed_on_to_nobody() {
    if !prove::full() {
        println!("only with DTIM_PROVE=1: it takes 90 seconds");
        return;
    }
    let (mut line, file) = fifty_published();
    // Gossipsub forgets after 60 seconds: the wait is the case.
    std::thread::sleep(std::time::Duration::from_secs(90));
    replayed(&line, file.path());
    line.victim.stop();
    line.honest.stop();
}

/// A line that has heard 50 claims, and the file in which they are kept.
fn fifty_published() -> (Line, tempfile::NamedTempFile) {
    let line = Line::new([66, 67, 68]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let first = Hostile::start(66, &[&line.victim], &["publish", "--count", "50", "--keep", path]);
    first.event("done");
    eventually("the claims went through", || (accepted(&line.honest) >= 50).then_some(()));
    first.end();
    (line, file)
}

/// Replays a file of 50 claims; a member that knows none of them hears none.
fn replayed(line: &Line, path: &Path) {
    let path = path.to_str().unwrap();
    let lines = fs::read_to_string(path).unwrap();
    assert_eq!(lines.lines().count(), 50);
    let before = verdicts(&line.victim).get("seen_before").copied().unwrap_or_default();
    let observer = Hostile::start(67, &[&line.victim], &["observe"]);
    observer.event("joined");
    let replay = Hostile::start(66, &[&line.victim], &["replay", "--from", path]);
    replay.event("done");
    eventually("the victim has seen them all", || {
        let seen = verdicts(&line.victim).get("seen_before").copied().unwrap_or_default();
        (seen == before + 50).then_some(())
    });
    line.victim.append("access.log", &attack_line("45.156.1.1"));
    let mut heard = Vec::new();
    while heard.is_empty() {
        heard = messages(&[observer.event("rpc")]);
    }
    let data = heard[0]["data"].as_str().unwrap();
    assert!(lines.lines().all(|line| line != data), "a replay was passed on");
    assert_eq!(heard.len(), 1);
    eventually("the honest one hears it too", || line.honest.knows("45.156.1.1"));
    // Nothing that can be replayed is worth a strike.
    assert!(replay.end().iter().all(|said| said["event"] != "closed"));
}

#[test]
fn two_versions_under_one_name_end_as_one_everywhere() {
    let mut line = Line::beside(66);
    let hostile = Hostile::start(66, &[&line.victim, &line.honest], &["equivocate"]);
    hostile.event("done");
    // Both have seen both, and both keep the same one.
    for node in [&line.victim, &line.honest] {
        eventually("both versions came", || (accepted(node) >= 2).then_some(()));
    }
    let kept = |node: &Organisation| {
        let told = node.knows("45.155.0.0")?;
        let [claim] = &told["claims"].as_array()?[..] else { panic!("{told}") };
        claim["confidence"].as_u64()
    };
    eventually("both keep the same", || (kept(&line.victim)? == kept(&line.honest)?).then_some(()));
    line.victim.stop();
    line.honest.stop();
}

/// Claims that a node took, by whatever way.
fn accepted(node: &Organisation) -> u64 {
    let by = |path| verdicts_by(path, node).get("accept").copied().unwrap_or_default();
    by("gossip") + by("sync")
}

#[test]
fn an_older_revision_changes_nothing_whenever_it_comes() {
    let mut line = Line::new([66]);
    let attack = ["revise", "5", "3", "4", "7", "6", "1"];
    let hostile = Hostile::start(66, &[&line.victim], &attack);
    hostile.event("done");
    eventually("the victim took them all", || (accepted(&line.victim) >= 6).then_some(()));
    hostile.end();
    // One from the future neither comes in nor keeps a true one out.
    let attack = ["rubbish", "--defect", "future", "--count", "1", "--first", "9"];
    Hostile::start(66, &[&line.victim], &attack).event("done");
    eventually("the victim ignores it", || {
        (verdicts(&line.victim).get("from_the_future") == Some(&1)).then_some(())
    });
    line.still_works("45.156.1.1");
    assert!(line.victim.knows("45.155.0.9").is_none());
    for node in [&line.victim, &line.honest] {
        eventually("the highest is kept", || {
            let told = node.knows("45.155.0.0")?;
            let [claim] = &told["claims"].as_array()?[..] else { panic!("{told}") };
            (claim["confidence"] == 7).then_some(())
        });
    }
    line.victim.stop();
    line.honest.stop();
}

#[test]
fn claims_under_a_foreign_topic_keep_the_right_ones_from_nobody() {
    let mut line = Line::new([66, 67]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    // Made while the victim is away: it has not seen them.
    line.victim.stop();
    let maker = Hostile::start(66, &[], &["publish", "--count", "50", "--keep", path]);
    maker.event("done");
    line.victim.start();
    line.honest.configure(&line.victim.as_peer(&[line.victim.address()]), &[]);
    line.honest.stop();
    line.honest.start();
    line.exchange();
    let censor = Hostile::start(67, &[&line.victim], &["foreign", "--from", path]);
    censor.event("done");
    let publisher = Hostile::start(66, &[&line.victim], &["replay", "--from", path]);
    publisher.event("done");
    for node in [&line.victim, &line.honest] {
        eventually("the right ones come through", || (accepted(node) >= 50).then_some(()));
    }
    line.victim.stop();
    line.honest.stop();
}

#[test]
fn what_a_relay_changes_is_refused_by_everybody() {
    let mut line = Line::new([66]);
    let hostile = Hostile::start(66, &[&line.victim], &["alter"]);
    hostile.event("waiting");
    line.honest.append("access.log", &attack_line("45.155.205.233"));
    // The marking lowered, a field added, the pseudonym changed: three are too many.
    hostile.event("closed");
    let verdicts_of_victim = verdicts(&line.victim);
    assert_eq!(verdicts_of_victim.get("signature"), Some(&3), "{verdicts_of_victim:?}");
    line.still_works("45.155.207.1");
    let stored = line.victim.knows("45.155.205.233").unwrap();
    assert_eq!(stored["tlp"], "green");
    assert_eq!(stored["claims"].as_array().unwrap().len(), 1, "{stored}");
    nothing_wrong(&verdicts(&line.honest));
    line.victim.stop();
    line.honest.stop();
}
