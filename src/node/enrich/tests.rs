//! A node that asks a server of the test's own, and what becomes of the answers.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::metrics::Metrics;
use crate::model::{Confidence, CustomFields, Scope};
use crate::node::tests::{self as node, eventually};
use crate::node::{NewIndicator, Running, Told};

const REPORT: &str = r#"{"data":{"attributes":{"last_analysis_stats":{"malicious":40,
    "harmless":2},"reputation":-66,"popular_threat_classification":
    {"suggested_threat_label":"zyxlabel"},"last_analysis_date":1722223176}}}"#;

#[derive(Clone, Copy)]
enum Manner {
    Answers(&'static str, &'static str),
    Hangs,
}

/// A server that remembers the paths that it was asked for.
async fn server(manner: Manner) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let remembered = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap();
            let path = request.split(' ').nth(1).unwrap().rsplit('/').next().unwrap().to_owned();
            remembered.lock().unwrap().push(path);
            if let Manner::Answers(status, body) = manner {
                let length = body.len();
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            } else {
                kept.push(stream);
            }
        }
    });
    (address, asked)
}

fn start(dir: &Path, server: SocketAddr, metrics: &Metrics) -> Running {
    let virustotal = VirusTotal::test(server, Duration::from_secs(2));
    node::start(dir, "virustotal_share_tlp = \"green\"", metrics, Some(virustotal))
}

async fn add(node: &Node, value: &str, tlp: Tlp) {
    let new = NewIndicator {
        value: value.to_owned(),
        kind: None,
        confidence: Confidence::new(70).unwrap(),
        tags: ["scan".parse().unwrap()].into(),
        scope: Some(Scope::new(tlp, [])),
        custom: CustomFields::new(),
    };
    node.add_indicator(new).await.unwrap();
}

fn count(metrics: &Metrics, result: &str) -> u64 {
    metrics.lookups.with_label_values(&[result]).get()
}

#[test]
fn the_strictest_marking_decides_cell_by_cell() {
    for most in Tlp::ALL {
        for strictest in Tlp::ALL {
            for other in Tlp::ALL.into_iter().filter(|other| *other <= strictest) {
                let may = may_be_asked([other, strictest].into_iter(), most);
                assert_eq!(may, strictest <= most, "{strictest} and {other}, at most {most}");
            }
        }
        assert!(!may_be_asked(std::iter::empty(), most));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_shown_here_kept_over_a_restart_and_told_to_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::new();
    let (address, asked) = server(Manner::Answers("200 OK", REPORT)).await;
    let running = start(dir.path(), address, &metrics);
    let node = running.node.clone();
    add(&node, "45.155.205.1", Tlp::Red).await;
    add(&node, "45.155.205.0/24", Tlp::White).await;
    add(&node, "zebra.biz", Tlp::White).await;
    add(&node, "45.155.205.2", Tlp::Green).await;
    let value = Value::guess("45.155.205.2").unwrap();
    eventually("it was asked", || node.virustotal(&value).unwrap().is_some()).await;
    let found = node.find("45.155.205.2".to_owned()).await.unwrap();
    let Some(Said::Report(report)) = &found.virustotal else { panic!("{found:?}") };
    assert_eq!((report.malicious, report.reputation), (40, -66));
    let why = node.why("45.155.205.2".to_owned()).await.unwrap();
    assert_eq!(why.virustotal, found.virustotal);
    // 40 engines change nothing here.
    assert_eq!((why.assessment.confidence.percent(), why.assessment.sources), (70, 1));
    let told_nothing = |text: String| {
        let text = text.to_lowercase();
        for word in ["virustotal", "zyxlabel", "malicious", "-66", "1722223176"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    };
    told_nothing(format!("{:?} {:?}", found.evidence, found.heard));
    let previews = node.preview(Some("45.155.205.2".to_owned()), None).await.unwrap();
    let Told::Claim(claim, bytes) = &previews[0].told else { panic!("{previews:?}") };
    told_nothing(format!("{claim:?} {}", String::from_utf8_lossy(bytes)));
    told_nothing(format!("{:?}", node.egress(None, 100).await.unwrap()));
    drop(node);
    assert!(running.stop().await);

    let running = start(dir.path(), address, &metrics);
    let node = running.node.clone();
    assert!(node.virustotal(&value).unwrap().is_some());
    let quota = node.inner.store.outside(QUOTA, clock::now()).unwrap().unwrap();
    assert_eq!(quota[4..], 1_u32.to_be_bytes());
    add(&node, "45.155.205.3", Tlp::White).await;
    let next = Value::guess("45.155.205.3").unwrap();
    eventually("the next was asked", || node.virustotal(&next).unwrap().is_some()).await;
    assert_eq!(*asked.lock().unwrap(), ["45.155.205.2", "45.155.205.3"]);
    assert_eq!(count(&metrics, "found"), 2);
    assert!(running.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_there_or_unreadable_is_not_asked_again() {
    for (status, body, result, said) in
        [("404 Not Found", "{}", "unknown", Some(Said::Unknown)), ("200 OK", "{", "unusable", None)]
    {
        let dir = tempfile::tempdir().unwrap();
        let metrics = Metrics::new();
        let (address, asked) = server(Manner::Answers(status, body)).await;
        let running = start(dir.path(), address, &metrics);
        let node = running.node.clone();
        add(&node, "45.155.205.2", Tlp::White).await;
        eventually("it was asked", || count(&metrics, result) == 1).await;
        let value = Value::guess("45.155.205.2").unwrap();
        eventually("it is kept", || !node.is_question(&value).unwrap()).await;
        assert_eq!(node.virustotal(&value).unwrap(), said);
        assert_eq!(asked.lock().unwrap().len(), 1);
        assert!(running.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_is_used_once() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::new();
    let (address, asked) = server(Manner::Answers("401 Unauthorized", "{}")).await;
    let running = start(dir.path(), address, &metrics);
    let node = running.node.clone();
    add(&node, "45.155.205.2", Tlp::White).await;
    add(&node, "45.155.205.3", Tlp::White).await;
    eventually("it was refused", || count(&metrics, "refused") == 1).await;
    assert_eq!(asked.lock().unwrap().len(), 1);
    assert!(running.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_works_the_same_while_nobody_answers() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::new();
    let (address, asked) = server(Manner::Hangs).await;
    let running = start(dir.path(), address, &metrics);
    let node = running.node.clone();
    add(&node, "45.155.205.2", Tlp::White).await;
    eventually("it was asked", || !asked.lock().unwrap().is_empty()).await;
    add(&node, "45.155.205.3", Tlp::White).await;
    let found = node.find("45.155.205.3".to_owned()).await.unwrap();
    assert_eq!((found.virustotal, found.listed.assessment.confidence.percent()), (None, 70));
    eventually("it is given up for now", || count(&metrics, "away") == 1).await;
    assert!(running.stop().await);
}
