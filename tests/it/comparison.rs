//! What a comparison costs beside the claims that it is about.
//!
//! Deterministic in bytes and questions; the times are of one thread of this
//! machine. `make prove` takes the sizes of the issue.

use std::time::{Duration, Instant};

use dtim::model::{ContentId, Day};
use dtim::reconcile::{Set, answer, conclude, open};

use super::processes::prove::{full, report};

const DAYS: u32 = 30;
const FIRST: u32 = 20_000;
/// A signed claim of level moderate on an IPv4 address, as in `proto/vectors/claims.json`.
const CLAIM_BYTES: usize = 155;

/// The `n`th claim: it ends on some day within a lifetime.
fn claim(n: u32, day: u32) -> (Day, ContentId) {
    (Day(FIRST + day % DAYS), ContentId::of(&n.to_be_bytes()))
}

#[derive(Clone, Copy, Debug)]
enum Pattern {
    /// Anywhere in the set.
    Random,
    /// Of the last day: what a node that was away lacks.
    Recent,
    /// A later revision took the place of an earlier one, anywhere.
    Updated,
}

/// Two sides of `size` claims that differ in `count`.
fn sides(size: u32, count: u32, pattern: Pattern) -> (Set, Set) {
    let (mut asker, mut answerer) = (Set::default(), Set::default());
    let step = size.checked_div(count).unwrap_or(u32::MAX).max(1);
    for n in 0..size {
        let (day, id) = match pattern {
            // The last ones end last.
            Pattern::Recent => claim(n, n / size.div_ceil(DAYS)),
            Pattern::Random | Pattern::Updated => claim(n, n.wrapping_mul(2_654_435_761) >> 8),
        };
        let differs = match pattern {
            Pattern::Recent => n >= size - count,
            Pattern::Random | Pattern::Updated => n % step == 0 && n / step < count,
        };
        answerer.insert(day, id);
        match (differs, pattern) {
            (false, _) => {
                asker.insert(day, id);
            }
            (true, Pattern::Updated) => {
                let (older, id) = claim(u32::MAX - n, day.0);
                asker.insert(older, id);
            }
            (true, Pattern::Random | Pattern::Recent) => {}
        }
    }
    (asker, answerer)
}

#[derive(Default)]
struct Cost {
    found: usize,
    questions: usize,
    bytes: usize,
    asking: Duration,
    answering: Duration,
}

fn compare(asker: &Set, answerer: &Set) -> Cost {
    let from = Day(FIRST);
    let mut cost = Cost::default();
    let mut question = Some(open(asker, from).unwrap());
    while let Some(asked) = question {
        let start = Instant::now();
        let said = answer(answerer, from, &asked).unwrap();
        cost.answering += start.elapsed();
        cost.questions += 1;
        cost.bytes += asked.len() + said.len();
        let start = Instant::now();
        let told = conclude(asker, from, &said).unwrap();
        cost.asking += start.elapsed();
        cost.found += told.missing.len();
        question = told.next;
    }
    cost
}

#[test]
fn a_comparison_costs_little_beside_the_claims_it_finds() {
    let sizes: &[u32] = if full() { &[100_000, 1_000_000] } else { &[10_000] };
    let mut lines = Vec::new();
    for size in sizes {
        for count in [0, 1, 100, 10_000] {
            for pattern in [Pattern::Random, Pattern::Recent, Pattern::Updated] {
                let count = count.min(size / 2);
                let (asker, answerer) = sides(*size, count, pattern);
                let cost = compare(&asker, &answerer);
                assert_eq!(cost.found, count as usize, "{size} {count} {pattern:?}");
                if count == 0 {
                    assert!(
                        cost.questions == 1 && cost.bytes < 1024,
                        "equal sets are one exchange"
                    );
                }
                lines.push(format!(
                    "{size} claims, {count} {pattern:?}: {} questions, {} bytes ({} a difference), \
                     asker {:?}, answerer {:?}; the claims {} bytes, all of them {} bytes",
                    cost.questions,
                    cost.bytes,
                    cost.bytes.checked_div(count as usize).unwrap_or(cost.bytes),
                    cost.asking,
                    cost.answering,
                    count as usize * CLAIM_BYTES,
                    *size as usize * CLAIM_BYTES,
                ));
                if count == 0 {
                    break;
                }
            }
        }
    }
    report("comparison", &lines);
}
