//! An approved pair exchanges; a stranger becomes a candidate, a member, and a stranger again.

use std::time::Instant;

use serde_json::json;

use super::prove::report;
use super::{Organisation, Settings, attack_line, eventually};

#[test]
fn a_pair_exchanges_and_a_stranger_comes_in_and_out_by_approval() {
    let mut alpha = Organisation::new("alpha", Settings::default());
    let mut beta = Organisation::new("beta", Settings::default());
    let mut gamma = Organisation::new("gamma", Settings::default());

    alpha.configure(&beta.as_peer(&[]), &[]);
    alpha.start();
    beta.configure(&alpha.as_peer(&[alpha.address()]), &[]);
    beta.start();
    eventually("the pair exchanges", || alpha.gossips_with("beta").then_some(()));

    // The pair exchanges.
    alpha.append("access.log", &attack_line("45.155.205.233"));
    let start = Instant::now();
    let heard = eventually("beta heard it", || beta.knows("45.155.205.233"));
    let exchanged = start.elapsed();
    assert_eq!(heard["own"], false);
    assert_eq!(heard["tlp"], "green");

    // A stranger knocks, gets nothing, and waits as a candidate.
    gamma.configure("", &[alpha.address()]);
    gamma.start();
    eventually("gamma is a candidate of alpha", || {
        let candidates = alpha.ask(&["peers", "candidates"], &[]).ok()?;
        let waits =
            candidates["candidates"].as_array()?.iter().any(|c| c["peer_id"] == gamma.peer_id);
        waits.then_some(())
    });
    eventually("alpha is a candidate of gamma", || {
        let candidates = gamma.ask(&["peers", "candidates"], &[]).ok()?;
        let waits =
            candidates["candidates"].as_array()?.iter().any(|c| c["peer_id"] == alpha.peer_id);
        waits.then_some(())
    });
    assert!(gamma.knows("45.155.205.233").is_none());

    // Both sides approve, and it exchanges without a restart.
    alpha
        .tell(&["peers", "approve"], &json!({ "peer_id": gamma.peer_id, "name": "gamma" }))
        .unwrap();
    gamma
        .tell(&["peers", "approve"], &json!({ "peer_id": alpha.peer_id, "name": "alpha" }))
        .unwrap();
    let start = Instant::now();
    eventually("gamma is connected", || alpha.is_connected_to("gamma").then_some(()));
    let approved = start.elapsed();
    eventually("claims go to gamma", || alpha.gossips_with("gamma").then_some(()));
    alpha.append("access.log", &attack_line("89.248.165.52"));
    eventually("gamma heard it", || gamma.knows("89.248.165.52"));
    eventually("beta heard it", || beta.knows("89.248.165.52"));

    // After the revocation the connection is gone and nothing more arrives.
    let start = Instant::now();
    alpha.tell(&["peers", "revoke"], &json!({ "peer": "gamma" })).unwrap();
    eventually("gamma is not connected", || (!gamma.is_connected_to("alpha")).then_some(()));
    let revoked = start.elapsed();
    alpha.append("access.log", &attack_line("141.98.10.60"));
    eventually("beta heard it", || beta.knows("141.98.10.60"));
    assert!(gamma.knows("141.98.10.60").is_none());

    report(
        "exchange",
        &[
            format!("log line to the other's store: {exchanged:?} (goal 2 s)"),
            format!("approval on both sides to a connection: {approved:?} (goal 2 s)"),
            format!("revocation to no connection: {revoked:?} (goal 1 s)"),
        ],
    );
    for organisation in [&mut alpha, &mut beta, &mut gamma] {
        organisation.stop();
    }
}

#[test]
fn what_is_red_or_benign_or_own_stays_and_levels_hold() {
    let own = "[hygiene]\nown = [\"185.220.101.0/24\"]\n".to_owned();
    let mut alpha = Organisation::new(
        "alpha",
        Settings {
            level: "strict",
            extra: format!("{own}[watchers.source.ufw]\ntlp = \"red\"\n"),
            ..Settings::default()
        },
    );
    let mut beta = Organisation::new("beta", Settings::default());
    alpha.configure(&beta.as_peer(&[]), &[]);
    alpha.start();
    beta.configure(&alpha.as_peer(&[alpha.address()]), &[]);
    beta.start();
    eventually("the pair exchanges", || alpha.gossips_with("beta").then_some(()));

    alpha.append("access.log", &attack_line("185.220.101.7")); // own
    alpha.append("access.log", &attack_line("8.8.8.8")); // a public resolver
    alpha.append("access.log", &attack_line("192.168.7.7")); // private
    let red = json!({ "value": "193.32.162.157", "tlp": "red" });
    alpha.tell(&["indicators"], &red).unwrap();
    alpha.append("access.log", &attack_line("45.155.205.233"));
    let heard = eventually("beta heard the attacker", || beta.knows("45.155.205.233"));
    for stays in ["185.220.101.7", "8.8.8.8", "192.168.7.7", "193.32.162.157"] {
        assert!(beta.knows(stays).is_none(), "{stays} left");
    }
    assert!(alpha.knows("193.32.162.157").is_some());
    // Strict: kind and value, and nothing of what the log said.
    let claim = &heard["claims"][0];
    for field in ["confidence", "created", "modified", "sightings"] {
        assert!(claim[field].is_null(), "{field} left at level strict: {claim}");
    }
    let rows = alpha.ask(&["egress"], &[]).unwrap();
    assert_eq!(rows["rows"].as_array().unwrap().len(), 1, "{rows}");
    let verified = alpha.ask(&["egress", "verify"], &[]).unwrap();
    assert_eq!(verified["ok"], true);
    alpha.stop();
    beta.stop();
}
