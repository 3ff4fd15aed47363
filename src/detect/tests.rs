//! What rules promise.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::builtin::FILES;
use super::*;
use crate::model::{Source, Timestamp};
use crate::parse::{self, Context};

const NOW: Timestamp = Timestamp(1_795_463_813);
const CONTEXT: Context<'static> = Context { now: NOW, utc_offset: 0, trusted_proxies: &[] };

fn observe(detector: &mut Detector, source: Source, line: &str) -> Vec<Hit> {
    match parse::parse(source, line.as_bytes(), &CONTEXT).unwrap() {
        Some(event) => detector.observe(&event, NOW),
        None => Vec::new(),
    }
}

fn rule(text: &str) -> Rules {
    Rules::parse(text).unwrap_or_else(|problems| panic!("{problems:?}"))
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
