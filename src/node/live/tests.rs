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
