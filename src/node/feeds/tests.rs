//! A node that reads OASIS's own server, and a bundle.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::metrics::Metrics;
use crate::model::{Origin, Scope, Tlp, Value};
use crate::node::FeedStatus;
use crate::node::tests::{eventually, start};

/// A child that ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn medallion(port: u16, indicators: usize) -> Daemon {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/taxii/medallion_server.py");
    let child = Command::new(cache.join("dtim/tools/venv/bin/python"))
        .arg(script)
        .args([port.to_string(), indicators.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("`.ci/need test` installs Python's packages");
    Daemon(child)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_oasis_s_server_has_is_imported_and_only_once() {
    const COUNT: usize = 120;
    let port = free_port();
    let _medallion = medallion(port, COUNT);
    eventually("medallion answers", || TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("word"), "word\n").unwrap();
    let feed = format!(
        "[[feeds]]\nname = \"oasis\"\nurl = \"http://127.0.0.1:{port}/taxii2/\"\n\
         collection = \"Indicators\"\ntlp = \"amber\"\ntrust = 0.25\n\
         username = \"reader\"\npassword_file = \"word\"\n"
    );
    let metrics = Metrics::new();
    let running = start(dir.path(), &feed, &metrics, None);
    let node = running.node.clone();
    eventually("the feed is read to its end", || node.feeds()[0].read.is_some()).await;
    let status = node.feeds().remove(0);
    assert_eq!((status.name.as_str(), status.error), ("oasis", None));
    assert_eq!((status.objects, status.imported, status.refused), (120, 120, 0));
    for n in [0, 57, COUNT - 1] {
        let value = Value::guess(&format!("{n:064x}")).unwrap();
        let found = node.find(value.as_str().to_owned()).await.unwrap();
        let [evidence] = &found.evidence[..] else { panic!("{found:?}") };
        assert_eq!(evidence.origin, Origin::Import);
        assert_eq!(evidence.scope, Scope::new(Tlp::Amber, []), "at least what the feed is");
        assert_eq!(evidence.confidence.percent(), 20, "80, of which it weighs a quarter");
        assert_eq!(found.listed.assessment.sources, 1);
        assert!(!found.listed.own && found.shared.is_empty());
    }
    drop(node);
    assert!(running.stop().await);

    // Where it ended is in the store: the next process reads only what is new.
    let running = start(dir.path(), &feed, &metrics, None);
    let node = running.node.clone();
    eventually("the feed is read again", || node.feeds()[0].read.is_some()).await;
    assert_eq!(node.feeds()[0].objects, 0);
    assert!(running.stop().await);
}

/// Answers every request with these bytes.
fn serve(body: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // A request without a body comes in one piece.
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).ok();
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_imported_and_what_it_cannot_tell_is_counted() {
    let indicator = |n: u32, pattern: &str| {
        format!(
            "{{\"type\":\"indicator\",\"spec_version\":\"2.1\",\
              \"id\":\"indicator--00000000-0000-4000-8000-{n:012}\",\
              \"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":\"2026-01-01T00:00:00.000Z\",\
              \"pattern\":\"{pattern}\",\"pattern_type\":\"stix\",\
              \"valid_from\":\"2026-01-01T00:00:00Z\"}}"
        )
    };
    let hash = |n: u32| format!("[file:hashes.MD5 = '{n:032x}']");
    let objects =
        [indicator(1, &hash(1)), indicator(2, "[a:b = 1] AND"), indicator(3, &hash(3))].join(",");
    let bundle = format!("{{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[{objects}]}}");
    let address = serve(bundle);
    let dir = tempfile::tempdir().unwrap();
    let feeds = format!(
        "[[feeds]]\nname = \"bundle\"\nurl = \"http://{address}/b.json\"\n\
         [[feeds]]\nname = \"gone\"\nurl = \"http://127.0.0.1:{}/b.json\"\n",
        free_port()
    );
    let running = start(dir.path(), &feeds, &Metrics::new(), None);
    let node = running.node.clone();
    eventually("one is read and the other is not", || {
        let feeds = node.feeds();
        feeds[0].read.is_some() && feeds[1].error.is_some()
    })
    .await;
    let FeedStatus { objects, imported, refused, .. } = node.feeds().remove(0);
    assert_eq!((objects, imported, refused), (3, 2, 1));
    let gone = node.feeds().remove(1);
    assert_eq!(gone.read, None);
    assert!(gone.next > Some(crate::node::now()) && gone.error.is_some());
    let page = node.metrics().page();
    assert!(page.contains("dtim_feed_refusals_total{reason=\"pattern\"} 1"), "{page}");
    assert!(page.contains("dtim_feed_reads_total{result=\"away\"}"), "{page}");
    assert!(!page.contains("bundle"), "no feed is named in a label");
    assert!(running.stop().await);
}
