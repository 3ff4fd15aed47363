//! Export and import over real nodes: what one view tells, and what becomes of it elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::{Organisation, Settings, attack_line, eventually};
use crate::stix::flawless;

const ATTACKER: &str = "45.155.205.233";

fn organisation(name: &str) -> Organisation {
    let extra = "[hygiene]\nown = [\"acme-corp.de\"]".to_owned();
    Organisation::new(name, Settings { level: "open", extra, ..Settings::default() })
}

fn done(organisation: &Organisation, words: &[&str]) -> Output {
    let output = organisation.dtim(words);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {stderr}");
    output
}

/// The lines of JSON that a command answers with; the last is the summary of an import.
fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn export(organisation: &Organisation, words: &[&str]) -> Value {
    let words = [&["indicators", "export"], words].concat();
    serde_json::from_slice(&done(organisation, &words).stdout).unwrap()
}

fn import(organisation: &Organisation, path: &Path, words: &[&str]) -> Value {
    let words = [&["indicators", "import", path.to_str().unwrap(), "--json"], words].concat();
    lines(&done(organisation, &words)).pop().unwrap()
}

fn indicators(bundle: &Value) -> Vec<&Value> {
    let objects = bundle["objects"].as_array().map(Vec::as_slice).unwrap_or_default();
    objects.iter().filter(|object| object["type"] == "indicator").collect()
}

/// What is the same wherever an indicator is exported: not its id, and not how sure one is.
fn content(bundle: &Value) -> BTreeMap<String, [Value; 3]> {
    let of = |indicator: &&Value| {
        let pattern = indicator["pattern"].as_str().unwrap().to_owned();
        let rest = ["object_marking_refs", "labels", "valid_until"];
        (pattern, rest.map(|name| indicator[name].clone()))
    };
    indicators(bundle).iter().map(of).collect()
}

fn of_attacker(bundle: &Value) -> Option<Value> {
    let pattern = format!("[ipv4-addr:value = '{ATTACKER}']");
    indicators(bundle).into_iter().find(|one| one["pattern"] == pattern.as_str()).cloned()
}

#[test]
fn what_is_exported_is_the_same_set_in_an_empty_node_and_counts_nowhere_twice() {
    let (mut alpha, mut beta) = (organisation("alpha"), organisation("beta"));
    alpha.start();
    beta.start();
    let sha256 = "a".repeat(63) + "0";
    for (value, tlp, more) in [
        ("45.155.205.1", "green", &["--tag", "ssh", "--confidence", "90"][..]),
        ("45.155.205.0/24", "white", &[]),
        ("2a0e:b107::7", "green", &[]),
        ("evil.biz", "white", &["--custom", "service=ssh"]),
        ("http://evil.biz/a'b\\\\c?q=[x]", "green", &[]),
        ("o'neil@evil.biz", "green", &[]),
        (sha256.as_str(), "white", &[]),
        ("it's \\ [a] \"b\"", "green", &["--kind", "x-ticket"]),
        ("45.155.205.2", "amber", &[]),
        ("45.155.205.3", "red", &[]),
    ] {
        let words = [&["indicators", "add", value, "--tlp", tlp], more].concat();
        done(&alpha, &words);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("green.json");
    let words = ["indicators", "export", "-o", path.to_str().unwrap(), "--json"];
    assert_eq!(lines_of(&done(&alpha, &words))["indicators"], 8);
    flawless(&path);
    let first: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(content(&first).len(), 8);
    assert_eq!(first["objects"], export(&alpha, &[])["objects"], "two exports of one view");

    let dry = import(&beta, &path, &["--dry-run"]);
    assert_eq!(dry["outcomes"], json!({ "fit": 8 }), "{dry}");
    let summary = import(&beta, &path, &["--trust", "1"]);
    assert_eq!(summary["outcomes"], json!({ "new": 8 }), "{summary}");
    let again = export(&beta, &[]);
    assert_eq!(content(&again), content(&first));
    // A copy is a new object of another creator.
    let ids = |bundle: &Value| -> BTreeSet<String> {
        indicators(bundle).iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert!(ids(&first).is_disjoint(&ids(&again)));

    // Imported again, it changes nothing; and at home it says nothing new.
    let before = beta.knows("45.155.205.1").unwrap();
    assert_eq!(import(&beta, &path, &["--trust", "1"])["outcomes"], json!({ "known": 8 }));
    let after = beta.knows("45.155.205.1").unwrap();
    assert_eq!(before["evidence"], after["evidence"]);
    assert_eq!((&after["own"], &after["sources"]), (&json!(false), &json!(1)));
    let home = alpha.knows("45.155.205.1").unwrap();
    import(&alpha, &path, &["--trust", "1"]);
    let still = alpha.knows("45.155.205.1").unwrap();
    assert_eq!((&home["confidence"], &home["sources"]), (&still["confidence"], &still["sources"]));

    // The mesh never hears of an import.
    let told = beta.ask(&["preview"], &[("value", "45.155.205.1")]).unwrap();
    assert!(told["previews"][0]["claim"].is_null(), "{told}");
    assert!(told.to_string().contains("imports are never shared as own"), "{told}");
}

fn lines_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_view_is_what_it_would_be_without_what_is_hidden_from_it() {
    let mut alpha = organisation("alpha");
    alpha.start();
    alpha.append("access.log", &attack_line(ATTACKER));
    eventually("it is seen", || alpha.knows(ATTACKER));
    let before = of_attacker(&export(&alpha, &[])).unwrap();
    // A red word on the same address, by hand, and one in an import.
    done(&alpha, &["indicators", "add", ATTACKER, "--confidence", "100", "--tag", "botnet"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed.json");
    std::fs::write(&path, foreign("1", ATTACKER, ",\"confidence\":100")).unwrap();
    assert_eq!(import(&alpha, &path, &["--tlp", "red"])["outcomes"], json!({ "known": 1 }));
    assert_eq!(of_attacker(&export(&alpha, &[])).unwrap(), before);
    let red = of_attacker(&export(&alpha, &["--tlp", "red"])).unwrap();
    assert_ne!((&red["confidence"], &red["id"]), (&before["confidence"], &before["id"]));
    assert!(of_attacker(&export(&alpha, &["--tlp", "white"])).is_none());
    let strict = of_attacker(&export(&alpha, &["--level", "strict"])).unwrap();
    assert_eq!((&strict["confidence"], &strict["labels"]), (&Value::Null, &Value::Null));
}

fn foreign(n: &str, address: &str, more: &str) -> String {
    let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ");
    format!(
        "{{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[{{\"type\":\"indicator\",\
         \"spec_version\":\"2.1\",\"id\":\"indicator--{n}\",\"created\":\"2026-01-01T00:00:00Z\",\
         \"modified\":\"{now}\",\"valid_from\":\"2026-01-01T00:00:00Z\",\"pattern_type\":\"stix\",\
         \"pattern\":\"[ipv4-addr:value = '{address}']\"{more}}}]}}"
    )
}

#[test]
fn every_object_is_answered_and_a_bad_file_is_said() {
    let mut alpha = organisation("alpha");
    alpha.start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed.json");
    let take = |alpha: &Organisation, text: &str, words: &[&str]| {
        std::fs::write(&path, text).unwrap();
        let words = [&["indicators", "import", path.to_str().unwrap()], words].concat();
        alpha.dtim(&words)
    };
    // Taken, and refused by hygiene, with the object's id and the reason.
    let output = take(&alpha, &foreign("1", ATTACKER, ""), &["--json", "--trust", "0.9"]);
    assert_eq!(lines(&output).pop().unwrap()["outcomes"], json!({ "new": 1 }));
    assert_eq!(alpha.knows(ATTACKER).unwrap()["confidence"], 45);
    let private = lines(&take(&alpha, &foreign("2", "10.0.0.1", ""), &["--json"]));
    assert_eq!(private[0]["id"], "indicator--2");
    assert_eq!(private[1]["outcomes"].as_object().unwrap().len(), 1);
    assert!(alpha.knows("10.0.0.1").is_none());
    // Its author takes it back.
    let back = lines(&take(&alpha, &foreign("1", ATTACKER, ",\"revoked\":true"), &["--json"]));
    assert_eq!(back.last().unwrap()["outcomes"], json!({ "taken_back": 1 }));
    assert!(alpha.knows(ATTACKER).is_none());
    // People are told in lines.
    let human = take(&alpha, &foreign("3", "45.155.205.9", "").replace(" = ", " != "), &[]);
    let said = String::from_utf8_lossy(&human.stdout);
    assert!(said.contains("indicator--3: it compares with !="), "{said}");
    assert!(said.contains("1 objects, 0 tell of 0 values"), "{said}");
    // What is no bundle is one sentence and status 1; what came before is kept.
    let whole = foreign("4", ATTACKER, "");
    for (text, sentence) in [
        (&whole[..whole.len() - 2], "cut off"),
        ("[]", "not a STIX bundle"),
        ("{\"type\":\"report\"}", "not a STIX bundle"),
    ] {
        let output = take(&alpha, text, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(sentence), "{said}");
    }
    assert!(alpha.knows(ATTACKER).is_some());
    // A dry run needs no node, and an import does.
    alpha.stop();
    assert!(take(&alpha, &whole, &["--dry-run"]).status.success());
    assert_eq!(take(&alpha, &whole, &[]).status.code(), Some(3));
}

#[test]
fn what_is_taken_back_is_revoked_for_good_and_comes_again_under_another_id() {
    let (mut alpha, mut beta) = (organisation("alpha"), organisation("beta"));
    alpha.configure(&beta.as_peer(&[]), &[]);
    alpha.start();
    beta.configure(&alpha.as_peer(&[alpha.address()]), &[]);
    beta.start();
    eventually("they exchange", || alpha.gossips_with("beta").then_some(()));
    alpha.append("access.log", &attack_line(ATTACKER));
    eventually("beta heard it", || beta.knows(ATTACKER));
    let live = of_attacker(&export(&alpha, &[])).unwrap();
    assert_eq!(live["revoked"], Value::Null);
    done(&alpha, &["indicators", "retract", ATTACKER]);
    let revoked = eventually("it is taken back", || {
        of_attacker(&export(&alpha, &[])).filter(|one| one["revoked"] == true)
    });
    assert_eq!(revoked["id"], live["id"]);
    done(&alpha, &["indicators", "share", ATTACKER, "--tlp", "green"]);
    let again = of_attacker(&export(&alpha, &[])).unwrap();
    assert_eq!(again["revoked"], Value::Null);
    assert_ne!(again["id"], live["id"]);
}
