//! The local authority and what it signs; the certificates of the configuration.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Keeper, Names, Settings, TlsError, authority, describe_pem};
use crate::keys::{Identity, Sealer};
use crate::model::{DAY, Timestamp};

const NOW: Timestamp = Timestamp(1_790_000_000);

fn sealer() -> Sealer {
    Sealer::new([3; 32])
}

fn names(name: &str) -> Names {
    Names { dns: vec![name.to_owned()], ips: vec![IpAddr::from([127, 0, 0, 1])] }
}

fn server(folder: &Path, name: &str, now: Timestamp) -> Vec<u8> {
    authority::server(folder, &names(name), &sealer(), now).unwrap().certificate.to_vec()
}

fn settings(folder: &Path) -> Settings {
    Settings {
        folder: folder.to_owned(),
        own: None,
        client_ca: None,
        names: names("node.example.org"),
    }
}

fn keeper(settings: Settings) -> Result<Keeper, TlsError> {
    Keeper::new(settings, &Identity::from_seed([1; 32]), &sealer(), NOW)
}

#[test]
fn the_authority_stays_and_what_it_signs_is_renewed_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = &folder.path().join("tls");
    let first = server(folder, "a.example.org", NOW);
    let ca = authority::on_disk(folder).unwrap().unwrap();
    assert_eq!(server(folder, "a.example.org", NOW.plus(59 * DAY)), first, "good for a month yet");
    let renewed = server(folder, "a.example.org", NOW.plus(61 * DAY));
    assert_ne!(renewed, first);
    assert_ne!(server(folder, "b.example.org", NOW.plus(61 * DAY)), renewed, "another name");
    assert_eq!(authority::on_disk(folder).unwrap().unwrap(), ca, "clients have it");
    assert_eq!(authority::certificate(folder, &sealer(), NOW).unwrap(), ca);

    let shown = describe_pem(&authority::server_certificate(folder).unwrap().unwrap());
    let described_ca = describe_pem(&ca);
    assert_eq!(shown[0].names, ["b.example.org", "127.0.0.1"]);
    assert_eq!(shown[0].issuer, described_ca[0].subject);
    assert!(described_ca[0].subject.starts_with("DTIM local CA "), "{:?}", described_ca[0]);
    assert!(described_ca[0].until > NOW.plus(19 * 365 * DAY));
}

#[test]
fn private_keys_rest_sealed_and_for_this_user_only() {
    let folder = tempfile::tempdir().unwrap();
    let folder = &folder.path().join("tls");
    server(folder, "a.example.org", NOW);
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    for file in ["ca.key", "server.key", "ca.pem", "server.pem"] {
        let path = folder.join(file);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    for file in ["ca.key", "server.key"] {
        let bytes = fs::read(folder.join(file)).unwrap();
        // The object identifier of P-256 stands in every such key in PKCS #8.
        let p256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        assert!(!bytes.windows(p256.len()).any(|window| window == p256), "{file} is not sealed");
    }
}

#[test]
fn a_damaged_authority_is_never_replaced_and_a_damaged_certificate_is() {
    let folder = tempfile::tempdir().unwrap();
    let folder = &folder.path().join("tls");
    let first = server(folder, "a.example.org", NOW);
    fs::write(folder.join("server.key"), b"damaged").unwrap();
    assert_ne!(server(folder, "a.example.org", NOW), first);

    let ca = authority::on_disk(folder).unwrap();
    let other = Sealer::new([4; 32]);
    let error = authority::server(folder, &names("a.example.org"), &other, NOW).err();
    assert!(matches!(error, Some(TlsError::Damaged { .. })), "another node's keys: {error:?}");
    fs::remove_file(folder.join("ca.key")).unwrap();
    let error = authority::certificate(folder, &sealer(), NOW).unwrap_err();
    assert!(matches!(error, TlsError::Damaged { .. }), "{error}");
    assert_eq!(authority::on_disk(folder).unwrap(), ca);
}

#[test]
fn certificates_of_the_configuration_must_fit_and_a_wrong_change_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let own = rcgen::generate_simple_self_signed(["own.example.org".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["own.example.org".to_owned()]).unwrap();
    fs::write(at("own.pem"), own.cert.pem()).unwrap();
    fs::write(at("own.key"), own.key_pair.serialize_pem()).unwrap();
    fs::write(at("other.key"), other.key_pair.serialize_pem()).unwrap();
    fs::write(at("empty.pem"), "nothing").unwrap();
    let with =
        |cert: &str, key: &str| Settings { own: Some((at(cert), at(key))), ..settings(&at("tls")) };
    let keeper = keeper(with("own.pem", "own.key")).unwrap();
    let shown = with("own.pem", "own.key").shown().unwrap().unwrap();
    assert_eq!(describe_pem(&shown)[0].names, ["own.example.org"]);
    assert!(!at("tls").exists(), "no authority is made where none is needed");

    let before = keeper.current().borrow().clone();
    for (cert, key, says) in [
        ("own.pem", "other.key", "tls_key_path"),
        ("missing.pem", "own.key", "missing.pem cannot be read"),
        ("empty.pem", "own.key", "empty.pem holds no certificate"),
        ("own.pem", "empty.pem", "empty.pem holds no private key"),
    ] {
        let error = keeper.reload(with(cert, key), NOW).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let no_ca = Settings { client_ca: Some(at("empty.pem")), ..with("own.pem", "own.key") };
    let error = keeper.reload(no_ca, NOW).unwrap_err().to_string();
    assert!(error.contains("client_ca"), "{error}");
    assert!(std::sync::Arc::ptr_eq(&before, &keeper.current().borrow()));
    keeper.renew(NOW).unwrap();
    assert!(!std::sync::Arc::ptr_eq(&before, &keeper.current().borrow()), "files are read again");
}

#[test]
fn a_certificate_names_the_host_only_where_nothing_else_does() {
    let of = |text: &str| {
        let names = Names::of(&crate::config::parse(text, &[]).unwrap().config);
        (names.dns, names.ips.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let (dns, ips) = of("[network]\nexternal_addresses = [\"/dns/Node.Example.org/tcp/3031\", \
         \"/ip4/192.0.2.1/tcp/3031\"]\n[api]\nlisten = \"192.0.2.7:3030\"");
    assert_eq!(dns, ["localhost", "node.example.org"]);
    assert_eq!(ips, ["127.0.0.1", "192.0.2.1", "192.0.2.7", "::1"]);
    let host = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    let (dns, ips) = of("[api]\nlisten = \"0.0.0.0:3030\"");
    assert!(dns.contains(&host), "{dns:?}");
    assert_eq!(ips, ["127.0.0.1", "::1"]);
}
