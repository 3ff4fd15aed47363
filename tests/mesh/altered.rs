//! Whoever is in the middle changes what passes: a relay's operator could (case 18).

use std::time::Duration;

use crate::graph::Graph;
use crate::mesh::{Mesh, Terms, values};
use crate::prove::{full, report};
use crate::wait::within;

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_changed_bit_ends_the_connection_and_changes_no_claim() {
    let (changes, each) = if full() { (20, 50) } else { (2, 5) };
    let terms = Terms { delay: Some(Duration::ZERO), ..Terms::default() };
    let Some(mesh) = Mesh::new(Graph::line(2), terms) else { return };
    let mesh = mesh.started();
    let gone = || {
        let lost = mesh.nodes.iter().map(|node| node.log().matches("\"disconnected\"").count());
        lost.sum::<usize>()
    };
    let values = values(0, changes * each);
    for (change, values) in values.chunks(each).enumerate() {
        mesh.hops.iter().for_each(|hop| hop.flip());
        mesh.add(&[0, 1], values, 100.0);
        let flipped = || mesh.hops.iter().any(|hop| !hop.flips());
        within(PATIENCE, "a bit is changed", || flipped().then_some(()));
        mesh.all_know(&[0, 1], (change + 1) * each, PATIENCE);
    }
    mesh.all_list(&[0, 1], &values.into_iter().collect());
    // The two may have had a second connection, which then carried the rest.
    within(PATIENCE, "a connection ended", || (gone() > 0).then_some(()));
    report(
        "mesh-altered",
        &[format!(
            "{changes} times a bit was changed on the way between two nodes: {} times a \
             node lost the other for it, and all {} claims arrived as they were",
            gone(),
            changes * each
        )],
    );
}
