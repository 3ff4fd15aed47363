//! A node that was away for long catches up, with bounded memory.

use std::time::{Duration, Instant};

use crate::graph::Graph;
use crate::mesh::{Mesh, Terms, values};
use crate::prove::{full, report};

/// What catching up may take on top, in MiB (threat case 38).
const MORE_MIB: f64 = 64.0;

#[test]
fn who_was_away_catches_up() {
    let (size, claims) = if full() { (8, 200_000) } else { (4, 5_000) };
    let patience = Duration::from_secs(if full() { 3600 } else { 120 });
    let Some(mesh) = Mesh::new(Graph::full(size), Terms::default()) else { return };
    let mut mesh = mesh.started();
    let away = size - 1;
    let others: Vec<usize> = (0..away).collect();
    let (idle, _) = mesh.nodes[away].memory();
    mesh.nodes[away].stop();
    let values = values(0, claims);
    mesh.attack(&others, &values, 7);
    let told = mesh.all_know(&others, claims, patience);
    let start = Instant::now();
    mesh.nodes[away].spawn(&mesh.net);
    mesh.nodes[away].answers();
    mesh.all_know(&[away], claims, patience);
    let took = start.elapsed();
    let (_, most) = mesh.nodes[away].memory();
    mesh.all_list(&[away], &values.into_iter().collect());
    report(
        "mesh-away",
        &[
            format!("{claims} claims of seven days were on {away} nodes after {told:.0?}"),
            format!("who was away had them {took:.1?} after its start"),
            format!("its memory: {idle:.0} MiB before, at most {most:.0} MiB (goal: 64 MiB more)"),
        ],
    );
    assert!(most <= idle + MORE_MIB || !full(), "{most} MiB after {idle} MiB");
}
