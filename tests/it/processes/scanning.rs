//! Debian's clamd scans the files of a folder for a node, which also dies and comes back.

use std::fs;
use std::path::Path;

use super::tools::{self, Daemon};
use super::{Organisation, Settings, eventually};

/// The EICAR test file, in two parts so that this one is not taken for it.
const EICAR: [&str; 2] =
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];
/// Two files that a database of the test's own calls malware, by contents and by hash.
const BY_CONTENTS: &str = "a file with the words dtim-test-malware-one in it\n";
const BY_HASH: &str = "dtim test malware two\n";
const BY_HASH_MD5: &str = "620d993bfc624abf926a3eec9e63c11d";

#[test]
fn malware_in_a_folder_becomes_an_indicator_and_nothing_else_does() {
    if tools::find("usr/sbin/clamd").is_none() && std::env::var_os("CI").is_none() {
        tools::aloud("SKIPPED: there is no clamd; `.ci/need test` fetches it");
        return;
    }
    let settings = Settings {
        watchers: "clamav_scan_dir = \"{logs}/in\"\nclamd_socket = \"{logs}/clamd.ctl\"",
        ..Settings::default()
    };
    let mut node = Organisation::new("edge", settings);
    let log = node.log("");
    fs::create_dir(log.join("in")).unwrap();
    // Written before clamd is there: they wait.
    put(&log, "eicar", &EICAR.concat());
    put(&log, "one", BY_CONTENTS);
    put(&log, "clean", "nothing to see\n");
    std::os::unix::fs::symlink("/etc/passwd", log.join("in/link")).unwrap();
    node.start();
    eventually("clamd is missed", || {
        node.stderr().contains("clamd cannot be reached").then_some(())
    });
    let clamd = clamd(&log);
    let one = eventually("the first file is known", || node.knows(&sha256(BY_CONTENTS)));
    assert_eq!(one["kind"], "sha256", "{one}");
    // EICAR is malware by the database, and refused here.
    eventually("all were scanned", || (scans(&node) == (3, 1)).then_some(()));
    assert!(node.knows(&sha256(&EICAR.concat())).is_none());
    let evidence = &one["evidence"][0];
    assert_eq!(evidence["count"], 1, "{one}");
    assert_eq!(evidence["confidence"], 90, "{one}");
    assert_eq!(evidence["origin"], "clamav", "{one}");
    assert_eq!(evidence["tlp"], "green", "{one}");
    let tags = evidence["tags"].to_string();
    assert_eq!(tags, r#"["clamav:dtim.test.one.unofficial","malware"]"#, "{one}");

    // What comes while the node is dead is scanned after it, and nothing twice.
    node.kill();
    put(&log, "two", BY_HASH);
    node.start();
    let two = eventually("the second file is known", || node.knows(&sha256(BY_HASH)));
    assert_eq!(two["evidence"][0]["count"], 1, "{two}");
    assert_eq!(scans(&node), (1, 1));
    let one = node.knows(&sha256(BY_CONTENTS)).unwrap();
    assert_eq!(one["evidence"][0]["count"], 1, "{one}");
    node.stop();
    drop(clamd);
}

fn put(log: &Path, name: &str, text: &str) {
    fs::write(log.join("in").join(name), text).unwrap();
}

/// A clamd of the test's own, with a database of three signatures.
fn clamd(log: &Path) -> Daemon {
    let here = log.display();
    fs::create_dir(log.join("db")).unwrap();
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let contents = format!(
        "Dtim.Test.One:0:*:{}\nDtim.Test.Eicar:0:*:{}\n",
        hex("dtim-test-malware-one"),
        hex(EICAR[1])
    );
    fs::write(log.join("db/test.ndb"), contents).unwrap();
    let hash = format!("{BY_HASH_MD5}:{}:Dtim.Test.Two\n", BY_HASH.len());
    fs::write(log.join("db/test.hdb"), hash).unwrap();
    let config = format!(
        "LocalSocket {here}/clamd.ctl\nForeground yes\nDatabaseDirectory {here}/db\n\
         LogTime yes\nConcurrentDatabaseReload no\nSelfCheck 0\n"
    );
    fs::write(log.join("clamd.conf"), config).unwrap();
    let mut command = tools::program("usr/sbin/clamd");
    command.arg(format!("--config-file={here}/clamd.conf"));
    Daemon::start(command, &log.join("clamd.said"))
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Files scanned since the start, and how many became indicators.
fn scans(node: &Organisation) -> (u64, u64) {
    let status = node.ask(&["status"], &[]).unwrap();
    let scanned = |watcher: &&serde_json::Value| watcher["source"] == "clamav";
    let folder = status["watchers"].as_array().unwrap().iter().find(scanned).unwrap();
    (folder["lines"].as_u64().unwrap(), folder["sightings"].as_u64().unwrap())
}
