//! What is handed in.

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::{Server, objects};
use crate::model::Origin;

const GREEN: &str = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb";

fn indicator(n: u32, pattern: &str, markings: &[&str]) -> Json {
    let time = crate::node::now().to_string().replace('Z', ".000Z");
    json!({
        "type": "indicator",
        "spec_version": "2.1",
        "id": format!("indicator--00000000-0000-4000-8000-{n:012}"),
        "created": time,
        "modified": time,
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": time,
        "confidence": 80,
        "object_marking_refs": markings,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_in_is_an_import_under_its_own_marking() {
    let server = Server::new("").await;
    let envelope = json!({ "objects": [
        indicator(1, "[ipv4-addr:value = '45.155.205.1']", &[GREEN]),
        indicator(2, "[ipv4-addr:value = '45.155.205.2']", &[]),
        indicator(3, "[ipv4-addr:value = '10.0.0.1']", &[GREEN]),
        indicator(4, "[ipv4-addr:value = ]", &[GREEN]),
        { "type": "identity", "spec_version": "2.1", "id": "identity--1", "created": "2026-01-01T00:00:00.000Z" },
    ]});
    let came = server.post("amber-writer", envelope.to_string()).await;
    assert_eq!(came.status, StatusCode::ACCEPTED);
    let status = came.json();
    assert_eq!(status["status"], "complete");
    let counts = ["total_count", "success_count", "failure_count", "pending_count"];
    assert_eq!(counts.map(|count| status[count].as_u64().unwrap()), [5, 3, 2, 0], "{status}");
    let failed = |n: usize| status["failures"][n]["id"].as_str().unwrap().to_owned();
    assert!(failed(0).ends_with("4") && failed(1).ends_with("3"), "{status}");
    assert!(status["failures"][1]["message"].as_str().unwrap().len() > 10);

    let path = format!("/taxii2/dtim/status/{}/", status["id"].as_str().unwrap());
    assert_eq!(server.get("amber-writer", &path).await.json(), status);
    let other = server.get("green-writer", &path).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND, "another token's");

    let read = async |collection: &str| {
        let came =
            server.get("red-reader", &objects(collection, "match[type]=indicator")).await.json();
        came["objects"].as_array().cloned().unwrap_or_default()
    };
    let green = read("green").await;
    assert_eq!(green.len(), 1, "what is not marked stays here");
    assert_eq!(green[0]["pattern"], "[ipv4-addr:value = '45.155.205.1']");
    assert_eq!(green[0]["confidence"], 40, "80, of which the token's word weighs a half");
    assert_ne!(green[0]["id"], envelope["objects"][0]["id"], "it is an object of this node");
    assert_eq!(read("red").await.len(), 2);

    let found = server.node.find("45.155.205.1".to_owned()).await.unwrap();
    assert_eq!(found.evidence.iter().map(|e| e.origin).collect::<Vec<_>>(), [Origin::Import]);
    assert!(!found.listed.own);
    assert_eq!(found.listed.assessment.sources, 1);
    assert!(found.shared.is_empty(), "nothing of it leaves by the mesh");
    // The same again is no error, and nothing new.
    let again = server.post("amber-writer", envelope.to_string()).await.json();
    assert_eq!(again["success_count"], 3);
    assert_eq!(read("red").await.len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_author_takes_back_is_forgotten() {
    let server = Server::new("").await;
    let mut object = indicator(1, "[domain-name:value = 'bad-login-page.net']", &[GREEN]);
    let envelope = |object: &Json| json!({ "objects": [object] }).to_string();
    server.post("amber-writer", envelope(&object)).await;
    let green =
        async || server.get("red-reader", &objects("green", "match[type]=indicator")).await.json();
    assert_eq!(green().await["objects"].as_array().unwrap().len(), 1);
    object["revoked"] = true.into();
    assert_eq!(server.post("amber-writer", envelope(&object)).await.json()["success_count"], 1);
    let left = green().await;
    let left = left["objects"].as_array().cloned().unwrap_or_default();
    assert!(left.iter().all(|one| one["revoked"] == true), "{left:?}");
    server.stop().await;
}
