//! A red indicator with one recipient: who else could learn of it?

use std::fs;
use std::path::Path;
use std::time::Duration;

use memchr::memmem;
use serde_json::json;

use crate::capture::Capture;
use crate::graph::Graph;
use crate::mesh::{Mesh, Terms, values};
use crate::node::Node;
use crate::prove::{full, report};
use crate::wait::within;

const PATIENCE: Duration = Duration::from_secs(60);
pub const CANARY: &str = "7d1f3c0a5be94862a1c3f27e90d8b64455aa12cd09ef87be3461dc2098fbe7a3";
const SENDER: usize = 0;
const RECIPIENT: usize = 5;

#[test]
fn a_red_canary_is_with_sender_and_recipient_only() {
    let (size, claims) = if full() { (8, 400) } else { (8, 60) };
    let Some(mesh) = Mesh::new(Graph::full(size), Terms::default()) else { return };
    let tap = Capture::start(&mesh.net.switch());
    let mesh = mesh.started();
    let recipient = &mesh.nodes[RECIPIENT].name;
    let canary = json!({ "value": CANARY, "tlp": "red", "to": [recipient] });
    let added = mesh.nodes[SENDER].post(&["indicators"], &canary).unwrap();
    let id = added["indicator"]["id"].as_str().unwrap().to_owned();
    let found = within(PATIENCE, "the recipient has the canary", || {
        mesh.nodes[RECIPIENT].get(&["indicators", CANARY], &[]).ok()
    });
    assert_eq!(found["tlp"], "red");
    // Then there is traffic enough to carry it further, if anything did.
    let (everybody, others) = (mesh.everybody(), values(0, claims));
    mesh.add(&everybody, &others, 40.0);
    for number in everybody {
        let knows = u64::from([SENDER, RECIPIENT].contains(&number)) + claims as u64;
        let node = &mesh.nodes[number];
        within(PATIENCE, "the others' claims are everywhere", || {
            (node.count() >= knows).then_some(())
        });
        assert_eq!(node.count(), knows);
    }
    let marks = Marks::new(&id);
    let mut searched = 0;
    for (number, node) in mesh.nodes.iter().enumerate() {
        let knows = [SENDER, RECIPIENT].contains(&number);
        assert_eq!(node.get(&["indicators", CANARY], &[]).is_ok(), knows, "node {number}");
        assert_eq!(node.get(&["indicators", &id], &[]).is_ok(), knows, "node {number}");
        searched += marks.never_in(&format!("node {number}'s metrics"), node.metrics().as_bytes());
        let told = told(node);
        if knows {
            assert!(told.contains(CANARY));
        } else {
            searched += marks.never_in(&format!("what node {number} says"), told.as_bytes());
        }
    }
    let folders: Vec<_> = mesh.nodes.iter().map(|node| node.folder().to_owned()).collect();
    let packets = tap.end();
    // The tap works: what begins a connection is in clear.
    assert!(memmem::find(&packets, b"/multistream/1.0.0").is_some());
    searched += marks.never_in("a packet", &packets);
    // Logs and stores, those of the two as well: what rests is sealed.
    for folder in &folders {
        searched += marks.never_below(folder);
    }
    mesh.stop_and(|| {
        for folder in &folders {
            searched += marks.never_below(folder);
        }
    });
    report(
        "mesh-canary",
        &[format!(
            "a red canary among {size} nodes with {claims} other claims: known to the sender and \
             the recipient; not in {:.1} MB of stores, logs, metrics, answers and packets",
            searched as f64 / 1e6
        )],
    );
}

/// Everything that a node's operator is told without naming the canary.
fn told(node: &Node) -> String {
    let paths: [&[&str]; 6] = [
        &["status"],
        &["peers"],
        &["peers", "candidates"],
        &["indicators"],
        &["preview"],
        &["egress"],
    ];
    let all = [("limit", "1000")];
    let answers = paths.map(|path| {
        let query = if matches!(path, ["indicators" | "egress"]) { &all[..] } else { &[] };
        node.get(path, query).unwrap().to_string()
    });
    answers.concat()
}

/// What gives the canary away, as text and as bytes.
pub struct Marks(Vec<Vec<u8>>);

impl Marks {
    pub fn new(id: &str) -> Self {
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect()
        };
        let text = |text: &str| text.as_bytes().to_vec();
        let upper = CANARY.to_uppercase();
        Self(vec![text(CANARY), text(&upper), bytes(CANARY), text(id), bytes(id)])
    }

    /// These values are not to be found either.
    pub fn and(&mut self, values: &[String]) {
        self.0.extend(values.iter().map(|value| value.as_bytes().to_vec()));
    }

    /// How many bytes were searched.
    pub fn never_in(&self, place: &str, bytes: &[u8]) -> usize {
        for mark in &self.0 {
            assert!(memmem::find(bytes, mark).is_none(), "the canary is in {place}");
        }
        bytes.len()
    }

    pub fn never_below(&self, folder: &Path) -> usize {
        let mut searched = 0;
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                searched += self.never_below(&path);
            } else if path.is_file() {
                // The store may have removed it meanwhile.
                let bytes = fs::read(&path).unwrap_or_default();
                searched += self.never_in(&path.display().to_string(), &bytes);
            }
        }
        searched
    }
}
