//! What a registry may say, and where it may be.

use url::Url;

use super::answer::{next, peers, registered};
use super::{MAX_PEERS, NoAnswer, Registry};
use crate::keys::Identity;
use crate::model::{Community, NodeId, Timestamp};

fn key(n: u8) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode([n; 32])
}

fn registry(url: &str, allow_private: bool) -> Result<Registry, NoAnswer> {
    let url = Url::parse(url).unwrap();
    let community = Community::new("test").unwrap();
    Registry::new(&url, None, Identity::from_seed([1; 32]), community, allow_private)
}

#[test]
fn the_original_document_s_answers_are_read() {
    let list = format!(
        r#"[{{"endpoint": "https://peer1.example.com:3030", "public_key": "{}"}},
            {{"endpoint": "/ip4/8.8.8.8/tcp/3031", "public_key": "{}",
              "addresses": ["/ip4/8.8.8.8/tcp/3031", "/ip6/2606:4700::1/tcp/3031"]}}]"#,
        key(1),
        key(2)
    );
    let named = peers(list.as_bytes()).unwrap();
    let nodes: Vec<NodeId> = named.iter().map(|named| named.node).collect();
    assert_eq!(nodes, [1, 2].map(|n| NodeId::from_public_key([n; 32])));
    assert_eq!(named[0].addresses, [], "an https:// endpoint is nothing that the mesh dials");
    assert_eq!(named[1].addresses.len(), 2);
    let answer = format!(r#"{{"status": "ok", "peers": {list}}}"#);
    let answer = registered(answer.as_bytes()).unwrap();
    assert_eq!((answer.ttl, answer.peers), (None, named));
}

#[test]
fn nonsense_is_left_out_and_too_much_is_refused() {
    let list = format!(
        r#"[{{"endpoint": "x", "public_key": "short"}}, {{"public_key": "{}", "endpoint": "/",
             "addresses": ["nonsense", "", "/ip4/8.8.8.8/tcp/1"]}}]"#,
        key(1)
    );
    let named = peers(list.as_bytes()).unwrap();
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].addresses.len(), 1);
    let many = vec![format!(r#"{{"public_key": "{}"}}"#, key(1)); MAX_PEERS + 1].join(",");
    assert!(matches!(peers(format!("[{many}]").as_bytes()), Err(NoAnswer::Unusable(_))));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for json in ["", "{}", "null", "[1]", &deep] {
        assert!(matches!(peers(json.as_bytes()), Err(NoAnswer::Unusable(_))));
    }
}

#[test]
fn the_next_page_is_one_of_the_same_list() {
    let of = Url::parse("https://r.example.org:3030/api/v1/peers?community=a").unwrap();
    let next = |link: &str| next(link, &of).map(|url| url.to_string());
    assert_eq!(
        next("</api/v1/peers?after=7&community=a>; rel=\"next\"").as_deref(),
        Some("https://r.example.org:3030/api/v1/peers?after=7&community=a")
    );
    for link in [
        "",
        "</api/v1/peers?after=7>",
        "</api/v1/peers?after=7>; rel=\"prev\"",
        "<https://evil.example/api/v1/peers?after=7>; rel=next",
        "</admin>; rel=next",
        "</api/v1/peers?community=a>; rel=next",
    ] {
        assert_eq!(next(link), None, "{link}");
    }
}

#[tokio::test]
async fn private_addresses_are_not_connected_to_unless_allowed() {
    for url in
        ["https://127.0.0.1:1", "https://169.254.169.254", "https://[::1]", "https://10.0.0.1"]
    {
        assert!(matches!(registry(url, false), Err(NoAnswer::Settings(_))), "{url}");
        assert!(registry(url, true).is_ok(), "{url}");
    }
    // A name is looked at when it is resolved, which is what the connection uses.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let error = registry(&url, false).unwrap().peers(Timestamp(0)).await.unwrap_err();
    assert!(error.to_string().contains("private addresses only"), "{error}");
    let came = tokio::time::timeout(std::time::Duration::ZERO, listener.accept()).await;
    assert!(came.is_err(), "nobody connected");
}
