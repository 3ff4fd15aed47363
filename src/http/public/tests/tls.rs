//! What the handshake proves, and whom it refuses.

use std::io;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{Listening, identity, listen, listen_with, routes};
use crate::keys::Identity;
use crate::model::NodeId;
use crate::tls::{PEER_ALPN, peer_client};

type Certificate = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// A client that trusts a CA and may have a certificate.
fn client(ca: &[u8], certificate: Option<Certificate>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots);
    match certificate {
        Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
        None => builder.with_no_client_auth(),
    }
}

async fn connect(
    listening: &Listening,
    config: ClientConfig,
    name: &'static str,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(listening.address).await?;
    let name = ServerName::try_from(name).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// What `/who` answers. In TLS 1.3 a refused client learns that when it reads.
async fn who(listening: &Listening, config: ClientConfig) -> io::Result<String> {
    let mut stream = connect(listening, config, "localhost").await?;
    stream.write_all(b"GET /who HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    Ok(body.to_owned())
}

fn openssl(listening: &Listening, more: &[&str]) -> Output {
    Command::new("openssl")
        .args(["s_client", "-connect", &listening.address.to_string(), "-servername", "localhost"])
        .args(["-verify_return_error", "-CAfile", listening.path("tls/ca.pem").to_str().unwrap()])
        .args(more)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is missing: it comes with Debian's package openssl")
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_gets_tls_1_3_with_the_local_ca_and_nothing_older() {
    let listening = listen(routes()).await;
    let good = openssl(&listening, &["-tls1_3", "-verify_hostname", "localhost"]);
    let said = String::from_utf8_lossy(&good.stdout).into_owned();
    assert!(good.status.success(), "{said}{}", String::from_utf8_lossy(&good.stderr));
    assert!(said.contains("TLSv1.3") && said.contains("Verify return code: 0"), "{said}");
    let wrong_name = openssl(&listening, &["-tls1_3", "-verify_hostname", "other.example.org"]);
    assert!(!wrong_name.status.success());
    let old = openssl(&listening, &["-tls1_2"]);
    let said = String::from_utf8_lossy(&old.stderr).into_owned();
    assert!(!old.status.success() && said.contains("protocol version"), "{said}");
}

#[tokio::test]
async fn a_client_sees_the_local_ca_s_certificate_and_a_node_the_identity_s() {
    let listening = listen(routes()).await;
    assert_eq!(who(&listening, client(&listening.ca(), None)).await.unwrap(), "Nothing");

    let own = Identity::from_seed([7; 32]);
    let server = identity().node_id();
    let proved = who(&listening, peer_client(&own, server).unwrap()).await.unwrap();
    assert_eq!(proved, format!("Node({:?})", own.node_id()));
    let stream =
        connect(&listening, peer_client(&own, server).unwrap(), "localhost").await.unwrap();
    let (_, connection) = stream.get_ref();
    assert_eq!(connection.alpn_protocol(), Some(PEER_ALPN));
    let shown = connection.peer_certificates().unwrap().first().unwrap();
    assert_ne!(shown.as_ref(), CertificateDer::from_pem_slice(&listening.ca()).unwrap().as_ref());

    let other = NodeId::from_public_key(*Identity::from_seed([8; 32]).node_id().public_key());
    let refused = connect(&listening, peer_client(&own, other).unwrap(), "localhost").await;
    assert!(refused.is_err(), "the node must be the one that was meant");
}

#[tokio::test]
async fn who_comes_as_a_node_must_prove_it() {
    let listening = listen(routes()).await;
    let server = identity().node_id();
    let as_node = |mut config: ClientConfig| {
        config.alpn_protocols = vec![PEER_ALPN.to_vec()];
        // The identity's certificate has no authority: this client looks at nothing.
        let trusting = peer_client(&Identity::from_seed([9; 32]), server).unwrap();
        let resolver = Arc::clone(&config.client_auth_cert_resolver);
        config = trusting;
        config.client_auth_cert_resolver = resolver;
        config
    };
    let without = as_node(client(&listening.ca(), None));
    assert!(who(&listening, without).await.is_err(), "no certificate");
    let plain = rcgen::generate_simple_self_signed(["x.example.org".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(plain.key_pair.serialize_der()).unwrap();
    let plain = as_node(client(&listening.ca(), Some((plain.cert.der().clone(), key))));
    assert!(who(&listening, plain).await.is_err(), "a certificate without the extension");
    let refused = listening.metrics.http.refused.with_label_values(&["handshake"]);
    assert_eq!(refused.get(), 2);
}

/// A CA of the organisation, and a certificate that it signed.
fn organisation() -> (String, Certificate) {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["client.example.org".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ca, &ca_key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    (ca.pem(), (certificate.der().clone(), key))
}

#[tokio::test]
async fn a_client_certificate_is_optional_and_must_be_of_the_configured_ca() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, certificate) = organisation();
    let path = folder.path().join("client-ca.pem");
    std::fs::write(&path, ca).unwrap();
    let more = format!("[security]\nclient_ca = {:?}\n", path.to_str().unwrap());
    let listening = listen_with(routes(), &more, folder).await;
    let ours = listening.ca();
    assert_eq!(who(&listening, client(&ours, None)).await.unwrap(), "Nothing");
    assert_eq!(who(&listening, client(&ours, Some(certificate))).await.unwrap(), "Certificate");
    let (_, stranger) = organisation();
    assert!(who(&listening, client(&ours, Some(stranger))).await.is_err());

    let without = listen(routes()).await;
    let (_, certificate) = organisation();
    let proved = who(&without, client(&without.ca(), Some(certificate))).await.unwrap();
    assert_eq!(proved, "Nothing", "where no CA is configured, nobody is asked");
}
