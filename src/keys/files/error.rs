//! Why there are no keys: one sentence each, with what to do next.

use std::io;
use std::path::PathBuf;

use super::super::{BadKeyFile, BadMaster};
use super::MIN_PASSPHRASE_BYTES;

/// Why there are no keys. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No key at all.
    #[error(
        "there are no keys in {}: run `dtim init`, or restore them from a backup if this node \
         ran before, because new keys are a new member that its peers must approve again",
        dir.display()
    )]
    NotInitialised {
        /// Where they should be.
        dir: PathBuf,
    },
    /// Some keys, but not this one.
    #[error(
        "the key file {} is missing while others are there: restore it from a backup; if this \
         node never ran, remove the folder and run `dtim init` again",
        path.display()
    )]
    Missing {
        /// What is missing.
        path: PathBuf,
    },
    /// `create` found a key.
    #[error(
        "{} is there already and is never written over: this node has been set up; to start \
         as a new member, move its data folder away first",
        path.display()
    )]
    AlreadyThere {
        /// What is there.
        path: PathBuf,
    },
    /// Cut, changed or something else.
    #[error("the key file {} is damaged ({why}): restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Others may read it.
    #[error(
        "{} may be read or changed by others (mode {mode:04o}): run `chmod {right:04o} {}`, and \
         replace the keys if others could have copied them", path.display(), path.display()
    )]
    TooOpen {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode it should have.
        right: u32,
    },
    /// Somebody else's.
    #[error(
        "{} belongs to user {owner}, but this process runs as user {user}: run it as its owner \
         or `chown {user} {}`", path.display(), path.display()
    )]
    WrongOwner {
        /// The file or folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// A symbolic link, a folder, a pipe.
    #[error("{} is not a regular file: put the key file itself there", path.display())]
    NotRegular {
        /// What it is not.
        path: PathBuf,
    },
    /// The master key is another one.
    #[error(
        "the master key does not open {}: give the master key or passphrase with which it was \
         made (`security.master_key`)", path.display()
    )]
    WrongMaster {
        /// The file that stays closed.
        path: PathBuf,
    },
    /// The master key file is not there.
    #[error(
        "the master key file {} is missing: restore it, or correct `security.master_key`",
        path.display()
    )]
    NoMaster {
        /// Where it should be.
        path: PathBuf,
    },
    /// The master key is no master key.
    #[error("{from} holds no master key: {why}")]
    BadMaster {
        /// Where it was read.
        from: String,
        /// What it should be.
        why: BadMaster,
    },
    /// systemd gave none.
    #[error(
        "there is no systemd credential {name:?}: add `LoadCredentialEncrypted={name}:FILE` to \
         the unit, or correct `security.master_key`"
    )]
    NoCredential {
        /// Its name.
        name: String,
    },
    /// A passphrase that is guessed in no time.
    #[error("the passphrase is too short: use at least {MIN_PASSPHRASE_BYTES} characters")]
    WeakPassphrase,
    /// Argon2 failed.
    #[error("the passphrase cannot be stretched: {0}")]
    CannotStretch(BadKeyFile),
    /// The keys were wrapped in another way than the config says.
    #[error(
        "the keys are wrapped by {wrapped}, but `security.master_key` names {configured}: \
         correct it"
    )]
    OtherSource {
        /// How they are wrapped.
        wrapped: &'static str,
        /// What was configured.
        configured: &'static str,
    },
    /// The disk failed.
    #[error("{doing} {} failed: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}
