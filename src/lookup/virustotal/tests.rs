//! The client against a server of the test's own, with answers that VirusTotal gave.

// A test that is skipped says so.
#![allow(clippy::print_stdout)]

use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::model::{DAY, HOUR, Timestamp};

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const REPORT: &str = r#"{"data":{"id":"x","type":"file","links":{"self":"https://evil.example"},
    "attributes":{"last_analysis_stats":{"malicious":3,"suspicious":2,"harmless":1,
    "undetected":60,"timeout":9,"type-unsupported":4},"reputation":-7,"unknown":[1,{}],
    "popular_threat_classification":{"suggested_threat_label":"trojan.\u001b[31mmirai/x"},
    "last_analysis_date":1722223176}}}"#;

fn value(text: &str) -> Value {
    Value::guess(text).unwrap()
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()).into()
}

/// Gives the same answer to everybody; then gives back what was asked.
async fn server(answer: Vec<u8>) -> (VirusTotal, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = VirusTotal::test(listener.local_addr().unwrap(), Duration::from_secs(60));
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        // The client hangs up when it has had enough.
        stream.write_all(&answer).await.ok();
        drop(stream);
        // Nobody comes again, after a redirect for example.
        let again = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(again.is_err());
        String::from_utf8(request).unwrap()
    });
    (client, served)
}

async fn asked(text: &str, answer: Vec<u8>) -> Result<Said, NoAnswer> {
    let (client, served) = server(answer).await;
    let said = client.ask(&value(text)).await;
    served.await.unwrap();
    said
}

#[tokio::test]
async fn each_kind_has_its_place_and_the_key_goes_with_it() {
    for (text, path) in [
        (HASH, format!("/api/v3/files/{HASH}")),
        ("45.155.205.233", "/api/v3/ip_addresses/45.155.205.233".to_owned()),
        ("2a06:4880::10", "/api/v3/ip_addresses/2a06:4880::10".to_owned()),
        ("evil.biz", "/api/v3/domains/evil.biz".to_owned()),
        // The example of VirusTotal's own documentation.
        (
            "http://www.somedomain.com/this/is/my/url",
            "/api/v3/urls/aHR0cDovL3d3dy5zb21lZG9tYWluLmNvbS90aGlzL2lzL215L3VybA".to_owned(),
        ),
    ] {
        let (client, served) = server(answer("200 OK", "", REPORT)).await;
        client.ask(&value(text)).await.unwrap();
        let request = served.await.unwrap();
        assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{request}");
        assert!(request.contains("\r\nx-apikey: a key\r\n"), "{request}");
    }
    for text in ["45.155.205.0/24", "a@evil.biz", &"a".repeat(128)] {
        assert!(!knows(value(text).kind()) && path(&value(text)).is_none(), "{text}");
    }
}

#[tokio::test]
async fn a_report_is_read_and_nothing_of_it_is_trusted() {
    let said = asked(HASH, answer("200 OK", "", REPORT)).await.unwrap();
    let Said::Report(report) = said else { panic!() };
    let counts = (report.malicious, report.suspicious, report.harmless, report.undetected);
    assert_eq!((counts, report.engines(), report.reputation), ((3, 2, 1, 60), 66, -7));
    assert_eq!(report.label.as_deref(), Some("trojan.[31mmirai/x"));
    assert_eq!(report.analysed(), Some(Timestamp(1_722_223_176)));
    assert_eq!(report.link, format!("https://www.virustotal.com/gui/file/{HASH}"));
    // 1 − 0.8⁴
    assert_eq!(report.confidence().percent(), 59);
    let tags: Vec<String> = report.tags().iter().map(ToString::to_string).collect();
    assert_eq!(tags, ["virustotal:malicious", "virustotal:trojan.-31mmirai/x"]);
}

#[tokio::test]
async fn every_status_has_its_meaning() {
    let of =
        |status: &'static str, headers: &'static str| asked(HASH, answer(status, headers, "{}"));
    assert_eq!(of("404 Not Found", "").await.unwrap(), Said::Unknown);
    for (headers, wait) in
        [("", None), ("retry-after: 77\r\n", Some(77)), ("retry-after: x\r\n", None)]
    {
        let busy = of("429 Too Many Requests", headers).await;
        assert!(matches!(busy, Err(NoAnswer::Busy { retry_after }) if retry_after == wait));
    }
    for status in ["401 Unauthorized", "403 Forbidden"] {
        assert!(matches!(of(status, "").await, Err(NoAnswer::Refused)), "{status}");
    }
    for status in ["500 Internal Server Error", "503 Service Unavailable"] {
        assert!(matches!(of(status, "").await, Err(NoAnswer::Away(_))), "{status}");
    }
    for status in ["302 Found", "400 Bad Request", "410 Gone"] {
        let unusable = of(status, "location: http://127.0.0.1/\r\n").await;
        assert!(matches!(unusable, Err(NoAnswer::Unusable(_))), "{status}");
    }
}

#[tokio::test]
async fn what_is_no_report_is_unusable() {
    let endless = "x".repeat(MAX_ANSWER_BYTES + 1);
    for body in ["", "{", "[]", r#"{"data":{"attributes":{}}}"#, &endless] {
        let unusable = asked(HASH, answer("200 OK", "", body)).await;
        assert!(matches!(unusable, Err(NoAnswer::Unusable(_))), "{unusable:?}");
    }
    let torn = asked(HASH, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()).await;
    assert!(matches!(torn, Err(NoAnswer::Unusable(_) | NoAnswer::Away(_))), "{torn:?}");
    let garbage = asked(HASH, b"SSH-2.0-x\r\n".to_vec()).await;
    assert!(matches!(garbage, Err(NoAnswer::Away(_))), "{garbage:?}");
}

#[tokio::test]
async fn who_says_nothing_or_is_not_there_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = VirusTotal::test(address, Duration::from_millis(50)).ask(&value(HASH)).await;
    assert!(matches!(silent, Err(NoAnswer::Away(_))), "{silent:?}");
    drop(listener);
    let absent = VirusTotal::test(address, Duration::from_secs(60)).ask(&value(HASH)).await;
    assert!(matches!(absent, Err(NoAnswer::Away(_))), "{absent:?}");
}

/// Answers that VirusTotal gave to others, where they are.
#[tokio::test]
async fn recorded_answers_are_read() {
    let folder = Path::new("/work/shared/data/virustotal");
    if !folder.exists() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let mut read = 0;
    for file in ["azul", "opencti", "sdk-mocks"].iter().flat_map(|name| {
        std::fs::read_dir(folder.join(name)).unwrap().map(|entry| entry.unwrap().path())
    }) {
        let text = std::fs::read_to_string(&file).unwrap();
        let Ok(json) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
        let Some(stats) = json.pointer("/data/attributes/last_analysis_stats") else { continue };
        let (kind, id) = (json["data"]["type"].as_str(), json["data"]["id"].as_str().unwrap());
        let of = match kind.unwrap() {
            "url" => "http://evil.biz/x",
            "file" if id.len() != 64 => HASH,
            _ => id,
        };
        let said = asked(of, answer("200 OK", "", &text)).await;
        let Ok(Said::Report(report)) = said else { panic!("{}: {said:?}", file.display()) };
        assert_eq!(Some(u64::from(report.malicious)), stats["malicious"].as_u64());
        if kind == Some("url") && id.len() == 64 {
            assert_eq!(report.link, format!("https://www.virustotal.com/gui/url/{id}"));
        }
        read += 1;
    }
    assert!(read > 15, "{read}");
}

#[test]
fn four_a_minute_and_five_hundred_a_day() {
    let start = Timestamp(100 * DAY);
    let mut quota = Quota::default();
    for second in [0, 10, 20, 30] {
        assert_eq!(quota.wait(start.plus(second)), 0);
        quota.take(start.plus(second));
    }
    assert_eq!(quota.wait(start.plus(30)), 30);
    assert_eq!(quota.wait(start.plus(59)), 1);
    assert_eq!(quota.wait(start.plus(60)), 0);
    quota.take(start.plus(60));
    assert_eq!(quota.wait(start.plus(60)), 10);
    // A clock that was set back makes nobody wait for ever.
    assert_eq!(quota.wait(start.minus(9 * DAY)), 60);
    let mut now = start.plus(120);
    for _ in 5..500 {
        assert_eq!(quota.wait(now), 0);
        quota.take(now);
        now = now.plus(15);
    }
    assert_eq!(quota.wait(now), 101 * DAY - now.seconds());
    // The count survives a restart, the minute does not.
    let kept = Quota::decode(&quota.encode());
    assert_eq!(kept.wait(now), 101 * DAY - now.seconds());
    assert_eq!(kept.wait(Timestamp(101 * DAY)), 0);
    assert_eq!(Quota::decode(b"garbage"), Quota::default());
}

#[test]
fn failures_wait_longer_each_time_and_as_long_as_they_are_told() {
    assert_eq!([1, 2, 3].map(|failures| back_off(failures, None, 0.0)), [15, 30, 60]);
    assert_eq!(back_off(2, None, 1.0), 15);
    assert_eq!(back_off(u32::MAX, None, 0.0), HOUR);
    assert_eq!(back_off(1, Some(300), 0.5), 300);
    assert_eq!(back_off(1, Some(u64::MAX), 0.5), DAY);
}

#[test]
fn base64_is_that_of_the_standard() {
    // RFC 4648 section 10, without padding.
    for (plain, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")]
    {
        assert_eq!(base64_url(plain.as_bytes()), text);
    }
    assert_eq!(base64_url(&[0xfb, 0xff]), "-_8");
}

#[test]
fn the_public_client_keeps_its_key_to_itself() {
    let Ok(client) = VirusTotal::new("secret") else {
        println!("skipped: this system has no root certificates");
        return;
    };
    assert!(!format!("{client:?}").contains("secret"));
}

proptest::proptest! {
    #[test]
    fn no_answer_panics(bytes: Vec<u8>, label in ".{0,200}", id in ".{0,70}", count: u32) {
        drop(Report::read(&bytes, &value(HASH)));
        let json = serde_json::json!({ "data": { "id": id, "attributes": {
            "last_analysis_stats": { "malicious": count, "suspicious": count, "harmless": count },
            "popular_threat_classification": { "suggested_threat_label": label },
        } } });
        for of in [HASH, "http://evil.biz/x"] {
            let report = Report::read(json.to_string().as_bytes(), &value(of)).unwrap();
            let text = format!("{:?} {} {:?}", report.label, report.link, report.tags());
            proptest::prop_assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            proptest::prop_assert!(report.confidence().percent() <= 100);
            proptest::prop_assert!(report.engines() >= count);
        }
    }
}
