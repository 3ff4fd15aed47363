//! Somebody else answers at a bootstrap's address (case 20).

use super::super::prove::report;
use super::super::{Organisation, Settings, eventually};
use super::Meeting;

#[test]
fn a_hijacked_bootstrap_is_recognised_and_the_next_one_is_used() {
    let (hijacker, other) = (
        Meeting::start("allow_private_addresses = true", ""),
        Meeting::start("allow_private_addresses = true", ""),
    );
    // Its address, with the key of the one that was there before.
    let before = super::super::hostile::peer_id(5);
    let hijacked = hijacker.address().replace(&hijacker.peer_id, &before);
    let mut settings = Settings { level: "moderate", ..Settings::default() };
    settings.network = "discoverable = true";
    settings.environment.push((
        "DTIM__NETWORK__BOOTSTRAPS".to_owned(),
        format!("[{hijacked:?}, {:?}]", other.address()),
    ));
    let mut alpha = Organisation::new("alpha", settings);
    alpha.start();
    let infrastructure =
        || alpha.ask(&["status"], &[]).ok().map(|s| s["peers"]["infrastructure"].clone());
    eventually("the next bootstrap has this node's registration", || {
        let all = infrastructure()?;
        let other = all.as_array()?.iter().find(|one| one["peer_id"] == *other.peer_id)?;
        (other["connected"] == true && other["registered"] == true).then_some(())
    });
    let said = eventually("the log says who answered", || {
        let log = alpha.stderr();
        let line = log.lines().find(|line| line.contains(&hijacker.peer_id))?;
        Some(line.to_owned())
    });
    assert!(said.contains("WARN"), "{said}");
    let all = infrastructure().unwrap();
    let first = all.as_array().unwrap().iter().find(|one| one["peer_id"] == *before).unwrap();
    assert_eq!(first["connected"], false, "{all}");
    assert_eq!(hijacker.metric("dtim_registrations", ""), 0.0);
    report(
        "hijack",
        &["a wrong key at a bootstrap's address: refused, the next one used".to_owned()],
    );
    alpha.stop();
}
