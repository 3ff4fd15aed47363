//! What a bootstrap does for those who cannot be reached, and who would abuse it: dials on
//! request, reservations, circuits, the table of who is near (cases 13 to 15, 19).

use std::process::Command;

use serde_json::{Map, Value};

use super::super::hostile::{Hostile, peer_id, program};
use super::super::prove::report;
use super::super::tools::Namespace;
use super::{Meeting, all_served};

/// Reserves and registers in any case.
const LISTED: u8 = 70;
/// Where a bootstrap is in a namespace, and an address in it that looks like any.
const HOST: &str = "198.18.0.1";
const GLOBAL: &str = "45.155.7.7";
/// Dials to this port are counted.
const PORT: u16 = 4001;
/// Dials on request in a minute (threats.md, case 14).
const DIALS: u64 = 30;

/// A bootstrap alone in a namespace, where every dial to a port can be counted.
struct Alone {
    meeting: Meeting,
    namespace: Namespace,
}

impl Alone {
    fn new(network: &str) -> Option<Self> {
        let addresses = [
            "198.18.0.1/15",
            "45.155.7.7/8",
            "10.7.7.7/8",
            "172.16.7.7/12",
            "192.168.7.7/16",
            "169.254.169.254/16",
            "100.64.7.7/10",
            "fd00::7/64",
            "2a02:7::7/64",
        ];
        let namespace = Namespace::new(&addresses)?;
        let rules = format!(
            "table inet count {{ counter dials {{}}; chain out {{ type filter hook output priority \
             0; tcp dport {PORT} tcp flags & (syn | ack) == syn counter name dials; }}; }}"
        );
        namespace.done(&["nft", &rules]);
        let runs = namespace.prefix();
        let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
        let meeting = Meeting::start_in(HOST, &runs, network, "");
        Some(Self { meeting, namespace })
    }

    fn attacked(&self, attack: &[&str]) -> Hostile {
        let program = program();
        let command: Command = self.namespace.command(&[program.to_str().unwrap()]);
        Hostile::run(command, 66, &[self.meeting.address()], attack)
    }

    /// Attempts to connect to the counted port so far.
    fn dials(&self) -> u64 {
        let said = self.namespace.done(&["nft", "-j", "list", "counters"]);
        let said: Value = serde_json::from_slice(&said.stdout).unwrap();
        let all = said["nftables"].as_array().unwrap().iter();
        all.filter_map(|one| one["counter"]["packets"].as_u64()).sum()
    }
}

#[test]
fn nobody_has_a_bootstrap_dial_what_is_private() {
    let private = [
        "/ip4/127.0.0.1",
        "/ip4/127.8.8.8",
        "/ip4/10.7.7.7",
        "/ip4/172.16.7.7",
        "/ip4/192.168.7.7",
        "/ip4/169.254.169.254",
        "/ip4/100.64.7.7",
        "/ip4/198.18.0.1",
        "/ip6/::1",
        "/ip6/fd00::7",
        "/ip6/::ffff:127.0.0.1",
        "/ip6/::ffff:10.7.7.7",
        "/ip6/64:ff9b::7f00:1",
        "/dns4/localhost",
        "/dns/localhost",
        // Somebody else's: it is not for the caller to say.
        "/ip4/45.155.8.8",
        "/ip6/2a02:7::7",
    ];
    let Some(alone) = Alone::new("") else { return };
    let targets = private.map(|host| format!("{host}/tcp/{PORT}"));
    for target in &targets {
        // One connection each: what is asked too often is not answered at all.
        let probe = alone.attacked(&["--from", GLOBAL, "probe", target]);
        let answers = probe.event("probed")["answers"].as_object().unwrap().clone();
        assert!(refused(&answers), "{answers:?}");
        assert_eq!(alone.dials(), 0, "{target} was dialled");
    }
    // Counting works, and whoever asks for itself is served.
    let own = format!("/ip4/{GLOBAL}/tcp/{PORT}");
    let answers = alone.attacked(&["--from", GLOBAL, "probe", &own]).event("probed");
    assert_eq!(alone.dials(), 1, "{answers}");
    report(
        "reach-private",
        &[format!("{} private, foreign and named addresses: no dial; its own: one", targets.len())],
    );
}

/// None of the answers says that a dial was made.
fn refused(answers: &Map<String, Value>) -> bool {
    const REACHED: u64 = 200;
    answers.values().all(|answer| answer["dial"] != REACHED)
}

#[test]
fn a_bootstrap_is_no_weapon() {
    let Some(alone) = Alone::new("") else { return };
    // Two hundred hosts, each of which asks for one victim; then for itself.
    let victim = format!("/ip4/{GLOBAL}/tcp/{PORT}");
    let peers = ["weapon", "--peers", "200"];
    let fired = alone.attacked(&[&["--from", "45.1.0.1"], &peers[..], &[&victim]].concat());
    let fired = fired.event_at_last("fired");
    let foreign = alone.dials();
    assert!(foreign <= 1, "{foreign} dials to one victim: {fired}");
    let own = alone.attacked(&[&["--from", "45.1.0.1"], &peers[..]].concat());
    let own = own.event_at_last("fired");
    let all = alone.dials();
    assert!(all <= 2 * DIALS, "{all} dials: {own}");
    report(
        "reach-weapon",
        &[format!(
            "200 hosts asked for dials to one victim: {foreign}; for dials to themselves: {} \
             (goal: 30 a minute)",
            all - foreign
        )],
    );
}

#[test]
fn reservations_are_not_exhausted_by_throwaway_identities() {
    let listed = format!("listed = [{:?}]", peer_id(LISTED));
    let bootstrap = Meeting::start("allow_private_addresses = true", &listed);
    let mut lines = Vec::new();
    let mut crowds = Vec::new();
    for (identities, hosts) in [("60", "1"), ("600", "300")] {
        let words = ["reserve", "--identities", identities, "--hosts", hosts];
        let crowd = bootstrap.attacked(1, &words);
        let reserved = crowd.event_at_last("reserved");
        lines.push(format!(
            "{identities} throwaway identities from {hosts} networks: {} reservations ({})",
            reserved["granted"], reserved["statuses"]
        ));
        crowds.push((crowd, reserved));
        let took = all_served(&bootstrap.serves(LISTED), &["connection", "reservation"]);
        lines.push(format!("a listed one has its own in {took:.0} ms"));
    }
    let of_one_network = crowds[0].1["granted"].as_u64().unwrap();
    assert!(of_one_network < 60, "one network took {of_one_network}");
    // A circuit leads only to who has a reservation.
    let nobody = peer_id(99);
    let circuits = bootstrap.attacked(66, &["circuits", &nobody]).event("circuits");
    let answers = circuits["answers"].as_object().unwrap();
    assert!(answers.values().all(|status| *status != 100), "{answers:?}");
    report("reach-reservations", &lines);
}

#[test]
fn the_table_takes_no_private_address_and_no_record() {
    let Some(alone) = Alone::new("") else { return };
    let insert = alone.attacked(&["--from", GLOBAL, "insert"]);
    let inserted = insert.event("inserted");
    assert_eq!(inserted["kept"], 0, "{inserted}");
    assert!(inserted["records"].as_u64().unwrap() > 0, "{inserted}");
    let shown = inserted["shown"].as_array().unwrap();
    let private = ["/ip4/10.", "/ip4/127.", "/ip4/169.254.", "/ip6/fd", "/dns"];
    for address in shown.iter().map(|address| address.as_str().unwrap()) {
        assert!(!private.iter().any(|start| address.starts_with(start)), "{address} is shown");
    }
    report(
        "reach-table",
        &[format!(
            "after private, foreign and named addresses another is shown {shown:?}; of {} records \
             and providers none was kept",
            inserted["records"]
        )],
    );
}
