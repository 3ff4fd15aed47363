//! Yesterday's copy of a data directory is put back.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{Organisation, Settings, eventually};

const TAKEN_BACK: &str = "45.155.205.233";
const TOLD_AFTER: &str = "89.248.165.52";

/// A copy with the modes of the original.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn is_retracted(at: &Organisation, value: &str) -> bool {
    let known = at.knows(value).unwrap_or_default();
    known["claims"].as_array().is_some_and(|claims| {
        claims.len() == 1 && claims.iter().all(|claim| claim["retracted"] == json!(true))
    })
}

#[test]
fn an_old_copy_of_the_data_rolls_nothing_back_on_the_mesh() {
    let settings = || Settings { network: "gossip_interval_seconds = 1", ..Settings::default() };
    let mut alpha = Organisation::new("alpha", settings());
    let mut beta = Organisation::new("beta", settings());
    beta.configure(&alpha.as_peer(&[]), &[]);
    beta.start();
    alpha.configure(&beta.as_peer(&[beta.address()]), &[]);
    alpha.start();
    eventually("they exchange", || alpha.gossips_with("beta").then_some(()));
    let add = |value: &str| {
        let body = json!({ "value": value, "tlp": "green", "confidence": 90 });
        alpha.tell(&["indicators"], &body).unwrap();
    };
    add(TAKEN_BACK);
    eventually("beta heard it", || beta.knows(TAKEN_BACK));
    alpha.stop();
    let yesterday = tempfile::tempdir().unwrap();
    copy(&alpha.data_dir(), yesterday.path());

    alpha.start();
    eventually("they exchange", || alpha.gossips_with("beta").then_some(()));
    alpha.dtim(&["indicators", "retract", TAKEN_BACK]);
    let body = json!({ "value": TOLD_AFTER, "tlp": "green", "confidence": 90 });
    alpha.tell(&["indicators"], &body).unwrap();
    eventually("beta heard the retraction", || is_retracted(&beta, TAKEN_BACK).then_some(()));
    eventually("beta heard the other", || beta.knows(TOLD_AFTER));
    alpha.stop();
    fs::remove_dir_all(alpha.data_dir()).unwrap();
    copy(yesterday.path(), &alpha.data_dir());

    // It learns of both from the mesh, says so, and takes nothing back.
    alpha.start();
    eventually("it says what it found", || alpha.stderr().contains("old backup").then_some(()));
    eventually("its own later word is there again", || alpha.knows(TOLD_AFTER));
    // A later word passes: by then an old one would have come too.
    let body = json!({ "value": "141.98.10.60", "tlp": "green", "confidence": 90 });
    alpha.tell(&["indicators"], &body).unwrap();
    eventually("beta heard a later word", || beta.knows("141.98.10.60"));
    assert!(is_retracted(&beta, TAKEN_BACK));
    for organisation in [&mut alpha, &mut beta] {
        organisation.stop();
    }
}
