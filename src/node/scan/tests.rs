//! A node whose clamd is the test's own: it comes late, and dies of one file.

use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use super::*;
use crate::metrics::Metrics;
use crate::model::Tlp;
use crate::node::tests::{self as node, eventually};

/// Calls every file malware but hangs up on those that hold `poison`, and finds those that
/// hold `large` too large.
fn serve(socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = Vec::new();
            // The first length begins with zeros too.
            while heard.len() <= 14 || !heard.ends_with(&[0; 4]) {
                heard.push(stream.read_u8().await.unwrap());
            }
            let holds = |word: &[u8]| heard.windows(word.len()).any(|part| part == word);
            let answer: &[u8] = match () {
                () if holds(b"poison") => b"",
                () if holds(b"large") => b"INSTREAM size limit exceeded. ERROR\0",
                () => b"stream: Acme.Test-1 FOUND\0",
            };
            stream.write_all(answer).await.unwrap();
        }
    });
}

fn count(metrics: &Metrics, result: &str) -> u64 {
    metrics.scans.with_label_values(&[result]).get()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_waits_for_clamd_and_one_file_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("in");
    let metrics = Metrics::new();
    let watchers = "clamav_scan_dir = \"in\"\nclamd_socket = \"clamd\"\nfrom = \"start\"\n\
                    tlp = \"white\"\n[watchers.source.clamav]\ntlp = \"green\"";
    let running = node::start(dir.path(), watchers, &metrics, None);
    let node = running.node.clone();
    // The folder is not there yet, then clamd is not.
    std::fs::create_dir(&folder).unwrap();
    for text in ["poison", "large", "abc"] {
        std::fs::write(folder.join(text), text).unwrap();
    }
    eventually("the files are seen", || metrics.scan_waiting.get() == 3).await;
    assert_eq!(count(&metrics, "failed"), 0);
    serve(&dir.path().join("clamd"));
    eventually("the others are scanned", || metrics.scan_waiting.get() == 0).await;
    let results = ["found", "too_large", "failed", "retried"].map(|result| count(&metrics, result));
    assert_eq!(results, [1, 1, 1, 2]);
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let found = node.find(hash.to_owned()).await.unwrap();
    let [evidence] = &found.evidence[..] else { panic!("{found:?}") };
    assert_eq!(evidence.origin, Origin::Log(Source::Clamav));
    assert_eq!((evidence.count, evidence.confidence.percent()), (1, 90));
    // ClamAV's own marking, not that of the watchers.
    assert_eq!(evidence.scope, Scope::new(Tlp::Green, []));
    // At level open the signature leaves with it, as it is everybody's.
    let tags = ["clamav:acme.test-1", "malware"].map(|tag| tag.parse().unwrap());
    assert_eq!(evidence.tags, BTreeSet::from(tags.clone()));
    let previews = node.preview(Some(hash.to_owned()), None).await.unwrap();
    let crate::node::Told::Claim(claim, _) = &previews[0].told else { panic!("{previews:?}") };
    assert_eq!(claim.tags, tags);
    assert!(running.stop().await);
}
