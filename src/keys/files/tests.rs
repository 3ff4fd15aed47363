//! Every way in which key files can be wrong (threats 50): a refusal, never a new key.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::super::Place;
use super::*;

struct Installation {
    _home: tempfile::TempDir,
    dir: PathBuf,
    source: MasterSource,
}

impl Installation {
    fn empty() -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("data/keys");
        let source = MasterSource::File(dir.join("master"));
        Self { _home: home, dir, source }
    }

    fn new() -> Self {
        let made = Self::empty();
        create(&made.dir, &made.source).unwrap();
        made
    }

    fn load(&self) -> Result<Keys, KeyError> {
        load(&self.dir, &self.source)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_was_made_is_read_again() {
    let here = Installation::empty();
    let made = create(&here.dir, &here.source).unwrap();
    let read = here.load().unwrap();
    assert_eq!(made.identity.node_id(), read.identity.node_id());
    let place = Place { family: "f", key: b"k", schema: 1 };
    let sealed = made.sealer.seal(&place, b"plain", [0; 24]);
    assert_eq!(read.sealer.open(&place, &sealed).unwrap(), b"plain");
    assert_eq!(here.names(), ["data", "identity", "master", "pseudonym"], "nothing is left over");
    assert_eq!(mode(&here.dir), 0o700);
    for name in here.names() {
        assert_eq!(mode(&here.path(&name)), 0o600, "{name}");
    }
}

#[test]
fn two_nodes_share_nothing() {
    let (a, b) = (Installation::new(), Installation::new());
    assert_ne!(a.load().unwrap().identity.node_id(), b.load().unwrap().identity.node_id());
    for name in a.names() {
        assert_ne!(fs::read(a.path(&name)).unwrap(), fs::read(b.path(&name)).unwrap(), "{name}");
    }
}

#[test]
fn a_key_is_never_written_over() {
    let here = Installation::new();
    let before = here.load().unwrap().identity.node_id();
    for name in ["identity", "pseudonym", "data"] {
        assert!(matches!(create(&here.dir, &here.source), Err(KeyError::AlreadyThere { .. })));
        let backup = here.path("../backup");
        fs::rename(here.path(name), &backup).unwrap();
        assert!(matches!(create(&here.dir, &here.source), Err(KeyError::AlreadyThere { .. })));
        assert!(!here.path(name).exists(), "a refusal makes nothing");
        fs::rename(&backup, here.path(name)).unwrap();
    }
    assert_eq!(here.load().unwrap().identity.node_id(), before);
}

#[test]
fn the_operators_master_key_is_used_and_kept() {
    let here = Installation::empty();
    fs::create_dir_all(&here.dir).unwrap();
    chmod(&here.dir, 0o700);
    fs::write(here.path("master"), "ab".repeat(32)).unwrap();
    chmod(&here.path("master"), 0o600);
    create(&here.dir, &here.source).unwrap();
    assert_eq!(fs::read_to_string(here.path("master")).unwrap(), "ab".repeat(32));
    here.load().unwrap();
}

#[test]
fn no_keys_and_some_keys_are_different_errors() {
    let here = Installation::empty();
    assert!(matches!(here.load(), Err(KeyError::NotInitialised { .. })));
    for name in ["identity", "pseudonym", "data"] {
        let here = Installation::new();
        fs::remove_file(here.path(name)).unwrap();
        let error = here.load().unwrap_err();
        assert!(matches!(&error, KeyError::Missing { path } if path.ends_with(name)), "{error}");
        assert!(!here.path(name).exists());
    }
}

#[test]
fn a_damaged_file_is_refused() {
    for name in ["identity", "pseudonym", "data"] {
        let here = Installation::new();
        let whole = fs::read(here.path(name)).unwrap();
        let mut flipped = whole.clone();
        flipped[50] ^= 1;
        let other = fs::read(here.path(if name == "data" { "identity" } else { "data" })).unwrap();
        let longer = [&whole[..], &[0; 4096]].concat();
        for (what, bytes) in [
            ("empty", &[][..]),
            ("short", &whole[..whole.len() - 1]),
            ("long", &longer),
            ("flipped", &flipped),
            ("another key's", &other),
        ] {
            fs::write(here.path(name), bytes).unwrap();
            let error = here.load().unwrap_err();
            assert!(
                matches!(&error, KeyError::Damaged { path, .. } if path.ends_with(name)),
                "{what} {name}: {error}"
            );
            assert_eq!(fs::read(here.path(name)).unwrap(), bytes, "it is left as it is");
        }
    }
}

#[test]
fn what_others_can_read_is_refused() {
    for name in ["identity", "pseudonym", "data", "master", "."] {
        let here = Installation::new();
        for open in [0o640, 0o604, 0o620, 0o602, 0o777] {
            chmod(&here.path(name), open | if name == "." { 0o100 } else { 0 });
            let error = here.load().unwrap_err();
            assert!(matches!(error, KeyError::TooOpen { .. }), "{name} {open:o}: {error}");
        }
    }
}

#[test]
fn somebody_elses_file_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return; // only root can give a file away
    }
    for name in ["identity", "master", "."] {
        let here = Installation::new();
        std::os::unix::fs::chown(here.path(name), Some(65_534), None).unwrap();
        let error = here.load().unwrap_err();
        assert!(matches!(error, KeyError::WrongOwner { owner: 65_534, .. }), "{name}: {error}");
    }
}

#[test]
fn only_regular_files_are_read() {
    let here = Installation::new();
    fs::rename(here.path("identity"), here.path("moved")).unwrap();
    symlink(here.path("moved"), here.path("identity")).unwrap();
    assert!(matches!(here.load(), Err(KeyError::NotRegular { .. })));
    fs::remove_file(here.path("identity")).unwrap();
    fs::create_dir(here.path("identity")).unwrap();
    assert!(matches!(here.load(), Err(KeyError::NotRegular { .. })));
}

#[test]
fn a_wrong_master_key_is_told_from_damage() {
    let here = Installation::new();
    let write = |text: &str| fs::write(here.path("master"), text).unwrap();
    write(&"00".repeat(32));
    assert!(matches!(here.load(), Err(KeyError::WrongMaster { .. })));
    write("");
    assert!(matches!(here.load(), Err(KeyError::BadMaster { .. })));
    fs::remove_file(here.path("master")).unwrap();
    assert!(matches!(here.load(), Err(KeyError::NoMaster { .. })));
    assert!(!here.path("master").exists(), "loading never makes a master key");
}

#[test]
fn a_passphrase_wraps_and_opens() {
    let here = Installation::empty();
    let source = |words: &str| MasterSource::Passphrase(words.to_owned().into());
    assert!(matches!(create(&here.dir, &source("short")), Err(KeyError::WeakPassphrase)));
    let right = source("correct horse battery staple");
    let made = create(&here.dir, &right).unwrap();
    assert_eq!(here.names(), ["data", "identity", "pseudonym"]);
    assert_eq!(load(&here.dir, &right).unwrap().identity.node_id(), made.identity.node_id());
    let wrong = load(&here.dir, &source("correct horse battery stable"));
    assert!(matches!(wrong, Err(KeyError::WrongMaster { .. })));
    assert!(matches!(here.load(), Err(KeyError::OtherSource { .. })));
    assert!(matches!(load(&Installation::new().dir, &right), Err(KeyError::OtherSource { .. })));
}

#[test]
fn a_credential_is_read_from_its_folder_only() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("dtim"), "ab".repeat(32)).unwrap();
    fs::write(home.path().join("bad"), "ab").unwrap();
    let read = |dir: Option<&Path>, name: &str| read_credential(dir, name);
    assert!(read(Some(home.path()), "dtim").is_ok());
    assert!(matches!(read(Some(home.path()), "bad"), Err(KeyError::BadMaster { .. })));
    for name in ["", "other", "..", "../dtim", "/etc/passwd"] {
        assert!(matches!(read(Some(home.path()), name), Err(KeyError::NoCredential { .. })));
    }
    assert!(matches!(read(None, "dtim"), Err(KeyError::NoCredential { .. })));
}

#[test]
fn a_create_that_fails_leaves_nothing() {
    let here = Installation::empty();
    fs::create_dir_all(&here.dir).unwrap();
    chmod(&here.dir, 0o700);
    let source = MasterSource::File(here.path("no/such/folder/master"));
    assert!(matches!(create(&here.dir, &source), Err(KeyError::Io { .. })));
    assert!(here.names().is_empty(), "{:?}", here.names());
}

#[test]
fn no_error_prints_a_secret() {
    let source = MasterSource::Passphrase("correct horse battery staple".to_owned().into());
    assert!(!format!("{source:?}").contains("horse"));
}
