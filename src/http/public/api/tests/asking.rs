//! What is answered to whom.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures::StreamExt as _;
use serde_json::{Value as Json, json};
use tower::ServiceExt as _;

use super::super::guard::REQUESTS;
use super::{Bench, HERE};
use crate::http::public::client::{Client, Proved};
use crate::model::Role::{Reader, Writer};
use crate::model::Tlp;
use crate::privacy::tlp::ClientScope::{Amber, Green, Red};

const LIST: &str = "/api/v1/indicators";

fn values(page: &Json) -> Vec<&str> {
    let rows = page["indicators"].as_array().unwrap();
    rows.iter().map(|row| row["value"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_scope_shows_what_it_may() {
    let bench = Bench::new();
    for (value, tlp) in [
        ("45.155.205.1", Tlp::White),
        ("45.155.205.2", Tlp::Green),
        ("45.155.205.3", Tlp::Amber),
        ("45.155.205.4", Tlp::AmberStrict),
        ("45.155.205.5", Tlp::Red),
    ] {
        bench.add(value, tlp).await;
    }
    for (scope, shown) in [(Green, 2), (Amber, 3), (Red, 5)] {
        let token = bench.token(Reader, scope).await;
        let (status, page) = bench.get(LIST, &token).await;
        assert_eq!((status, values(&page).len()), (StatusCode::OK, shown), "{scope:?}");
        assert_eq!(page["more"], false);
        for last in 1..=5 {
            let (status, detail) = bench.get(&format!("{LIST}/45.155.205.{last}"), &token).await;
            let expected = if last <= shown { StatusCode::OK } else { StatusCode::NOT_FOUND };
            assert_eq!(status, expected, "{scope:?} {detail}");
        }
        // What was never heard of is answered like what is hidden.
        let (status, never) = bench.get(&format!("{LIST}/45.155.205.9"), &token).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        if scope != Red {
            let (_, hidden) = bench.get(&format!("{LIST}/45.155.205.5"), &token).await;
            assert_eq!(hidden, never);
        }
    }
}

#[tokio::test]
async fn an_indicator_is_shown_with_its_sum_and_pages_follow_each_other() {
    let bench = Bench::new();
    let token = bench.token(Reader, Green).await;
    for last in 1..=5 {
        bench.add(&format!("45.155.205.{last}"), Tlp::Green).await;
    }
    let (_, detail) = bench.get(&format!("{LIST}/45.155.205.1"), &token).await;
    assert_eq!(detail["type"], "ip");
    assert_eq!(detail["tlp"], "green");
    assert_eq!((&detail["sightings"], &detail["retracted"]), (&json!(1), &json!(false)));
    assert_eq!(detail["tags"], json!(["scan"]));
    assert_eq!(detail["why"]["terms"][0]["who"], "this node");
    let id = detail["id"].as_str().unwrap();
    assert_eq!(bench.get(&format!("{LIST}/{id}"), &token).await.1, detail, "by its id");

    let (mut path, mut all) = (format!("{LIST}?limit=2"), Vec::new());
    loop {
        let (_, page) = bench.get(&path, &token).await;
        all.extend(values(&page).into_iter().map(str::to_owned));
        path = format!("{LIST}?limit=2&cursor={}", page["next"].as_str().unwrap());
        if page["more"] == false {
            break;
        }
    }
    let expected: Vec<String> = (1..=5).map(|last| format!("45.155.205.{last}")).collect();
    assert_eq!(all, expected);
    let (_, found) = bench.get(&format!("{LIST}?search=205.3&type=ip"), &token).await;
    assert_eq!(values(&found), ["45.155.205.3"]);
    for none in ["type=domain", "confidence=99"] {
        let (_, page) = bench.get(&format!("{LIST}?{none}"), &token).await;
        assert!(values(&page).is_empty());
    }
    // What changes comes behind what was read.
    let (_, page) = bench.get(&path, &token).await;
    assert!(values(&page).is_empty());
    bench.add("45.155.205.6", Tlp::Green).await;
    assert_eq!(values(&bench.get(&path, &token).await.1), ["45.155.205.6"]);
}

#[tokio::test]
async fn an_organisation_s_own_word_by_the_api() {
    let bench = Bench::new();
    let token = bench.token(Writer, Red).await;
    let new = json!({
        "value": "45.155.205[.]1", "confidence": 70, "tags": ["scan"], "tlp": "green",
        "custom_fields": { "threat_category": "bruteforce" },
    });
    let (status, added) = bench.ask(Method::POST, LIST, &token, &new.to_string()).await;
    assert_eq!(status, StatusCode::CREATED, "{added}");
    assert_eq!((&added["value"], &added["confidence"]), (&json!("45.155.205.1"), &json!(70)));
    let one = format!("{LIST}/45.155.205.1");
    let (status, left) = bench.ask(Method::PATCH, &one, &token, "{\"tlp\": \"white\"}").await;
    assert_eq!((status, &left["tlp"]), (StatusCode::OK, &json!("white")), "{left}");
    let vote = |truth: bool| json!({ "false_positive": truth }).to_string();
    let (status, voted) =
        bench.ask(Method::POST, &format!("{one}/vote"), &token, &vote(true)).await;
    assert_eq!((status, &voted["retracted"]), (StatusCode::OK, &json!(true)), "{voted}");
    bench.ask(Method::POST, &format!("{one}/vote"), &token, &vote(false)).await;
    let (status, back) = bench.ask(Method::POST, &format!("{one}/retract"), &token, "").await;
    assert_eq!((status, &back["tlp"]), (StatusCode::OK, &json!("red")), "{back}");

    // A lesser scope cannot even ask whether there is more.
    let green = bench.token(Writer, Green).await;
    bench.add("45.155.205.2", Tlp::Red).await;
    let hidden = format!("{LIST}/45.155.205.2/vote");
    let (status, _) = bench.ask(Method::POST, &hidden, &green, &vote(true)).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "what it cannot see it cannot vote on");
}

#[tokio::test]
async fn a_revoked_token_is_good_no_more() {
    let bench = Bench::new();
    let token = bench.token(Reader, Green).await;
    assert_eq!(bench.get(LIST, &token).await.0, StatusCode::OK);
    assert!(bench.node().tokens()[0].used.is_some(), "its use is shown");
    bench.node().revoke_token("reader-green").await.unwrap();
    assert_eq!(bench.get(LIST, &token).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn bad_requests_get_the_right_status_and_store_nothing() {
    let bench = Bench::new();
    let token = bench.token(Writer, Red).await;
    let one = format!("{LIST}/45.155.205.1");
    let deep = format!(
        "{{\"value\": \"45.155.205.1\", \"custom_fields\": {{\"a\": {}1{}}}}}",
        "[".repeat(1000),
        "]".repeat(1000)
    );
    let huge = format!("{{\"value\": \"{}\"}}", "x".repeat(100_000));
    for (method, path, body, expected) in [
        (Method::GET, format!("{LIST}?limit=x"), "", StatusCode::BAD_REQUEST),
        (Method::GET, format!("{LIST}?cursor=x"), "", StatusCode::BAD_REQUEST),
        (Method::GET, format!("{LIST}?type=nonsense"), "", StatusCode::BAD_REQUEST),
        (Method::GET, format!("{LIST}?unknown=1"), "", StatusCode::BAD_REQUEST),
        (Method::GET, format!("{LIST}/%FF"), "", StatusCode::BAD_REQUEST),
        (Method::GET, format!("{LIST}/stream?cursor=x"), "", StatusCode::BAD_REQUEST),
        (Method::DELETE, LIST.to_owned(), "", StatusCode::METHOD_NOT_ALLOWED),
        (Method::GET, "/api/v1/nothing".to_owned(), "", StatusCode::NOT_FOUND),
        (Method::POST, LIST.to_owned(), "{", StatusCode::BAD_REQUEST),
        (Method::POST, LIST.to_owned(), "", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::POST, LIST.to_owned(), "{\"source\": \"x\"}", StatusCode::UNPROCESSABLE_ENTITY),
        (
            Method::POST,
            LIST.to_owned(),
            "{\"value\": \"10.0.0.1\"}",
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            Method::POST,
            LIST.to_owned(),
            "{\"value\": \"45.155.205.1\", \"tlp\": \"purple\"}",
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            Method::POST,
            LIST.to_owned(),
            "{\"value\": \"45.155.205.1\", \"confidence\": 101}",
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (Method::POST, LIST.to_owned(), deep.as_str(), StatusCode::BAD_REQUEST),
        (Method::POST, LIST.to_owned(), huge.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
        (Method::PATCH, one.clone(), "{\"tlp\": \"green\"}", StatusCode::NOT_FOUND),
        (Method::POST, format!("{one}/retract"), "", StatusCode::NOT_FOUND),
        (Method::POST, format!("{one}/vote"), "{\"false_positive\": true}", StatusCode::NOT_FOUND),
    ] {
        let (status, answer) = bench.ask(method.clone(), &path, &token, body).await;
        assert_eq!(status, expected, "{method} {path} {answer}");
        assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()), "{answer}");
    }
    assert!(values(&bench.get(LIST, &token).await.1).is_empty());
}

#[tokio::test]
async fn who_asks_too_often_waits_and_others_do_not() {
    let bench = Bench::new();
    let (busy, other) = (bench.token(Reader, Green).await, bench.token(Reader, Amber).await);
    let mut asked = 0;
    while bench.get(LIST, &busy).await.0 == StatusCode::OK {
        asked += 1;
        assert!(asked <= 3 * REQUESTS.requests);
    }
    assert!(asked >= REQUESTS.requests);
    assert_eq!(bench.get(LIST, &busy).await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(bench.get(LIST, &other).await.0, StatusCode::OK);
}

/// The events that come until there are so many.
async fn events(bench: &Bench, token: &str, query: &str, count: usize) -> Vec<(String, Json)> {
    let mut request = Request::get(format!("{LIST}/stream{query}"))
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    request.extensions_mut().insert(Client { ip: HERE, proved: Proved::Nothing });
    let answer = bench.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let mut chunks = answer.into_body().into_data_stream();
    let (mut text, mut events) = (String::new(), Vec::new());
    while events.len() < count {
        let chunk = tokio::time::timeout(Duration::from_secs(60), chunks.next()).await;
        text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap().unwrap()).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field =
                |name: &str| event.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            if let (Some(id), Some(data)) = (field("id"), field("data")) {
                assert_eq!(field("event"), Some("indicator"));
                events.push((id.to_owned(), serde_json::from_str(data).unwrap()));
            }
            text = rest.to_owned();
        }
    }
    events
}

#[tokio::test]
async fn changes_come_as_they_happen_and_can_be_taken_up_again() {
    let bench = Bench::new();
    let token = bench.token(Reader, Green).await;
    bench.add("45.155.205.1", Tlp::Green).await;
    bench.add("45.155.205.2", Tlp::Red).await;
    bench.add("45.155.205.3", Tlp::Green).await;
    let first = events(&bench, &token, "?cursor=0", 2).await;
    let told: Vec<&Json> = first.iter().map(|(_, data)| &data["value"]).collect();
    assert_eq!(told, ["45.155.205.1", "45.155.205.3"], "the hidden one is not told");
    let again = events(&bench, &token, &format!("?cursor={}", first[0].0), 1).await;
    assert_eq!(again[0], first[1]);
    let (new, ()) = tokio::join!(events(&bench, &token, "", 1), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        bench.add("45.155.205.4", Tlp::Red).await;
        bench.add("45.155.205.5", Tlp::White).await;
    });
    assert_eq!(new[0].1["value"], "45.155.205.5", "from now on");
}
