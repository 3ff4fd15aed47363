//! The journal as real tools write and read it, and entries as hostile as they may be.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc::{Receiver, sync_channel};

use proptest::prelude::*;
use tempfile::TempDir;

#[allow(
    clippy::print_stdout,
    dead_code,
    unreachable_pub,
    reason = "the whole-process tests use more of it"
)]
#[path = "../../../tests/it/processes/tools.rs"]
mod tools;

use super::*;
use crate::watch::Target;
use crate::watch::lines::MAX_LINE_BYTES;

const SSH: &str = "ssh.service";
/// A time in November 2025, in seconds.
const START: u64 = 1_764_000_000;

/// A journal that Debian's systemd-journal-remote writes.
struct Machine {
    folder: TempDir,
    written: u64,
    boot: u8,
}

impl Machine {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), written: 0, boot: 7 }
    }

    /// Adds entries in the journal's export format, into a file of that name.
    fn write(&mut self, file: &str, entries: &[&[(&str, &[u8])]]) {
        let mut export = Vec::new();
        for fields in entries {
            let at = START * 1_000_000 + self.written * 1_000_000;
            self.written += 1;
            write!(
                export,
                "__REALTIME_TIMESTAMP={at}\n__MONOTONIC_TIMESTAMP={at}\n_BOOT_ID={:032x}\n",
                self.boot
            )
            .unwrap();
            for (name, value) in *fields {
                export.extend_from_slice(name.as_bytes());
                export.push(b'\n');
                export.extend_from_slice(&(value.len() as u64).to_le_bytes());
                export.extend_from_slice(value);
                export.push(b'\n');
            }
            export.push(b'\n');
        }
        let mut child = tools::program("lib/systemd/systemd-journal-remote")
            .arg("-o")
            .arg(self.folder.path().join(file))
            .arg("-")
            .stdin(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&export).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// An entry of sshd's.
    fn ssh(&mut self, message: &[u8]) {
        self.write("system.journal", &[&entry(SSH.as_bytes(), b"sshd", message)]);
    }

    fn follow(&self, unit: &str, from: From, checkpoint: Option<Vec<u8>>) -> Followed {
        let journal =
            Journal { unit: unit.to_owned(), directory: Some(self.folder.path().to_owned()) };
        followed(Path::new("journalctl"), journal, from, checkpoint)
    }
}

fn entry<'a>(unit: &'a [u8], program: &'a [u8], message: &'a [u8]) -> [(&'a str, &'a [u8]); 6] {
    [
        ("_SYSTEMD_UNIT", unit),
        ("_TRANSPORT", b"syslog"),
        ("_HOSTNAME", b"host"),
        ("SYSLOG_IDENTIFIER", program),
        ("_PID", b"12"),
        ("MESSAGE", message),
    ]
}

/// A journal that is followed, and what came of it.
struct Followed {
    following: Following,
    batches: Receiver<Batch>,
    metrics: Metrics,
    checkpoint: Option<Vec<u8>>,
}

fn followed(program: &Path, journal: Journal, from: From, checkpoint: Option<Vec<u8>>) -> Followed {
    let (sender, batches) = sync_channel(64);
    let metrics = Metrics::new();
    let target = Target::Journal(journal.clone());
    let follow = Follow { source: Source::Sshd, target, from, checkpoint: checkpoint.clone() };
    let pauses = (Duration::from_millis(10), Duration::from_millis(50));
    let following =
        Following::start_with(program, pauses, journal, follow, metrics.clone(), sender).unwrap();
    Followed { following, batches, metrics, checkpoint }
}

impl Followed {
    fn batch(&mut self) -> Batch {
        let batch = self.batches.recv_timeout(Duration::from_secs(60)).expect("a batch in time");
        self.checkpoint = Some(batch.checkpoint.clone());
        batch
    }

    fn lines(&mut self, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.len() < count {
            lines.extend(self.batch().lines);
        }
        lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    /// What comes after the frame.
    fn messages(&mut self, count: usize) -> Vec<String> {
        let message = |line: String| line.split_once(": ").unwrap().1.to_owned();
        self.lines(count).into_iter().map(message).collect()
    }

    fn events(&self, event: &str) -> u64 {
        self.metrics.tail_events.with_label_values(&["sshd", event]).get()
    }

    fn stop(self) -> Option<Vec<u8>> {
        drop(self.following);
        self.checkpoint
    }
}

#[test]
fn entries_come_as_lines_once_also_after_a_restart() {
    let mut machine = Machine::new();
    machine.ssh(b"one");
    machine.ssh(b"two");
    let mut followed = machine.follow(SSH, From::Start, None);
    let expected: Vec<String> =
        ["00.000000+00:00 host sshd[12]: one", "01.000000+00:00 host sshd[12]: two"]
            .map(|rest| format!("2025-11-24T16:00:{rest}"))
            .into();
    assert_eq!(followed.lines(2), expected);
    machine.ssh(b"three");
    assert_eq!(followed.messages(1), ["three"]);
    let checkpoint = followed.stop();
    machine.ssh(b"four");
    let mut followed = machine.follow(SSH, From::Start, checkpoint);
    assert_eq!(followed.messages(1), ["four"]);
    machine.ssh(b"five");
    assert_eq!(followed.messages(1), ["five"]);
    assert_eq!(followed.events("gap"), 0);
}

#[test]
fn what_came_before_the_machine_was_started_again_is_read_too() {
    let mut machine = Machine::new();
    machine.ssh(b"one");
    let mut followed = machine.follow(SSH, From::Start, None);
    assert_eq!(followed.messages(1), ["one"]);
    let checkpoint = followed.stop();
    machine.ssh(b"two");
    machine.boot = 8;
    machine.ssh(b"three");
    let mut followed = machine.follow(SSH, From::Start, checkpoint);
    assert_eq!(followed.messages(2), ["two", "three"]);
    machine.ssh(b"four");
    assert_eq!(followed.messages(1), ["four"]);
    assert_eq!((followed.events("gap"), followed.events("error")), (0, 0));
}

#[test]
fn from_now_begins_now_also_after_a_restart_without_entries() {
    let mut machine = Machine::new();
    machine.ssh(b"old");
    let mut followed = machine.follow(SSH, From::Now, None);
    let batch = followed.batch();
    assert_eq!((batch.target.as_str(), batch.file.as_str()), ("journal:ssh.service", SSH));
    assert_eq!(batch.lines, Vec::<Vec<u8>>::new());
    let checkpoint = followed.stop();
    // An entry of tomorrow.
    machine.written = now() / 1_000_000 - START + 86_400;
    machine.ssh(b"new");
    assert_eq!(machine.follow(SSH, From::Now, checkpoint).messages(1), ["new"]);
}

#[test]
fn only_what_journald_says_of_an_entry_is_believed() {
    let mut machine = Machine::new();
    let forged: [(&str, &[u8]); 5] = [
        ("_SYSTEMD_UNIT", b"session-3.scope"),
        ("UNIT", b"ssh.service"),
        ("OBJECT_SYSTEMD_UNIT", b"ssh.service"),
        ("SYSLOG_IDENTIFIER", b"sshd"),
        ("MESSAGE", b"forged"),
    ];
    let kernel: [(&str, &[u8]); 4] = [
        ("_TRANSPORT", b"kernel"),
        ("_HOSTNAME", b"host"),
        ("SYSLOG_IDENTIFIER", b"kernel"),
        ("MESSAGE", b"[UFW BLOCK] IN=eth0"),
    ];
    let true_entry = entry(SSH.as_bytes(), b"sshd", b"true");
    let as_kernel = entry(b"evil.service", b"kernel", b"[UFW BLOCK] forged");
    machine.write("system.journal", &[&forged, &as_kernel, &kernel, &true_entry]);
    assert_eq!(machine.follow(SSH, From::Start, None).messages(1), ["true"]);
    let lines = machine.follow("kernel", From::Start, None).lines(1);
    assert_eq!(lines, ["2025-11-24T16:00:02.000000+00:00 host kernel: [UFW BLOCK] IN=eth0"]);
}

#[test]
fn no_message_makes_a_second_line_or_a_frame() {
    let mut machine = Machine::new();
    machine.ssh(b"a\n2026-11-24T10:00:00+00:00 host sshd[1]: b\r\n");
    machine.ssh(b"\xff\x1b\0 bytes");
    let several: [(&str, &[u8]); 6] = [
        ("_SYSTEMD_UNIT", SSH.as_bytes()),
        ("_HOSTNAME", b"host"),
        ("SYSLOG_IDENTIFIER", b"a b: c\n"),
        ("SYSLOG_IDENTIFIER", b"second"),
        ("MESSAGE", b"first"),
        ("MESSAGE", b"second"),
    ];
    let silent: [(&str, &[u8]); 1] = [("_SYSTEMD_UNIT", SSH.as_bytes())];
    let long = "x".repeat(100_000);
    let long = entry(SSH.as_bytes(), b"sshd", long.as_bytes());
    let too_long = "x".repeat(MAX_ENTRY_BYTES);
    let too_long = entry(SSH.as_bytes(), b"sshd", too_long.as_bytes());
    machine.write("system.journal", &[&several, &silent, &long, &too_long]);
    machine.ssh(b"last");
    let mut followed = machine.follow(SSH, From::Start, None);
    let lines = followed.lines(5);
    assert!(lines[0].ends_with("sshd[12]: a#0122026-11-24T10:00:00+00:00 host sshd[1]: b"));
    assert!(lines[1].ends_with("sshd[12]: \u{fffd}#033#000 bytes"));
    assert!(["first", "second"].iter().any(|m| lines[2].ends_with(&format!(": {m}"))));
    assert_eq!(lines[2].split(' ').count(), 4, "{}", lines[2]);
    assert!((MAX_LINE_BYTES - 4..=MAX_LINE_BYTES).contains(&lines[3].len()));
    assert!(lines[4].ends_with(": last"));
    assert_eq!(followed.events("cut"), 1);
    let dropped = followed.metrics.lines_dropped.with_label_values(&["sshd", "not_an_entry"]);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_cursor_that_was_vacuumed_is_a_gap_and_the_oldest_entry_after_it_comes_first() {
    let mut machine = Machine::new();
    let of = |message| entry(SSH.as_bytes(), b"sshd", message);
    machine.write("old.journal", &[&of(b"a"), &of(b"b")]);
    let mut followed = machine.follow(SSH, From::Start, None);
    assert_eq!(followed.messages(2), ["a", "b"]);
    let checkpoint = followed.stop();
    machine.write("system.journal", &[&of(b"c"), &of(b"d")]);
    fs::remove_file(machine.folder.path().join("old.journal")).unwrap();
    let mut followed = machine.follow(SSH, From::Start, checkpoint);
    assert_eq!(followed.messages(2), ["c", "d"]);
    assert_eq!(followed.events("gap"), 1);
    // And one that journalctl does not understand.
    let strange = Place::after("nonsense".to_owned(), (START + 1) * 1_000_000).encode();
    let mut followed = machine.follow(SSH, From::Start, Some(strange));
    assert_eq!(followed.messages(2), ["c", "d"]);
    assert_eq!(followed.events("gap"), 1);
}

fn script(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journalctl");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (folder, path)
}

#[test]
fn a_child_that_ends_is_started_again_where_it_was() {
    // The first time it writes an entry, nonsense and its arguments, and ends.
    let (folder, path) = script(
        r#"cd "$(dirname "$0")"; echo "$@" >> arguments
        [ -e once ] && exec sleep 1000; touch once
        echo '{"__CURSOR":"c=1","__REALTIME_TIMESTAMP":"1","MESSAGE":"m"}'; echo '{"no":'; echo"#,
    );
    let journal = Journal { unit: SSH.to_owned(), directory: None };
    let mut followed = followed(&path, journal, From::Start, None);
    assert_eq!(followed.lines(1), ["1970-01-01T00:00:00.000001+00:00 - -: m"]);
    let arguments = folder.path().join("arguments");
    let deadline = Instant::now() + Duration::from_secs(60);
    let id = loop {
        let began = fs::read_to_string(&arguments).unwrap().lines().count();
        if let Some(id) = followed.following.shared.id().filter(|_| began == 2) {
            break id;
        }
        assert!(Instant::now() < deadline, "it was not started again");
        std::thread::yield_now();
    };
    let arguments = fs::read_to_string(arguments).unwrap();
    assert!(arguments.lines().nth(1).unwrap().contains("--cursor=c=1"), "{arguments}");
    followed.stop();
    assert!(!Path::new(&format!("/proc/{id}")).exists(), "the child must end with its reader");
}

#[test]
fn a_missing_journalctl_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journalctl");
    let journal = Journal { unit: SSH.to_owned(), directory: None };
    let mut followed = followed(&path, journal, From::Start, None);
    let deadline = Instant::now() + Duration::from_secs(60);
    while followed.events("error") < 2 {
        assert!(Instant::now() < deadline, "it was not tried again");
        std::thread::yield_now();
    }
    let (_kept, script) = script(
        r#"echo '{"__CURSOR":"c","__REALTIME_TIMESTAMP":"1","MESSAGE":"m"}'; exec sleep 1000"#,
    );
    fs::rename(script, &path).unwrap();
    assert_eq!(followed.messages(1), ["m"]);
}

#[test]
fn what_parsers_read_from_files_they_read_from_the_journal() {
    let json = br#"{"__CURSOR":"c","__REALTIME_TIMESTAMP":"1764000000123456","_HOSTNAME":"h",
        "SYSLOG_IDENTIFIER":"fail2ban.actions","_PID":"7","MESSAGE":"NOTICE [sshd] Ban 45.155.205.1"}"#;
    let line = Entry::read(json).unwrap().line.unwrap();
    let at = crate::model::Timestamp(1_764_000_000);
    let context = crate::parse::Context { now: at, utc_offset: 0, trusted_proxies: &[], own: &[] };
    let event = crate::parse::parse(Source::Fail2ban, &line, &context).unwrap().unwrap();
    assert!(format!("{event:?}").contains("45.155.205.1"), "{event:?}");
}

fn field() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof![".{0,40}", "[ -~\n\r\t\u{0}\u{85}\u{2028}:\\[\\]]{0,60}"];
    let leaf = prop_oneof![
        4 => text.prop_map(serde_json::Value::from),
        2 => prop::collection::vec(any::<u8>(), 0..40).prop_map(serde_json::Value::from),
        1 => Just(serde_json::Value::Null),
        1 => any::<i64>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop::collection::vec(inner, 0..3).prop_map(serde_json::Value::from)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// One line in one frame, whatever the fields are.
    #[test]
    fn an_entry_is_one_line_in_one_frame(
        at in any::<u64>(),
        host in field(), identifier in field(), command in field(), id in field(), message in field(),
    ) {
        let json = serde_json::json!({
            "__CURSOR": "c", "__REALTIME_TIMESTAMP": (at >> 10).to_string(), "_HOSTNAME": host,
            "SYSLOG_IDENTIFIER": identifier, "_COMM": command, "_PID": id, "MESSAGE": message,
        });
        let Some(line) = Entry::read(json.to_string().as_bytes()).and_then(|e| e.line) else {
            return Ok(());
        };
        prop_assert!(line.iter().all(|byte| !byte.is_ascii_control()), "{line:?}");
        prop_assert!(line.len() <= MAX_LINE_BYTES);
        let frame: Vec<&[u8]> = line.splitn(4, |byte| *byte == b' ').collect();
        prop_assert_eq!(frame.len(), 4, "{:?}", line);
        prop_assert_eq!(frame[0].len(), "2026-11-24T10:00:00.123456+00:00".len());
        let colons = frame[2].iter().filter(|byte| **byte == b':').count();
        prop_assert!(frame[2].ends_with(b":") && colons == 1, "{:?}", line);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        Entry::read(&bytes);
    }

    #[test]
    fn a_place_is_kept_as_it_is(at in 0..u64::MAX, cursor in "[!-~]{1,100}") {
        for place in [Place::since(at), Place::after(cursor.clone(), at)] {
            prop_assert_eq!(Place::decode(&place.encode()), Some(place));
        }
    }
}
