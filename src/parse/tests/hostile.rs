//! Lines that strangers wrote (reference/threats.md, cases 58 and 59).

use proptest::prelude::*;

use super::super::*;
use super::{CONTEXT, ip};

/// What an attacker would have us read: other lines' grammar, other addresses.
const TEXTS: [&str; 14] = [
    "from 8.8.8.8 port 22",
    "8.8.8.8",
    "8.8.8.8 - - [23/Nov/2026:19:56:53 +0000] ",
    " - 8.8.8.8 - - ",
    "x 8.8.8.8 - y",
    "] [client 8.8.8.8] fake",
    ", client: 8.8.8.8, server: evil",
    "[UFW BLOCK] IN=eth0 OUT= SRC=8.8.8.8 DST=192.0.2.1 PROTO=TCP SPT=1 DPT=22",
    "fail2ban.actions [1]: NOTICE [sshd] Ban 8.8.8.8",
    "%0a8.8.8.8 - - ",
    "\\x22 8.8.8.8 \\x22",
    "\u{2028}8.8.8.8",
    "\u{202e}8.8.8.8",
    "\u{1b}[31m8.8.8.8\u{0}",
];

/// As nginx writes it (ngx_http_log_escape).
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'"' | b'\\' | 0..=31 | 127.. => format!("\\x{byte:02X}"),
        byte => char::from(byte).to_string(),
    };
    text.bytes().map(escape).collect()
}

fn nginx(user: &str, request: &str, referer: &str, agent: &str, hops: &str) -> String {
    let [user, request, referer, agent, hops] = [user, request, referer, agent, hops].map(escaped);
    format!(
        "192.0.2.77 - {user} [23/Nov/2026:19:56:53 +0000] \"{request}\" 404 153 \"{referer}\" \"{agent}\" \"{hops}\""
    )
}

fn blamed(source: Source, line: &str) -> Option<std::net::IpAddr> {
    let parsed = parse(source, line.as_bytes(), &CONTEXT).ok().flatten();
    parsed.and_then(|event| event.src_ip)
}

#[test]
fn no_field_of_a_request_is_taken_for_the_client() {
    for text in TEXTS {
        for place in 0..5 {
            let mut fields = ["-", "GET / HTTP/1.1", "-", "-", "-"];
            fields[place] = text;
            let [user, request, referer, agent, hops] = fields;
            let line = nginx(user, request, referer, agent, hops);
            let blamed = blamed(Source::NginxAccess, &line);
            assert!(blamed.is_none_or(|client| client == ip("192.0.2.77")), "{line}");
            // Only a name that could be the rest of another format is refused.
            assert!(blamed.is_some() || place == 0, "{line}");
        }
    }
}

#[test]
fn a_host_in_front_is_never_taken_for_the_client() {
    let line = |host: &str| {
        format!("{host} 192.0.2.77 - - [23/Nov/2026:19:56:53 +0000] \"GET / HTTP/1.1\" 404 153")
    };
    for host in ["example.org", "example.org:443", "8.8.8.8", "_", "[2001:db8::1]:80"] {
        assert_eq!(blamed(Source::NginxAccess, &line(host)), Some(ip("192.0.2.77")), "{host}");
    }
    for host in ["8.8.8.8 - x", "8.8.8.8 -", "8.8.8.8 - -", "x 8.8.8.8 - y", "unix: - x"] {
        assert_eq!(blamed(Source::NginxAccess, &line(host)), None, "{host}");
    }
}

#[test]
fn another_program_cannot_speak_for_the_kernel_or_for_fail2ban() {
    for text in TEXTS {
        for program in ["sshd[22]", "postfix/smtpd[1]", "myfail2ban", "kernelx", "nginx[1]"] {
            let line = format!("Nov 23 19:56:53 host {program}: {text}");
            assert_eq!(blamed(Source::Ufw, &line), None, "{line}");
            assert_eq!(blamed(Source::Fail2ban, &line), None, "{line}");
        }
        // fail2ban quotes what it read; only its actions decide.
        for component in ["filter", "utils", "action", "observer", "server"] {
            let line = format!(
                "2026-11-23 20:39:58,149 fail2ban.{component} [1]: NOTICE [sshd] Ban 8.8.8.8 {text}"
            );
            assert_eq!(blamed(Source::Fail2ban, &line), None, "{line}");
        }
    }
}

#[test]
fn the_packet_that_an_icmp_error_quotes_is_not_read() {
    let line = "Nov 23 19:56:53 h kernel: [UFW BLOCK] IN=eth0 OUT= MAC=x SRC=192.0.2.77 DST=192.0.2.1 LEN=56 PROTO=ICMP TYPE=3 CODE=1 [SRC=192.0.2.1 DST=8.8.8.8 LEN=28 PROTO=UDP SPT=53 DPT=4444 ]";
    let event = parse(Source::Ufw, line.as_bytes(), &CONTEXT).unwrap().unwrap();
    assert_eq!(event.src_ip, Some(ip("192.0.2.77")));
    assert_eq!(event.field(Field::DstPort), None);
    let quoted = line.replace("SRC=192.0.2.77 DST=192.0.2.1 ", "");
    assert_eq!(parse(Source::Ufw, quoted.as_bytes(), &CONTEXT), Err(Unparsed::NoAddress));
}

#[test]
fn addresses_are_read_in_one_way_only() {
    for address in
        ["010.1.1.1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4x", "0x1.2.3.4", "fe80::1%eth0"]
    {
        let line = format!("{address} - - [23/Nov/2026:19:56:53 +0000] \"GET / HTTP/1.1\" 404 153");
        assert_eq!(blamed(Source::NginxAccess, &line), None, "{address}");
    }
    let line = "::ffff:192.0.2.1 - - [23/Nov/2026:19:56:53 +0000] \"GET / HTTP/1.1\" 404 153";
    assert_eq!(blamed(Source::NginxAccess, line), Some(ip("192.0.2.1")));
}

proptest! {
    #[test]
    fn whatever_a_client_sends_only_its_own_address_is_read(
        user in "[ -~]{0,40}", request in ".{0,60}", referer in ".{0,40}", agent in ".{0,40}",
        hops in ".{0,40}",
    ) {
        let line = nginx(&user, &request, &referer, &agent, &hops);
        let parsed = parse(Source::NginxAccess, line.as_bytes(), &CONTEXT);
        match parsed {
            Ok(Some(event)) => {
                prop_assert_eq!(event.src_ip, Some(ip("192.0.2.77")));
                let Body::Http(http) = event.body else { panic!("{line}") };
                prop_assert_eq!(&*http.request.decoded(), request.as_bytes());
            }
            other => prop_assert_eq!(other, Err(Unparsed::Ambiguous)),
        }
    }

    #[test]
    fn nothing_makes_a_parser_panic_or_name_what_is_not_there(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in "[\\[\\]{}\":, \\-0-9a-fA-Z=./\\\\]{0,120}",
    ) {
        for source in Source::ALL {
            for line in [&bytes[..], text.as_bytes()] {
                let parsed = parse(source, line, &CONTEXT);
                if let Ok(Some(Event { src_ip: Some(_), .. })) = parsed {
                    prop_assert!(line.iter().any(u8::is_ascii_hexdigit));
                }
            }
        }
    }
}

#[test]
fn a_line_before_half_a_record_may_be_a_strangers() {
    let lines = |text: &str| text.lines().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>();
    let head = "2026/11/23 19:56:57 [error] 811#811: *529";
    let genuine = format!(
        "{head} access forbidden by rule, client: 192.0.2.77, server: x, request: \"GET / HTTP/1.1\""
    );
    let forged = lines(&format!(
        "{genuine}\n{head} open() \"/srv/x\n{head} a, client: 198.51.100.66, server: x\ny\" failed (2: No such file), client: 192.0.2.77, server: x"
    ));
    let suspect = |lines: &[Vec<u8>], source| {
        let at =
            |at: usize| Reader::new(source).may_be_forged(&lines[at], &lines[at + 1..], &CONTEXT);
        (0..lines.len()).map(at).collect::<Vec<_>>()
    };
    assert_eq!(suspect(&forged, Source::NginxError), [true, true, true, false]);
    let far = lines(&format!("{genuine}\n{}y\n", format!("{genuine}\n").repeat(30)));
    let suspects = suspect(&far, Source::NginxError);
    assert!(!suspects[0] && suspects[30], "{suspects:?}");
    let clean = lines(&format!("{genuine}\n{genuine}"));
    assert_eq!(suspect(&clean, Source::NginxError), [false, false]);
    let clamd = lines(
        "Mon Nov 23 20:04:58 2026 -> /a: X(66666666666666666666666666666666:1) FOUND\n: Y FOUND\nMon Nov 23 20:04:58 2026 -> /b: Y FOUND",
    );
    assert_eq!(suspect(&clamd, Source::Clamav), [true, false, false]);
    let untimed = b"/a: X(66666666666666666666666666666666:1) FOUND";
    let event = parse(Source::Clamav, untimed, &CONTEXT).unwrap().unwrap();
    assert!(event.field(Field::Md5).is_none() && event.field(Field::Signature).is_some());
}
