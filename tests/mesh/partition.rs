//! The mesh falls in two, both halves go on, and it heals.

use std::time::Duration;

use crate::figures::claim_bytes;
use crate::graph::Graph;
use crate::mesh::{Mesh, Terms, values};
use crate::prove::{full, report};
use crate::wait::within;

const GOAL: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn two_halves_are_one_again() {
    let (size, claims) = if full() { (20, 5_000) } else { (6, 100) };
    let Some(mesh) = Mesh::new(Graph::halves(size, 3, 3), Terms::default()) else { return };
    let mut mesh = mesh.started();
    let everybody = mesh.everybody();
    let (left, right) = everybody.split_at(size / 2);
    // Where there is time the network is silent, as a broken one is; else it refuses.
    mesh.net.cut(left, !full());
    let values = values(0, 2 * claims);
    mesh.attack(left, &values[..claims]);
    mesh.attack(right, &values[claims..]);
    mesh.all_know(left, claims, 2 * PATIENCE);
    mesh.all_know(right, claims, 2 * PATIENCE);
    within(PATIENCE, "both halves know that the other is gone", || {
        let alone = |number: &usize| {
            let side = if left.contains(number) { left } else { right };
            let same =
                |(name, _): &(String, bool)| side.iter().any(|n| mesh.nodes[*n].name == *name);
            mesh.nodes[*number].connected().iter().all(same)
        };
        everybody.iter().all(alone).then_some(())
    });
    mesh.all_know(&everybody, claims, Duration::ZERO);
    let sum = |mesh: &Mesh| mesh.net.sent().iter().sum::<u64>();
    let before = sum(&mesh);
    mesh.net.heal();
    let took = mesh.all_know(&everybody, 2 * claims, 2 * PATIENCE);
    let moved = (sum(&mesh) - before) as f64;
    mesh.all_list(&everybody, &values.into_iter().collect());
    let missing = claim_bytes(&mesh) * (claims * size) as f64;
    report(
        "mesh-partition",
        &[
            format!(
                "{claims} claims on each side of {size} nodes: equal sets after {took:.1?} (goal 60 s)"
            ),
            format!(
                "bytes over all cables, headers and all: {:.0} kB, {:.2} times the missing bytes (goal 2)",
                moved / 1e3,
                moved / missing
            ),
        ],
    );
    assert!(took <= GOAL, "{took:?}");
    assert!(moved <= 2.0 * missing || !full(), "{moved} bytes for {missing} missing ones");
}
