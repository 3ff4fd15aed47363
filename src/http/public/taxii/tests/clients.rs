//! OASIS's own client walks the server.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value as Json, json};

use super::{Server, ip, objects};
use crate::model::{Confidence, Scope, Tlp, Value};
use crate::node::NewIndicator;

/// A script under `tests`, by Python with the packages of `tests/requirements.txt`.
fn python(script: &str, arguments: &[&str]) -> Json {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let output = Command::new(cache.join("dtim/tools/venv/bin/python"))
        .arg(script)
        .args(arguments)
        .output()
        .expect("`.ci/need test` installs Python's packages");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"))
}

/// The server at a port of its own, in the clear: TLS is the listener's to show.
async fn listen(server: &Server) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = server.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/taxii2/")
}

#[tokio::test(flavor = "multi_thread")]
async fn oasis_s_client_meets_every_object_once_while_others_are_added() {
    let full = std::env::var_os("DTIM_PROVE").is_some();
    let (count, per_page) = if full { (10_000, "500") } else { (2_000, "100") };
    let server = Server::new("").await;
    server.import((0..count).map(|n| (ip(n), Tlp::Green))).await;
    let (url, token) = (listen(&server).await, server.token("green-reader"));
    let walk = tokio::task::spawn_blocking(move || {
        python("taxii/walk.py", &[&url, &token, "Green", per_page])
    });
    let mut more = count;
    while !walk.is_finished() {
        server.import((more..more + 10).map(|n| (ip(n), Tlp::Green))).await;
        more += 10;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let met = walk.await.unwrap();
    assert_eq!(met["versions"], json!(["application/taxii+json;version=2.1"]));
    assert_eq!(met["collections"], json!(["White", "Green"]));
    assert_eq!((&met["one"], &met["version"]), (&json!(true), &json!(true)));
    let ids: Vec<&str> =
        met["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len(), "an id came twice");
    let indicators = ids.iter().filter(|id| id.starts_with("indicator--")).count();
    let (least, most) = (usize::try_from(count).unwrap(), usize::try_from(more).unwrap());
    assert!((least..=most).contains(&indicators), "{indicators} of {least} to {most}");
    assert!(met["pages"].as_u64().unwrap() >= u64::from(count) / per_page.parse::<u64>().unwrap());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oasis_s_client_hands_in() {
    let server = Server::new("").await;
    let (url, token) = (listen(&server).await, server.token("green-writer"));
    let time = crate::node::now().to_string().replace('Z', ".000Z");
    let envelope = json!({ "objects": [{
        "type": "indicator", "spec_version": "2.1",
        "id": "indicator--00000000-0000-4000-8000-000000000001",
        "created": time, "modified": time, "valid_from": time,
        "pattern": "[domain-name:value = 'bad-login-page.net']", "pattern_type": "stix",
    }]});
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("envelope.json");
    std::fs::write(&file, envelope.to_string()).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let handed = tokio::task::spawn_blocking(move || {
        python("taxii/hand_in.py", &[&url, &token, "Inbox", &file])
    });
    let handed = handed.await.unwrap();
    assert_eq!(handed, json!({ "status": "complete", "total": 1, "success": 1, "failure": 0 }));
    assert!(server.node.find("bad-login-page.net".to_owned()).await.is_ok());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oasis_s_and_misp_s_judges_have_nothing_against_the_objects() {
    let server = Server::new("").await;
    let kinds = ["45.155.205.1", "2a06:4880::1", "45.155.204.0/24", "bad-login-page.net"];
    server.import(kinds.map(|text| (Value::guess(text).unwrap(), Tlp::Amber))).await;
    for text in ["45.155.206.1", "45.155.206.2"] {
        let new = NewIndicator {
            value: text.to_owned(),
            kind: None,
            confidence: Confidence::new(90).unwrap(),
            tags: ["scan".parse().unwrap()].into(),
            scope: Some(Scope::new(Tlp::Green, [])),
            custom: [].into(),
        };
        server.node.add_indicator(new).await.unwrap();
    }
    server.node.retract(vec!["45.155.206.2".to_owned()]).await.unwrap();
    let mut bundle = server.get("amber-reader", &objects("amber", "limit=1000")).await.json();
    assert_eq!(bundle["objects"].as_array().unwrap().len(), 2 + 3 + 6);
    bundle["type"] = "bundle".into();
    bundle["id"] = "bundle--6d3bb1c6-2f8f-4e0c-9f0a-8d3c0f1b8a55".into();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bundle.json");
    std::fs::write(&file, bundle.to_string()).unwrap();
    let verdict = python("stix/judge.py", &["bundle", file.to_str().unwrap()]);
    assert_eq!(verdict["errors"], json!([]), "{bundle}");
    assert_eq!(verdict["misp"]["errors"], json!([]), "{bundle}");
    server.stop().await;
}
