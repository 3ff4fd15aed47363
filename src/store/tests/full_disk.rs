//! A disk that is really full: writing pauses, reading goes on, and it mends
//! itself once there is space.
//!
//! The disk is a small tmpfs in a mount namespace of its own (util-linux
//! `unshare`); where the kernel allows no such namespace, the test says so.

use std::process::Command;
use std::time::{Duration, Instant};

use super::{NOW, ip, saw, sealer};
use crate::metrics::Metrics;
use crate::store::{Change, Options, Store, StoreError};

const CHILD_DIR: &str = "DTIM_TEST_SMALL_DISK";
/// Long beyond what RocksDB needs to notice that there is space again.
const DEADLINE: Duration = Duration::from_secs(100);

fn open(dir: &str) -> Store {
    let options = Options { max_bytes: super::GIB, metrics: Metrics::new() };
    Store::open(format!("{dir}/store").as_ref(), sealer(), options).unwrap()
}

/// About a megabyte.
fn call(n: u32) -> Vec<Change> {
    let bucket = Some(vec![7; 1 << 20]);
    vec![saw(ip(n), NOW), Change::Detector { key: n.to_be_bytes().to_vec(), bucket }]
}

/// Not a test by itself: what runs on the small disk.
#[test]
fn child_on_a_small_disk() {
    let Ok(dir) = std::env::var(CHILD_DIR) else { return };
    let store = open(&dir);
    let ballast = format!("{dir}/ballast");
    std::fs::write(&ballast, vec![0; 8 << 20]).unwrap();

    let mut kept = 0;
    let error = loop {
        match store.write(call(kept)).wait() {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Disk { .. }), "{error:?}");
    assert!(kept > 2, "{error}");
    let all_read = |store: &Store, kept: u32| {
        assert_eq!(store.sizes().indicators, u64::from(kept));
        (0..kept).all(|n| store.evidence(ip(n).id()).unwrap().len() == 1)
    };
    assert!(all_read(&store, kept));
    assert!(store.evidence(ip(kept).id()).unwrap().is_empty());

    std::fs::remove_file(&ballast).unwrap();
    let started = Instant::now();
    while let Err(error) = store.write(call(kept)).wait() {
        assert!(started.elapsed() < DEADLINE, "{error}");
        std::thread::sleep(Duration::from_millis(50));
    }
    kept += 1;
    println!("wrote again after {:?}", started.elapsed());
    assert!(all_read(&store, kept));
    drop(store);
    let store = open(&dir);
    assert_eq!(store.sizes().indicators, u64::from(kept));
    assert!((0..kept).all(|n| store.evidence(ip(n).id()).unwrap().len() == 1));
}

#[test]
fn a_full_disk_stops_writing_only_until_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    let namespace = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount"]);
        command
    };
    if !namespace().arg("true").status().is_ok_and(|status| status.success()) {
        println!("not shown: this machine allows no mount namespace");
        return;
    }
    let script = "mount -t tmpfs -o size=32m none \"$1\" && shift && exec \"$@\"";
    let output = namespace()
        .args(["sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["store::tests::full_disk::child_on_a_small_disk", "--exact", "--nocapture"])
        .env(CHILD_DIR, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("wrote again"), "{said}");
}
