//! What the configuration says reaches what is done.

use super::*;
use crate::detect::Hit;
use crate::model::{Confidence, Source, Timestamp, Tlp, Value};
use crate::node::pipeline::Pipeline;

/// The marking of what a source sees, by the configuration and by the rule that fired.
fn marking(text: &str, source: Source, rule: Option<Tlp>) -> Tlp {
    let live = Live::build(crate::config::parse(text, &[]).unwrap()).unwrap();
    let pipeline = Pipeline::new(live.rules.clone(), live.pipeline_settings());
    let hit = Hit {
        rule: "test".to_owned(),
        value: Value::from_ip("45.155.205.1".parse().unwrap()),
        at: Timestamp(1_764_000_000),
        confidence: Confidence::new(80).unwrap(),
        tags: Default::default(),
        tlp: rule,
    };
    pipeline.sighting(source, hit).scope.tlp()
}

#[test]
fn the_strictest_of_what_was_written_marks_a_sighting() {
    let own = |tlp: &str| format!("[watchers.source.nginx-access]\ntlp = \"{tlp}\"\n");
    let all = |tlp: &str| format!("[watchers]\ntlp = \"{tlp}\"\n");
    let nginx = |text: &str, rule| marking(text, Source::NginxAccess, rule);
    // Nobody said anything: it stays here, whatever a rule would allow.
    assert_eq!(nginx("", None), Tlp::Red);
    assert_eq!(nginx("", Some(Tlp::White)), Tlp::Red);
    // One source, and only that one.
    assert_eq!(nginx(&own("green"), None), Tlp::Green);
    assert_eq!(marking(&own("green"), Source::Ufw, None), Tlp::Red);
    // All sources.
    assert_eq!(nginx(&all("white"), None), Tlp::White);
    assert_eq!(nginx(&(all("white") + &own("amber")), None), Tlp::Amber);
    assert_eq!(nginx(&(all("amber") + &own("white")), None), Tlp::Amber);
    assert_eq!(nginx(&(all("red") + &own("white")), None), Tlp::Red);
    // A rule makes it stricter and never wider.
    assert_eq!(nginx(&own("white"), Some(Tlp::Amber)), Tlp::Amber);
    assert_eq!(nginx(&own("amber"), Some(Tlp::White)), Tlp::Amber);
}

#[test]
fn what_the_mesh_learnt_is_own_until_it_is_forgotten() {
    let loaded = crate::config::parse("[hygiene]\nown = [\"45.155.205.0/24\"]\n", &[]).unwrap();
    let live = Live::build(loaded.clone()).unwrap();
    let is_own = |live: &Live, ip: &str| {
        let value = Value::from_ip(ip.parse().unwrap());
        (
            live.lists.check(&value).is_err(),
            live.own.iter().any(|net| net.contains(&ip.parse::<IpAddr>().unwrap())),
        )
    };
    assert_eq!(is_own(&live, "185.220.101.1"), (false, false));
    let learnt = BTreeMap::from([("185.220.101.1".parse().unwrap(), Learnt::Router)]);
    let knowing = live.with_learnt(&learnt).unwrap();
    assert_eq!(is_own(&knowing, "185.220.101.1"), (true, true));
    assert_eq!(is_own(&knowing, "185.220.101.2"), (false, false), "a single host");
    assert_eq!(is_own(&knowing, "45.155.205.9"), (true, true), "the configured stay");
    let reloaded = knowing.reloaded(loaded).unwrap();
    assert_eq!(is_own(&reloaded, "185.220.101.1"), (true, true));
    assert_eq!(reloaded.learnt_by_mesh(), learnt);
    let forgotten = reloaded.with_learnt(&BTreeMap::new()).unwrap();
    assert_eq!(is_own(&forgotten, "185.220.101.1"), (false, false));
}
