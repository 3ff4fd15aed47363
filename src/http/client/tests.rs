//! The client against sockets that answer in one way.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use serde_json::json;

use super::{Client, ClientError, target};

/// Answers one request with these bytes and gives the request back.
fn node(socket: &std::path::Path, answer: &'static str) -> JoinHandle<String> {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).unwrap();
        request.truncate(read);
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    })
}

#[tokio::test]
async fn an_answer_is_read_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let served = node(&socket, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"a\": 1}");
    let answer = Client::new(&socket).post("/peers/invite", &json!({"x": 2})).await.unwrap();
    assert_eq!(answer, json!({"a": 1}));
    let request = served.join().unwrap();
    assert!(request.starts_with("POST /peers/invite HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("{\"x\":2}"), "{request}");
}

#[tokio::test]
async fn an_answer_that_ends_with_the_connection_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let served = node(&socket, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[1,2]");
    assert_eq!(Client::new(&socket).get("/status").await.unwrap(), json!([1, 2]));
    served.join().unwrap();
}

#[tokio::test]
async fn a_refusal_keeps_its_sentence_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let body = "HTTP/1.1 404 Not Found\r\ncontent-length: 32\r\n\r\n{\"error\":\"e\",\"remedy\":\"do that\"}";
    let served = node(&socket, body);
    let error = Client::new(&socket).get("/why?value=x").await.unwrap_err();
    served.join().unwrap();
    assert!(matches!(error, ClientError::Refused { status: 404, .. }), "{error:?}");
    assert_eq!((error.to_string(), error.remedy()), ("e".into(), Some("do that".into())));
}

#[tokio::test]
async fn a_refusal_that_is_not_json_is_shown_in_part() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let served = node(&socket, "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\n\r\nnope");
    let error = Client::new(&socket).get("/").await.unwrap_err();
    served.join().unwrap();
    assert_eq!(error.to_string(), "the node answered 502 Bad Gateway: nope");
}

#[tokio::test]
async fn what_is_not_http_breaks_the_exchange() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let served = node(&socket, "220 mail.example ESMTP\r\n");
    let error = Client::new(&socket).get("/").await.unwrap_err();
    served.join().unwrap();
    assert!(matches!(error, ClientError::Broken(_)), "{error:?}");
}

#[tokio::test]
async fn without_a_socket_no_node_runs() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Client::new(dir.path().join("missing")).get("/").await.unwrap_err();
    assert!(matches!(missing, ClientError::NoNode { .. }), "{missing:?}");
    let left_behind = dir.path().join("s");
    drop(UnixListener::bind(&left_behind).unwrap());
    let refused = Client::new(&left_behind).get("/").await.unwrap_err();
    assert!(matches!(refused, ClientError::NoNode { .. }), "{refused:?}");
}

#[test]
fn any_text_may_stand_in_a_target() {
    assert_eq!(target(&["peers"], &[]), "/peers");
    assert_eq!(
        target(&["indicators", "https://a.example/b c"], &[("kind", "x-a&b"), ("q", "ü ")]),
        "/indicators/https%3A%2F%2Fa.example%2Fb%20c?kind=x-a%26b&q=%C3%BC+"
    );
}
