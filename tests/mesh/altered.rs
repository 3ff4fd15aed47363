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
        let before = gone();
        mesh.hops.iter().for_each(|hop| hop.flip());
        mesh.add(&[0, 1], values, 100.0);
        within(PATIENCE, "the connection ends", || (gone() > before).then_some(()));
        mesh.all_know(&[0, 1], (change + 1) * each, PATIENCE);
    }
    mesh.all_list(&[0, 1], &values.into_iter().collect());
    let flipped = mesh.hops.iter().filter(|hop| !hop.flips()).count();
    assert!(flipped > 0, "nothing was changed");
    report(
        "mesh-altered",
        &[format!(
            "{changes} times a bit was changed on the way between two nodes: each time the \
             connection ended, and all {} claims arrived as they were",
            changes * each
        )],
    );
}
