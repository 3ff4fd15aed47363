//! Acknowledged means durable, and a call is kept whole or not at all.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)] // figures, and what was skipped

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use super::{Bench, NOW, ip, saw, sealer};
use crate::model::{Origin, Source};
use crate::store::{Change, Options, Store, StoreError};

const CHILD_DIR: &str = "DTIM_TEST_STORE_DIR";
const PATH: &str = "/var/log/ufw.log";
const LAST_ACKNOWLEDGED: u64 = 40;

/// The `n`th call of the child: two sightings and the offset behind them.
fn call(n: u64) -> Vec<Change> {
    let bytes = n.to_be_bytes().to_vec();
    let seen = NOW.plus(n);
    vec![
        saw(ip(1), seen),
        Change::Offset { source: Source::Ufw, path: PATH.to_owned(), bytes },
        saw(ip(u32::try_from(n).unwrap() + 100), seen),
    ]
}

/// What the store says was read, after checking that it agrees with what it counted.
fn consistent(store: &Store) -> u64 {
    let offset = store.offset(Source::Ufw, PATH).unwrap().unwrap_or_default();
    let read = offset.try_into().map_or(0, u64::from_be_bytes);
    let counted: u64 = store.evidence(ip(1).id()).unwrap().iter().map(|e| e.count).sum();
    assert_eq!(counted, read, "an offset without its evidence");
    assert_eq!(store.sizes().indicators, read + u64::from(read > 0));
    read
}

/// Not a test by itself: the process that `a_killed_process_…` kills.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD_DIR) else { return };
    let options = Options { max_bytes: super::GIB, metrics: crate::metrics::Metrics::new() };
    let store = Store::open(dir.as_ref(), sealer(), options).unwrap();
    for first in (consistent(&store) + 1..).step_by(5) {
        let receipts: Vec<_> = (first..first + 5).map(|n| store.write(call(n))).collect();
        for (n, receipt) in (first..).zip(receipts) {
            receipt.wait().unwrap();
            println!("\nacknowledged {n}");
        }
    }
}

#[test]
fn a_killed_process_has_kept_what_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["store::tests::durable::child_that_writes_until_it_is_killed", "--exact"])
            .args(["--nocapture", "--test-threads=1"])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let enough = acknowledged + LAST_ACKNOWLEDGED;
        let mut heard = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        acknowledged = heard.by_ref().find(|n| *n >= enough).expect("the child ended by itself");
        child.kill().unwrap();
        // What it still said before it died was acknowledged too.
        acknowledged = heard.last().unwrap_or(acknowledged);
        child.wait().unwrap();

        let options = Options { max_bytes: super::GIB, metrics: crate::metrics::Metrics::new() };
        let store = Store::open(dir.path(), sealer(), options).unwrap();
        assert!(consistent(&store) >= acknowledged);
    }
}

#[test]
fn what_was_acknowledged_is_in_the_files_at_that_moment() {
    let bench = Bench::new();
    for n in 1..=10 {
        bench.write(call(n));
    }
    let copy = Bench::closed(super::GIB, 9);
    std::fs::create_dir(copy.path()).unwrap();
    for entry in std::fs::read_dir(bench.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    assert_eq!(consistent(&copy.try_open(sealer()).unwrap()), 10);
}

#[test]
fn writers_from_many_threads_share_batches_and_lose_nothing() {
    let mut bench = Bench::new();
    let (started, starts) = mpsc::channel();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (store, started) = (bench.store().clone(), started.clone());
            scope.spawn(move || {
                started.send(()).unwrap();
                let receipts: Vec<_> = (0..50)
                    .map(|n| store.write(vec![saw(ip(1), NOW), saw(ip(100 * thread + n + 2), NOW)]))
                    .collect();
                receipts.into_iter().for_each(|receipt| drop(receipt.wait().unwrap()));
            });
        }
    });
    assert_eq!(starts.try_iter().count(), 8);
    bench.reopen();
    assert_eq!(bench.store().evidence(ip(1).id()).unwrap()[0].count, 400);
    assert_eq!(bench.store().counts_by_kind()["ip"], 401);
    let groups = bench.metrics.store_group_changes.get_sample_count();
    assert!(groups < 400, "{groups} batches for 400 calls");
    assert_eq!(bench.metrics.store_write_seconds.get_sample_count(), 400);
}

#[test]
fn a_call_that_fails_leaves_the_others_of_its_group_whole() {
    let mut bench = Bench::new();
    bench.write(vec![saw(ip(1), NOW)]);
    bench.max_bytes = 1;
    bench.reopen();
    let receipts: Vec<_> = (0..40)
        .map(|n| bench.store().write(vec![saw(ip(1), NOW), saw(ip(1 + n % 2), NOW)]))
        .collect();
    let answers: Vec<_> = receipts.into_iter().map(|receipt| receipt.wait()).collect();
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(matches!(answer, Err(StoreError::Full { .. })), n % 2 == 1, "{answer:?}");
    }
    let evidence = bench.store().evidence(ip(1).id()).unwrap();
    assert_eq!((evidence[0].count, evidence[0].origin), (41, Origin::Log(Source::Ufw)));
}

#[test]
fn a_closed_store_takes_nothing_and_still_reads() {
    let bench = Bench::new();
    let receipt = bench.store().write(vec![saw(ip(1), NOW)]);
    bench.store().close();
    assert!(receipt.wait().is_ok());
    assert_eq!(bench.write_all(vec![saw(ip(1), NOW)]), Err(StoreError::Closed));
    let tried = bench.store().try_write(vec![saw(ip(1), NOW)]);
    assert_eq!(tried.err(), Some(StoreError::Closed));
    assert_eq!(bench.store().evidence(ip(1).id()).unwrap().len(), 1);
}

#[test]
fn a_receipt_can_be_awaited_without_blocking_a_runtime() {
    let bench = Bench::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answer = runtime.block_on(async {
        let receipt = bench.store().try_write(vec![saw(ip(1), NOW)])?;
        receipt.await
    });
    assert_eq!(answer, Ok(vec![crate::store::Applied::New]));
}
