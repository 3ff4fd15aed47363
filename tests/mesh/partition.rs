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
    mesh.attack(left, &values[..claims], 1);
    mesh.attack(right, &values[claims..], 1);
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
    let moved = |mesh: &Mesh| {
        let sync = mesh.nodes.iter().map(|node| node.metric("dtim_sync_bytes_total")).sum::<f64>();
        // Every message is counted by who sends it and by who receives it.
        [mesh.net.sent().iter().sum::<u64>() as f64, sync / 2.0]
    };
    let before = moved(&mesh);
    mesh.net.heal();
    let took = mesh.all_know(&everybody, 2 * claims, 2 * PATIENCE);
    let after = moved(&mesh);
    let [cables, sync] = [after[0] - before[0], after[1] - before[1]];
    mesh.all_list(&everybody, &values.into_iter().collect());
    let missing = claim_bytes(&mesh) * (claims * size) as f64;
    report(
        "mesh-partition",
        &[
            format!(
                "{claims} claims on each side of {size} nodes: equal sets after {took:.1?} (goal 60 s)"
            ),
            format!(
                "missing bytes: {:.0} kB; sync moved {:.2} times as many (goal 2), all cables with \
                 all headers {:.2} times",
                missing / 1e3,
                sync / missing,
                cables / missing
            ),
        ],
    );
    assert!(took <= GOAL, "{took:?}");
    assert!(sync <= 2.0 * missing || !full(), "{sync} bytes for {missing} missing ones");
}
