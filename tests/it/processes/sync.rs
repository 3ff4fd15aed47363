//! What gossip did not bring, comparing does.

use super::{Organisation, Settings, attack_line, eventually};

#[test]
fn who_comes_late_or_was_away_gets_what_was_missed_also_from_who_did_not_see_it() {
    let mut alpha = Organisation::new("alpha", Settings::default());
    let mut beta = Organisation::new("beta", Settings::default());
    let mut gamma = Organisation::new("gamma", Settings::default());
    alpha.configure(&beta.as_peer(&[]), &[]);
    alpha.start();
    beta.configure(&format!("{}{}", alpha.as_peer(&[alpha.address()]), gamma.as_peer(&[])), &[]);
    beta.start();
    eventually("alpha and beta exchange", || alpha.gossips_with("beta").then_some(()));
    alpha.append("access.log", &attack_line("45.155.205.233"));
    eventually("beta heard it", || beta.knows("45.155.205.233"));

    // Gamma never met alpha and came after the claim had been told.
    gamma.configure(&beta.as_peer(&[beta.address()]), &[]);
    gamma.start();
    let heard = eventually("gamma fetched it", || gamma.knows("45.155.205.233"));
    assert_eq!((&heard["own"], &heard["tlp"]), (&false.into(), &"green".into()));

    // What was told while it was away is there when it is back.
    gamma.stop();
    alpha.append("access.log", &attack_line("89.248.165.52"));
    eventually("beta heard it", || beta.knows("89.248.165.52"));
    gamma.start();
    eventually("gamma caught up", || gamma.knows("89.248.165.52"));

    // Beta's ledger tells what it passed on, at the latest when it has stopped.
    beta.stop();
    beta.start();
    let egress = beta.ask(&["egress"], &[]).unwrap();
    let rows = egress["rows"].as_array().unwrap();
    let passed: u64 = rows.iter().filter_map(|row| row["claims"].as_u64()).sum();
    assert_eq!((passed, &rows[0]["what"]), (2, &"passed_on".into()), "{egress}");
    for organisation in [&mut alpha, &mut beta, &mut gamma] {
        organisation.stop();
    }
}
