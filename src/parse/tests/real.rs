//! Real logs and what others made of them. They are no part of the project; where
//! the folder is missing, these tests say so and pass.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)] // figures, and what was skipped

mod others;
mod suricata;
mod zeek;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::super::*;
use super::{CONTEXT, http};

fn data(path: &str) -> Option<PathBuf> {
    let root = Path::new("../shared/data");
    if !root.is_dir() {
        eprintln!("skipped: there are no real logs at {}", root.display());
        return None;
    }
    Some(root.join(path))
}

fn lines(path: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn json(path: &Path) -> Vec<Json> {
    let text = std::fs::read(path).unwrap();
    let lines = String::from_utf8_lossy(&text).into_owned();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(value: Option<Text<'_>>) -> String {
    value.map(|text| String::from_utf8_lossy(&text.decoded()).into_owned()).unwrap_or_default()
}

#[test]
fn nginx_lines_say_what_its_own_json_twin_says() {
    let Some(run) = data("nginx/real-run") else { return };
    for part in ["access.part0", "access.part1"] {
        let twins = json(&run.join(format!("{part}.twin.json")));
        let plain = lines(&run.join(format!("{part}.log")));
        let raw = lines(&run.join(format!("{part}.twin.json")));
        assert_eq!(plain.len(), twins.len());
        for ((line, raw), twin) in plain.iter().zip(&raw).zip(&twins) {
            let event = parse(Source::NginxAccess, line, &CONTEXT).unwrap().unwrap();
            let read = http(&event);
            let said = |key: &str| twin[key].as_str().unwrap();
            let address: std::net::IpAddr = said("remote_addr").parse().unwrap();
            assert_eq!(event.src_ip, Some(address.to_canonical()));
            assert_eq!(text(Some(read.request)), said("request"));
            assert_eq!(u64::from(read.status.unwrap()), twin["status"].as_u64().unwrap());
            assert_eq!(read.bytes, twin["body_bytes_sent"].as_u64());
            // A client that sends a dash looks like one that sends nothing.
            assert_eq!(text(read.referer), said("http_referer").trim_start_matches('-'));
            assert_eq!(text(read.user_agent), said("http_user_agent").trim_start_matches('-'));
            let mut iso = said("time_iso8601").as_bytes();
            assert_eq!(event.time, time::iso(&mut iso, &CONTEXT));
            // nginx itself gives up on some requests whose method we still can read.
            if !said("request_method").is_empty() {
                assert_eq!(text(Some(read.method)), said("request_method"));
            }
            // Of an absolute request target nginx keeps the path only.
            assert!(text(Some(read.path)).ends_with(said("request_uri")), "{line:?}");
            let twin = parse(Source::NginxAccess, raw, &CONTEXT).unwrap().unwrap();
            assert_eq!((twin.src_ip, twin.time), (event.src_ip, event.time));
            assert_eq!(http(&twin).path.decoded(), read.path.decoded());
        }
    }
}

#[test]
fn nginx_lines_with_hops_behind_them_say_the_same() {
    let Some(run) = data("nginx/real-run") else { return };
    for part in ["part0", "part1"] {
        let main = lines(&run.join(format!("access_main.{part}.log")));
        let plain = lines(&run.join(format!("access.{part}.log")));
        assert_eq!(main.len(), plain.len());
        for (main, plain) in main.iter().zip(&plain) {
            let main = parse(Source::NginxAccess, main, &CONTEXT).unwrap().unwrap();
            let plain = parse(Source::NginxAccess, plain, &CONTEXT).unwrap().unwrap();
            assert_eq!(Http { forwarded_for: None, ..http(&main) }.request, http(&plain).request);
            assert_eq!(main.time, plain.time);
        }
    }
}

#[test]
fn crowdsec_reads_the_same_out_of_nginx_lines() {
    let Some(hub) = data("nginx/crowdsec-hub") else { return };
    let mut compared = 0;
    for folder in std::fs::read_dir(hub).unwrap().map(|entry| entry.unwrap().path()) {
        let expected = folder.join("expected.jsonl");
        if !expected.is_file() {
            continue;
        }
        for result in json(&expected) {
            let own = result["parser"] == "crowdsecurity/nginx-logs" && result["success"] == true;
            let said = |key: &str| result["parsed"][key].as_str().unwrap_or_default().to_owned();
            // The same parser also takes error logs, which are another source of ours.
            if !own || said("request").is_empty() || said("status").is_empty() {
                continue;
            }
            let line = said("message");
            let event = parse(Source::NginxAccess, line.as_bytes(), &CONTEXT).unwrap().unwrap();
            let read = http(&event);
            assert_eq!(event.src_ip.unwrap().to_string(), said("remote_addr"), "{line}");
            assert_eq!(read.status.unwrap().to_string(), said("status"), "{line}");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared} lines were compared");
}

#[test]
fn fail2bans_own_samples_name_the_same_hosts() {
    for (file, source) in [
        ("nginx/fail2ban-testcases/nginx-bad-request", Source::NginxAccess),
        ("nginx/fail2ban-testcases/nginx-botsearch", Source::NginxAccess),
        ("fail2ban/fail2ban-testcases/recidive", Source::Fail2ban),
    ] {
        let Some(path) = data(file) else { return };
        let lines = lines(&path.with_extension("log"));
        for expected in json(&path.with_extension("failjson.jsonl")) {
            let number = usize::try_from(expected["line_no"].as_u64().unwrap()).unwrap();
            let expect = &expected["expect"];
            let Some(host) = expect["host"].as_str().filter(|_| expect["match"] == true) else {
                continue;
            };
            let line = &lines[number - 1];
            // nginx-botsearch has error log lines, too.
            if let Ok(Some(event)) = parse(source, line, &CONTEXT) {
                assert_eq!(event.src_ip.unwrap().to_string(), host);
            } else {
                assert_eq!(source, Source::NginxAccess, "{}", String::from_utf8_lossy(line));
                let line = String::from_utf8_lossy(line);
                assert!(line.contains(" [error] "), "{line}");
            }
        }
    }
}

#[test]
fn fail2bans_bans_are_those_that_its_action_was_called_with() {
    let Some(run) = data("fail2ban/real-run") else { return };
    for part in ["debug.part0", "part2", "part3", "part4"] {
        type Count = BTreeMap<(String, String, String), usize>;
        let (mut called, mut read) = (Count::new(), Count::new());
        for action in json(&run.join(format!("fail2ban.{part}.actions.jsonl"))) {
            let said = |key: &str| action[key].as_str().unwrap().to_owned();
            *called.entry((said("action"), said("jail"), said("ip"))).or_default() += 1;
        }
        for line in lines(&run.join(format!("fail2ban.{part}.log"))) {
            let parsed = parse(Source::Fail2ban, &line, &CONTEXT);
            let Ok(Some(Event { body: Body::Ban(ban), time, .. })) = parsed else { continue };
            assert!(time.is_some());
            let jail = String::from_utf8(ban.jail.to_vec()).unwrap();
            let whole = ban.network.prefix_len() == ban.network.max_prefix_len();
            let who = if whole { ban.network.addr().to_string() } else { ban.network.to_string() };
            // Its action always fails, so it was never called.
            if jail != "dovecot" {
                let action = if ban.action == BanAction::Unban { "unban" } else { "ban" };
                *read.entry((action.to_owned(), jail, who)).or_default() += 1;
            }
        }
        assert_eq!(read, called, "{part}");
    }
}

#[test]
fn netfilter_lines_say_what_a_second_parser_reads() {
    let Some(ufw) = data("ufw") else { return };
    let pattern = r"kernel: (?:\[ *[0-9.]+\] )?(.*?)IN=(\S*) OUT=(\S*) .*?SRC=(\S+) DST=(\S+) [^\[]*?PROTO=(\w+)(?: SPT=(\d+) DPT=(\d+))?";
    let second = regex::bytes::Regex::new(pattern).unwrap();
    let mut compared = 0;
    for folder in ["kernel-run", "psad-iptables", "lnav", "crowdsec-hub/iptables-logs"] {
        for log in std::fs::read_dir(ufw.join(folder)).unwrap().map(|entry| entry.unwrap().path()) {
            if log.extension().is_none_or(|extension| extension != "log") {
                continue;
            }
            for line in lines(&log) {
                let parsed = parse(Source::Ufw, &line, &CONTEXT);
                let Some(found) = second.captures(&line) else {
                    assert!(!matches!(parsed, Ok(Some(_))), "{}", String::from_utf8_lossy(&line));
                    continue;
                };
                let shown = String::from_utf8_lossy(&line);
                let event = match parsed {
                    Ok(Some(event)) => event,
                    // One file was cut out by grep, with its name before the time.
                    other => {
                        assert!(shown.starts_with("ipv6_tcp_connect"), "{other:?} {shown}");
                        continue;
                    }
                };
                let Body::Packet(packet) = event.body else { panic!("{shown}") };
                let said = |group| found.get(group).map(|text| text.as_bytes().to_vec());
                let address = |group| {
                    let text = String::from_utf8(said(group).unwrap()).unwrap();
                    text.parse::<std::net::IpAddr>().unwrap()
                };
                assert_eq!(event.src_ip, Some(address(4)), "{shown}");
                assert_eq!(event.link.dst_ip, Some(address(5)), "{shown}");
                assert_eq!(Some(event.link.proto.to_vec()), said(6), "{shown}");
                let port = |port: Option<u16>| port.map(|port| port.to_string().into_bytes());
                assert_eq!(
                    (port(event.link.src_port), port(event.link.dst_port)),
                    (said(7), said(8))
                );
                let direction = match (said(2).unwrap().is_empty(), said(3).unwrap().is_empty()) {
                    (false, true) => "in",
                    (true, false) => "out",
                    (false, false) => "forward",
                    (true, true) => "",
                };
                assert_eq!(packet.direction(), direction, "{shown}");
                compared += 1;
            }
        }
    }
    assert!(compared > 4000, "{compared} lines were compared");
}
