//! What each format's parser takes, refuses and must never be fooled by.

mod corpus;
mod hostile;
mod ids;
mod real;

use std::net::IpAddr;

use chrono::{DateTime, FixedOffset};
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_795_463_813); // 2026-11-23T19:56:53Z
const CONTEXT: Context<'static> =
    Context { now: NOW, utc_offset: 0, trusted_proxies: &[], own: &[] };

fn event(source: Source, line: &str) -> Event<'_> {
    parse(source, line.as_bytes(), &CONTEXT).unwrap().unwrap()
}

fn http<'a>(event: &Event<'a>) -> Http<'a> {
    match event.body {
        Body::Http(http) => http,
        _ => panic!("{event:?}"),
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// One event as a line: `time address field=value …`, fields in their order.
fn shown(parsed: &Result<Option<Event<'_>>, Unparsed>) -> String {
    let event = match parsed {
        Ok(Some(event)) => event,
        Ok(None) => return "none".to_owned(),
        Err(why) => return format!("! {}", why.label()),
    };
    let mut shown = event.time.map_or("-".to_owned(), |time| time.to_string());
    shown += &event.src_ip.map_or(" -".to_owned(), |ip| format!(" {ip}"));
    for field in Field::ALL.iter().filter(|field| **field != Field::SrcIp) {
        let value = match event.field(*field) {
            Some(FieldValue::Text(text)) => String::from_utf8_lossy(&text.decoded()).into_owned(),
            Some(FieldValue::Number(number)) => number.to_string(),
            Some(FieldValue::Ip(ip)) => ip.to_string(),
            Some(FieldValue::Network(network)) => network.to_string(),
            None => continue,
        };
        shown += &format!(" {}={value:?}", field.name());
    }
    shown
}

#[test]
fn the_year_that_syslog_leaves_out_is_the_one_before_now() {
    let time = |now: u64, line: &str| {
        let context = Context { now: Timestamp(now), ..CONTEXT };
        let line =
            format!("{line} h kernel: [UFW BLOCK] IN=e OUT= SRC=192.0.2.1 DST=192.0.2.2 PROTO=2");
        let time = parse(Source::Ufw, line.as_bytes(), &context).unwrap().unwrap().time;
        time.unwrap().to_string()
    };
    let new_year = 1_798_761_600; // 2027-01-01T00:00:00Z
    assert_eq!(time(new_year, "Dec 31 23:59:59"), "2026-12-31T23:59:59Z");
    assert_eq!(time(new_year, "Jan  1 00:00:00"), "2027-01-01T00:00:00Z");
    assert_eq!(time(new_year - 1, "Jan  1 00:00:00"), "2027-01-01T00:00:00Z");
    assert_eq!(time(new_year, "Feb 29 12:00:00"), "2024-02-29T12:00:00Z");
    assert_eq!(time(new_year, "Jan  3 00:00:00"), "2026-01-03T00:00:00Z");
}

#[test]
fn times_without_a_zone_are_local() {
    let context = Context { utc_offset: 3600, ..CONTEXT };
    let line = b"2026-11-23 20:56:53,196 fail2ban.actions [1]: NOTICE [sshd] Ban 203.0.113.38";
    let event = parse(Source::Fail2ban, line, &context).unwrap().unwrap();
    assert_eq!(event.time, Some(NOW));
    let line = br#"192.0.2.1 - - [23/Nov/2026:20:56:53 +0100] "GET / HTTP/1.1" 200 1"#;
    let event = parse(Source::NginxAccess, line, &CONTEXT).unwrap().unwrap();
    assert_eq!(event.time, Some(NOW));
}

#[test]
fn forwarded_for_counts_only_behind_a_trusted_proxy() {
    let proxies = ["10.0.0.0/8".parse().unwrap(), "2001:db8:ffff::/48".parse().unwrap()];
    let client = |socket: &str, hops: &str, proxies: &[IpNet]| {
        let line = format!(
            r#"{socket} - - [23/Nov/2026:19:56:53 +0000] "GET / HTTP/1.1" 200 1 "-" "-" "{hops}""#
        );
        let context = Context { trusted_proxies: proxies, ..CONTEXT };
        parse(Source::NginxAccess, line.as_bytes(), &context).unwrap().unwrap().src_ip
    };
    let (stranger, proxy) = ("198.51.100.7", "10.1.2.3");
    assert_eq!(client(proxy, "8.8.8.8", &[]), Some(ip(proxy)));
    assert_eq!(client(stranger, "8.8.8.8", &proxies), Some(ip(stranger)));
    assert_eq!(client(proxy, stranger, &proxies), Some(ip(stranger)));
    assert_eq!(client(proxy, "8.8.8.8, 198.51.100.7, 10.9.9.9", &proxies), Some(ip(stranger)));
    assert_eq!(client(proxy, "198.51.100.7:5566", &proxies), Some(ip(stranger)));
    assert_eq!(client(proxy, "[2001:db8::5]:5566", &proxies), Some(ip("2001:db8::5")));
    assert_eq!(
        client("2001:db8:ffff::1", "8.8.8.8,2001:db8::5", &proxies),
        Some(ip("2001:db8::5"))
    );
    // Who is behind it is not known, and the proxy itself is not to blame.
    for hops in ["-", "", "unknown", "8.8.8.8, unknown", "8.8.8.8, 10.9.9.9x", "10.1.1.1", ","] {
        assert_eq!(client(proxy, hops, &proxies), None, "{hops}");
    }
}

#[test]
fn json_lines_say_the_same_as_plain_ones() {
    let line = r#"{"time_iso8601":"2026-11-23T19:56:53+00:00","remote_addr":"203.0.113.5","request":"GET /a?b=\"c\" HTTP/1.1","status":404,"body_bytes_sent":"153","nested":{"remote_addr":"8.8.8.8","x":["}",1]},"http_user_agent":"caf\u00e9 \ud83d\ude00","http_referer":""}"#;
    let event = event(Source::NginxAccess, line);
    let http = http(&event);
    assert_eq!((event.time, event.src_ip), (Some(NOW), Some(ip("203.0.113.5"))));
    assert_eq!(*http.path.decoded(), *b"/a?b=\"c\"");
    assert_eq!((http.status, http.bytes, http.referer), (Some(404), Some(153), None));
    assert_eq!(*http.user_agent.unwrap().decoded(), *"café 😀".as_bytes());
    let twice = r#"{"remote_addr":"203.0.113.5","remote_addr":"8.8.8.8"}"#;
    assert_eq!(parse(Source::NginxAccess, twice.as_bytes(), &CONTEXT), Err(Unparsed::Ambiguous));
}

#[test]
fn a_line_of_white_space_is_empty() {
    for source in Source::ALL.into_iter().filter(|source| *source != Source::Clamav) {
        assert_eq!(parse(source, b"\r", &CONTEXT), Err(Unparsed::Empty), "{source}");
    }
}

proptest! {
    /// The one-pass reader of addresses takes what the standard library takes, and no more.
    #[test]
    fn addresses_are_those_of_the_standard_library(
        text in prop_oneof![
            "[0-9.]{1,16}",
            "([0-2]?[0-9]{1,2}[.]){3}[0-2]?[0-9]{1,2}",
            "[0-9a-f:.%]{2,46}",
            any::<IpAddr>().prop_map(|ip| ip.to_string()),
        ]
    ) {
        let expected = text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
        prop_assert_eq!(scan::ip(text.as_bytes()), expected, "{}", text);
    }

    #[test]
    fn times_are_those_of_chrono(seconds in 0..7_000_000_000_i64, minutes in -1439..1440_i32) {
        let zone = FixedOffset::east_opt(minutes * 60).unwrap();
        let local = DateTime::from_timestamp(seconds, 0).unwrap().with_timezone(&zone);
        let wanted = Some(Timestamp(seconds as u64));
        let log = local.format("%d/%b/%Y:%H:%M:%S %z").to_string();
        prop_assert_eq!(time::common_log(log.as_bytes()), wanted, "{}", log);
        let log = local.format("%-d/%b/%Y:%H:%M:%S %z").to_string();
        prop_assert_eq!(time::common_log(log.as_bytes()), wanted, "{}", log);
        let log = local.format("%Y-%m-%dT%H:%M:%S.123%:z").to_string();
        prop_assert_eq!(time::iso(&mut log.as_bytes(), &CONTEXT), wanted, "{}", log);
        let local = Context { utc_offset: minutes * 60, ..CONTEXT };
        let log = DateTime::from_timestamp(seconds + i64::from(minutes) * 60, 0).unwrap();
        let log = log.format("%a %b %e %H:%M:%S %Y").to_string();
        prop_assert_eq!(time::ctime(&mut log.as_bytes(), &local), wanted, "{}", log);
    }
}

proptest! {
    /// Most lines take a shorter way to their request; a user's name leads off it.
    #[test]
    fn a_line_without_a_user_says_what_one_with_a_user_says(
        address in "(203\\.0\\.113\\.5|203\\.0\\.113\\.05|2555?\\.1\\.1\\.[0-9]{0,4}|2001:db8::5|[0-9.]{0,9})",
        stamp in "(23|3|32)/(Nov|nov)/2026:(19|25):56:5[0-9] (\\+0000|-0130|Z|\\+02:00)?",
        request in "(GET|G ET|) /[a-z \\\\\"]{0,6} ?HTTP/1\\.[01 ]",
        apache in any::<bool>(),
    ) {
        let line = |user| format!("{address} - {user} [{stamp}] \"{request}\" 200 5 \"-\" \"x\"");
        let source = if apache { Source::ApacheAccess } else { Source::NginxAccess };
        let (plain, named) = (line("-"), line("x"));
        let plain = shown(&parse(source, plain.as_bytes(), &CONTEXT));
        let named = shown(&parse(source, named.as_bytes(), &CONTEXT));
        prop_assert_eq!(plain, named.replace(" user=\"x\"", ""));
    }
}
