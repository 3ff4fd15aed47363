//! Every refusal of the standard, in a table.

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Server, ip, objects};
use crate::formats::taxii::MEDIA_TYPE;
use crate::model::Tlp;

const INBOX: &str = "/taxii2/dtim/collections/inbox/objects/";
const GREEN: &str = "/taxii2/dtim/collections/green/objects/";

/// Method, path, headers as `name: value` lines, body, and the status that must come.
type Row = (&'static str, &'static str, &'static str, &'static str, u16);

const TABLE: &[Row] = &[
    // Who asks.
    ("GET", "/taxii2/", "", "", 401),
    ("GET", GREEN, "authorization: Bearer nobody", "", 401),
    ("GET", GREEN, "authorization: Basic bm9ib2R5Om5vYm9keQ==", "", 401),
    ("GET", GREEN, "authorization: Basic !!!", "", 401),
    ("GET", GREEN, "authorization: Digest green", "", 401),
    ("POST", INBOX, "content-type: application/taxii+json", "{}", 401),
    ("GET", "/taxii2/dtim/nothing/", "", "", 401),
    // HTTP Basic: any name, the token as password (`Basic name:token` is encoded by the test).
    ("GET", GREEN, "authorization: Basic x:green-reader", "", 200),
    ("GET", "/taxii2/", "authorization: bearer green-reader", "", 200),
    // What may be read and written.
    ("GET", "/taxii2/dtim/collections/red/", "authorization: Bearer green-reader", "", 404),
    (
        "GET",
        "/taxii2/dtim/collections/amber/objects/",
        "authorization: Bearer green-reader",
        "",
        404,
    ),
    ("GET", "/taxii2/dtim/collections/nowhere/", "authorization: Bearer red-reader", "", 404),
    ("GET", INBOX, "authorization: Bearer green-writer", "", 403),
    (
        "GET",
        "/taxii2/dtim/collections/inbox/manifest/",
        "authorization: Bearer red-reader",
        "",
        404,
    ),
    (
        "POST",
        GREEN,
        "authorization: Bearer green-reader\ncontent-type: application/taxii+json",
        "{}",
        403,
    ),
    (
        "POST",
        INBOX,
        "authorization: Bearer green-reader\ncontent-type: application/taxii+json",
        "{}",
        404,
    ),
    ("POST", GREEN, "authorization: Bearer green-writer", "{}", 403),
    ("GET", GREEN, "authorization: Bearer red-bouncer", "", 404),
    (
        "DELETE",
        "/taxii2/dtim/collections/green/objects/indicator--0/",
        "authorization: Bearer green-reader",
        "",
        403,
    ),
    (
        "DELETE",
        "/taxii2/dtim/collections/red/objects/indicator--0/",
        "authorization: Bearer green-reader",
        "",
        404,
    ),
    // What is there.
    ("GET", "/taxii2", "authorization: Bearer green-reader", "", 404),
    ("GET", "/taxii2/dtim", "authorization: Bearer green-reader", "", 404),
    ("GET", "/taxii2/dtim/collections", "authorization: Bearer green-reader", "", 404),
    (
        "GET",
        "/taxii2/dtim/collections/green/objects",
        "authorization: Bearer green-reader",
        "",
        404,
    ),
    ("GET", "/taxii2/dtim/status/x/", "authorization: Bearer green-writer", "", 404),
    (
        "GET",
        "/taxii2/dtim/status/2d086da7-4bdc-4f91-900e-d77486753710/",
        "authorization: Bearer green-writer",
        "",
        404,
    ),
    (
        "GET",
        "/taxii2/dtim/collections/green/objects/indicator--2d086da7-4bdc-4f91-900e-d77486753710/",
        "authorization: Bearer green-reader",
        "",
        404,
    ),
    (
        "GET",
        "/taxii2/dtim/collections/green/objects/x/versions/",
        "authorization: Bearer green-reader",
        "",
        404,
    ),
    ("PUT", GREEN, "authorization: Bearer green-reader", "", 405),
    ("POST", "/taxii2/", "authorization: Bearer green-reader", "", 405),
    // In which media type.
    ("GET", GREEN, "authorization: Bearer green-reader\naccept: application/taxii+json", "", 200),
    ("GET", GREEN, "authorization: Bearer green-reader\naccept: */*", "", 200),
    ("GET", GREEN, "authorization: Bearer green-reader\naccept: application/json", "", 406),
    (
        "GET",
        GREEN,
        "authorization: Bearer green-reader\naccept: application/taxii+json;version=2.0",
        "",
        406,
    ),
    ("GET", "/taxii2/", "authorization: Bearer green-reader\naccept: text/html", "", 406),
    ("POST", INBOX, "authorization: Bearer green-writer", "{\"objects\":[{}]}", 415),
    (
        "POST",
        INBOX,
        "authorization: Bearer green-writer\ncontent-type: application/json",
        "{\"objects\":[{}]}",
        415,
    ),
    (
        "POST",
        INBOX,
        "authorization: Bearer green-writer\ncontent-type: application/taxii+json\ncontent-encoding: gzip",
        "{\"objects\":[{}]}",
        415,
    ),
    (
        "POST",
        INBOX,
        "authorization: Bearer green-writer\ncontent-type: application/taxii+json;version=2.0",
        "{\"objects\":[{}]}",
        415,
    ),
    // What is asked.
    (
        "GET",
        "/taxii2/dtim/collections/green/objects/?limit=0",
        "authorization: Bearer green-reader",
        "",
        400,
    ),
    (
        "GET",
        "/taxii2/dtim/collections/green/objects/?limit=-5",
        "authorization: Bearer green-reader",
        "",
        400,
    ),
    (
        "GET",
        "/taxii2/dtim/collections/green/objects/?next=zzz",
        "authorization: Bearer green-reader",
        "",
        400,
    ),
    (
        "GET",
        "/taxii2/dtim/collections/green/objects/?added_after=2020-01-01",
        "authorization: Bearer green-reader",
        "",
        400,
    ),
    (
        "GET",
        "/taxii2/dtim/collections/green/manifest/?match[type]=a&match[type]=b",
        "authorization: Bearer green-reader",
        "",
        400,
    ),
    (
        "GET",
        "/taxii2/dtim/collections/green/objects/x/?match[id]=x",
        "authorization: Bearer green-reader",
        "",
        400,
    ),
    // What is handed in.
    (
        "POST",
        INBOX,
        "authorization: Bearer green-writer\ncontent-type: application/taxii+json",
        "",
        400,
    ),
    (
        "POST",
        INBOX,
        "authorization: Bearer green-writer\ncontent-type: application/taxii+json",
        "[]",
        400,
    ),
    (
        "POST",
        INBOX,
        "authorization: Bearer green-writer\ncontent-type: application/taxii+json",
        "{\"objects\":[{]}",
        400,
    ),
    (
        "POST",
        INBOX,
        "authorization: Bearer green-writer\ncontent-type: application/taxii+json",
        "{}",
        422,
    ),
    (
        "POST",
        INBOX,
        "authorization: Bearer green-writer\ncontent-type: application/taxii+json",
        "{\"objects\":[]}",
        422,
    ),
];

fn request(server: &Server, row: &Row) -> Request<Body> {
    let (method, path, headers, body, _) = row;
    let mut request = Request::builder().method(*method).uri(*path);
    for line in headers.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        let value = match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                format!("{scheme} {}", server.token(token))
            }
            Some(("Basic", pair)) if pair.contains(':') => {
                let (user, token) = pair.split_once(':').unwrap();
                format!("Basic {}", BASE64.encode(format!("{user}:{}", server.token(token))))
            }
            _ => value.to_owned(),
        };
        request = request.header(name, value);
    }
    request.body(Body::from(*body)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_its_status_and_a_body_that_says_it() {
    let server = Server::new("").await;
    server.import([(ip(1), Tlp::Green)]).await;
    for row in TABLE {
        let came = server.ask(request(&server, row)).await;
        let what = format!("{row:?}: {}", String::from_utf8_lossy(&came.body));
        assert_eq!(came.status.as_u16(), row.4, "{what}");
        assert_eq!(came.header("content-type"), Some(MEDIA_TYPE), "{what}");
        if came.status.is_success() {
            continue;
        }
        let body = came.json();
        assert_eq!(body["http_status"], row.4.to_string(), "{what}");
        assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{what}");
        let challenge = came.headers.get_all("www-authenticate").iter().count();
        assert_eq!(challenge, if row.4 == 401 { 2 } else { 0 }, "{what}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_what_the_root_says_is_refused_and_one_below_is_not() {
    let server = Server::new("").await;
    let root = server.get("green-reader", "/taxii2/dtim/").await.json();
    let most = usize::try_from(root["max_content_length"].as_u64().unwrap()).unwrap();
    let padded = |bytes: usize| {
        let head = "{\"objects\":[{\"type\":\"identity\",\"id\":\"identity--1\"}]";
        format!("{head}{}}}", " ".repeat(bytes - head.len() - 1))
    };
    assert_eq!(server.post("green-writer", padded(most + 1)).await.status.as_u16(), 413);
    let fits = server.post("green-writer", padded(most)).await;
    assert_ne!(fits.status.as_u16(), 413, "{}", String::from_utf8_lossy(&fits.body));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_cost_little_and_store_nothing() {
    let server = Server::new("").await;
    let deep = format!("{{\"objects\":[{}{}]}}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let many = format!("{{\"objects\":[{}{{}}]}}", "{},".repeat(60_000));
    let number = format!(
        "{{\"objects\":[{{\"type\":\"indicator\",\"id\":\"indicator--1\",\"confidence\":{}}}]}}",
        "9".repeat(100_000)
    );
    let twice =
        "{\"objects\":[{\"type\":\"indicator\",\"type\":\"identity\",\"id\":\"x\"}]}".to_owned();
    for (body, statuses) in
        [(deep, [400, 400]), (many, [413, 413]), (number, [202, 202]), (twice, [202, 202])]
    {
        let came = server.post("green-writer", body.clone()).await;
        let status = came.status.as_u16();
        assert!(statuses.contains(&status), "{status}: {:.80}", body);
        if status == 202 {
            assert_eq!(came.json()["success_count"], 0, "{:.80}", body);
        }
    }
    assert_eq!(
        server.get("red-reader", &objects("red", "match[type]=indicator")).await.body,
        b"{}"
    );
    server.stop().await;
}
