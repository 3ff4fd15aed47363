//! `kill -9` in the middle of ingest leaves what an uninterrupted run leaves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use dtim::keys::files::{self, MasterSource};
use dtim::metrics::Metrics;
use dtim::store::{Filter, Options, Store};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::prove::{full, report};
use super::{Organisation, Settings, eventually};

/// What must be equal: every piece of evidence and every detector bucket.
#[derive(Debug, PartialEq)]
struct Left {
    evidence: BTreeMap<String, String>,
    buckets: BTreeMap<Vec<u8>, Vec<u8>>,
}

fn left_by(organisation: &Organisation) -> Left {
    let master = MasterSource::File(organisation.data_dir().join("keys/master"));
    let keys = files::load(&organisation.data_dir().join("keys"), &master).unwrap();
    let options = Options { max_bytes: 1 << 30, metrics: Metrics::new() };
    let store = Store::open(&organisation.data_dir().join("store"), keys.sealer, options).unwrap();
    let all = Filter { limit: usize::MAX, ..Filter::default() };
    let mut evidence = BTreeMap::new();
    for row in store.indicators(&all).rows {
        let found = store.evidence(row.id).unwrap();
        evidence.insert(row.value.to_string(), format!("{found:?}"));
    }
    let buckets = store.detector().unwrap().map(Result::unwrap).collect();
    store.close();
    Left { evidence, buckets }
}

/// Attackers and visitors, mixed, from a seed.
fn lines(count: usize) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(7);
    let paths = [
        "/",
        "/.env",
        "/wp-login.php",
        "/index.html",
        "/.git/config",
        "/a?id=1'%20or%201=1--",
        "/img/1.png",
    ];
    // The last of them lies an hour back: what lies ahead of now is taken for now.
    let span = chrono::Duration::milliseconds(200 * i64::try_from(count).unwrap());
    let start = chrono::Utc::now() - span - chrono::Duration::hours(1);
    (0..count)
        .map(|n| {
            let at = start + chrono::Duration::milliseconds(200 * i64::try_from(n).unwrap());
            let at = at.format("%d/%b/%Y:%H:%M:%S +0000");
            let path = paths[random.random_range(0..paths.len())];
            let (a, b) = (random.random_range(0..4), random.random_range(1..60));
            format!(
                "45.155.{}.{b} - - [{at}] \"GET {path} HTTP/1.1\" 404 153 \"-\" \"curl/8.5.0\"\n",
                200 + a
            )
        })
        .collect()
}

fn all_read(organisation: &Organisation, sentinel: &str) {
    eventually("the last line was read", || organisation.knows(sentinel));
}

#[test]
fn a_killed_node_ends_with_what_an_uninterrupted_one_has() {
    let kills = if full() { 200 } else { 20 };
    let sentinel = "193.32.162.157";
    let lines = lines(kills * 400);

    let mut steady = Organisation::new("steady", Settings::default());
    let mut killed = Organisation::new("killed", Settings::default());
    let mut random = StdRng::seed_from_u64(11);
    killed.start();
    for part in lines.chunks(400) {
        let text: String = part.concat();
        // The writer does not stop for the kill: half of a line may be on disk.
        let (first, second) = text.split_at(text.len() / 2);
        killed.append("access.log", first);
        std::thread::sleep(Duration::from_millis(random.random_range(0..40)));
        killed.kill();
        killed.append("access.log", second);
        killed.spawn();
        // A kill in the middle of the start is part of the test, too.
        if random.random_bool(0.7) {
            eventually("the node answers", || killed.ask(&["status"], &[]).ok());
        }
    }
    let mut last = String::new();
    write!(last, "{}", super::attack_line(sentinel)).unwrap();
    killed.append("access.log", &last);
    all_read(&killed, sentinel);
    killed.stop();

    steady.append("access.log", &(lines.concat() + &last));
    steady.start();
    all_read(&steady, sentinel);
    steady.stop();

    let (expected, found) = (left_by(&steady), left_by(&killed));
    assert_eq!(found.evidence.len(), expected.evidence.len());
    assert_eq!(found, expected);
    assert!(expected.evidence.len() > 100, "the log must make indicators");
    report(
        "kill",
        &[format!(
            "{kills} kills over {} lines: the same {} indicators, sighting counts and {} buckets as without",
            lines.len() + 1,
            expected.evidence.len(),
            expected.buckets.len()
        )],
    );
}
