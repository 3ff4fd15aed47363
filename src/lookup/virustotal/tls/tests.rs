//! Handshakes with a server that has a certificate of the test's own.

use std::io::ErrorKind;

use rcgen::generate_simple_self_signed;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::*;

/// Connects as if to `host` to a server that proves to be `server`.
async fn handshake(host: &'static str, server: &str, trusted: bool) -> io::Result<()> {
    let own = generate_simple_self_signed([server.to_owned()]).unwrap();
    let other = generate_simple_self_signed([server.to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(if trusted { &own } else { &other }.cert.der().clone()).unwrap();
    let key = PrivateKeyDer::try_from(own.key_pair.serialize_der()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        TlsAcceptor::from(Arc::new(config)).accept(stream).await
    };
    let tls = Tls::trusting(roots).unwrap();
    let (connected, _) = tokio::join!(tls.connect(host, stream), serving);
    connected.map(|_| ())
}

#[tokio::test]
async fn only_a_trusted_certificate_of_the_right_name_will_do() {
    handshake("www.virustotal.com", "www.virustotal.com", true).await.unwrap();
    for (server, trusted) in [("www.virustotal.com", false), ("evil.example", true)] {
        let refused = handshake("www.virustotal.com", server, trusted).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidData, "{server}: {refused}");
    }
}
