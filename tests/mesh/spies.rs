//! The first-spy estimate: some members note which neighbour told them of a claim first
//! and guess that it is the author (threat case 28).
//!
//! Every node's own records are those that a spy would have, so one run is judged for
//! many choices of spies.

use std::collections::{BTreeSet, HashMap};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use crate::graph::Graph;
use crate::records::Journey;

/// Choices of spies over which the precision is averaged.
const CHOICES: u64 = 500;

/// A line for each share of spies: how often their guess was right.
pub fn guesses(graph: &Graph, journeys: &HashMap<String, Journey>) -> Vec<String> {
    [10, 20].map(|percent| line(graph, journeys, percent)).to_vec()
}

fn line(graph: &Graph, journeys: &HashMap<String, Journey>, percent: usize) -> String {
    let count = (graph.size * percent).div_ceil(100);
    let (mut right, mut told, mut beside) = (0, 0, 0);
    let mut numbers: Vec<usize> = (0..graph.size).collect();
    for choice in 0..CHOICES {
        numbers.shuffle(&mut StdRng::seed_from_u64(choice));
        let spies: BTreeSet<usize> = numbers[..count].iter().copied().collect();
        for journey in journeys.values() {
            let Some((author, _)) = journey.published.filter(|(by, _)| !spies.contains(by)) else {
                continue;
            };
            let Some(guess) = guess(journey, &spies) else { continue };
            told += 1;
            right += usize::from(guess == author);
            beside += usize::from(graph.neighbours(author).any(|n| spies.contains(&n)));
        }
    }
    let of = |part: usize| part as f64 / told as f64;
    format!(
        "first-spy guess by {count} of {} nodes ({percent} %): precision {:.2}; of claims whose \
         author has a spy for a neighbour: {:.2}; blind guess {:.2} (no hold, no stem; \
         {CHOICES} choices of spies)",
        graph.size,
        of(right),
        right as f64 / beside as f64,
        1.0 / (graph.size - count) as f64
    )
}

/// Who told the first of the spies.
fn guess(journey: &Journey, spies: &BTreeSet<usize>) -> Option<usize> {
    let heard = journey.heard.iter().filter(|heard| spies.contains(&heard.by));
    heard.min_by_key(|heard| heard.at).map(|heard| heard.from)
}

#[test]
fn the_first_spy_names_its_neighbour() {
    use crate::records::Heard;
    let journey = Journey {
        published: Some((0, 0)),
        heard: vec![
            Heard { by: 3, from: 2, at: 30 },
            Heard { by: 1, from: 0, at: 10 },
            Heard { by: 2, from: 1, at: 20 },
        ],
    };
    assert_eq!(guess(&journey, &[2, 3].into()), Some(1));
    assert_eq!(guess(&journey, &[1].into()), Some(0));
    assert_eq!(guess(&journey, &[0].into()), None);
}
