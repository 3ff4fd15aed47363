//! What a view cannot see moves nothing in it.

use proptest::prelude::*;

use super::{Bench, NOW, claim, heard, ip, saw, sighting, word};
use crate::model::{DAY, HOUR, Origin, Scope, Sighting, Source, Timestamp, Tlp, Value};
use crate::privacy::tlp::View;
use crate::store::{Change, Filter};

/// The list of a view, with its stamps.
fn list(bench: &Bench, view: View) -> Vec<(Value, u64)> {
    let page = bench.store().indicators(&Filter { limit: 99, view, ..Filter::default() });
    assert_eq!(page.next, None);
    page.rows.into_iter().map(|row| (row.value, row.added)).collect()
}

fn values(bench: &Bench, view: View) -> Vec<Value> {
    list(bench, view).into_iter().map(|(value, _)| value).collect()
}

/// Something that happens to one of three indicators.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// A reporter's claim; each reporter has one marking.
    Heard {
        n: u32,
        reporter: u8,
        revision: u64,
    },
    /// A source sees it; each source has one marking.
    Saw {
        n: u32,
        source: usize,
    },
    Vote {
        n: u32,
    },
    /// Days pass.
    Purge {
        days: u64,
    },
}

const SOURCES: [(Source, Tlp); 4] = [
    (Source::Ufw, Tlp::White),
    (Source::Sshd, Tlp::Green),
    (Source::Zeek, Tlp::Amber),
    (Source::Clamav, Tlp::Red),
];

fn op() -> impl Strategy<Value = Op> {
    let n = 0..3_u32;
    prop_oneof![
        4 => (n.clone(), 0..5_u8, 1..9_u64)
            .prop_map(|(n, reporter, revision)| Op::Heard { n, reporter, revision }),
        3 => (n.clone(), 0..4_usize).prop_map(|(n, source)| Op::Saw { n, source }),
        1 => n.prop_map(|n| Op::Vote { n }),
        3 => (0..12_u64).prop_map(|days| Op::Purge { days }),
    ]
}

/// The change, and the marking that it is about.
fn change(op: Op, now: Timestamp) -> (Change, Tlp) {
    match op {
        Op::Heard { n, reporter, revision } => {
            let tlp = Tlp::ALL[usize::from(reporter)];
            let mut claim = claim(&ip(n), tlp, NOW, revision);
            claim.modified = Some(now.floor(HOUR));
            claim.until = crate::ageing::end_of(claim.value.kind(), now);
            (heard(&claim, reporter + 1, reporter + 1), tlp)
        }
        Op::Saw { n, source } => {
            let (source, tlp) = SOURCES[source];
            let scope = Scope::new(tlp, []);
            let seen = sighting(ip(n), now);
            (Change::Sighting(Sighting { origin: Origin::Log(source), scope, ..seen }), tlp)
        }
        Op::Vote { n } => {
            (Change::Vote { indicator: ip(n).id(), false_positive: true, at: now }, Tlp::White)
        }
        Op::Purge { .. } => (Change::Purge { now, egress_days: 400 }, Tlp::White),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_view_is_that_of_a_node_without_what_is_hidden(
        ops in prop::collection::vec(op(), 1..40),
        view in prop_oneof![Just(View::Public), Just(View::Green), Just(View::Amber)],
    ) {
        let (whole, part) = (Bench::new(), Bench::new());
        let mut now = NOW;
        for op in ops {
            if let Op::Purge { days } = op {
                now = now.plus(days * DAY);
                for bench in [&whole, &part] {
                    bench.set_clock(now);
                    bench.write(vec![Change::Clock { now }]);
                }
            }
            let (change, tlp) = change(op, now);
            let moved = |bench: &Bench, write: bool| {
                let before = list(bench, view);
                if write {
                    bench.write(vec![change.clone()]);
                }
                let after = list(bench, view);
                let moved = after.iter().filter(|row| !before.contains(row));
                let moved: Vec<Value> = moved.map(|(value, _)| value.clone()).collect();
                (after.into_iter().map(|(value, _)| value).collect::<Vec<_>>(), moved)
            };
            let got = moved(&whole, true);
            let expected = moved(&part, view.sees(tlp));
            prop_assert_eq!(got, expected, "{:?}", op);
        }
    }
}

#[test]
fn narrowing_takes_it_out_of_the_wider_views_and_widening_puts_it_there() {
    let mut bench = Bench::new();
    bench.write(vec![saw(ip(1), NOW), saw(ip(2), NOW)]);
    let green = [ip(2), ip(1)];
    assert_eq!(values(&bench, View::Green), green);
    assert!(values(&bench, View::Public).is_empty());
    bench.write(vec![word(&ip(2), Scope::private(), &[])]);
    assert_eq!(values(&bench, View::Green), [ip(1)]);
    assert_eq!(values(&bench, View::Red), green, "the operator sees everything");
    bench.reopen();
    assert_eq!(values(&bench, View::Green), [ip(1)]);
    bench.write(vec![word(&ip(2), Scope::new(Tlp::White, []), &[])]);
    assert_eq!(values(&bench, View::Public), [ip(2)]);
    // A stricter sighting of the same source hides what was seen less strictly.
    let red = Sighting { scope: Scope::private(), ..sighting(ip(1), NOW) };
    bench.write(vec![Change::Sighting(red)]);
    assert_eq!(values(&bench, View::Amber), [ip(2)]);
}

#[test]
fn a_page_does_not_end_where_only_hidden_things_follow() {
    let bench = Bench::new();
    let red = |n| Change::Sighting(Sighting { scope: Scope::private(), ..sighting(ip(n), NOW) });
    for change in [red(1), saw(ip(2), NOW), red(3), saw(ip(4), NOW), red(5)] {
        bench.write(vec![change]);
    }
    let filter = Filter { limit: 2, view: View::Green, ..Filter::default() };
    let page = bench.store().indicators(&filter);
    assert_eq!(page.rows.iter().map(|row| row.value.clone()).collect::<Vec<_>>(), [ip(4), ip(2)]);
    assert_eq!(page.next, None);
    let page = bench.store().indicators(&Filter { limit: 1, ..filter });
    assert_eq!(page.next, Some(page.rows[0].added), "the stamp of what was seen last");
}
