//! What is read: collections, pages, filters, and that a view hides what it hides.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::Value as Json;

use super::{Came, Server, ip, objects};
use crate::formats::taxii::{MEDIA_TYPE, STIX_MEDIA_TYPE};
use crate::model::{Confidence, Scope, Tlp};
use crate::node::NewIndicator;

const PUBLIC: &str = "[api]\npublic_indicators = true\n";

fn names(came: &Came) -> Vec<String> {
    let json = came.json();
    let all = json["collections"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one["alias"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_finds_the_collections_that_are_theirs() {
    let server = Server::new(PUBLIC).await;
    let discovery = server.get("green-reader", "/taxii2/").await;
    assert_eq!(discovery.status, StatusCode::OK);
    assert_eq!(discovery.header("content-type"), Some(MEDIA_TYPE));
    let discovery = discovery.json();
    assert_eq!(discovery["default"], discovery["api_roots"][0]);
    let root = server.get("green-reader", discovery["default"].as_str().unwrap()).await.json();
    assert_eq!(root["versions"][0], MEDIA_TYPE);
    assert!(root["max_content_length"].as_u64().unwrap() > 0);
    for (token, shelves) in [
        ("green-reader", vec!["white", "green"]),
        ("amber-reader", vec!["white", "green", "amber"]),
        ("red-reader", vec!["white", "green", "amber", "red"]),
        ("green-writer", vec!["white", "green", "inbox"]),
        ("amber-admin", vec!["white", "green", "amber", "inbox"]),
        ("red-bouncer", vec![]),
    ] {
        let came = server.get(token, "/taxii2/dtim/collections/").await;
        assert_eq!(names(&came), shelves, "{token}");
        for one in came.json()["collections"].as_array().cloned().unwrap_or_default() {
            let id = one["id"].as_str().unwrap();
            assert_eq!(id.as_bytes()[14], b'4', "a UUID of version 4");
            assert_ne!(one["can_read"], one["can_write"]);
            assert_eq!(one["media_types"][0], STIX_MEDIA_TYPE);
            let path = format!("/taxii2/dtim/collections/{id}/");
            assert_eq!(server.get(token, &path).await.json(), one);
        }
    }
    let anybody = axum::http::Request::get("/taxii2/dtim/collections/");
    let anybody = server.ask(anybody.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(names(&anybody), ["white"]);
    server.stop().await;
}

/// All ids of a collection, page after page, by a way to ask for the next one.
async fn walk(
    server: &Server,
    limit: usize,
    next: impl Fn(&Came) -> Option<String>,
    mut between: impl AsyncFnMut(usize),
) -> Vec<String> {
    let mut ids = Vec::new();
    let mut query = format!("limit={limit}");
    let mut pages = 0;
    loop {
        let came = server.get("green-reader", &objects("green", &query)).await;
        assert_eq!(came.status, StatusCode::OK);
        assert!(came.ids().len() <= limit);
        ids.extend(came.ids());
        pages += 1;
        between(pages).await;
        if came.json()["more"] != Json::Bool(true) {
            return ids;
        }
        query = format!("limit={limit}&{}", next(&came).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_meets_every_object_once_while_others_are_added() {
    let server = Server::new("").await;
    // One group of writes: all come at the same time of the clock.
    server.import((0..300).map(|n| (ip(n), Tlp::Green))).await;
    let by_cursor = |came: &Came| Some(format!("next={}", came.json()["next"].as_str()?));
    let by_time =
        |came: &Came| Some(format!("added_after={}", came.header("x-taxii-date-added-last")?));
    let ways: [&dyn Fn(&Came) -> Option<String>; 2] = [&by_cursor, &by_time];
    for (round, way) in (1..).zip(ways) {
        let ids = walk(&server, 37, way, async |page| {
            if page < 9 {
                let first = round * 1000 + u32::try_from(page).unwrap() * 10;
                server.import((first..first + 5).map(|n| (ip(n), Tlp::Green))).await;
            }
        })
        .await;
        let count = |sort: &str| ids.iter().filter(|id| id.starts_with(sort)).count();
        assert_eq!(count("indicator--"), 300 + 40 * round as usize);
        assert_eq!(count("marking-definition--"), 2, "white and green");
        let mut distinct = ids.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), ids.len(), "an id came twice");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_narrow_what_is_read() {
    let server = Server::new("").await;
    server.import((0..5).map(|n| (ip(n), Tlp::Green))).await;
    let get = async |query: &str| server.get("green-reader", &objects("green", query)).await;
    let all = get("").await;
    assert_eq!(all.ids().len(), 5 + 4, "and what they refer to");
    let fixed = &all.ids()[..4];
    assert!(fixed[0].starts_with("identity--") && fixed[1].starts_with("extension-definition--"));
    let indicators = get("match[type]=indicator").await;
    assert_eq!(indicators.ids(), all.ids()[4..]);
    let two = format!("match[id]={},{}", all.ids()[8], all.ids()[2]);
    assert_eq!(get(&two).await.ids(), [all.ids()[2].clone(), all.ids()[8].clone()]);
    assert_eq!(get(&format!("{two}&match[type]=indicator")).await.ids(), [all.ids()[8].clone()]);
    assert!(
        get("match[id]=indicator--00000000-0000-4000-8000-000000000000").await.ids().is_empty()
    );
    assert_eq!(get("match[type]=malware").await.body, b"{}");
    assert_eq!(get("match[spec_version]=2.0").await.body, b"{}");
    assert_eq!(get("match[spec_version]=2.0,2.1&match[version]=all").await.ids(), all.ids());

    let manifest = server.get("green-reader", "/taxii2/dtim/collections/green/manifest/").await;
    assert_eq!(manifest.ids(), all.ids());
    let entries = manifest.json()["objects"].as_array().unwrap().clone();
    let added: Vec<&str> = entries.iter().map(|e| e["date_added"].as_str().unwrap()).collect();
    assert!(added.is_sorted_by(|a, b| a < b), "{added:?}");
    assert_eq!(all.header("x-taxii-date-added-first"), Some(added[0]));
    assert_eq!(all.header("x-taxii-date-added-last"), Some(added[8]));
    assert_eq!(get(&format!("added_after={}", added[6])).await.ids(), all.ids()[7..]);
    assert_eq!(get(&format!("added_after={}", added[8])).await.body, b"{}");

    let object = &all.json()["objects"][6];
    let (id, version) = (object["id"].as_str().unwrap(), object["modified"].as_str().unwrap());
    assert_eq!(entries[6]["version"], version);
    let of_version = get(&format!("match[version]={version}")).await;
    assert!(of_version.ids().contains(&id.to_owned()), "{version}: {:?}", of_version.ids());
    assert!(get("match[version]=2020-01-01T00:00:00.000Z").await.ids().is_empty());
    let path = format!("/taxii2/dtim/collections/green/objects/{id}/");
    let one = server.get("green-reader", &path).await;
    assert_eq!(one.json()["objects"][0], *object);
    assert_eq!(one.json()["objects"].as_array().unwrap().len(), 1);
    let versions = server.get("green-reader", &format!("{path}versions/")).await;
    assert_eq!(versions.json()["versions"][0], version);
    assert!(versions.header("x-taxii-date-added-last").is_some());
    let other =
        server.get("green-reader", &format!("{path}?match[version]=2020-01-01T00:00:00Z")).await;
    assert_eq!((other.status, other.body.as_slice()), (StatusCode::OK, b"{}".as_slice()));
    server.stop().await;
}

fn added(server: &Server, n: u32, tlp: Tlp) -> impl Future<Output = ()> {
    let node = server.node.clone();
    let new = NewIndicator {
        value: ip(n).as_str().to_owned(),
        kind: None,
        confidence: Confidence::new(90).unwrap(),
        tags: ["scan".parse().unwrap()].into(),
        scope: Some(Scope::new(tlp, [])),
        custom: BTreeMap::new(),
    };
    async move {
        node.add_indicator(new).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_shows_nothing_of_what_it_hides() {
    let server = Server::new(PUBLIC).await;
    server.import([(ip(1), Tlp::White)]).await;
    let read = async |collection: &str| {
        let objects = server.get("red-reader", &objects(collection, "")).await;
        let manifest = format!("/taxii2/dtim/collections/{collection}/manifest/");
        (
            objects.body.clone(),
            objects.headers.clone(),
            server.get("red-reader", &manifest).await.body,
        )
    };
    let before = [read("white").await, read("green").await, read("amber").await];
    added(&server, 1, Tlp::Red).await;
    added(&server, 2, Tlp::AmberStrict).await;
    assert_eq!([read("white").await, read("green").await, read("amber").await], before);
    let red = server.get("red-reader", &objects("red", "match[type]=indicator")).await.json();
    let red = red["objects"].as_array().unwrap();
    assert_eq!(red.len(), 2);
    assert!(red.iter().any(|one| one["confidence"] != 80), "{red:?}");
    // Nor by its id.
    for object in red {
        let id = object["id"].as_str().unwrap();
        for collection in ["white", "green", "amber"] {
            let path = format!("/taxii2/dtim/collections/{collection}/objects/{id}/");
            assert_eq!(server.get("red-reader", &path).await.status, StatusCode::NOT_FOUND);
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_comes_again_as_revoked() {
    let server = Server::new(PUBLIC).await;
    added(&server, 1, Tlp::White).await;
    let first = server.get("green-reader", &objects("white", "match[type]=indicator")).await;
    let (object, last) = (
        first.json()["objects"][0].clone(),
        first.header("x-taxii-date-added-last").unwrap().to_owned(),
    );
    assert_eq!(object.get("revoked"), None);
    server.node.retract(vec![ip(1).as_str().to_owned()]).await.unwrap();
    let news =
        server.get("green-reader", &objects("white", &format!("added_after={last}"))).await.json();
    let revoked = &news["objects"][0];
    assert_eq!(revoked["id"], object["id"]);
    assert_eq!(revoked["revoked"], true);
    assert_eq!(revoked["created"], object["created"]);
    assert!(revoked["modified"].as_str().unwrap() > object["modified"].as_str().unwrap());
    server.node.share(ip(1).as_str().to_owned(), Scope::new(Tlp::White, [])).await.unwrap();
    let again = server.get("green-reader", &objects("white", "match[type]=indicator")).await.json();
    let again = again["objects"].as_array().unwrap();
    assert_eq!(again.len(), 1);
    assert_ne!(again[0]["id"], object["id"], "nothing follows on a revoked version");
    server.stop().await;
}
