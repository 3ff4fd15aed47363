//! A node that reads the journal: what it finds, where it goes on, what it leaves behind.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::{Organisation, Settings, eventually, tools};

/// Writes one entry of fail2ban's, by the tool that journald's own format comes from.
fn ban(journal: &Path, address: &str) {
    let at = chrono::Utc::now().timestamp_micros();
    let entry = format!(
        "__REALTIME_TIMESTAMP={at}\n__MONOTONIC_TIMESTAMP={at}\n_BOOT_ID={:032x}\n_HOSTNAME=host\n\
         _SYSTEMD_UNIT=fail2ban.service\nSYSLOG_IDENTIFIER=fail2ban.actions\n_PID=7\n\
         MESSAGE=NOTICE [sshd] Ban {address}\n\n",
        7
    );
    let mut child = tools::program("lib/systemd/systemd-journal-remote")
        .arg("-o")
        .arg(journal.join("system.journal"))
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(entry.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// A `journalctl` that reads this journal and not the machine's. Its folder.
fn journalctl(folder: &Path) -> PathBuf {
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    let script =
        format!("#!/bin/sh\nexec /usr/bin/journalctl --directory={} \"$@\"\n", folder.display());
    fs::write(bin.join("journalctl"), script).unwrap();
    fs::set_permissions(bin.join("journalctl"), fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

/// Processes that have this folder among their arguments.
fn readers_of(folder: &Path) -> usize {
    let argument = format!("--directory={}\0", folder.display());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let arguments = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    arguments.filter(|bytes| String::from_utf8_lossy(bytes).contains(&argument)).count()
}

#[test]
fn a_node_follows_the_journal_across_a_kill_and_leaves_no_child_behind() {
    let journal = tempfile::tempdir().unwrap();
    let path =
        format!("{}:{}", journalctl(journal.path()).display(), std::env::var("PATH").unwrap());
    let environment = vec![
        ("PATH".to_owned(), path),
        ("DTIM__WATCHERS__FAIL2BAN_LOG_PATH".to_owned(), "journal:fail2ban".to_owned()),
    ];
    let mut node = Organisation::new("node", Settings { environment, ..Settings::default() });
    let lines = |node: &Organisation| {
        let status = node.ask(&["status"], &[]).unwrap();
        let watchers = status["watchers"].as_array().unwrap().clone();
        let watcher = watchers.iter().find(|watcher| watcher["source"] == "fail2ban").unwrap();
        assert_eq!(watcher["path"], "journal:fail2ban.service");
        watcher["lines"].as_u64().unwrap()
    };
    ban(journal.path(), "45.155.205.11");
    node.start();
    eventually("the first ban is known", || node.knows("45.155.205.11"));
    assert_eq!(readers_of(journal.path()), 1);
    node.kill();
    eventually("nobody reads for a dead node", || (readers_of(journal.path()) == 0).then_some(()));
    ban(journal.path(), "45.155.205.12");
    node.start();
    eventually("the second ban is known", || node.knows("45.155.205.12"));
    assert_eq!(lines(&node), 1, "the first line is not read again");
    node.stop();
    assert_eq!(readers_of(journal.path()), 0);
}
