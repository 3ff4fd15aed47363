//! A node that was away for long catches up, with bounded memory.

use std::time::{Duration, Instant};

use crate::graph::Graph;
use crate::mesh::{Mesh, Terms, values};
use crate::prove::{full, report};

/// What catching up may take on top of what a node with these claims takes at rest, in
/// MiB (threat case 38).
const MORE_MIB: f64 = 64.0;

#[test]
fn who_was_away_catches_up() {
    let (size, claims) = if full() { (8, 200_000) } else { (4, 5_000) };
    let patience = Duration::from_secs(if full() { 3600 } else { 120 });
    let terms = Terms { quiet: true, ..Terms::default() };
    let Some(mesh) = Mesh::new(Graph::full(size), terms) else { return };
    let mut mesh = mesh.started();
    let away = size - 1;
    let others: Vec<usize> = (0..away).collect();
    let (empty, _) = mesh.nodes[away].memory();
    mesh.nodes[away].stop();
    let values = values(0, claims);
    mesh.attack(&others, &values, 7);
    let told = mesh.all_know(&others, claims, patience);
    let start = Instant::now();
    mesh.nodes[away].spawn();
    mesh.nodes[away].answers();
    mesh.all_know(&[away], claims, patience);
    let took = start.elapsed();
    let (_, most) = mesh.nodes[away].memory();
    mesh.all_list(&[away], &values.into_iter().collect());
    mesh.nodes[away].stop();
    mesh.nodes[away].spawn();
    mesh.nodes[away].answers();
    let (at_rest, _) = mesh.nodes[away].memory();
    report(
        "mesh-away",
        &[
            format!("{claims} claims of seven days were on {away} nodes after {told:.0?}"),
            format!("who was away had them {took:.1?} after its start"),
            format!(
                "its memory: {empty:.0} MiB without claims, {at_rest:.0} MiB with them after another \
                 start, at most {most:.0} MiB while it caught up (goal: 64 MiB more)"
            ),
        ],
    );
    assert!(most <= at_rest + MORE_MIB, "{most} MiB after {at_rest} MiB");
}
