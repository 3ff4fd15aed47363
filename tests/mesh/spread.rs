//! Every claim reaches every member, over lines, rings and random graphs.

use std::time::Duration;

use crate::figures::{Cost, spread};
use crate::graph::Graph;
use crate::mesh::{Mesh, values};
use crate::prove::{full, report};
use crate::records::{journeys, until_last};
use crate::spies::guesses;

/// Claims a second over all nodes: what two cores that play twenty machines can carry
/// without the figures being theirs.
const RATE: f64 = 40.0;

#[test]
fn every_claim_reaches_everybody() {
    let (size, claims) = if full() { (20, 2_000) } else { (6, 200) };
    let mut lines = Vec::new();
    for graph in [Graph::line(size), Graph::ring(size), Graph::random(size, 4, 1)] {
        match run(graph, claims) {
            Some(said) => lines.extend(said),
            None => return,
        }
    }
    report("mesh-spread", &lines);
}

fn run(graph: Graph, claims: usize) -> Option<Vec<String>> {
    let mesh = Mesh::start(graph)?;
    let (everybody, values) = (mesh.everybody(), values(0, claims));
    let before = Cost::of(&mesh);
    mesh.add(&everybody, &values, RATE);
    mesh.all_know(&everybody, claims, Duration::from_secs(60));
    let cost = Cost::of(&mesh).since(&before, claims);
    mesh.all_list(&everybody, &values.into_iter().collect());
    let journeys = journeys(&mesh.nodes);
    assert_eq!(journeys.len(), claims);
    let times = until_last(&journeys, mesh.graph.size - 1);
    let spies =
        if mesh.graph.name == "random" { guesses(&mesh.graph, &journeys) } else { Vec::new() };
    let (name, size, edges) = (mesh.graph.name, mesh.graph.size, mesh.graph.edges.len());
    let head = format!(
        "{name} of {size} nodes, {edges} edges: 100 % of {claims} claims on every member, \
         {RATE:.0} a second; publish to the last member: {}",
        spread(times)
    );
    mesh.stop();
    let more = cost.into_iter().chain(spies).map(|line| format!("{name}: {line}"));
    Some([head].into_iter().chain(more).collect())
}
