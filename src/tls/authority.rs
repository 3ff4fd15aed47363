//! The node's own certificate authority, and the certificate that it signs for the
//! public listener.
//!
//! The authority lives long, because its certificate is handed to clients; what it
//! signs is renewed by itself. Both private keys rest sealed, like everything else.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::describe::{Described, describe};
use super::{Names, TlsError, dates, files};
use crate::keys::Sealer;
use crate::model::{DAY, Timestamp};

/// How long the authority lives: as long as a machine.
const AUTHORITY_DAYS: u64 = 20 * 365;
/// How long a certificate that it signs lives.
const SERVER_DAYS: u64 = 90;
/// A certificate with less than this before it, in seconds, is renewed.
const RENEW_BEFORE: u64 = 30 * DAY;

const AUTHORITY: &str = "ca.pem";
const AUTHORITY_KEY: &str = "ca.key";
const SERVER: &str = "server.pem";
const SERVER_KEY: &str = "server.key";

/// A certificate with its private key.
pub(super) struct Pair {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// The local authority, ready to sign.
struct Authority {
    key: KeyPair,
    /// As clients have it.
    pem: Vec<u8>,
}

/// The certificate of the local authority in PEM; nothing if it was not made yet.
pub(super) fn on_disk(folder: &Path) -> Result<Option<Vec<u8>>, TlsError> {
    files::own(&folder.join(AUTHORITY))
}

/// The certificate of the local authority in PEM, made if there is none yet.
pub(super) fn certificate(
    folder: &Path,
    sealer: &Sealer,
    now: Timestamp,
) -> Result<Vec<u8>, TlsError> {
    Ok(Authority::open(folder, sealer, now)?.pem)
}

/// The certificate that the local authority signed last, in PEM.
pub(super) fn server_certificate(folder: &Path) -> Result<Option<Vec<u8>>, TlsError> {
    files::own(&folder.join(SERVER))
}

/// The certificate for the public listener: the one on disk while it is good, or a new one.
pub(super) fn server(
    folder: &Path,
    names: &Names,
    sealer: &Sealer,
    now: Timestamp,
) -> Result<Pair, TlsError> {
    let authority = Authority::open(folder, sealer, now)?;
    let (path, key_path) = (folder.join(SERVER), folder.join(SERVER_KEY));
    let key = files::unseal(&key_path, sealer)?.and_then(|key| key_pair(&key).ok());
    if let (Some(pem), Some(key)) = (files::own(&path)?, key)
        && let Ok(certificate) = CertificateDer::from_pem_slice(&pem)
        && authority.still_good(&certificate, &key, names, now)
    {
        return Ok(Pair { certificate, key: der(&key) });
    }
    let key = KeyPair::generate()?;
    let certificate = authority.sign(&key, names, now)?;
    files::seal(&key_path, key.serialized_der(), sealer)?;
    files::write(&path, certificate.pem().as_bytes())?;
    tracing::info!(days = SERVER_DAYS, "a certificate for the public listener was made");
    Ok(Pair { certificate: certificate.der().clone(), key: der(&key) })
}

impl Authority {
    /// Reads the authority, or makes it. Never a new one beside files of an old one:
    /// clients would refuse this node without anybody knowing why.
    fn open(folder: &Path, sealer: &Sealer, now: Timestamp) -> Result<Self, TlsError> {
        let damaged = || TlsError::Damaged { folder: folder.to_owned() };
        let (path, key_path) = (folder.join(AUTHORITY), folder.join(AUTHORITY_KEY));
        let Some(pem) = files::own(&path)? else {
            let key = KeyPair::generate()?;
            let pem = authority_params(&key, now)?.self_signed(&key)?.pem().into_bytes();
            // The certificate last: while it is missing, nothing was handed out.
            files::seal(&key_path, key.serialized_der(), sealer)?;
            files::write(&path, &pem)?;
            tracing::info!(
                "this node's own certificate authority was made: `dtim tls ca` prints it"
            );
            return Ok(Self { key, pem });
        };
        let key = files::unseal(&key_path, sealer)?.ok_or_else(damaged)?;
        let key = key_pair(&key).map_err(|_| damaged())?;
        let certificate = CertificateDer::from_pem_slice(&pem).map_err(|_| damaged())?;
        let is_of = |described: Described| described.public_key == key.public_key_der();
        if !describe(&certificate).is_some_and(is_of) {
            return Err(damaged());
        }
        Ok(Self { key, pem })
    }

    fn sign(
        &self,
        key: &KeyPair,
        names: &Names,
        now: Timestamp,
    ) -> Result<rcgen::Certificate, TlsError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named("DTIM node");
        for name in &names.dns {
            params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
        }
        params.subject_alt_names.extend(names.ips.iter().copied().map(SanType::IpAddress));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        dates::valid_for(&mut params, SERVER_DAYS, now)?;
        // As an issuer, the certificate is its name and its key; both are the same again.
        let issuer = authority_params(&self.key, now)?.self_signed(&self.key)?;
        Ok(params.signed_by(key, &issuer, &self.key)?)
    }

    fn still_good(
        &self,
        certificate: &CertificateDer<'_>,
        key: &KeyPair,
        names: &Names,
        now: Timestamp,
    ) -> bool {
        describe(certificate).is_some_and(|described| {
            let mut wanted: Vec<String> = names.dns.clone();
            wanted.extend(names.ips.iter().map(ToString::to_string));
            described.names == wanted
                && described.public_key == key.public_key_der()
                && described.issuer == authority_name(&self.key)
                && described.until > now.plus(RENEW_BEFORE)
                && described.from <= now
        })
    }
}

fn authority_params(key: &KeyPair, now: Timestamp) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&authority_name(key));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    dates::valid_for(&mut params, AUTHORITY_DAYS, now)?;
    Ok(params)
}

/// Made of the key, so that two authorities never have one name, and no operator's.
fn authority_name(key: &KeyPair) -> String {
    let [a, b, c, d, ..] =
        blake3::derive_key("dtim 2026 name of a local CA", &key.public_key_der());
    format!("DTIM local CA {a:02x}{b:02x}{c:02x}{d:02x}")
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn key_pair(der: &[u8]) -> Result<KeyPair, rcgen::Error> {
    KeyPair::try_from(&PrivatePkcs8KeyDer::from(der))
}

fn der(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}
