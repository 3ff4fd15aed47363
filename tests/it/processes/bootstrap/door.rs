//! Who knocks: at the door of a member, which opens to nobody that was not approved, and at
//! a bootstrap (cases 1 to 8).

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

use super::super::Organisation;
use super::super::hostile::{Cost, Hostile, Line, approved, cost, peer_id, watched};
use super::super::prove::{full, report};
use super::super::{Settings, attack_line, eventually};
use super::{DEADLINE_MS, GOAL_MS, MEMORY, Meeting, all_served, served};

/// An approved identity at a member, a listed one at a bootstrap.
const HONEST: u8 = 70;
/// At a bootstrap it is like anybody, and was there before.
const REGISTERED: u8 = 71;
/// Where the attackers come from, where they come from one address.
const ONE_HOST: [&str; 2] = ["--from", "127.9.9.9"];

/// What a bootstrap gives.
const ALL: [&str; 6] =
    ["connection", "ping", "registration", "discovery", "reservation", "kademlia"];
/// What a memory may grow by on one connection (case 7).
const ONE_CONNECTION: u64 = 32 << 20;

fn member() -> Organisation {
    let mut alpha = watched("alpha", Settings::default());
    alpha.configure(&approved(HONEST), &[]);
    alpha.start();
    alpha
}

fn bootstrap() -> Meeting {
    let listed = format!("listed = [{:?}]", peer_id(HONEST));
    let bootstrap = Meeting::start("allow_private_addresses = true", &listed);
    bootstrap_serves(&bootstrap);
    bootstrap
}

/// An attack from one host.
fn attack<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&ONE_HOST[..], words].concat()
}

/// How long an approved peer takes now until it is answered.
fn member_serves(member: &Organisation) -> f64 {
    let visit = Hostile::start(HONEST, &[member], &["--from", "127.3.3.3", "visit"]);
    all_served(&served(visit), &["connection", "ping"])
}

/// How long a listed one takes until it has all that a bootstrap gives, or one that came
/// before the attack, if that takes longer.
fn bootstrap_serves(bootstrap: &Meeting) -> f64 {
    let took = [HONEST, REGISTERED].map(|seed| all_served(&bootstrap.serves(seed), &ALL));
    took[0].max(took[1])
}

/// What something took between two looks.
fn between(before: Cost, after: Cost, since: Instant) -> (u64, String) {
    let grown = after.memory.saturating_sub(before.memory);
    let share = (after.processor - before.processor) / since.elapsed().as_secs_f64();
    (grown, format!("{:.1} MiB more memory, {share:.2} of a core", grown as f64 / 1_048_576.0))
}

#[test]
fn fresh_identities_are_closed_right_after_the_handshake_and_cost_no_memory() {
    let count = if full() { 10_000 } else { 300 };
    let mut alpha = member();
    let (before, start) = (cost(&alpha), Instant::now());
    let words = count.to_string();
    let knocks = Hostile::start(1, &[&alpha], &attack(&["knock", "--count", &words]));
    let knocked = knocks.event_at_last("knocked");
    let (grown, costs) = between(before, cost(&alpha), start);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!((&knocked["stayed"], &knocked["streams"]), (&0.into(), &0.into()), "{knocked}");
    assert!(knocked["closed"].as_u64().unwrap() > count / 2, "{knocked}");
    assert!(grown < MEMORY, "{grown} bytes");
    let candidates = alpha.ask(&["peers", "candidates"], &[]).unwrap();
    let candidates = candidates["candidates"].as_array().unwrap().len();
    report(
        "door-knock",
        &[format!(
            "{count} fresh identities from one address in {seconds:.0} s: closed after the \
             handshake in {:.1} ms (median), {:.1} ms (99 %), {:.1} ms at most (goal 50 ms), no \
             stream; {costs}; {candidates} kept as candidates",
            milliseconds(&knocked, "median_ms"),
            milliseconds(&knocked, "p99_ms"),
            milliseconds(&knocked, "most_ms"),
        )],
    );
    alpha.stop();
}

fn milliseconds(line: &Value, name: &str) -> f64 {
    line[name].as_f64().unwrap_or(f64::NAN)
}

#[test]
fn a_listed_bootstrap_gives_strangers_nothing() {
    let listed = format!("admit = \"listed\"\nlisted = [{:?}]", peer_id(HONEST));
    let bootstrap = Meeting::start("allow_private_addresses = true", &listed);
    let knocks = bootstrap.attacked(1, &attack(&["knock", "--count", "100"]));
    let knocked = knocks.event("knocked");
    assert_eq!((&knocked["stayed"], &knocked["streams"]), (&0.into(), &0.into()), "{knocked}");
    let services: BTreeMap<_, _> = bootstrap.serves(71);
    let got = services.iter().filter(|(name, outcome)| *name != "connection" && outcome.is_ok());
    assert_eq!(got.count(), 0, "{services:?}");
    all_served(&bootstrap.serves(HONEST), &ALL);
    report(
        "door-listed",
        &[format!(
            "a listed bootstrap closes strangers in {:.1} ms (median), {:.1} ms at most",
            milliseconds(&knocked, "median_ms"),
            milliseconds(&knocked, "most_ms")
        )],
    );
}

#[test]
fn handshakes_that_do_not_end_lock_nobody_out() {
    let (mut alpha, bootstrap) = (member(), bootstrap());
    let at_rest = [member_serves(&alpha), bootstrap_serves(&bootstrap)];
    let mut lines = vec![format!(
        "at rest: a member answers an approved peer in {:.0} ms, a bootstrap does all in {:.0} ms",
        at_rest[0], at_rest[1]
    )];
    let attacks: [(&str, Vec<&str>); 2] = [
        ("1,000 idle connections from one address, 200 new ones a second", attack(&["idle"])),
        ("handshakes at a byte a second from 64 addresses", vec!["drip"]),
    ];
    for (what, words) in attacks {
        let before = (cost(&alpha), bootstrap.cost());
        let start = Instant::now();
        let victims = [alpha.address(), bootstrap.address()];
        let attackers = victims.map(|victim| Hostile::at(1, &[victim], &words));
        attackers.iter().for_each(|attacker| drop(attacker.event("began")));
        let rounds = if full() { 10 } else { 1 };
        let served: Vec<[f64; 2]> =
            (0..rounds).map(|_| [member_serves(&alpha), bootstrap_serves(&bootstrap)]).collect();
        let worst = |of: usize| served.iter().map(|took| took[of]).fold(0.0, f64::max);
        let (grown, costs) = between(before.0, cost(&alpha), start);
        let (grown_too, costs_too) = between(before.1, bootstrap.cost(), start);
        assert!(grown < 2 * MEMORY && grown_too < 2 * MEMORY, "{grown}, {grown_too} bytes");
        lines.push(format!(
            "{what}: a member answers an approved peer within {:.0} ms ({costs}), a bootstrap does \
             all for a listed and a registered one within {:.0} ms ({costs_too}); goal {GOAL_MS:.0} ms",
            worst(0),
            worst(1)
        ));
        if words[0] == "drip" {
            let seconds: Vec<f64> = attackers
                .iter()
                .flat_map(|attacker| {
                    let line = attacker.event("dripped");
                    let all = line["seconds"].as_array().unwrap().clone();
                    all.into_iter().map(|one| one.as_f64().unwrap())
                })
                .collect();
            let most = seconds.iter().copied().fold(0.0, f64::max);
            assert!(most < DEADLINE_MS / 1e3, "{seconds:?}");
            lines
                .push(format!("each slow handshake is ended after {most:.1} s at most (goal 5 s)"));
        }
    }
    report("door-handshakes", &lines);
    alpha.stop();
}

#[test]
fn an_approved_peer_that_comes_and_goes_disturbs_nobody() {
    let times = if full() { "3000" } else { "200" };
    let mut line = Line::new([66]);
    let before = (cost(&line.victim), Instant::now(), line.victim.stderr().len());
    let flapping = Hostile::start(66, &[&line.victim], &attack(&["flap", "--times", times]));
    flapping.event("began");
    line.still_works("45.156.7.1");
    let flapped = flapping.event("flapped");
    line.still_works("45.156.7.3");
    let (grown, costs) = between(before.0, cost(&line.victim), before.1);
    let logged = line.victim.stderr().len() - before.2;
    assert!(grown < MEMORY, "{grown} bytes");
    report(
        "door-flapping",
        &[format!(
            "an approved peer came {times} times in {:.1} s and was let in {} times: {costs}, {} \
             KiB logged",
            flapped["seconds"].as_f64().unwrap(),
            flapped["let_in"],
            logged >> 10
        )],
    );
    line.victim.stop();
    line.honest.stop();
}

#[test]
fn silent_streams_and_full_windows_are_bounded() {
    let (mut alpha, bootstrap) = (member_and(66), bootstrap());
    let mut lines = Vec::new();
    for words in [vec!["silent"], vec!["silent", "--streams", "64"], vec!["inflate"]] {
        let before = (cost(&alpha), bootstrap.cost(), Instant::now());
        let victims = [alpha.address(), bootstrap.address()];
        let attackers = victims.map(|victim| Hostile::at(66, &[victim], &attack(&words)));
        let first = if words[0] == "inflate" { "inflated" } else { "began" };
        let said: Vec<Value> = attackers.iter().map(|attacker| attacker.event(first)).collect();
        let served = [member_serves(&alpha), bootstrap_serves(&bootstrap)];
        let (grown, costs) = between(before.0, cost(&alpha), before.2);
        let (grown_too, costs_too) = between(before.1, bootstrap.cost(), before.2);
        let sent: Vec<String> = said.iter().map(|line| line["bytes"].to_string()).collect();
        assert!(grown.max(grown_too) < ONE_CONNECTION, "{words:?}: {grown}, {grown_too} bytes");
        lines.push(format!(
            "{}: bytes taken {sent:?}; a member: {costs}, others answered in {:.0} ms; a bootstrap: \
             {costs_too}, others served in {:.0} ms",
            words.join(" "),
            served[0],
            served[1]
        ));
    }
    // One host has as many connections as it can get, from many networks even more.
    let before = (bootstrap.cost(), Instant::now());
    let connections = if full() { "400" } else { "64" };
    let many = ["inflate", "--connections", connections, "--hosts", "16"];
    let attacker = bootstrap.attacked(66, &many);
    let said = attacker.event_at_last("inflated");
    let served = bootstrap_serves(&bootstrap);
    let (_, costs) = between(before.0, bootstrap.cost(), before.1);
    lines.push(format!(
        "{} connections from 16 networks: bytes taken {}, {} refused; a bootstrap: {costs}; a \
         listed one served in {served:.0} ms",
        said["connections"], said["bytes"], said["refused"]
    ));
    report("door-streams", &lines);
    alpha.stop();
}

fn member_and(seed: u8) -> Organisation {
    let mut alpha = watched("alpha", Settings::default());
    alpha.configure(&(approved(HONEST) + &approved(seed)), &[]);
    alpha.start();
    alpha
}

#[test]
fn what_no_implementation_sends_closes_a_connection_and_no_process() {
    let (mut alpha, bootstrap) = (member_and(66), bootstrap());
    let (before, start) = ((cost(&alpha), bootstrap.cost()), Instant::now());
    let victims = [alpha.address(), bootstrap.address()];
    let attackers = victims.map(|victim| Hostile::at(66, &[victim], &attack(&["malformed"])));
    let mut counts = Vec::new();
    for attacker in attackers {
        let said = attacker.wait_for_end();
        let tried = said.iter().filter(|line| line["event"] == "malformed").count();
        let problems: Vec<&Value> = said.iter().filter(|line| line["event"] == "problem").collect();
        assert!(problems.is_empty(), "{problems:?} after {tried}");
        counts.push(tried);
    }
    let (grown, costs) = between(before.0, cost(&alpha), start);
    let (grown_too, costs_too) = between(before.1, bootstrap.cost(), start);
    assert!(grown.max(grown_too) < 2 * MEMORY, "{grown}, {grown_too} bytes");
    let served = [member_serves(&alpha), bootstrap_serves(&bootstrap)];
    report(
        "door-malformed",
        &[format!(
            "{counts:?} malformed frames and messages: both live (a member: {costs}; a bootstrap: \
             {costs_too}) and serve others in {:.0} and {:.0} ms",
            served[0], served[1]
        )],
    );
    alpha.append("access.log", &attack_line("45.156.9.9"));
    eventually("the member works on", || alpha.knows("45.156.9.9"));
    alpha.stop();
}
