//! Who approved whom.

use std::collections::BTreeSet;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

/// An undirected graph over `0..size`, each edge with its smaller end first.
#[derive(Clone, Debug)]
pub struct Graph {
    pub name: &'static str,
    pub size: usize,
    pub edges: BTreeSet<(usize, usize)>,
}

impl Graph {
    /// Each knows the one before and the one after.
    pub fn line(size: usize) -> Self {
        Self { name: "line", size, edges: (1..size).map(|n| (n - 1, n)).collect() }
    }

    /// A line whose ends know each other.
    pub fn ring(size: usize) -> Self {
        let mut edges = Self::line(size).edges;
        edges.insert((0, size - 1));
        Self { name: "ring", size, edges }
    }

    /// Everybody knows everybody.
    pub fn full(size: usize) -> Self {
        let edges = (0..size).flat_map(|a| (a + 1..size).map(move |b| (a, b)));
        Self { name: "full", size, edges: edges.collect() }
    }

    /// Connected, with `degree` neighbours on average, and the same for the same seed.
    pub fn random(size: usize, degree: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut order: Vec<usize> = (0..size).collect();
        order.shuffle(&mut rng);
        let tied = order.windows(2).map(|pair| (pair[0].min(pair[1]), pair[0].max(pair[1])));
        let mut edges: BTreeSet<(usize, usize)> = tied.collect();
        let mut others: Vec<(usize, usize)> =
            Self::full(size).edges.difference(&edges).copied().collect();
        others.shuffle(&mut rng);
        let wanted = (size * degree / 2).saturating_sub(edges.len());
        edges.extend(others.into_iter().take(wanted));
        Self { name: "random", size, edges }
    }

    /// Two random halves with as many ways between them as one half has nodes.
    pub fn halves(size: usize, degree: usize, seed: u64) -> Self {
        let half = size / 2;
        let one = Self::random(half, degree, seed).edges;
        let other = Self::random(size - half, degree, seed + 1).edges;
        let mut edges: BTreeSet<(usize, usize)> =
            other.into_iter().map(|(a, b)| (a + half, b + half)).chain(one).collect();
        edges.extend((0..half).map(|n| (n, n + half)));
        Self { name: "halves", size, edges }
    }

    /// The neighbours of one.
    pub fn neighbours(&self, of: usize) -> impl Iterator<Item = usize> {
        let other = move |&(a, b): &(usize, usize)| match of {
            _ if a == of => Some(b),
            _ if b == of => Some(a),
            _ => None,
        };
        self.edges.iter().filter_map(other)
    }

    /// Whether whom `without` leaves can all reach one another.
    pub fn holds_without(&self, without: &[usize]) -> bool {
        let left: BTreeSet<usize> = (0..self.size).filter(|n| !without.contains(n)).collect();
        let mut reached: BTreeSet<usize> = left.first().copied().into_iter().collect();
        loop {
            let next: BTreeSet<usize> = reached
                .iter()
                .flat_map(|n| self.neighbours(*n))
                .filter(|n| left.contains(n))
                .collect();
            let before = reached.len();
            reached.extend(next);
            if reached.len() == before {
                return reached == left;
            }
        }
    }
}

#[test]
fn graphs_are_what_they_are_called() {
    assert_eq!(Graph::line(4).edges, [(0, 1), (1, 2), (2, 3)].into());
    assert_eq!(Graph::ring(4).neighbours(0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(Graph::full(5).edges.len(), 10);
    assert!(!Graph::line(4).holds_without(&[1]));
    assert!(Graph::ring(4).holds_without(&[1]));
    let halves = Graph::halves(6, 2, 1);
    assert!(halves.holds_without(&[0, 1, 2]) && halves.holds_without(&[3, 4, 5]));
    for seed in 0..20 {
        let graph = Graph::random(20, 4, seed);
        assert_eq!(graph.edges.len(), 40);
        assert!(graph.holds_without(&[]));
        assert_eq!(graph.edges, Graph::random(20, 4, seed).edges);
    }
}
