//! What can go wrong with a node, in sentences for its operator.

use std::path::PathBuf;

use crate::keys::files::KeyError;
use crate::store::StoreError;

/// Why a node did not start, or could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mesh did not start.
    #[error(transparent)]
    Mesh(#[from] crate::mesh::StartError),
    /// There is no certificate for the public listener.
    #[error(transparent)]
    Tls(#[from] crate::tls::TlsError),
    /// A file that the configuration names cannot be read or understood.
    #[error("{path}: {what}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// What the operator asked for makes no sense.
    #[error("{0}")]
    Request(String),
    /// What the operator asked for is not here.
    #[error("{0}")]
    NotFound(String),
    /// The mesh was stopped.
    #[error(transparent)]
    Stopped(#[from] crate::mesh::Stopped),
    /// The node is stopping.
    #[error("the node is stopping: try again when it runs")]
    Stopping,
}
