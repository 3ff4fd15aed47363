//! The key files: made once by `create`, read at every start by `load`.
//!
//! The shell of `keys`. It must never write over a key and never make one where
//! one should have been loaded: a new identity is a new member that nobody approved.

mod error;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rand::Rng as _;
use zeroize::Zeroizing;

pub use error::KeyError;

use super::{Identity, KeyFile, MasterKey, PseudonymSecret, Role, Sealer, Stretching};

/// The shortest passphrase, in bytes. Argon2 slows guessing down; it does not make
/// a short word long.
const MIN_PASSPHRASE_BYTES: usize = 12;
/// No key or master key is longer; what is longer is not read to its end.
const MAX_FILE_BYTES: u64 = 1024;

/// Where the master key comes from.
#[derive(Clone)]
pub enum MasterSource {
    /// A file of 64 hexadecimal digits; `create` makes it if it is missing.
    File(PathBuf),
    /// A systemd credential of that name, 64 hexadecimal digits.
    Credential(String),
    /// A passphrase that a person typed.
    Passphrase(Zeroizing<String>),
}

/// Shows no passphrase.
impl fmt::Debug for MasterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Credential(name) => write!(f, "Credential({name})"),
            Self::Passphrase(_) => f.write_str("Passphrase(..)"),
        }
    }
}

/// Every secret of a node.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Who the node is.
    pub identity: Identity,
    /// Under which names it speaks.
    pub pseudonyms: PseudonymSecret,
    /// How what rests on disk is sealed.
    pub sealer: Sealer,
}

/// Makes the keys of a new node in `dir`. Refuses if any is there already; if it
/// fails half-way, what it made is taken back.
pub fn create(dir: &Path, source: &MasterSource) -> Result<Keys, KeyError> {
    make_dir(dir)?;
    for role in Role::ALL {
        let path = dir.join(role.file_name());
        if path.symlink_metadata().is_ok() {
            return Err(KeyError::AlreadyThere { path });
        }
    }
    let mut made = Made::default();
    let (master, stretching) = match source {
        MasterSource::File(path) if path.symlink_metadata().is_err() => {
            let master = MasterKey::from_bytes(*random());
            made.write(path, master.to_text().as_bytes())?;
            (master, None)
        }
        MasterSource::File(_) | MasterSource::Credential(_) => (read_master(source, None)?, None),
        MasterSource::Passphrase(passphrase) => {
            if passphrase.len() < MIN_PASSPHRASE_BYTES {
                return Err(KeyError::WeakPassphrase);
            }
            let how = Stretching::recommended(*random());
            (read_master(source, Some(&how))?, Some(how))
        }
    };
    let mut make = |role: Role| {
        let secret = random();
        let file = KeyFile::wrap(role, &secret, &master, stretching.as_ref(), *random());
        made.write(&dir.join(role.file_name()), &file).map(|()| secret)
    };
    let keys = Keys {
        identity: Identity::from_seed(*make(Role::Identity)?),
        pseudonyms: PseudonymSecret::from_bytes(*make(Role::Pseudonym)?),
        sealer: Sealer::new(*make(Role::Data)?),
    };
    made.keep();
    Ok(keys)
}

/// Reads the keys of a node that `create` made.
pub fn load(dir: &Path, source: &MasterSource) -> Result<Keys, KeyError> {
    let paths = Role::ALL.map(|role| dir.join(role.file_name()));
    let mut missing = paths.iter().filter(|path| path.symlink_metadata().is_err());
    match missing.clone().count() {
        0 => {}
        3 => return Err(KeyError::NotInitialised { dir: dir.to_owned() }),
        _ => {
            let path = missing.next().cloned().unwrap_or_else(|| dir.to_owned());
            return Err(KeyError::Missing { path });
        }
    }
    check_access(&open(dir, "reading the folder")?, dir)?;
    // One master key opens all three; a passphrase is stretched once.
    let mut master: Option<(Option<Stretching>, MasterKey)> = None;
    let mut unwrap = |role: Role| {
        let path = dir.join(role.file_name());
        let file = KeyFile::decode(&read_private(&path)?)
            .map_err(|why| KeyError::Damaged { path: path.clone(), why: why.to_string() })?;
        if file.role() != role {
            let why = format!("it holds the {} key", file.role().file_name());
            return Err(KeyError::Damaged { path, why });
        }
        let how = file.stretching().copied();
        let known = master.take().filter(|(known, _)| *known == how);
        let (_, key) = master.insert(match known {
            Some(known) => known,
            None => (how, read_master(source, how.as_ref())?),
        });
        file.open(key).map_err(|_| KeyError::WrongMaster { path })
    };
    Ok(Keys {
        identity: Identity::from_seed(*unwrap(Role::Identity)?),
        pseudonyms: PseudonymSecret::from_bytes(*unwrap(Role::Pseudonym)?),
        sealer: Sealer::new(*unwrap(Role::Data)?),
    })
}

fn random<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::rng().fill_bytes(bytes.as_mut_slice());
    bytes
}

/// The master key for a key file that says `stretching`.
fn read_master(
    source: &MasterSource,
    stretching: Option<&Stretching>,
) -> Result<MasterKey, KeyError> {
    match (source, stretching) {
        (MasterSource::File(path), None) => {
            if path.symlink_metadata().is_err() {
                return Err(KeyError::NoMaster { path: path.clone() });
            }
            MasterKey::from_text(&read_private(path)?)
                .map_err(|why| KeyError::BadMaster { from: path.display().to_string(), why })
        }
        (MasterSource::Credential(name), None) => {
            let dir = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
            read_credential(dir.as_deref(), name)
        }
        (MasterSource::Passphrase(passphrase), Some(how)) => {
            MasterKey::from_passphrase(passphrase.as_bytes(), how).map_err(KeyError::CannotStretch)
        }
        (MasterSource::Passphrase(_), None) => Err(KeyError::OtherSource {
            wrapped: "a master key file or credential",
            configured: "a passphrase",
        }),
        (MasterSource::File(_) | MasterSource::Credential(_), Some(_)) => {
            Err(KeyError::OtherSource {
                wrapped: "a passphrase",
                configured: "a master key file or credential",
            })
        }
    }
}

/// systemd itself guards the folder, so neither mode nor owner is checked: it may
/// belong to root and be opened for us by an access list.
fn read_credential(dir: Option<&Path>, name: &str) -> Result<MasterKey, KeyError> {
    let missing = || KeyError::NoCredential { name: name.to_owned() };
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(missing());
    }
    let path = dir.ok_or_else(missing)?.join(name);
    let file = File::open(&path).map_err(|_| missing())?;
    let text = read(file, &path)?;
    MasterKey::from_text(&text)
        .map_err(|why| KeyError::BadMaster { from: format!("credential {name}"), why })
}

/// Opens what stands at the path itself, never what a symbolic link points to.
fn open(path: &Path, doing: &'static str) -> Result<File, KeyError> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|source| KeyError::Io { path: path.to_owned(), doing, source })
}

fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(KeyError::NotRegular { path: path.to_owned() });
    }
    let file = open(path, "reading")?;
    check_access(&file, path)?;
    read(file, path)
}

fn read(file: File, path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    // Room for all of it from the start: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * 1024));
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(|source| KeyError::Io {
        path: path.to_owned(),
        doing: "reading",
        source,
    })?;
    Ok(bytes)
}

/// Ours, and nobody else may even read it.
fn check_access(file: &File, path: &Path) -> Result<(), KeyError> {
    let metadata = file.metadata().map_err(|source| KeyError::Io {
        path: path.to_owned(),
        doing: "reading",
        source,
    })?;
    let path = path.to_owned();
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(KeyError::WrongOwner { path, owner, user });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        let right = if metadata.is_dir() { 0o700 } else { 0o600 };
        return Err(KeyError::TooOpen { path, mode, right });
    }
    Ok(())
}

fn make_dir(dir: &Path) -> Result<(), KeyError> {
    match DirBuilder::new().recursive(true).mode(0o700).create(dir) {
        Ok(()) => check_access(&open(dir, "reading the folder")?, dir),
        Err(source) => {
            Err(KeyError::Io { path: dir.to_owned(), doing: "making the folder", source })
        }
    }
}

/// The files that a `create` made; they are removed unless all of it succeeds.
#[derive(Default)]
struct Made(Vec<PathBuf>);

impl Made {
    /// Writes a new file of mode 0600: whole and durable, or not at all, and never
    /// over another one.
    fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
        let suffix = u64::from_be_bytes(*random());
        let temporary = path.with_extension(format!("{suffix:016x}"));
        self.0.push(temporary.clone());
        let result = write_new(&temporary, bytes)
            // Not `rename`, which would replace a key that stands there.
            .and_then(|()| std::fs::hard_link(&temporary, path))
            .and_then(|()| {
                self.0.push(path.to_owned());
                std::fs::remove_file(&temporary)
            })
            .and_then(|()| path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all()));
        result.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => KeyError::AlreadyThere { path: path.to_owned() },
            _ => KeyError::Io { path: path.to_owned(), doing: "writing", source },
        })
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in &self.0 {
            // Most are gone already; a key that stays makes the next `create` refuse.
            drop(std::fs::remove_file(path));
        }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
