//! Opening: regular files beneath a folder, and nothing else.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::checkpoint::{FINGERPRINT_BYTES, Fingerprint, Identity, Modified, Place};

/// Why a name in a followed folder is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotOpened {
    /// There is nothing of that name.
    Missing,
    /// A symbolic link, a pipe, a device, a folder, or a second name of a file
    /// elsewhere: whoever may write into a log folder must not choose what is read.
    NotRegular,
    /// The system refused.
    Refused(Errno),
}

/// An open regular file and what the system says of it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) stat: Stat,
}

impl Opened {
    pub(super) fn size(&self) -> u64 {
        u64::try_from(self.stat.st_size).unwrap_or_default()
    }

    /// When it was last written.
    #[allow(clippy::unnecessary_fallible_conversions, clippy::useless_conversion)] // u64 here, i64 there
    pub(super) fn modified(&self) -> Modified {
        (self.stat.st_mtime, i64::try_from(self.stat.st_mtime_nsec).unwrap_or_default())
    }

    /// Whether the system gives it the numbers of that place.
    pub(super) fn has_numbers_of(&self, place: &Place) -> bool {
        (self.stat.st_dev, self.stat.st_ino) == (place.identity.device, place.identity.inode)
    }

    /// Whether it begins like the file of that place and goes on to there.
    pub(super) fn continues(&self, place: &Place) -> bool {
        self.size() >= place.position
            && beginning(&self.file).is_ok_and(|b| place.identity.fingerprint.matches(&b))
    }
}

/// Opens `name` directly in `folder`.
pub(super) fn open(folder: &Path, name: &str) -> Result<Opened, NotOpened> {
    if name.contains('/') || name == ".." || name == "." {
        return Err(NotOpened::NotRegular);
    }
    let directory = rustix::fs::open(
        folder,
        OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(refused)?;
    let fd = beneath(&directory, name).map_err(refused)?;
    let stat = rustix::fs::fstat(&fd).map_err(refused)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink > 1 {
        return Err(NotOpened::NotRegular);
    }
    Ok(Opened { file: File::from(fd), stat })
}

fn beneath(directory: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    // NONBLOCK: opening a pipe must not wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    match rustix::fs::openat2(directory, name, flags, Mode::empty(), resolve) {
        // Kernels before 5.6 and some sandboxes have no openat2. A name without a
        // slash cannot leave the folder, and NOFOLLOW refuses a link.
        Err(Errno::NOSYS | Errno::PERM) => {
            rustix::fs::openat(directory, name, flags, Mode::empty())
        }
        opened => opened,
    }
}

fn refused(errno: Errno) -> NotOpened {
    match errno {
        Errno::NOENT => NotOpened::Missing,
        Errno::LOOP | Errno::XDEV | Errno::NXIO => NotOpened::NotRegular,
        errno => NotOpened::Refused(errno),
    }
}

/// The first bytes of a file, by which it is known.
pub(super) fn beginning(file: &File) -> std::io::Result<Vec<u8>> {
    first(file, FINGERPRINT_BYTES)
}

/// The first bytes of a file, so many or as many as there are.
pub(super) fn first(file: &File, most: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let mut length = 0;
    while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read_at(room, length as u64)? {
            0 => break,
            read => length += read,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Which file it is now.
pub(super) fn identity(opened: &Opened) -> std::io::Result<Identity> {
    let fingerprint = Fingerprint::of(&beginning(&opened.file)?);
    Ok(Identity { device: opened.stat.st_dev, inode: opened.stat.st_ino, fingerprint })
}
