//! Suricata's eve.json: what Suricata's own tests and CrowdSec expect of it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::super::super::*;
use super::super::CONTEXT;
use super::{data, lines, text};

/// A key of a filter as our events have it; none if they have no such field.
fn field(event: &Event<'_>, key: &str) -> Option<Json> {
    let field = match (key, &event.body) {
        ("event_type", _) => Field::EventType,
        ("src_ip", _) => Field::SrcIp,
        ("dest_ip", _) => Field::DstIp,
        ("src_port", _) => Field::SrcPort,
        ("dest_port", _) => Field::DstPort,
        ("proto", _) => Field::Proto,
        ("app_proto", Body::Flow(_)) => Field::AppProto,
        ("alert.signature_id", Body::Alert(_)) => Field::SignatureId,
        ("alert.signature", Body::Alert(_)) => Field::Signature,
        ("alert.category", Body::Alert(_)) => Field::Category,
        ("alert.severity", Body::Alert(_)) => Field::Severity,
        ("alert.action", Body::Alert(_)) => Field::Action,
        ("anomaly.event", Body::Alert(_)) => Field::Signature,
        ("anomaly.type", Body::Alert(_)) => Field::Category,
        ("anomaly.layer", Body::Alert(_)) => Field::Message,
        ("http.hostname", Body::Http(_)) => Field::Host,
        ("http.url", Body::Http(_)) => Field::Path,
        ("http.http_method", Body::Http(_)) => Field::Method,
        ("http.status", Body::Http(_)) => Field::Status,
        ("http.length", Body::Http(_)) => Field::Bytes,
        ("tls.sni", Body::Tls(_)) => Field::ServerName,
        ("tls.version", Body::Tls(_)) => Field::TlsVersion,
        ("tls.subject", Body::Tls(_)) => Field::Subject,
        ("tls.issuerdn", Body::Tls(_)) => Field::Issuer,
        ("fileinfo.filename", Body::File(_)) => Field::FileName,
        ("fileinfo.size", Body::File(_)) => Field::Size,
        ("fileinfo.md5", Body::File(_)) => Field::Md5,
        ("fileinfo.sha256", Body::File(_)) => Field::Sha256,
        ("flow.state", Body::Flow(_)) => Field::State,
        ("flow.bytes_toserver", Body::Flow(_)) => Field::BytesToServer,
        ("flow.bytes_toclient", Body::Flow(_)) => Field::BytesToClient,
        _ => return None,
    };
    Some(match event.field(field) {
        Some(FieldValue::Text(value)) => Json::from(text(Some(value))),
        Some(FieldValue::Number(number)) => Json::from(number),
        Some(FieldValue::Ip(ip)) => Json::from(ip.to_string()),
        Some(FieldValue::Network(network)) => Json::from(network.to_string()),
        None => Json::Null,
    })
}

/// The keys that some body of ours has.
const KEYS: [&str; 31] = [
    "event_type",
    "src_ip",
    "dest_ip",
    "src_port",
    "dest_port",
    "proto",
    "app_proto",
    "alert.signature_id",
    "alert.signature",
    "alert.category",
    "alert.severity",
    "alert.action",
    "anomaly.event",
    "anomaly.type",
    "anomaly.layer",
    "http.hostname",
    "http.url",
    "http.http_method",
    "http.status",
    "http.length",
    "tls.sni",
    "tls.version",
    "tls.subject",
    "tls.issuerdn",
    "fileinfo.filename",
    "fileinfo.size",
    "fileinfo.md5",
    "fileinfo.sha256",
    "flow.state",
    "flow.bytes_toserver",
    "flow.bytes_toclient",
];

fn equal(ours: &Json, theirs: &Json) -> bool {
    match (ours.as_str(), theirs.as_str()) {
        (Some(ours), Some(theirs)) => match (ours.parse(), theirs.parse()) {
            (Ok(ours), Ok(theirs)) => {
                let (ours, theirs): (std::net::IpAddr, std::net::IpAddr) = (ours, theirs);
                ours == theirs
            }
            _ => ours == theirs,
        },
        (Some(ours), None) => theirs.to_string().eq(ours),
        _ => ours == theirs,
    }
}

#[test]
fn suricatas_own_tests_count_the_same() {
    let Some(run) = data("suricata/verify-run") else { return };
    let (mut agreed, mut other_keys, mut no_event, mut wrong) = (0, 0, 0, Vec::new());
    for folder in std::fs::read_dir(run).unwrap().map(|entry| entry.unwrap().path()) {
        let eve = lines(&folder.join("eve.json"));
        let events: Vec<_> =
            eve.iter().map(|line| parse(Source::Suricata, line, &CONTEXT)).collect();
        let expected = std::fs::read(folder.join("expected.json")).unwrap();
        let expected: Json = serde_json::from_slice(&expected).unwrap();
        for filter in expected["filters"].as_array().unwrap() {
            let wanted = filter["match"].as_object().unwrap();
            let kind = wanted.get("event_type").and_then(Json::as_str);
            if !wanted.keys().all(|key| KEYS.contains(&key.as_str())) {
                other_keys += 1;
                continue;
            }
            // Of records without addresses there is no event. Two tests count such, of packets
            // that were cut off before them.
            let cut = ["ipv4-truncated", "output-eve-anomaly-packethdr"];
            let cut = cut.iter().any(|name| folder.ends_with(name));
            let unaddressed = wanted.get("src_ip").is_some_and(Json::is_null)
                || wanted
                    .get("anomaly.event")
                    .is_some_and(|event| event == "decoder.ipv4.trunc_pkt");
            if matches!(kind, Some("stats" | "engine" | "arp")) || (cut && unaddressed) {
                no_event += 1;
                continue;
            }
            let matches = |event: &Event<'_>| {
                wanted
                    .iter()
                    .all(|(key, value)| field(event, key).is_some_and(|ours| equal(&ours, value)))
            };
            let count =
                events.iter().filter(|event| matches!(event, Ok(Some(event)) if matches(event)));
            let count = count.count();
            if filter["count"].as_u64() == u64::try_from(count).ok() {
                agreed += 1;
            } else {
                let name = folder.file_name().unwrap().to_string_lossy().into_owned();
                wrong.push(format!("{name}: {count} of {filter}"));
            }
        }
    }
    println!(
        "suricata-verify: {agreed} filters agree, {} do not, {other_keys} ask for keys that we \
         do not keep, {no_event} for records without addresses",
        wrong.len()
    );
    assert!(agreed > 200 && wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_record_is_read_and_names_its_own_addresses() {
    let Some(root) = data("suricata") else { return };
    let mut eves = vec![
        root.join("slips-test6/eve.part1.json"),
        root.join("slips-test6/eve.part3.json"),
        root.join("userguide/eve-doc-examples.json"),
        root.join("crowdsec-hub/suricata-eve-detect/suricata-eve-detect.log"),
        root.join("crowdsec-hub/suricata-logs-evelog/suricata-logs-evelog.log"),
    ];
    for folder in std::fs::read_dir(root.join("verify-run")).unwrap() {
        eves.push(folder.unwrap().path().join("eve.json"));
    }
    let (mut compared, mut none, mut bad) = (0, 0, Vec::new());
    let mut kinds = BTreeMap::<String, usize>::new();
    for eve in eves {
        for line in lines(&eve).iter().filter(|line| !line.is_empty()) {
            let said: Json = serde_json::from_slice(line).unwrap();
            let event = match parse(Source::Suricata, line, &CONTEXT) {
                Ok(Some(event)) => event,
                Ok(None) => {
                    assert!(said["src_ip"].is_null(), "{said}");
                    none += 1;
                    continue;
                }
                Err(why) => {
                    bad.push(format!("{}: {why} {said}", eve.display()));
                    continue;
                }
            };
            *kinds.entry(event.event_type.to_owned()).or_default() += 1;
            assert_eq!(event.event_type, said["event_type"]);
            let address = |key: &str| {
                said[key].as_str().map(|ip| ip.parse::<IpAddr>().unwrap().to_canonical())
            };
            assert_eq!(event.src_ip, address("src_ip"));
            assert_eq!(event.link.dst_ip, address("dest_ip"));
            let port = |key: &str| said[key].as_u64().map(|port| u16::try_from(port).unwrap());
            assert_eq!(event.link.src_port, port("src_port"));
            assert_eq!(event.link.dst_port, port("dest_port"));
            let stamp = said["timestamp"].as_str().unwrap();
            let time = chrono::DateTime::parse_from_str(stamp, "%Y-%m-%dT%H:%M:%S%.f%z").unwrap();
            assert_eq!(event.time.unwrap().seconds(), u64::try_from(time.timestamp()).unwrap());
            if let Body::Alert(alert) = event.body {
                let shape = &said["alert"];
                assert!(shape.is_null() || alert.signature_id == shape["signature_id"].as_u64());
                assert!(shape.is_null() || alert.severity == shape["severity"].as_u64());
                assert!(shape.is_null() || text(Some(alert.signature)) == shape["signature"]);
            }
            compared += 1;
        }
    }
    println!(
        "suricata: {compared} events, {none} records without addresses, {} refused",
        bad.len()
    );
    println!("{kinds:?}");
    assert!(compared > 6_000);
    assert!(bad.len() * 1_000 < compared, "{bad:#?}");
}

#[test]
fn crowdsec_reads_the_same_out_of_eve() {
    let Some(hub) = data("suricata/crowdsec-hub/suricata-logs-evelog") else { return };
    let mut compared = 0;
    for result in super::json(&hub.join("expected.jsonl")) {
        let own = result["success"] == true && result["meta"]["service"] == "suricata";
        let Some(line) = result["parsed"]["message"].as_str().filter(|_| own) else { continue };
        let Some(event) = parse(Source::Suricata, line.as_bytes(), &CONTEXT).unwrap() else {
            continue;
        };
        assert_eq!(event.src_ip.unwrap().to_string(), result["meta"]["source_ip"]);
        let Body::Alert(alert) = event.body else { continue };
        let said = |key: &str| result["meta"][key].as_str().unwrap().to_owned();
        assert_eq!(alert.signature_id.unwrap().to_string(), said("suricata_alert_signature_id"));
        assert_eq!(alert.severity.unwrap().to_string(), said("suricata_rule_severity"));
        compared += 1;
    }
    println!("crowdsec: {compared} alerts of eve.json");
    assert!(compared > 0);
}
