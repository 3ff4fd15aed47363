//! What stands in a certificate.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

use crate::model::Timestamp;

/// What an operator wants to know of a certificate, and what we compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The common name of whose it is; empty if it names none.
    pub subject: String,
    /// The common name of who signed it.
    pub issuer: String,
    /// The names and addresses for which it is good, in its order.
    pub names: Vec<String>,
    /// From when it is good.
    pub from: Timestamp,
    /// Until when it is good.
    pub until: Timestamp,
    /// SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` writes it.
    pub fingerprint: String,
    /// The public key with its algorithm, DER.
    pub public_key: Vec<u8>,
}

/// Reads every certificate of a text in PEM form.
#[must_use]
pub fn describe_pem(pem: &[u8]) -> Vec<Described> {
    let all = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
    all.filter_map(|certificate| describe(&certificate)).collect()
}

/// Reads a certificate; nothing if it is none.
#[must_use]
pub(super) fn describe(der: &[u8]) -> Option<Described> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.iter().filter_map(name).collect());
    let at = |time: i64| Timestamp(u64::try_from(time).unwrap_or(0));
    let digest = Sha256::digest(der);
    let bytes: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    Some(Described {
        subject: common_name(certificate.subject()),
        issuer: common_name(certificate.issuer()),
        names: names.unwrap_or_default(),
        from: at(certificate.validity().not_before.timestamp()),
        until: at(certificate.validity().not_after.timestamp()),
        fingerprint: bytes.join(":"),
        public_key: certificate.public_key().raw.to_vec(),
    })
}

fn common_name(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().next().and_then(|name| name.as_str().ok());
    common.unwrap_or_default().to_owned()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => ip(bytes).map(|ip| ip.to_string()),
        _ => None,
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(IpAddr::from).ok();
    v4().or_else(|| <[u8; 16]>::try_from(bytes).map(IpAddr::from).ok())
}
