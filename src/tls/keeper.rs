//! The certificates in force, and their change while the listener runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::authority::{self, Pair};
use super::{Settings, TlsError, files, peer};
use crate::keys::{Identity, Sealer};
use crate::model::{NodeId, Timestamp};

/// What the public listener serves.
pub struct Certificates {
    peers: Arc<ServerConfig>,
    clients: Arc<ServerConfig>,
}

/// Shows no key.
impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl Certificates {
    /// What is served to a node, or to any other client.
    #[must_use]
    pub fn serve(&self, to_a_node: bool) -> Arc<ServerConfig> {
        Arc::clone(if to_a_node { &self.peers } else { &self.clients })
    }

    /// Who proved itself under [`super::PEER_ALPN`].
    #[must_use]
    pub fn node_of(certificates: &[CertificateDer<'_>]) -> Option<NodeId> {
        certificates.first().and_then(peer::node_of)
    }
}

/// Keeps the certificates of a node. Cheap to clone; all clones are the same keeper.
#[derive(Clone, Debug)]
pub struct Keeper {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    sealer: Sealer,
    peers: ForPeers,
    settings: Mutex<Settings>,
    current: watch::Sender<Arc<Certificates>>,
}

struct ForPeers(Arc<ServerConfig>);

/// Shows no key.
impl fmt::Debug for ForPeers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForPeers(..)")
    }
}

impl Keeper {
    /// Reads, and at first need makes, what the settings say. Touches files.
    pub fn new(
        settings: Settings,
        identity: &Identity,
        sealer: &Sealer,
        now: Timestamp,
    ) -> Result<Self, TlsError> {
        let peers = Arc::new(peer::server(identity)?);
        let clients = clients(&settings, sealer, now)?;
        let certificates = Certificates { peers: Arc::clone(&peers), clients };
        let inner = Inner {
            sealer: sealer.clone(),
            peers: ForPeers(peers),
            settings: Mutex::new(settings),
            current: watch::Sender::new(Arc::new(certificates)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What is in force, as it changes.
    #[must_use]
    pub fn current(&self) -> watch::Receiver<Arc<Certificates>> {
        self.inner.current.subscribe()
    }

    /// Takes over settings and reads their files again; new connections see the change.
    /// If anything is wrong, what was in force stays. Touches files.
    pub fn reload(&self, settings: Settings, now: Timestamp) -> Result<(), TlsError> {
        let clients = clients(&settings, &self.inner.sealer, now)?;
        *self.inner.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        let peers = Arc::clone(&self.inner.peers.0);
        self.inner.current.send_replace(Arc::new(Certificates { peers, clients }));
        Ok(())
    }

    /// Renews what comes to its end, and reads files that others renew. Touches files.
    pub fn renew(&self, now: Timestamp) -> Result<(), TlsError> {
        let settings = self.inner.settings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.reload(settings, now)
    }
}

fn clients(
    settings: &Settings,
    sealer: &Sealer,
    now: Timestamp,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in files::certificates("[security] client_ca", path)? {
                roots.add(certificate).map_err(|why| TlsError::ClientCa(why.to_string()))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                    .allow_unauthenticated()
                    .build()
                    .map_err(|why| TlsError::ClientCa(why.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let (chain, key) = served(settings, sealer, now)?;
    let mut config =
        builder.with_single_cert(chain, key).map_err(|why| TlsError::Pair(why.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

type Served = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn served(settings: &Settings, sealer: &Sealer, now: Timestamp) -> Result<Served, TlsError> {
    match &settings.own {
        Some((cert, key)) => Ok((
            files::certificates("[security] tls_cert_path", cert)?,
            files::private_key("[security] tls_key_path", key)?,
        )),
        None => {
            let Pair { certificate, key } =
                authority::server(&settings.folder, &settings.names, sealer, now)?;
            Ok((vec![certificate], key))
        }
    }
}
