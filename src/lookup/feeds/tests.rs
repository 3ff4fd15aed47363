//! Feeds against a server of the test's own, which answers what it is told to.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use super::{Access, Mark, NoFeed, Source};

/// An answer: status line, header lines, body.
type Answer = (&'static str, String, String);

/// What was asked, request line and headers.
type Asked = Arc<Mutex<Vec<String>>>;

/// Answers each request by what `answer` makes of its path; ends with the test.
fn serve(answer: impl Fn(&str) -> Answer + Send + 'static) -> (SocketAddr, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head: Vec<String> = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let Some(first) = head.first() else { continue };
            let path = first.split(' ').nth(1).unwrap().to_owned();
            seen.lock().unwrap().push(head.join("\n").to_lowercase());
            let (status, headers, body) = answer(&path);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
            );
            // Who has read enough closes early.
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    (address, asked)
}

fn source(url: String, collection: Option<&str>) -> Source {
    Source::new(Access { url, collection: collection.map(str::to_owned), ..Access::default() })
        .unwrap()
}

async fn read(source: &Source, mark: &Mark) -> Result<(Vec<String>, Mark), NoFeed> {
    let mut reading = source.read(mark).await?;
    let mut all = Vec::new();
    while let Some(objects) = reading.next().await? {
        all.extend(objects.into_iter().map(|object| String::from_utf8(object).unwrap()));
    }
    Ok((all, reading.mark()))
}

const COLLECTIONS: &str = r#"{"collections": [
    {"id": "c1", "title": "Locked", "can_read": false, "can_write": true},
    {"id": "c2", "title": "Open", "alias": "open", "can_read": true, "can_write": false}]}"#;

/// A server with one collection of five objects, in pages of two.
fn collection(by_word: bool) -> impl Fn(&str) -> Answer + Send + 'static {
    move |path| {
        let ok = |body: &str| ("200 OK", String::new(), body.to_owned());
        match path {
            "/taxii2/" => ok(r#"{"title": "t", "default": "/root/", "api_roots": ["/root/"]}"#),
            "/root/collections/" => ok(COLLECTIONS),
            _ => {
                let after = |key: &str| path.split(key).nth(1).map(|rest| rest.split('&').next());
                let begin = after("next=").or_else(|| after("added_after=2026-01-01T00%3A00%3A0"));
                let begin: usize = begin
                    .flatten()
                    .map_or(0, |text| text.trim_end_matches('Z')[..1].parse().unwrap());
                let end = (begin + 2).min(5);
                let objects: Vec<String> =
                    (begin..end).map(|n| format!("{{\"n\":{}}}", n + 1)).collect();
                let next = if by_word { format!("\"next\":\"{end}\",") } else { String::new() };
                let more = if end < 5 { format!("\"more\":true,{next}") } else { String::new() };
                let last = format!("x-taxii-date-added-last: 2026-01-01T00:00:0{end}Z\r\n");
                let headers = if begin < 5 { last } else { String::new() };
                ("200 OK", headers, format!("{{{more}\"objects\":[{}]}}", objects.join(",")))
            }
        }
    }
}

#[tokio::test]
async fn a_collection_is_read_page_by_page_and_goes_on_where_it_ended() {
    for by_word in [true, false] {
        let (address, asked) = serve(collection(by_word));
        let source = source(format!("http://{address}/taxii2/"), Some("open"));
        let (objects, mark) = read(&source, &Mark::default()).await.unwrap();
        assert_eq!(objects, (1..=5).map(|n| format!("{{\"n\":{n}}}")).collect::<Vec<_>>());
        let (more, same) = read(&source, &mark).await.unwrap();
        assert_eq!((more.len(), &same), (0, &mark));
        let last = asked.lock().unwrap().last().unwrap().clone();
        assert!(last.contains("added_after=2026-01-01t00%3a00%3a05z"), "{last}");
        assert!(last.contains("accept: application/taxii+json;version=2.1"), "{last}");
        // The mark of another collection is none of this one's.
        let other = Mark { collection: Some("other".to_owned()), ..mark };
        assert_eq!(read(&source, &other).await.unwrap().0.len(), 5);
    }
}

#[tokio::test]
async fn a_collection_is_known_by_id_alias_and_title_if_it_can_be_read() {
    let (address, _) = serve(collection(true));
    for name in ["c2", "open", "Open"] {
        // The API root is as good as the server's first page.
        let root = source(format!("http://{address}/root"), Some(name));
        let found = root.read(&Mark::default()).await;
        assert!(matches!(found, Err(NoFeed::Unusable(_)) | Ok(_)), "{found:?}");
        let server = source(format!("http://{address}/taxii2"), Some(name));
        assert_eq!(read(&server, &Mark::default()).await.unwrap().0.len(), 5, "{name}");
    }
    let locked = source(format!("http://{address}/taxii2/"), Some("Locked"));
    let none = locked.read(&Mark::default()).await.unwrap_err();
    assert_eq!(none.label(), "no_collection");
    assert!(none.to_string().contains("Open"), "{none}");
}

#[tokio::test]
async fn credentials_go_to_nobody_else() {
    let front = r#"{"title": "t", "api_roots": ["https://elsewhere.example/root/"]}"#;
    let (address, _) = serve(move |_| ("200 OK", String::new(), front.to_owned()));
    let source = source(format!("http://{address}/taxii2/"), Some("x"));
    let refused = source.read(&Mark::default()).await.unwrap_err();
    assert!(refused.to_string().contains("another host"), "{refused}");
    let (address, _) =
        serve(|_| ("302 Found", "location: http://127.0.0.1:1/\r\n".into(), String::new()));
    let moved = self::source(format!("http://{address}/b.json"), None);
    assert_eq!(moved.read(&Mark::default()).await.unwrap_err().label(), "unusable");
}

#[tokio::test]
async fn what_a_status_says_is_understood() {
    for (status, label) in [
        ("401 Unauthorized", "refused"),
        ("403 Forbidden", "refused"),
        ("404 Not Found", "unusable"),
        ("429 Too Many Requests", "busy"),
        ("503 Service Unavailable", "busy"),
        ("500 Internal Server Error", "away"),
    ] {
        let (address, _) = serve(move |_| (status, "retry-after: 77\r\n".into(), String::new()));
        let source = source(format!("http://{address}/b.json"), None);
        let refused = source.read(&Mark::default()).await.unwrap_err();
        assert_eq!(refused.label(), label);
        if let NoFeed::Busy { retry_after } = refused {
            assert_eq!(retry_after, Some(77));
        }
    }
    let away = source("http://127.0.0.1:1/b.json".to_owned(), None);
    assert_eq!(away.read(&Mark::default()).await.unwrap_err().label(), "away");
}

#[tokio::test]
async fn a_server_that_leads_nowhere_is_left() {
    let pages = |body: &'static str| {
        move |path: &str| match path {
            "/taxii2/" => ("200 OK", String::new(), r#"{"api_roots": ["/root/"]}"#.to_owned()),
            "/root/collections/" => ("200 OK", String::new(), COLLECTIONS.to_owned()),
            _ => ("200 OK", String::new(), body.to_owned()),
        }
    };
    for body in
        [r#"{"more": true, "next": "again"}"#, r#"{"more": true}"#, "[]", "{\"objects\": 1}"]
    {
        let (address, _) = serve(pages(body));
        let source = source(format!("http://{address}/taxii2/"), Some("open"));
        let refused = read(&source, &Mark::default()).await.unwrap_err();
        assert_eq!(refused.label(), "unusable", "{body}: {refused}");
    }
}

#[tokio::test]
async fn a_bundle_is_read_once_a_version() {
    let bundle = r#"{"type":"bundle","id":"bundle--1","objects":[{"n":1},{"n":2}]}"#;
    let (address, asked) = serve(move |path| {
        let etag = "etag: \"v1\"\r\n".to_owned();
        if path == "/cut.json" {
            return ("200 OK", etag, bundle[..40].to_owned());
        }
        ("200 OK", etag, bundle.to_owned())
    });
    let whole = source(format!("http://{address}/b.json"), None);
    let (objects, mark) = read(&whole, &Mark::default()).await.unwrap();
    assert_eq!(objects, ["{\"n\":1}", "{\"n\":2}"]);
    read(&whole, &mark).await.unwrap();
    let last = asked.lock().unwrap().last().unwrap().clone();
    assert!(last.contains("if-none-match: \"v1\""), "{last}");
    let (address, _) = serve(|_| ("304 Not Modified", String::new(), String::new()));
    let same = source(format!("http://{address}/b.json"), None);
    let mark = Mark { url: format!("http://{address}/b.json"), ..mark };
    assert_eq!(read(&same, &mark).await.unwrap(), (Vec::new(), mark));
    let cut = source(whole.url.join("/cut.json").unwrap().to_string(), None);
    assert_eq!(read(&cut, &Mark::default()).await.unwrap_err().label(), "unusable");
}

#[tokio::test]
async fn basic_and_bearer_are_sent_and_never_shown() {
    let (address, asked) = serve(|_| ("200 OK", String::new(), "{\"objects\":[]}".to_owned()));
    let url = format!("http://{address}/b.json");
    let basic = Some(("zebra-user".to_owned(), "zebra-word".to_owned().into()));
    let basic = Source::new(Access { url: url.clone(), basic, ..Access::default() }).unwrap();
    let token = Some("zebra-token".to_owned().into());
    let bearer = Source::new(Access { url, token, ..Access::default() }).unwrap();
    for (source, sent) in [
        (basic, "authorization: basic emvicmetdxnlcjp6zwjyys13b3jk"),
        (bearer, "authorization: bearer zebra-token"),
    ] {
        read(&source, &Mark::default()).await.unwrap();
        let last = asked.lock().unwrap().last().unwrap().clone();
        assert!(last.contains(sent), "{last}");
        assert!(!format!("{source:?}").contains("zebra"));
    }
}
