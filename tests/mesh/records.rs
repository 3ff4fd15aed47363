//! What the nodes' own logs say of each claim: when it left, when it came, from whom.

use std::collections::HashMap;

use chrono::DateTime;
use serde::Deserialize;

use crate::node::Node;

/// One line of a log that is about a claim.
#[derive(Deserialize)]
struct Line {
    timestamp: String,
    message: String,
    content: Option<String>,
    from: Option<String>,
}

/// A claim on its way through the mesh. Times are in microseconds.
#[derive(Debug, Default)]
pub struct Journey {
    /// Who told it first, and when.
    pub published: Option<(usize, i64)>,
    /// When each other node heard it, and from which.
    pub heard: Vec<Heard>,
}

/// One arrival.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub by: usize,
    pub from: usize,
    pub at: i64,
}

/// Milliseconds from leaving until the last member had it, of each claim. Fails unless
/// each was heard by so many.
pub fn until_last(journeys: &HashMap<String, Journey>, members: usize) -> Vec<f64> {
    let until_last = |journey: &Journey| {
        let (_, left) = journey.published.unwrap();
        assert_eq!(journey.heard.len(), members, "of a claim that {:?} told", journey.published);
        let last = journey.heard.iter().map(|heard| heard.at).max().unwrap();
        (last - left).max(0) as f64 / 1000.0
    };
    journeys.values().map(until_last).collect()
}

/// All journeys, by content id, as the logs tell them.
pub fn journeys(nodes: &[Node]) -> HashMap<String, Journey> {
    let numbers: HashMap<&str, usize> =
        nodes.iter().enumerate().map(|(number, node)| (node.peer_id.as_str(), number)).collect();
    let mut journeys: HashMap<String, Journey> = HashMap::new();
    for (by, node) in nodes.iter().enumerate() {
        for line in node.log().lines() {
            let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
            let Some(content) = line.content else { continue };
            let at = DateTime::parse_from_rfc3339(&line.timestamp).unwrap().timestamp_micros();
            let journey = journeys.entry(content).or_default();
            match (line.message.as_str(), line.from) {
                ("claim published", None) => {
                    journey.published.get_or_insert((by, at));
                }
                ("claim heard", Some(from)) if journey.heard.iter().all(|h| h.by != by) => {
                    journey.heard.push(Heard { by, from: numbers[from.as_str()], at });
                }
                _ => {}
            }
        }
    }
    for journey in journeys.values_mut() {
        // An author whose claim sync does not show yet may be told it by others.
        let author = journey.published.map(|(by, _)| by);
        journey.heard.retain(|heard| Some(heard.by) != author);
    }
    journeys
}
