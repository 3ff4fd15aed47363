//! Whoever is in the middle changes what passes: a relay's operator could (case 18).

use std::time::Duration;

use crate::graph::Graph;
use crate::mesh::{Mesh, Terms, values};
use crate::prove::{full, report};
use crate::wait::within;

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_changed_bit_ends_the_connection_and_changes_no_claim() {
    let (changes, each) = if full() { (20, 50) } else { (1, 5) };
    for _ in 0..changes {
        // Each with a mesh of its own: afterwards the two know a way around.
        let terms = Terms { delay: Some(Duration::ZERO), ..Terms::default() };
        let Some(mesh) = Mesh::new(Graph::line(2), terms) else { return };
        let mesh = mesh.started();
        let values = values(0, each);
        mesh.hops.iter().for_each(|hop| hop.flip());
        mesh.add(&[0, 1], &values, 100.0);
        let flipped = || mesh.hops.iter().any(|hop| !hop.flips());
        within(PATIENCE, "a bit is changed", || flipped().then_some(()));
        let gone = || mesh.nodes.iter().any(|node| node.log().contains("\"disconnected\""));
        within(PATIENCE, "the connection ends", || gone().then_some(()));
        mesh.all_know(&[0, 1], each, PATIENCE);
        mesh.all_list(&[0, 1], &values.into_iter().collect());
        mesh.stop();
    }
    report(
        "mesh-altered",
        &[format!(
            "{changes} times a bit was changed on the way between two nodes: each time the \
             connection ended, and all {each} claims arrived as they were",
        )],
    );
}
