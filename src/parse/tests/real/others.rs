//! Logs of servers beside what fail2ban, CrowdSec, Apache itself and the planted files say.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::super::super::*;
use super::super::{CONTEXT, http};
use super::{data, json, lines, text};

fn folders(root: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// The event of the first of these sources that can read the line.
fn first_event<'a>(sources: &[Source], line: &'a [u8]) -> Option<Event<'a>> {
    sources.iter().find_map(|source| parse(*source, line, &CONTEXT).ok()).flatten()
}

const WEB: [(&str, [Source; 2]); 2] = [
    ("nginx", [Source::NginxError, Source::NginxAccess]),
    ("apache", [Source::ApacheError, Source::ApacheAccess]),
];

#[test]
fn fail2ban_blames_the_same_hosts() {
    let (mut agreed, mut others) = (0, Vec::new());
    let groups = WEB.map(|(name, sources)| (name, sources.to_vec()));
    for (name, sources) in groups.into_iter().chain([("sshd", vec![Source::Sshd])]) {
        let Some(root) = data(&format!("{name}/fail2ban-testcases")) else { return };
        for path in folders(&root).iter().filter(|path| path.to_string_lossy().ends_with(".jsonl"))
        {
            let log = lines(Path::new(&path.to_string_lossy().replace(".failjson.jsonl", ".log")));
            for case in json(path) {
                let expect = &case["expect"];
                let host = expect["host"].as_str().and_then(|host| host.parse::<IpAddr>().ok());
                let (true, Some(host)) = (expect["match"] == true, host) else { continue };
                let line = &log[usize::try_from(case["line_no"].as_u64().unwrap()).unwrap() - 1];
                let Some(event) = first_event(&sources, line) else {
                    others.push(String::from_utf8_lossy(line).into_owned());
                    continue;
                };
                if event.src_ip == Some(host.to_canonical()) {
                    agreed += 1;
                } else {
                    others.push(format!("{host}: {}", String::from_utf8_lossy(line)));
                }
            }
        }
    }
    println!("fail2ban's cases: {agreed} agree; not read or read otherwise: {}", others.len());
    for line in &others {
        println!("  {}", line.chars().take(200).collect::<String>());
    }
    // The rest has no address, is another program's, or can be read in two ways.
    assert!(agreed >= 140 && others.len() <= 22, "{agreed} {}", others.len());
}

#[test]
fn apache_lines_say_what_its_own_table_says() {
    let Some(run) = data("apache/real-run") else { return };
    for part in ["part1", "part3"] {
        let table = lines(&run.join(format!("access.{part}.twin.tsv")));
        for (name, peer) in [
            ("access", false),
            ("other_vhosts_access", false),
            ("access_xff", false),
            ("access_common", true),
        ] {
            let log = lines(&run.join(format!("{name}.{part}.log")));
            assert_eq!(log.len(), table.len());
            for (line, row) in log.iter().zip(&table) {
                let event = parse(Source::ApacheAccess, line, &CONTEXT).unwrap().unwrap();
                let row = String::from_utf8_lossy(row).into_owned();
                let row: Vec<&str> = row.split('\t').collect();
                let read = http(&event);
                if !peer {
                    let address: IpAddr = row[0].parse().unwrap();
                    assert_eq!(event.src_ip, Some(address.to_canonical()), "{row:?}");
                }
                let mut at = row[2].as_bytes();
                assert_eq!(event.time, time::iso(&mut at, &CONTEXT));
                assert_eq!(read.status.unwrap().to_string(), row[6]);
                let raw = |text: Option<Text<'_>>| {
                    text.map_or("-".to_owned(), |t| String::from_utf8_lossy(t.raw()).into_owned())
                };
                assert_eq!(raw(Some(read.request)), row[10], "{row:?}");
                if name != "access_common" {
                    assert_eq!(
                        (raw(read.referer), raw(read.user_agent)),
                        (row[8].into(), row[9].into())
                    );
                }
                let user = raw(read.user);
                assert!(user == row[1] || user == "\"\"", "{user} {row:?}");
            }
        }
    }
}

#[test]
fn crowdsec_names_the_same_addresses() {
    let (mut agreed, mut others) = (0, Vec::new());
    let groups = WEB.map(|(name, sources)| (name, sources.to_vec()));
    for (name, sources) in groups.into_iter().chain([("sshd", vec![Source::Sshd])]) {
        let Some(hub) = data(&format!("{name}/crowdsec-hub")) else { return };
        for folder in folders(&hub) {
            let expected = folder.join("expected.jsonl");
            for result in if expected.is_file() { json(&expected) } else { Vec::new() } {
                let parser = result["parser"].as_str().unwrap_or_default();
                let ours = ["nginx-logs", "apache2-logs", "sshd-logs"];
                let address = result["meta"]["source_ip"].as_str().and_then(|ip| ip.parse().ok());
                let Some(address) = address else { continue };
                if result["success"] != true || !ours.iter().any(|own| parser.ends_with(own)) {
                    continue;
                }
                let mut line = result["parsed"]["message"].as_str().unwrap_or_default().to_owned();
                if name == "sshd" {
                    line = format!("Nov 23 19:56:53 host sshd[1]: {line}");
                }
                let read = first_event(&sources, line.as_bytes()).and_then(|event| event.src_ip);
                if read == Some(address) {
                    agreed += 1;
                } else {
                    others.push(format!("{address} {read:?} {parser} {line}"));
                }
            }
        }
    }
    println!("CrowdSec's results: {agreed} agree, {} differ", others.len());
    for line in &others {
        println!("  {}", line.chars().take(200).collect::<String>());
    }
    assert!(agreed >= 50 && others.len() * 100 <= agreed * 5, "{agreed} {}", others.len());
}

#[test]
fn every_planted_file_is_found() {
    let Some(run) = data("clamav/real-run") else { return };
    let truth: serde_json::Value =
        serde_json::from_slice(&std::fs::read(run.join("ground_truth.json")).unwrap()).unwrap();
    for name in ["clamd.log", "clamd.notime.log", "clamdscan.log", "clamscan.log"] {
        let mut found = BTreeSet::new();
        for line in lines(&run.join(name)) {
            if let Ok(Some(Event { body: Body::File(file), .. })) =
                parse(Source::Clamav, &line, &CONTEXT)
            {
                let path = text(Some(file.name));
                let base = path.rsplit("/files/").next().unwrap().trim_start_matches("./");
                found.insert((base.to_owned(), text(Some(file.signature))));
            }
        }
        // A line end in a name leaves its second half, a raw byte no letter.
        let planted = truth.as_object().unwrap().iter();
        let missing: Vec<_> = planted
            .filter(|(path, signature)| {
                let signature = signature.as_str().unwrap().trim_end_matches(".UNOFFICIAL");
                let path = path.replace("\\xe9", "\u{fffd}");
                let half = path.rsplit("\\n").next().unwrap();
                !found
                    .iter()
                    .any(|(found, sig)| found.ends_with(half) && sig.starts_with(signature))
            })
            .collect();
        println!(
            "{name}: {} of {} planted files; missing {missing:?}",
            truth.as_object().unwrap().len() - missing.len(),
            truth.as_object().unwrap().len()
        );
        assert!(missing.len() <= 6, "{name}: {missing:?}");
    }
}
