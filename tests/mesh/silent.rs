//! Members that take everything and pass on nothing, and one that stops reading.
//!
//! A stopped process is both: its kernel still acknowledges until its buffers are full.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::figures::spread;
use crate::graph::Graph;
use crate::mesh::{Mesh, Terms, values};
use crate::prove::{full, report};
use crate::records::{journeys, until_last};
use crate::wait::within;

const PATIENCE: Duration = Duration::from_secs(60);
/// Until when the places of the silent are given to others (threat case 23).
const REPLACED: Duration = Duration::from_secs(120);
/// What a member that does not read may cost a neighbour, in MiB: its queue is bounded by
/// 4, the rest is what two nodes differ in anyway.
const MORE_MIB: f64 = 16.0;
/// What gossip dropped comes back by sync, for which nobody here waits a minute.
const OFTEN: Terms = Terms { delay: None, network: "gossip_interval_seconds = 5", quiet: false };

#[test]
fn silent_members_keep_nothing_from_the_others() {
    let (size, silent, claims) = if full() { (20, 4, 1_000) } else { (8, 2, 160) };
    let silent: Vec<usize> = (0..silent).map(|n| 2 + 4 * n).collect();
    // A seed for which the others still form one graph.
    let holds = |seed: &u64| Graph::random(size, 4, *seed).holds_without(&silent);
    let graph = Graph::random(size, 4, (1..).find(holds).unwrap());
    let Some(mesh) = Mesh::new(graph, OFTEN) else { return };
    let mesh = mesh.started();
    silent.iter().for_each(|n| mesh.nodes[*n].freeze());
    let others: Vec<usize> = (0..size).filter(|n| !silent.contains(n)).collect();
    let values = values(0, claims);
    mesh.add(&others, &values, 40.0);
    mesh.all_know(&others, claims, PATIENCE);
    mesh.all_list(&others, &values.into_iter().collect());
    let times = until_last(&journeys(&mesh.nodes), others.len() - 1);
    // Threat case 23: in the end nobody keeps a place for them.
    let placed = |n: &usize| mesh.nodes[*n].connected().into_iter().filter(|(_, placed)| *placed);
    let asleep = Instant::now();
    if full() {
        within(REPLACED, "no place in the mesh is left to the silent", || {
            let names: BTreeSet<_> = others.iter().flat_map(placed).map(|(name, _)| name).collect();
            silent.iter().all(|n| !names.contains(&mesh.nodes[*n].name)).then_some(())
        });
    }
    let replaced = asleep.elapsed();
    silent.iter().for_each(|n| mesh.nodes[*n].thaw());
    let back = mesh.all_know(&silent, claims, PATIENCE);
    report(
        "mesh-silent",
        &[format!(
            "{} of {size} members are silent: 100 % of {claims} claims on all others (goal 99.9 %), \
             publish to the last of them: {}; {replaced:.0?} later no place in the mesh was theirs \
             (looked for in full only; goal 120 s); the silent had them {back:.1?} after they woke up",
            silent.len(),
            spread(times)
        )],
    );
    mesh.stop();
}

#[test]
fn one_that_stops_reading_costs_the_others_nothing() {
    let (size, claims) = (6, if full() { 10_000 } else { 4_000 });
    // Two members are its neighbours, two others are not, and one tells the claims.
    let (beside, apart, author) = ([1, 2], [3, 4], 5);
    let mut graph = Graph::full(size);
    graph.edges.retain(|(one, other)| *one != 0 || beside.contains(other));
    let Some(mesh) = Mesh::new(graph, OFTEN) else { return };
    // So that what is not read soon waits in the senders and not in their kernels.
    mesh.net.narrow_buffers();
    let mesh = mesh.started();
    let others: Vec<usize> = (1..size).collect();
    let before: Vec<f64> = mesh.nodes.iter().map(|node| node.memory().0).collect();
    mesh.nodes[0].freeze();
    let values = values(0, claims);
    mesh.attack(&[author], &values, 1);
    mesh.all_know(&others, claims, PATIENCE);
    let more = |numbers: &[usize]| {
        let more = numbers.iter().map(|n| mesh.nodes[*n].memory().1 - before[*n]);
        more.fold(0.0, f64::max)
    };
    let (beside_more, apart_more) = (more(&beside), more(&apart));
    let dropped = |n: &usize| mesh.nodes[*n].metric("gossipsub_failed_messages_sum");
    let within_reach = || beside.iter().map(dropped).sum::<f64>();
    // Gossip counts what it dropped at its next heartbeat.
    let dropped = within(PATIENCE, "messages for it were dropped", || {
        let dropped = within_reach();
        (dropped > 0.0).then_some(dropped)
    });
    let slow = |n: &usize| mesh.nodes[*n].metric("dtim_members_slow_total") > 0.0;
    within(PATIENCE, "its neighbours count it as slow", || beside.iter().all(slow).then_some(()));
    let times = until_last(&journeys(&mesh.nodes), others.len() - 1);
    mesh.nodes[0].thaw();
    let back = mesh.all_know(&[0], claims, PATIENCE);
    report(
        "mesh-slow-reader",
        &[
            format!(
                "one of {size} members does not read: 100 % of {claims} claims, told at once, on \
                 all others, publish to the last of them: {}",
                spread(times)
            ),
            format!(
                "its neighbours dropped {dropped:.0} messages for it and grew by at most \
                 {beside_more:.0} MiB, others by {apart_more:.0} MiB (bound: {MORE_MIB} MiB more)"
            ),
            format!("it had everything {back:.1?} after it read again"),
        ],
    );
    assert!(beside_more <= apart_more + MORE_MIB, "{beside_more} and {apart_more} MiB");
    mesh.stop();
}
