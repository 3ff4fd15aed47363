//! The operator's word, over real nodes: sharing, taking back, voting, and what waits
//! for a member that is not there.

use serde_json::Value;

use super::{Organisation, Settings, attack_line, eventually};

const ATTACKER: &str = "45.155.205.233";

/// What a command answers as JSON.
fn told(organisation: &Organisation, words: &[&str]) -> Value {
    let output = organisation.dtim(&[words, &["--json"]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The claims that an organisation has heard: pseudonym, and whether it was taken back.
fn claims(organisation: &Organisation) -> Vec<(String, bool)> {
    let found = organisation.knows(ATTACKER).unwrap_or_default();
    let claims = found["claims"].as_array().cloned().unwrap_or_default();
    let one = |claim: &Value| {
        Some((claim["pseudonym"].as_str()?.to_owned(), claim["retracted"].as_bool()?))
    };
    claims.iter().filter_map(one).collect()
}

fn confidence(organisation: &Organisation) -> u64 {
    organisation.knows(ATTACKER).unwrap()["confidence"].as_u64().unwrap()
}

/// Three in a row: the first and the last know each other only through the middle.
fn row() -> [Organisation; 3] {
    let [mut alpha, mut beta, mut gamma] =
        ["alpha", "beta", "gamma"].map(|name| Organisation::new(name, Settings::default()));
    alpha.configure(&beta.as_peer(&[]), &[]);
    alpha.start();
    let (to_alpha, to_gamma) = (alpha.as_peer(&[alpha.address()]), gamma.as_peer(&[]));
    beta.configure(&(to_alpha + &to_gamma), &[]);
    beta.start();
    gamma.configure(&beta.as_peer(&[beta.address()]), &[]);
    gamma.start();
    eventually("all exchange", || {
        (alpha.gossips_with("beta") && beta.gossips_with("gamma")).then_some(())
    });
    [alpha, beta, gamma]
}

#[test]
fn what_is_taken_back_is_gone_everywhere_until_the_operator_shares_it_again() {
    let [mut alpha, mut beta, mut gamma] = row();
    alpha.append("access.log", &attack_line(ATTACKER));
    eventually("gamma heard it", || (claims(&gamma).len() == 1).then_some(()));
    assert!(confidence(&gamma) > 0);

    // A vote counts on every output of the node where it is given, and nowhere else.
    let vote = ["indicators", "vote", ATTACKER];
    let voted = told(&gamma, &[&vote[..], &["--false-positive"]].concat());
    assert_eq!(
        (&voted["indicator"]["confidence"], &voted["indicator"]["block"]),
        (&0.into(), &false.into())
    );
    let why = told(&gamma, &["why", ATTACKER]);
    assert_eq!(why["assessment"]["confidence"], 0);
    let listed = told(&gamma, &["indicators", "list"]);
    assert_eq!(listed["indicators"][0]["confidence"], 0);
    assert_eq!(listed["indicators"][0]["false_positive"], true);
    assert!(confidence(&beta) > 0);
    told(&gamma, &[&vote[..], &["--clear"]].concat());
    assert!(confidence(&gamma) > 0);

    let retracted = told(&alpha, &["indicators", "retract", ATTACKER]);
    let leaves = &retracted["retracted"][0]["leaves"];
    assert_eq!((&leaves[0]["what"], &leaves[0]["name"]), (&"retraction".into(), &"mesh".into()));
    let first = eventually("gamma heard that it was taken back", || {
        claims(&gamma).into_iter().find(|(_, retracted)| *retracted)
    });
    assert_eq!(confidence(&gamma), 0);
    assert_eq!(confidence(&beta), 0);
    assert!(confidence(&alpha) > 0, "what it saw itself stays");
    let rows = told(&alpha, &["egress"]);
    let fields: Vec<&Value> =
        rows["rows"].as_array().unwrap().iter().map(|row| &row["fields"]).collect();
    assert!(fields.last().unwrap().as_array().unwrap().contains(&"retracted".into()), "{rows}");
    assert_eq!(fields.len(), 2, "{rows}");

    // Seen again, by the same source and by another, it stays here.
    alpha.append("access.log", &attack_line(ATTACKER));
    alpha.append("fail2ban.log", &ban_line(ATTACKER));
    eventually("alpha has seen it again", || {
        let found = alpha.knows(ATTACKER)?;
        (found["evidence"].as_array()?.len() == 2).then_some(())
    });
    // What comes after it has passed the same way.
    alpha.append("access.log", &attack_line("45.155.205.234"));
    eventually("gamma heard the other one", || gamma.knows("45.155.205.234"));
    assert_eq!(claims(&gamma), std::slice::from_ref(&first));

    // The operator shares it again: another pseudonym, and the old one stays taken back.
    let shared = told(&alpha, &["indicators", "share", ATTACKER, "--tlp", "green"]);
    assert_eq!(shared["leaves"][0]["what"], "claim");
    let again = eventually("gamma heard it again", || {
        claims(&gamma).into_iter().find(|(_, retracted)| !*retracted)
    });
    assert_ne!(again.0, first.0);
    assert_eq!(claims(&gamma).len(), 2);
    assert!(confidence(&gamma) > 0);

    // Narrowed to a member, it is taken back from the mesh.
    let narrowed =
        told(&alpha, &["indicators", "share", ATTACKER, "--tlp", "amber", "--to", "beta"]);
    let leaves = narrowed["leaves"].as_array().unwrap();
    let leaving = |what: &str, name: &str| {
        leaves.iter().any(|one| one["what"] == what && one["name"] == name)
    };
    assert!(leaving("retraction", "mesh") && leaving("claim", "beta"), "{narrowed}");
    assert_eq!(leaves.len(), 2, "{narrowed}");
    eventually("gamma heard that, too", || {
        claims(&gamma).iter().all(|(_, retracted)| *retracted).then_some(())
    });
    eventually("beta was told directly", || {
        claims(&beta).iter().any(|(_, retracted)| !*retracted).then_some(())
    });
    assert_eq!((claims(&beta).len(), claims(&gamma).len()), (3, 2));
    let shown = told(&alpha, &["indicators", "show", ATTACKER]);
    assert!(shown["evidence"].as_array().unwrap().iter().all(|seen| seen["to"][0] == "beta"));
    assert_eq!(shown["shared"].as_array().unwrap().len(), 2, "{shown}");
    alpha.stop();
    beta.stop();
    gamma.stop();
}

fn ban_line(client: &str) -> String {
    let now = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S");
    format!("{now},123 fail2ban.actions [1]: NOTICE [sshd] Ban {client}\n")
}

#[test]
fn what_waits_for_an_absent_member_survives_a_restart_and_dies_with_its_approval() {
    let mut alpha = Organisation::new("alpha", Settings::default());
    let beta = Organisation::new("beta", Settings::default());
    let level = "level = \"strict\"\n[groups]\nfriends = [\"beta\"]\n";
    alpha.configure(&(beta.as_peer(&[]) + level), &[]);
    alpha.start();
    let add = ["indicators", "add", ATTACKER, "--tlp", "amber", "--to"];
    let wrong = alpha.dtim(&[&add[..], &["gamma"]].concat());
    assert_eq!(wrong.status.code(), Some(2));
    let says = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(says.contains("called gamma; members: beta; groups: friends"), "{says}");
    assert!(alpha.knows(ATTACKER).is_none(), "a wrong name must add nothing");
    told(&alpha, &[&add[..], &["friends"]].concat());
    let outbox = |alpha: &Organisation| told(alpha, &["status"])["outbox"].as_u64();
    assert_eq!(outbox(&alpha), Some(1));

    let preview = |alpha: &Organisation| {
        let shown = told(alpha, &["preview", ATTACKER, "--to", "beta"]);
        let one = shown["previews"][0].clone();
        assert_eq!((&one["name"], &one["leaves"]), (&"beta".into(), &true.into()), "{shown}");
        one
    };
    let before = preview(&alpha);
    assert_eq!((&before["level"], &before["fields"]["tlp"]), (&"strict".into(), &"amber".into()));
    assert!(before["fields"]["confidence"].is_null());
    // Names of recipients never leave: they are in no byte of it.
    let bytes = before["bytes_hex"].as_str().unwrap().to_owned();
    for name in ["beta", "friends"] {
        let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!bytes.contains(&hex));
    }
    alpha.kill();
    alpha.start();
    assert_eq!(outbox(&alpha), Some(1));
    assert_eq!(preview(&alpha)["bytes_hex"], bytes.as_str());
    // It has not left, so nothing says that it did.
    assert!(told(&alpha, &["egress"])["rows"].as_array().unwrap().is_empty());

    told(&alpha, &["peers", "revoke", "beta"]);
    assert_eq!(outbox(&alpha), Some(0));
    let shown = told(&alpha, &["indicators", "show", ATTACKER]);
    assert!(shown["shared"].as_array().unwrap().is_empty(), "{shown}");
    alpha.stop();
}

/// What an organisation's logs show goes to its members directly.
fn amber(name: &str) -> Organisation {
    Organisation::new(name, Settings { tlp: "amber", ..Settings::default() })
}

#[test]
fn what_members_were_told_is_taken_back_from_them_and_who_comes_later_is_told_nothing() {
    let mut alpha = amber("alpha");
    let [mut beta, mut gamma, mut delta] =
        ["beta", "gamma", "delta"].map(|name| Organisation::new(name, Settings::default()));
    alpha.configure(&(beta.as_peer(&[]) + &gamma.as_peer(&[])), &[]);
    alpha.start();
    let join = |other: &mut Organisation| {
        other.configure(&alpha.as_peer(&[alpha.address()]), &[]);
        other.start();
    };
    join(&mut beta);
    // Gamma is away: what is for it waits, and beta does not wait for it.
    alpha.append("access.log", &attack_line(ATTACKER));
    alpha.append("access.log", &attack_line("45.155.205.234"));
    eventually("beta was told", || beta.knows("45.155.205.234"));
    let outbox = |alpha: &Organisation| told(alpha, &["status"])["outbox"].as_u64();
    eventually("gamma's share waits", || (outbox(&alpha) == Some(2)).then_some(()));
    // One of the two is taken back before gamma has heard of it.
    told(&alpha, &["indicators", "retract", ATTACKER]);
    eventually("beta heard that", || (claims(&beta).first()?.1).then_some(()));
    assert_eq!(outbox(&alpha), Some(1));

    // Delta becomes a member now: what was shared before is not for it.
    told(&alpha, &["peers", "approve", &delta.peer_id, "--name", "delta"]);
    join(&mut gamma);
    join(&mut delta);
    eventually("gamma was told the other one", || gamma.knows("45.155.205.234"));
    eventually("delta is connected", || alpha.is_connected_to("delta").then_some(()));
    alpha.append("access.log", &attack_line("45.155.205.234"));
    alpha.append("access.log", &attack_line("45.155.205.235"));
    eventually("delta was told what is new", || delta.knows("45.155.205.235"));
    eventually("nothing waits", || (outbox(&alpha) == Some(0)).then_some(()));
    assert!(gamma.knows(ATTACKER).is_none(), "it was taken back before it left");
    assert!(delta.knows("45.155.205.234").is_none(), "it was shared before delta came");

    // Gamma is away when the rest is taken back; it hears of it when it is there again.
    gamma.stop();
    eventually("gamma is gone", || (!alpha.is_connected_to("gamma")).then_some(()));
    told(&alpha, &["indicators", "retract", "45.155.205.234"]);
    eventually("beta heard that, too", || {
        let found = beta.knows("45.155.205.234")?;
        (found["claims"][0]["retracted"] == true).then_some(())
    });
    assert_eq!(outbox(&alpha), Some(1));
    gamma.start();
    eventually("gamma heard it when it was back", || {
        let found = gamma.knows("45.155.205.234")?;
        (found["claims"][0]["retracted"] == true).then_some(())
    });
    // Each of what left has its row, to whom it went.
    let rows = told(&alpha, &["egress"]);
    let rows = rows["rows"].as_array().unwrap();
    let to = |name: &str| rows.iter().filter(|row| row["name"] == name).count();
    assert_eq!((to("beta"), to("gamma"), to("delta"), to("mesh")), (5, 3, 1, 0), "{rows:?}");
    for mut organisation in [alpha, beta, gamma, delta] {
        organisation.stop();
    }
}
