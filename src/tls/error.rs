//! Why there is no certificate: one sentence each, with what to do next.

use std::io;
use std::path::PathBuf;

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of the configuration cannot be read.
    #[error("{key}: {} cannot be read ({why}): correct the path or who may read it", path.display())]
    Read {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// A file of the configuration holds something else.
    #[error("{key}: {} holds no {wanted}: name a file in PEM form", path.display())]
    Empty {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// Certificate and key of the configuration cannot be used.
    #[error(
        "[security] tls_cert_path and tls_key_path cannot be used together ({0}): name the key \
         that the certificate was made for"
    )]
    Pair(String),
    /// The CA of the configuration cannot be used.
    #[error("[security] client_ca cannot be used ({0}): name the CA's certificate in PEM form")]
    ClientCa(String),
    /// The local CA's files do not belong together, or were sealed by another node.
    #[error(
        "the node's own CA in {} is damaged: restore the folder from a backup, or remove it to \
         have a new CA made, which every client must then be given (`dtim tls ca`)",
        folder.display()
    )]
    Damaged {
        /// The folder.
        folder: PathBuf,
    },
    /// The local CA's files cannot be written or read.
    #[error("{}: {doing} failed ({why}): free space, or correct who may use the folder", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        why: io::Error,
    },
    /// A certificate cannot be made.
    #[error("a certificate cannot be made ({0}): this is a fault of dtim, please report it")]
    Make(String),
}

impl From<rcgen::Error> for TlsError {
    fn from(why: rcgen::Error) -> Self {
        Self::Make(why.to_string())
    }
}

impl From<tokio_rustls::rustls::Error> for TlsError {
    fn from(why: tokio_rustls::rustls::Error) -> Self {
        Self::Make(why.to_string())
    }
}
