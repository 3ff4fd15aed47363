//! What is new in a folder, and what is never opened.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::time::SystemTime;

use super::*;

struct Scene {
    folder: tempfile::TempDir,
    scanned: Folder,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        let scanned = Folder::new(folder.path().join("in"));
        Self { scanned, folder }
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.scanned.path().join(name), text).unwrap();
    }

    /// The names that are ready when everything written so far has been left alone.
    fn ready(&self, done: Mark) -> Vec<Entry> {
        self.scanned.look(done, later()).unwrap().ready
    }
}

#[allow(clippy::disallowed_methods)]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64
}

fn later() -> u64 {
    now() + 60_000_000_000
}

fn names(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.name.to_str().unwrap()).collect()
}

#[test]
fn a_file_is_ready_two_seconds_after_its_last_change() {
    let scene = Scene::new();
    scene.put("a", "x");
    let changed = fs::metadata(scene.scanned.path().join("a")).unwrap();
    let changed = changed.ctime() as u64 * 1_000_000_000 + changed.ctime_nsec() as u64;
    let at = |time| scene.scanned.look(Mark::default(), time).unwrap();
    assert_eq!((at(changed + QUIET - 1).ready.len(), at(changed + QUIET - 1).waiting), (0, 1));
    assert_eq!((at(changed + QUIET).ready.len(), at(changed + QUIET).waiting), (1, 0));
}

#[test]
fn what_is_done_stays_done_until_it_changes() {
    let scene = Scene::new();
    for name in ["a", "b", "c"] {
        scene.put(name, "x");
    }
    let all = scene.ready(Mark::default());
    assert_eq!(all.len(), 3);
    assert!(all.is_sorted_by_key(|entry| entry.mark));
    let done = Mark::decode(&all[1].mark.encode()).unwrap();
    assert_eq!(scene.ready(done), all[2..]);
    let done = all[2].mark;
    assert_eq!(scene.ready(done), []);
    // Contents, then only the name.
    let before = all[2].clone();
    while scene.ready(done).is_empty() {
        scene.put("a", "xy");
    }
    assert_eq!(names(&scene.ready(done)), ["a"]);
    let done = scene.ready(done)[0].mark;
    while scene.ready(done).is_empty() {
        let (a, b) = (scene.scanned.path().join("a"), scene.scanned.path().join("new"));
        fs::rename(&a, &b).unwrap();
        fs::rename(b, a).unwrap();
    }
    assert_eq!(names(&scene.ready(done)), ["a"]);
    assert!(scene.scanned.open(&before).unwrap().is_some() || before.name == "a");
    assert!(
        scene
            .scanned
            .open(&Entry { mark: done, ..scene.ready(done)[0].clone() })
            .unwrap()
            .is_none()
    );
}

#[test]
fn only_plain_files_of_the_folder_itself_are_seen_and_opened() {
    let scene = Scene::new();
    let outside = scene.folder.path().join("secret");
    fs::write(&outside, "secret").unwrap();
    let inside = scene.scanned.path();
    symlink(&outside, inside.join("link")).unwrap();
    fs::hard_link(&outside, inside.join("second-name")).unwrap();
    fs::create_dir(inside.join("folder")).unwrap();
    fs::write(inside.join("folder/deep"), "x").unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, inside.join("pipe"), Mode::RWXU).unwrap();
    scene.put("plain", "text");
    let ready = scene.ready(Mark::default());
    assert_eq!(names(&ready), ["plain"]);
    let (mut file, bytes) = scene.scanned.open(&ready[0]).unwrap().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), bytes), ("text", 4));
    // Exchanged between the look and the opening.
    for name in ["link", "second-name", "folder", "pipe", "gone", "../secret"] {
        let entry = Entry { name: name.into(), ..ready[0].clone() };
        assert!(!matches!(scene.scanned.open(&entry), Ok(Some(_))), "{name}");
    }
}

#[test]
fn a_mark_from_the_future_hides_nothing() {
    let scene = Scene::new();
    scene.put("a", "x");
    let done = Mark { changed: u64::MAX, inode: u64::MAX };
    assert_eq!(scene.scanned.look(done, now()).unwrap().ready, []);
    // What it hides is at most what had been there when the clock was set back.
    assert_eq!(scene.scanned.look(done, 0).unwrap().waiting, 1);
}

#[test]
fn marks_survive_their_encoding_and_other_bytes_are_none() {
    let mark = Mark { changed: 1_790_172_833_123_456_789, inode: 42 };
    assert_eq!(Mark::decode(&mark.encode()), Some(mark));
    for bytes in [&[][..], &[1; 16], &[1; 18], &[2; 17]] {
        assert_eq!(Mark::decode(bytes), None);
    }
}
