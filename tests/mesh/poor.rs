//! A poor network: packets are lost, there is little room, and everything takes its time.

use std::time::Duration;

use crate::figures::{percentile, spread};
use crate::graph::Graph;
use crate::mesh::{Mesh, Terms, values};
use crate::prove::{full, report};
use crate::records::{journeys, until_last};

const GOAL_MS: f64 = 10_000.0;
const DELAY: Duration = Duration::from_millis(250);

#[test]
fn nothing_is_lost_over_lossy_and_narrow_links() {
    let size = if full() { 20 } else { 6 };
    let networks = [
        (Graph::random(size, 4, 2), None),
        (Graph::line(size.min(10)), None),
        (Graph::random(size, 4, 2), Some(DELAY)),
    ];
    let mut lines = Vec::new();
    for (graph, delay) in networks {
        match run(graph, delay) {
            Some(line) => lines.push(line),
            None => return,
        }
    }
    report("mesh-poor", &lines);
}

fn run(graph: Graph, delay: Option<Duration>) -> Option<String> {
    let (claims, rate) = if full() { (500, 5.0) } else { (80, 20.0) };
    let mut mesh = Mesh::new(graph, Terms { delay, ..Terms::default() })?.started();
    mesh.net.slow("1mbit");
    mesh.net.lose(20);
    let (everybody, values) = (mesh.everybody(), values(0, claims));
    mesh.add(&everybody, &values, rate);
    mesh.all_know(&everybody, claims, Duration::from_secs(120));
    mesh.all_list(&everybody, &values.into_iter().collect());
    let mut times = until_last(&journeys(&mesh.nodes), mesh.graph.size - 1);
    times.sort_by(f64::total_cmp);
    let p99 = percentile(&times, 99);
    let (name, size, lost) = (mesh.graph.name, mesh.graph.size, mesh.net.losses());
    assert!(lost > 0, "the network lost nothing");
    assert!(p99 < GOAL_MS, "{name}: p99 {p99:.0} ms");
    let delay = delay.unwrap_or_default().as_millis();
    Some(format!(
        "20 % loss ({lost} packets), 1 Mbit/s, {delay} ms delay, {name} of {size} nodes: 100 % of \
         {claims} claims on every member, {rate:.0} a second; publish to the last member: {} \
         (goal p99 10 s)",
        spread(times)
    ))
}
