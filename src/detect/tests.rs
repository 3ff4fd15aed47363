//! What rules promise.

mod crowdsec;
mod hostile;
mod plain;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::builtin::FILES;
use super::*;
use crate::model::{Source, Timestamp};
use crate::parse::{self, Context};

const NOW: Timestamp = Timestamp(1_795_463_813); // 2026-11-23T19:56:53Z
const CONTEXT: Context<'static> =
    Context { now: NOW, utc_offset: 0, trusted_proxies: &[], own: &[] };

type Stored = BTreeMap<Vec<u8>, Vec<u8>>;

fn request(client: u8, second: u64, path: &str, status: u16) -> String {
    let time = Timestamp(NOW.seconds() + second).to_string();
    let (date, clock) = time.trim_end_matches('Z').split_once('T').unwrap();
    let day = date.rsplit('-').next().unwrap();
    format!(
        "192.0.2.{client} - - [{day}/Nov/2026:{clock} +0000] \"GET {path} HTTP/1.1\" {status} 1 \"-\" \"x\""
    )
}

fn observe(detector: &mut Detector, line: &str) -> Vec<Hit> {
    let event = parse::parse(Source::NginxAccess, line.as_bytes(), &CONTEXT).unwrap().unwrap();
    // As a watcher would: a line is read after it was written.
    detector.observe(&event, event.time.unwrap_or(NOW).max(NOW))
}

fn rules(text: &str) -> Rules {
    Rules::parse(text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Every 404 counts, three fill the bucket, one leaks in ten seconds.
fn bucket() -> Rules {
    rules(
        "[[detection]]\nname = \"a\"\nsources = [\"nginx-access\"]\ncooldown_seconds = 60\n\
         bucket = { capacity = 3, leak_seconds = 10 }\n[detection.match]\nstatus = [404]\n",
    )
}

fn store(stored: &mut Stored, detector: &mut Detector) {
    for (key, bytes) in detector.take_changed() {
        match bytes {
            Some(bytes) => drop(stored.insert(key, bytes)),
            None => drop(stored.remove(&key)),
        }
    }
}

#[test]
fn every_builtin_file_is_read_and_its_examples_are_true() {
    let mut all = Rules::default();
    for (name, text) in FILES {
        let rules = Rules::parse(text).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
        for rule in rules.iter() {
            assert!(!rule.description.is_empty(), "{name}: {} says not what it means", rule.name);
            assert!(!rule.fires.is_empty() && !rule.quiet.is_empty(), "{name}: {}", rule.name);
            assert!(rule.confidence.percent() > 0, "{name}: {}", rule.name);
        }
        let broken = rules.check_examples();
        assert!(broken.is_empty(), "{name}: {broken:#?}");
        all = all.and(rules).unwrap();
    }
    assert_eq!(all, Rules::builtin());
}

#[test]
fn rules_are_left_out_by_name() {
    let names = |rules: &Rules| rules.iter().map(|rule| rule.name.clone()).collect::<Vec<_>>();
    let less = Rules::builtin().without(&["http-traversal".to_owned()]);
    assert!(names(&Rules::builtin()).contains(&"http-traversal".to_owned()));
    assert!(!names(&less).contains(&"http-traversal".to_owned()));
}

#[test]
fn everything_wrong_with_a_file_is_said_at_once_with_its_line() {
    let text = "\
[[detection]]
name = \"one\"
sources = [\"nginx\"]
colour = \"red\"
[detection.match]
path = { holds = [\"x\"] }
status = [\"499-400\"]
[[detection]]
name = \"two\"
sources = [\"ufw\"]
confidence = 101
bucket = { capacity = 0, leak_seconds = 1 }
";
    let problems = Rules::parse(text).unwrap_err();
    let mut lines: Vec<_> = problems.iter().filter_map(|problem| problem.line).collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines, [3, 4, 6, 7, 11, 12], "{problems:#?}");
    assert!(problems.iter().any(|problem| problem.to_string().contains("colour")));
    assert!(Rules::parse("[[detection]\n").is_err());
    assert!(Rules::parse("detections = 1\n").is_err());
    assert!(bucket().and(bucket()).is_err(), "names are unique");
}

#[test]
fn a_bucket_fires_when_it_is_full_and_leaks_in_event_time() {
    let fired = |seconds: &[u64]| {
        let mut detector = Detector::new(bucket(), 10);
        let hits =
            seconds.iter().map(|at| observe(&mut detector, &request(1, *at, "/", 404)).len());
        hits.collect::<Vec<_>>()
    };
    assert_eq!(fired(&[0, 0, 0]), [0, 0, 1]);
    assert_eq!(fired(&[0, 10, 20, 30, 40]), [0, 0, 0, 0, 0]);
    assert_eq!(fired(&[0, 9, 18]), [0, 0, 0]);
    assert_eq!(fired(&[0, 5, 9]), [0, 0, 1]);
    // Silent for the cool-down, then it counts anew.
    assert_eq!(fired(&[0, 0, 0, 1, 1, 1, 61, 61, 61]), [0, 0, 1, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn one_time_far_ahead_does_not_silence_a_rule() {
    let mut detector = Detector::new(bucket(), 10);
    for second in [600_000, 600_000, 600_000, 0, 0] {
        observe(&mut detector, &request(1, second, "/", 404));
    }
    assert_eq!(observe(&mut detector, &request(1, 0, "/", 404)).len(), 1);
}

#[test]
fn a_rule_names_an_address_again_after_the_cool_down_and_each_time_is_a_sighting() {
    let mut detector = Detector::new(Rules::builtin(), DEFAULT_CAPACITY);
    let times: Vec<usize> = [0, 1, 599, 600, 601, 1200]
        .map(|at| observe(&mut detector, &request(1, at, "/.env", 404)).len())
        .to_vec();
    assert_eq!(times, [1, 0, 0, 1, 0, 1]);
    assert_eq!(observe(&mut detector, &request(2, 601, "/.env", 404)).len(), 1);
}

#[test]
fn a_flood_of_addresses_evicts_the_oldest_and_counts_it() {
    let mut detector = Detector::new(bucket(), 4);
    observe(&mut detector, &request(1, 0, "/", 404));
    observe(&mut detector, &request(1, 0, "/", 404));
    for client in 2..=10 {
        observe(&mut detector, &request(client, 0, "/", 404));
    }
    assert_eq!((detector.buckets(), detector.take_evicted()), (4, 6));
    assert_eq!(detector.take_evicted(), 0);
    assert!(observe(&mut detector, &request(1, 0, "/", 404)).is_empty(), "its bucket is gone");
}

#[test]
fn the_path_is_decoded_once_and_its_parts_are_told_apart() {
    let detector = |conditions: &str| {
        Detector::new(
            rules(&format!(
                "[[detection]]\nname = \"a\"\nsources = [\"nginx-access\"]\n[detection.match]\n{conditions}\n"
            )),
            10,
        )
    };
    for (conditions, path, fires) in [
        ("file = { suffix = [\"/x\"] }", "/a/X?y", true),
        ("file = { suffix = [\"/x\"] }", "/a?y=/x", false),
        ("file = { suffix = [\"/x?\"] }", "/a/x%3F", true),
        ("file = { equals = [\"/a\"] }", "/%61", true),
        ("file = { equals = [\"/a\"] }", "/%2561", false),
        ("path = { contains = [\"%61\"] }", "/%2561", true),
        ("query = { prefix = [\"a\"] }", "/a?ab", true),
        ("query = { prefix = [\"a\"] }", "/a?b=a", false),
        ("query = [\"\"]", "/a", true),
        ("query = [\"\"]", "/a?b", false),
        ("path = { contains = [\"?a\"] }", "/x?a", true),
        ("path = { contains = [\"%\"] }", "/100%", true),
        ("path = { contains = [\"ab\", \"b\", \"abc\"] }", "/zabz", true),
        ("file = { contains = [\"b/c\"] }\nquery = { contains = [\"d\"] }", "/b/c?d", true),
        ("file = { contains = [\"b/c\"] }\nquery = { contains = [\"d\"] }", "/b/c?e", false),
        ("path = { contains = [\"a\"] }\n[detection.unless]\nstatus = [\"400-499\"]", "/a", false),
        ("path = { contains = [\"a\"] }\n[detection.unless]\nfile = [\"/b\"]", "/a", true),
    ] {
        let hits = observe(&mut detector(conditions), &request(1, 0, path, 404));
        assert_eq!(!hits.is_empty(), fires, "{conditions} on {path}");
    }
}

#[derive(Clone, Debug)]
struct Step {
    client: u8,
    second: u64,
    path: usize,
    crash: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (1..9_u8, 0..40_u64, 0..6_usize, prop::bool::weighted(0.1));
    let step = step.prop_map(|(client, second, path, crash)| Step { client, second, path, crash });
    prop::collection::vec(step, 1..120)
}

proptest! {
    /// Reading again from what was stored gives the same hits and the same stored state.
    #[test]
    fn a_crash_changes_nothing(steps in steps(), capacity in 2_usize..20) {
        let all = || Rules::builtin().and(bucket()).unwrap();
        let paths = ["/", "/.env", "/a", "/b", "/wp-login.php", "/?id=1'%20or%201=1"];
        let mut steady = Detector::new(all(), capacity);
        let mut crashing = Detector::new(all(), capacity);
        let (mut expected, mut stored) = (Stored::new(), Stored::new());
        let mut second = 0;
        for step in steps {
            second += step.second;
            if step.crash {
                crashing = Detector::new(all(), capacity);
                // In any order.
                for (key, bytes) in stored.iter().rev() {
                    crashing.restore(key, bytes);
                }
            }
            let line = request(step.client, second, paths[step.path], 404);
            prop_assert_eq!(observe(&mut steady, &line), observe(&mut crashing, &line));
            store(&mut expected, &mut steady);
            store(&mut stored, &mut crashing);
            prop_assert_eq!(&stored, &expected);
            prop_assert!(crashing.buckets() <= capacity);
        }
    }

    #[test]
    fn damaged_state_is_dropped_and_never_panics(
        key in prop::collection::vec(any::<u8>(), 0..40), bytes in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut detector = Detector::new(bucket(), 4);
        detector.restore(&key, &bytes);
        if key != b"o" {
            prop_assert_eq!(detector.buckets(), 0);
            prop_assert!(detector.take_changed().contains(&(key, None)));
        }
    }
}
