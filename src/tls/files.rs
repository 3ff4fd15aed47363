//! Reading and writing what certificates are kept in.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use rand::Rng as _;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::TlsError;
use crate::keys::{Place, Sealer};

/// The longest file of certificates or keys that is read, in bytes: a chain, or the
/// bundle of an authority.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A file that the configuration names under `key`.
pub(super) fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    bytes(path).map_err(|why| TlsError::Read { key, path: path.to_owned(), why })
}

/// Its certificates; at least one.
pub(super) fn certificates(
    key: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let empty = || TlsError::Empty { key, path: path.to_owned(), wanted: "certificate" };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(key, path)?).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(empty)
}

/// Its private key.
pub(super) fn private_key(
    key: &'static str,
    path: &Path,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = Zeroizing::new(read(key, path)?);
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| TlsError::Empty {
        key,
        path: path.to_owned(),
        wanted: "private key",
    })
}

/// The bytes of one of our own files; nothing if it is not there.
pub(super) fn own(path: &Path) -> Result<Option<Vec<u8>>, TlsError> {
    match bytes(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(TlsError::File { path: path.to_owned(), doing: "reading", why }),
    }
}

/// A key that [`seal`] wrote; nothing if it is not there or does not open.
pub(super) fn unseal(path: &Path, sealer: &Sealer) -> Result<Option<Zeroizing<Vec<u8>>>, TlsError> {
    let Some(sealed) = own(path)? else { return Ok(None) };
    Ok(sealer.open(&place(path), &sealed).ok().map(Zeroizing::new))
}

/// Writes a private key so that only this node reads it.
pub(super) fn seal(path: &Path, key: &[u8], sealer: &Sealer) -> Result<(), TlsError> {
    let mut nonce = [0; 24];
    rand::rng().fill_bytes(&mut nonce);
    write(path, &sealer.seal(&place(path), key, nonce))
}

fn place(path: &Path) -> Place<'_> {
    let name = path.file_name().unwrap_or_default();
    Place { family: "tls", key: name.as_encoded_bytes(), schema: 1 }
}

/// Writes a file of mode 0600, whole or not at all, in a folder of mode 0700.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    let written = || {
        let folder = path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let temporary = path.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    };
    written().map_err(|why| TlsError::File { path: path.to_owned(), doing: "writing", why })
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
