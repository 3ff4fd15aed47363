//! Members that take everything and pass on nothing, and one that stops reading.
//!
//! A stopped process is both: its kernel still acknowledges until its buffers are full.

use std::time::Duration;

use crate::figures::spread;
use crate::graph::Graph;
use crate::mesh::{Mesh, Terms, values};
use crate::prove::{full, report};
use crate::records::journeys;

const PATIENCE: Duration = Duration::from_secs(60);
/// What a member that does not read may cost each of the others, in MiB: 4 for its
/// queue, the rest for what this run brings to every node anyway.
const MORE_MIB: f64 = 24.0;

#[test]
fn silent_members_keep_nothing_from_the_others() {
    let (size, silent, claims) = if full() { (20, 4, 1_000) } else { (8, 2, 160) };
    let silent: Vec<usize> = (0..silent).map(|n| 2 + 4 * n).collect();
    // A seed for which the others still form one graph.
    let holds = |seed: &u64| Graph::random(size, 4, *seed).holds_without(&silent);
    let graph = Graph::random(size, 4, (1..).find(holds).unwrap());
    let Some(mesh) = Mesh::start(graph) else { return };
    silent.iter().for_each(|n| mesh.nodes[*n].freeze());
    let others: Vec<usize> = (0..size).filter(|n| !silent.contains(n)).collect();
    let values = values(0, claims);
    mesh.add(&others, &values, 40.0);
    mesh.all_know(&others, claims, PATIENCE);
    mesh.all_list(&others, &values.into_iter().collect());
    let times = journeys(&mesh.nodes).values().map(|j| j.until_last().unwrap()).collect();
    report(
        "mesh-silent",
        &[format!(
            "{} of {size} members are silent: 100 % of {claims} claims on all others (goal 99.9 %), \
             publish to the last of them: {}",
            silent.len(),
            spread(times)
        )],
    );
    silent.iter().for_each(|n| mesh.nodes[*n].thaw());
    mesh.stop();
}

#[test]
fn one_that_stops_reading_costs_the_others_nothing() {
    let (size, claims) = if full() { (6, 6_000) } else { (6, 2_000) };
    let Some(mesh) = Mesh::new(Graph::full(size), Terms::default()) else { return };
    // So that what is not read soon waits in the senders and not in their kernels.
    mesh.net.narrow_buffers();
    let mesh = mesh.started();
    let others: Vec<usize> = (1..size).collect();
    let before: Vec<f64> = others.iter().map(|n| mesh.nodes[*n].memory().0).collect();
    mesh.nodes[0].freeze();
    let values = values(0, claims);
    mesh.attack(&[1], &values);
    mesh.all_know(&others, claims, PATIENCE);
    let more = others.iter().zip(&before).map(|(n, before)| mesh.nodes[*n].memory().1 - before);
    let more = more.fold(0.0, f64::max);
    let dropped: f64 =
        others.iter().map(|n| mesh.nodes[*n].metric("gossipsub_failed_messages_total")).sum();
    let times = journeys(&mesh.nodes[1..]);
    let times = times.values().map(|j| j.until_last().unwrap()).collect();
    report(
        "mesh-slow-reader",
        &[
            format!(
                "one of {size} members does not read: 100 % of {claims} claims, told at once, on \
                 all others, publish to the last of them: {}",
                spread(times)
            ),
            format!(
                "messages for it that were dropped: {dropped:.0}; memory of the others: at most \
                 {more:.0} MiB more (bound {MORE_MIB} MiB)"
            ),
        ],
    );
    assert!(more <= MORE_MIB, "{more} MiB");
    mesh.nodes[0].thaw();
    mesh.stop();
}
