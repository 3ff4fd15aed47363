//! A node that was away for long catches up, with bounded memory.

use std::time::Duration;

use crate::graph::Graph;
use crate::mesh::{Mesh, Terms, values};
use crate::prove::{full, report};

/// What catching up may take on top, in MiB (threat case 38).
const MORE_MIB: f64 = 64.0;

#[test]
fn who_was_away_catches_up() {
    let claims = if full() { 200_000 } else { 5_000 };
    let patience = Duration::from_secs(if full() { 3600 } else { 120 });
    let Some(mesh) = Mesh::new(Graph::full(3), Terms::default()) else { return };
    let mut mesh = mesh.started();
    let (idle, _) = mesh.nodes[2].memory();
    mesh.nodes[2].stop();
    let values = values(0, claims);
    mesh.attack(&[0, 1], &values, 7);
    let told = mesh.all_know(&[0, 1], claims, patience);
    mesh.nodes[2].spawn(&mesh.net);
    mesh.nodes[2].answers();
    let took = mesh.all_know(&[2], claims, patience);
    let (_, most) = mesh.nodes[2].memory();
    mesh.all_list(&[2], &values.into_iter().collect());
    report(
        "mesh-away",
        &[
            format!("{claims} claims of seven days were on two nodes after {told:.0?}"),
            format!("who was away had them {took:.1?} after its start"),
            format!("its memory: {idle:.0} MiB before, at most {most:.0} MiB (goal: 64 MiB more)"),
        ],
    );
    assert!(most <= idle + MORE_MIB || !full(), "{most} MiB after {idle} MiB");
}
