//! A poor network: packets are lost and there is little room.

use std::time::Duration;

use crate::figures::{percentile, spread};
use crate::graph::Graph;
use crate::mesh::{Mesh, values};
use crate::prove::{full, report};
use crate::records::journeys;

const GOAL: f64 = 10_000.0;

#[test]
fn nothing_is_lost_over_lossy_and_narrow_links() {
    let (size, claims, rate) = if full() { (20, 500, 5.0) } else { (6, 100, 10.0) };
    let Some(mut mesh) = Mesh::start(Graph::random(size, 4, 2)) else { return };
    mesh.net.slow("1mbit");
    mesh.net.lose(20);
    let (everybody, values) = (mesh.everybody(), values(0, claims));
    mesh.add(&everybody, &values, rate);
    mesh.all_know(&everybody, claims, Duration::from_secs(120));
    mesh.all_list(&everybody, &values.into_iter().collect());
    let journeys = journeys(&mesh.nodes);
    let mut times: Vec<f64> = journeys.values().map(|j| j.until_last().unwrap()).collect();
    times.sort_by(f64::total_cmp);
    let p99 = percentile(&times, 99);
    report(
        "mesh-poor",
        &[format!(
            "20 % loss and 1 Mbit/s, {size} nodes: 100 % of {claims} claims on every member, \
             publish to the last member: {} (goal p99 10 s)",
            spread(times)
        )],
    );
    assert!(p99 < GOAL, "p99 {p99:.0} ms");
}
