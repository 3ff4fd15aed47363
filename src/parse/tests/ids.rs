//! Suricata and Zeek: whose side is whose, and what strangers may write.

use proptest::prelude::*;

use super::super::*;
use super::{CONTEXT, ip};

const TIME: &str = r#""timestamp":"2026-11-23T19:56:53.251547+0000""#;

fn alert(src: &str, dst: &str, more: &str) -> String {
    format!(
        r#"{{{TIME},"event_type":"alert","src_ip":"{src}","dest_ip":"{dst}","proto":"TCP","alert":{{"severity":1}}{more}}}"#
    )
}

fn attacker(line: &str, context: &Context<'_>) -> Option<IpAddr> {
    let event = parse(Source::Suricata, line.as_bytes(), context).unwrap().unwrap();
    let Body::Alert(alert) = event.body else { panic!("{line}") };
    alert.attacker
}

#[test]
fn the_side_that_is_not_ours_attacks_and_else_nobody() {
    let own = ["198.51.100.0/24".parse().unwrap()];
    let proxies = ["203.0.113.9/32".parse().unwrap()];
    let told = Context { own: &own, trusted_proxies: &proxies, ..CONTEXT };
    let (stranger, inner, public) = ("203.0.113.5", "10.0.0.1", "198.51.100.1");
    for (src, dst, untold, told_of) in [
        (stranger, inner, Some(stranger), Some(stranger)),
        (inner, stranger, Some(stranger), Some(stranger)),
        (inner, public, Some(public), None),
        (stranger, public, None, Some(stranger)),
        (public, stranger, None, Some(stranger)),
        ("203.0.113.9", inner, Some("203.0.113.9"), None),
        ("2001:db8::5", "fd00::1", Some("2001:db8::5"), Some("2001:db8::5")),
        (inner, inner, None, None),
    ] {
        let line = alert(src, dst, "");
        assert_eq!(attacker(&line, &CONTEXT), untold.map(ip), "{line}");
        assert_eq!(attacker(&line, &told), told_of.map(ip), "{line}");
    }
    // Who called whom does not tell who attacks.
    let line =
        alert(stranger, public, r#","direction":"to_server","flow":{"src_ip":"203.0.113.5"}"#);
    assert_eq!(attacker(&line, &CONTEXT), None);
    // A name server of others is asked, and answers.
    for line in [
        alert(inner, stranger, r#","dns":{"query":[]},"direction":"to_server""#),
        alert(stranger, inner, r#","app_proto":"dns","direction":"to_client""#),
        alert(inner, stranger, r#","dest_port":53"#),
    ] {
        assert_eq!(attacker(&line, &CONTEXT), None, "{line}");
    }
    let asked = alert(stranger, inner, r#","app_proto":"dns","direction":"to_server""#);
    assert_eq!(attacker(&asked, &CONTEXT), Some(ip(stranger)));
}

#[test]
fn a_trusted_proxy_is_not_blamed_for_a_request() {
    let proxies = ["203.0.113.0/24".parse().unwrap()];
    let context = Context { trusted_proxies: &proxies, ..CONTEXT };
    let eve = format!(
        r#"{{{TIME},"event_type":"http","src_ip":"203.0.113.5","dest_ip":"10.0.0.1","http":{{"xff":"198.51.100.66"}}}}"#
    );
    let zeek = r#"{"ts":1,"id.orig_h":"203.0.113.5","id.resp_h":"10.0.0.1","method":"GET"}"#;
    for (source, line) in [(Source::Suricata, eve.as_str()), (Source::Zeek, zeek)] {
        let client = |context| parse(source, line.as_bytes(), context).unwrap().unwrap().src_ip;
        assert_eq!(client(&CONTEXT), Some(ip("203.0.113.5")));
        assert_eq!(client(&context), None);
    }
}

#[test]
fn a_header_has_bounds_and_what_it_says_ends_with_the_next() {
    let mut reader = Reader::new(Source::Zeek);
    let mut read = |line: &str| reader.read(line.as_bytes(), &CONTEXT).map(|event| event.is_some());
    let row = "1\t203.0.113.5";
    assert_eq!(read(row), Err(Unparsed::NoHeader));
    for bad in [
        format!("#fields\tts\tid.orig_h{}", "\tx".repeat(255)),
        format!("#fields\tts\tid.orig_h\t{}", "x".repeat(16 * 1024)),
        format!("#separator {}", "x".repeat(65)),
        "#fields\tts\tid.orig_h\tid_orig_h".to_owned(),
    ] {
        assert_eq!(read("#fields\tts\tid.orig_h"), Ok(false));
        assert_eq!(read(row), Ok(true));
        assert!(read(&bad).is_err());
        assert_eq!(read(row), Err(Unparsed::NoHeader));
    }
    assert_eq!(read(&format!("#fields\tts\tid.orig_h{}", "\tx".repeat(254))), Ok(false));
    assert_eq!(read(&format!("{row}{}", "\t".repeat(254))), Ok(true));
    assert_eq!(read("#separator ::"), Ok(false));
    assert_eq!(read("#fields::id.orig_h::ts"), Ok(false));
    assert_eq!(read("203.0.113.5::1"), Ok(true));
    assert_eq!(read("2001:db8::1::1"), Err(Unparsed::NotThisFormat));
}

proptest! {
    #[test]
    fn whatever_stands_in_strings_only_the_own_ends_are_read(
        host in ".{0,40}", path in "\\PC{0,60}", agent in ".{0,40}",
    ) {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let (host, path, agent) = (quoted(&host), quoted(&path), quoted(&agent));
        let eve = format!(
            r#"{{{TIME},"event_type":"http","src_ip":"192.0.2.77","dest_ip":"10.0.0.1","http":{{"hostname":{host},"url":{path},"http_user_agent":{agent}}}}}"#
        );
        let zeek = format!(
            r#"{{"ts":1,"host":{host},"uri":{path},"user_agent":{agent},"id.orig_h":"192.0.2.77","id.resp_h":"10.0.0.1"}}"#
        );
        for (source, line) in [(Source::Suricata, eve), (Source::Zeek, zeek)] {
            let event = parse(source, line.as_bytes(), &CONTEXT).unwrap().unwrap();
            prop_assert_eq!(event.src_ip, Some(ip("192.0.2.77")));
            prop_assert_eq!(event.link.dst_ip, Some(ip("10.0.0.1")));
            if let Body::Http(http) = event.body {
                let said: String = serde_json::from_str(&path).unwrap();
                prop_assert_eq!(&*http.path.decoded(), said.as_bytes());
            }
        }
    }

    #[test]
    fn no_header_and_row_make_a_panic(
        lines in prop::collection::vec("[#\t\\-,a-z_.:0-9{}\"\\\\]{0,60}", 0..6),
    ) {
        let mut reader = Reader::new(Source::Zeek);
        for line in lines {
            let fields = format!("#fields\tts\tid.orig_h\t{line}");
            for line in [fields.as_str(), line.as_str()] {
                if let Ok(Some(event)) = reader.read(line.as_bytes(), &CONTEXT) {
                    prop_assert!(event.src_ip.is_some());
                }
            }
        }
    }
}
