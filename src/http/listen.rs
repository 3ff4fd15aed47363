//! The sockets: a TCP address for metrics, a Unix socket for control.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use axum::Router;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process has the port.
    #[error(
        "{key}: the address {address} is in use by another process; stop it or set another address"
    )]
    InUse {
        /// The configuration key.
        key: &'static str,
        /// The address.
        address: String,
    },
    /// The address cannot be used.
    #[error("{key}: cannot listen at {address}: {why}")]
    Other {
        /// The configuration key.
        key: &'static str,
        /// The address.
        address: String,
        /// What the system said.
        why: std::io::Error,
    },
    /// A node answers on the control socket.
    #[error("another node answers at {0}; stop it or set another [admin] control_socket")]
    Answers(PathBuf),
}

impl ListenError {
    pub(super) fn new(key: &'static str, address: impl ToString, why: std::io::Error) -> Self {
        let address = address.to_string();
        if why.kind() == ErrorKind::AddrInUse {
            Self::InUse { key, address }
        } else {
            Self::Other { key, address, why }
        }
    }
}

/// Serves the metrics listener until told to stop. Returns the address it got.
pub async fn serve_metrics(
    address: SocketAddr,
    router: Router,
    stop: watch::Receiver<bool>,
) -> Result<(SocketAddr, JoinHandle<()>), ListenError> {
    const KEY: &str = "[metrics] listen";
    let fail = |why| ListenError::new(KEY, address, why);
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    let bound = listener.local_addr().map_err(fail)?;
    let task = tokio::spawn(async move {
        axum::serve(listener, router).with_graceful_shutdown(stopped(stop)).await.ok();
    });
    Ok((bound, task))
}

/// Serves the control socket until told to stop. Only the owner and the group
/// `dtim`, where there is one, may connect.
pub async fn serve_control(
    path: &Path,
    router: Router,
    stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, ListenError> {
    const KEY: &str = "[admin] control_socket";
    let fail = |why| ListenError::new(KEY, path.display(), why);
    if path.exists() {
        if UnixStream::connect(path).await.is_ok() {
            return Err(ListenError::Answers(path.to_owned()));
        }
        // Left behind by a node that was killed: nobody answers there.
        std::fs::remove_file(path).map_err(fail)?;
    }
    let listener = UnixListener::bind(path).map_err(fail)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(fail)?;
    give_to_group(path);
    let path = path.to_owned();
    Ok(tokio::spawn(async move {
        axum::serve(listener, router).with_graceful_shutdown(stopped(stop)).await.ok();
        std::fs::remove_file(path).ok();
    }))
}

/// Gives the socket to the group `dtim`. Where there is none, or we may not, it stays ours.
fn give_to_group(path: &Path) {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let gid = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some("dtim")).then(|| fields.nth(1)?.parse::<u32>().ok()).flatten()
    });
    if let Some(gid) = gid
        && let Err(error) = std::os::unix::fs::chown(path, None, Some(gid))
    {
        tracing::warn!(%error, "the control socket could not be given to the group dtim");
    }
}

/// Waits until the node stops.
pub(super) async fn stopped(mut stop: watch::Receiver<bool>) {
    stop.wait_for(|stopping| *stopping).await.ok();
}
