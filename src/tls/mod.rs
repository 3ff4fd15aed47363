//! Who proves what over TLS: the certificates of this node, and those it takes.
//!
//! Owns the certificate of the identity (libp2p's TLS extension), with which nodes
//! prove their PeerIds to each other without any authority; the node's own certificate
//! authority, whose certificate an operator gives to clients; and the certificates that
//! the configuration names. TLS 1.3 and nothing older. It must never serve a peer's
//! certificate to a client, which would tell who is there, and never let a damaged file
//! take the place of a good certificate that is in force.

mod authority;
mod dates;
mod describe;
mod error;
mod files;
mod keeper;
mod peer;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;

use multiaddr::Protocol;

use crate::config::Config;
use crate::keys::Sealer;
use crate::model::Timestamp;

pub use describe::{Described, describe_pem};
pub use error::TlsError;
pub use keeper::{Certificates, Keeper};
pub use peer::{PEER_ALPN, peer_client};

/// The folder of the local authority and what it signed, below the data folder.
const FOLDER: &str = "tls";

/// What the configuration says about certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the local authority is kept.
    folder: PathBuf,
    /// Certificate and key of the configuration.
    own: Option<(PathBuf, PathBuf)>,
    /// Whose client certificates are taken.
    client_ca: Option<PathBuf>,
    /// Under which names clients reach this node.
    names: Names,
}

impl Settings {
    /// Of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let security = &config.security;
        let own = security.tls_cert_path.as_ref().zip(security.tls_key_path.as_ref());
        Self {
            folder: config.resolve(FOLDER.as_ref()),
            own: own.map(|(cert, key)| (config.resolve(cert), config.resolve(key))),
            client_ca: security.client_ca.as_ref().map(|path| config.resolve(path)),
            names: Names::of(config),
        }
    }

    /// The certificate that clients are shown: that of the configuration, or the one
    /// that the local authority signed. In PEM; nothing if none was made yet.
    pub fn shown(&self) -> Result<Option<Vec<u8>>, TlsError> {
        match &self.own {
            Some((cert, _)) => files::read("[security] tls_cert_path", cert).map(Some),
            None => authority::server_certificate(&self.folder),
        }
    }

    /// The certificate of the local authority in PEM; nothing if it was not made yet.
    pub fn authority(&self) -> Result<Option<Vec<u8>>, TlsError> {
        authority::on_disk(&self.folder)
    }

    /// As [`Settings::authority`], but made if there is none.
    pub fn make_authority(&self, sealer: &Sealer, now: Timestamp) -> Result<Vec<u8>, TlsError> {
        authority::certificate(&self.folder, sealer, now)
    }
}

/// Under which names and addresses a certificate is good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    dns: Vec<String>,
    ips: Vec<IpAddr>,
}

impl Names {
    /// Those of `[network] external_addresses` and `[api] listen`, and of this machine.
    /// Its host name stands there only if nothing else names it: strangers can read it.
    fn of(config: &Config) -> Self {
        let mut names = Self::default();
        for address in &config.network.external_addresses {
            match address.iter().next() {
                Some(Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name)) => {
                    names.dns.push(name.to_ascii_lowercase());
                }
                Some(Protocol::Ip4(ip)) => names.ips.push(ip.into()),
                Some(Protocol::Ip6(ip)) => names.ips.push(ip.into()),
                _ => {}
            }
        }
        if names.dns.is_empty() {
            let host = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
            names.dns.push(host);
        }
        names.dns.push("localhost".to_owned());
        let listen = config.api.listen.map(|address| address.ip());
        names.ips.extend(listen.filter(|ip| !ip.is_unspecified()));
        names.ips.extend([IpAddr::from([127, 0, 0, 1]), std::net::Ipv6Addr::LOCALHOST.into()]);
        names.dns.retain(|name| !name.is_empty() && name.is_ascii());
        names.dns.sort();
        names.dns.dedup();
        names.ips.sort();
        names.ips.dedup();
        names
    }
}
