//! What each view shows, and that it shows nothing of what it hides.

use proptest::prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest};
use proptest::prop_assert_eq;
use uuid::Uuid;

use super::{Bench, NOW, claim, heard, ip, saw, sighting, word};
use crate::model::{Audience, Claim, DAY, Evidence, HOUR, Origin, Scope, Timestamp, Tlp};
use crate::privacy::tlp::View;
use crate::store::family::Family;
use crate::store::{Change, Place, Viewed};

fn all(bench: &Bench, view: View) -> Vec<Viewed> {
    let places = bench.store().places(view, 0, None, 1000).unwrap();
    places.iter().filter_map(|place| bench.store().viewed(view, *place).unwrap()).collect()
}

fn only(bench: &Bench, view: View) -> Viewed {
    let mut all = all(bench, view);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn saw_as(n: u32, tlp: Tlp) -> Change {
    let mut seen = sighting(ip(n), NOW);
    seen.scope = Scope::new(tlp, []);
    Change::Sighting(seen)
}

/// A claim that says nothing but that it is taken back.
fn taken_back(n: u32, tlp: Tlp, at: Timestamp, revision: u64) -> Claim {
    let claim = claim(&ip(n), tlp, at, revision);
    Claim { confidence: None, created: None, modified: None, retracted: true, ..claim }
}

#[test]
fn each_view_shows_what_its_markings_allow() {
    let bench = Bench::new();
    let markings = [Tlp::White, Tlp::Green, Tlp::Amber, Tlp::AmberStrict, Tlp::Red];
    for (n, tlp) in (1..).zip(markings) {
        bench.write(vec![saw_as(n, tlp)]);
    }
    let shown = |view| all(&bench, view).into_iter().map(|one| one.value).collect::<Vec<_>>();
    assert_eq!(shown(View::Public), [ip(1)]);
    assert_eq!(shown(View::Green), [ip(1), ip(2)]);
    assert_eq!(shown(View::Amber), [ip(1), ip(2), ip(3)]);
    assert_eq!(shown(View::Red), [ip(1), ip(2), ip(3), ip(4), ip(5)]);
}

#[test]
fn what_names_somebody_is_not_for_whoever_else_may_read() {
    let bench = Bench::new();
    let mut seen = sighting(ip(1), NOW);
    seen.scope = Scope::new(Tlp::Green, ["node-2".to_owned()]);
    bench.write(vec![Change::Sighting(seen)]);
    assert!(all(&bench, View::Green).is_empty());
    assert_eq!(all(&bench, View::Amber).len(), 1);
}

#[test]
fn a_page_is_a_run_of_stamps_that_neither_skips_nor_repeats() {
    let bench = Bench::new();
    // One group, one time.
    bench.write((1..=50).map(|n| saw(ip(n), NOW)).collect());
    let mut seen = Vec::new();
    let mut after = 0;
    loop {
        let page = bench.store().places(View::Green, after, None, 7).unwrap();
        let Some(last) = page.last() else { break };
        after = last.added;
        seen.extend(page.iter().map(|place| bench.store().viewed(View::Green, *place).unwrap()));
        if page.len() == 7 {
            bench.write(vec![saw(ip(100 + u32::try_from(seen.len()).unwrap()), NOW)]);
        }
    }
    let mut values: Vec<_> = seen.into_iter().map(|one| one.unwrap().value).collect();
    let count = values.len();
    values.sort_unstable();
    values.dedup();
    assert_eq!(values.len(), count);
    assert!((1..=50).all(|n| values.contains(&ip(n))));
    let stamps = bench.store().places(View::Green, 0, None, 1000).unwrap();
    assert!(stamps.is_sorted_by(|a, b| a.added < b.added));
    let early = bench.store().places(View::Green, 0, Some(stamps[5].added), 1000).unwrap();
    assert_eq!(early, stamps[..5]);
}

#[test]
fn a_hidden_sighting_moves_nothing_in_the_views_that_do_not_show_it() {
    let bench = Bench::new();
    bench.write(vec![heard(&claim(&ip(1), Tlp::White, NOW, 1), 2, 11)]);
    let before: Vec<Viewed> = View::ALL.map(|view| only(&bench, view)).into();
    bench.set_clock(NOW.plus(HOUR));
    bench.write(vec![saw_as(1, Tlp::Red), saw_as(2, Tlp::Red)]);
    assert_eq!(only(&bench, View::Public), before[0]);
    assert_eq!(only(&bench, View::Green), before[1]);
    assert_eq!(only(&bench, View::Amber), before[2]);
    let red = all(&bench, View::Red);
    assert_eq!(red.len(), 2);
    assert!(red.iter().any(|one| one.value == ip(1) && one.evidence.len() == 1));
    assert!(red.iter().all(|one| one.added > before[3].added));
    // The next that everybody sees comes at the clock, not behind what was hidden.
    bench.write(vec![saw_as(3, Tlp::White)]);
    let last = all(&bench, View::Public).pop().unwrap();
    assert_eq!(last.added, NOW.plus(HOUR).0 * 1_000_000);
}

#[test]
fn what_is_taken_back_is_shown_as_such_and_comes_back_as_another_object() {
    let mut bench = Bench::new();
    bench.write(vec![saw_as(1, Tlp::White)]);
    let first = only(&bench, View::Public);
    assert!(!first.withdrawn);
    bench.write(vec![word(&ip(1), Scope::private(), &[])]);
    let gone = only(&bench, View::Public);
    assert!(gone.withdrawn && gone.evidence.is_empty());
    assert_eq!(gone.object, first.object);
    assert!(gone.added >= first.added + 1000, "a version of its own in milliseconds");
    assert!(!only(&bench, View::Red).withdrawn, "it is still known here");
    // Seen again, and still private.
    bench.write(vec![saw_as(1, Tlp::White)]);
    assert_eq!(only(&bench, View::Public), gone);
    bench.write(vec![word(&ip(1), Scope::new(Tlp::White, []), &[Audience::Mesh])]);
    let again = only(&bench, View::Public);
    assert!(!again.withdrawn);
    assert_ne!(again.object, first.object);
    let find = |object: Uuid| bench.store().place_of(View::Public, object).unwrap();
    assert_eq!(find(first.object), None);
    assert_eq!(find(again.object).map(|place: Place| place.added), Some(again.added));
    bench.reopen();
    assert_eq!(only(&bench, View::Public), again);
}

#[test]
fn an_import_under_a_stricter_marking_takes_nothing_back() {
    let bench = Bench::new();
    let import = |tlp| {
        let mut seen = sighting(ip(1), NOW);
        (seen.origin, seen.scope) = (Origin::Import, Scope::new(tlp, []));
        Change::Import(Evidence::from_sighting(seen))
    };
    bench.write(vec![import(Tlp::White)]);
    let before = only(&bench, View::Public);
    bench.write(vec![import(Tlp::Red), import(Tlp::White)]);
    assert_eq!(only(&bench, View::Public).added, before.added);
    assert_eq!(only(&bench, View::Red).evidence.len(), 2);
    bench.write(vec![Change::ImportTakenBack(ip(1).id())]);
    assert!(bench.store().evidence(ip(1).id()).unwrap().is_empty());
    assert!(all(&bench, View::Public).is_empty());
}

#[test]
fn a_vote_withdraws_it_everywhere_until_it_is_taken_back() {
    let bench = Bench::new();
    bench.write(vec![saw_as(1, Tlp::White), heard(&claim(&ip(1), Tlp::Green, NOW, 1), 2, 11)]);
    let vote = |false_positive| Change::Vote { indicator: ip(1).id(), false_positive, at: NOW };
    let first = only(&bench, View::Green);
    bench.write(vec![vote(true)]);
    assert!(View::ALL.into_iter().all(|view| only(&bench, view).withdrawn));
    bench.write(vec![saw_as(1, Tlp::White)]);
    assert!(View::ALL.into_iter().all(|view| only(&bench, view).withdrawn));
    bench.write(vec![vote(false)]);
    assert!(View::ALL.into_iter().all(|view| !only(&bench, view).withdrawn));
    assert_ne!(only(&bench, View::Green).object, first.object);
}

#[test]
fn a_claim_that_its_reporter_took_back_is_withdrawn_where_nothing_else_stands() {
    let bench = Bench::new();
    bench.write(vec![heard(&claim(&ip(1), Tlp::White, NOW, 1), 2, 11), saw_as(1, Tlp::Green)]);
    bench.write(vec![heard(&taken_back(1, Tlp::White, NOW, 2), 2, 11)]);
    assert!(only(&bench, View::Public).withdrawn);
    let green = only(&bench, View::Green);
    assert!(!green.withdrawn && green.evidence.len() == 1);
}

#[test]
fn another_sighting_is_no_new_version_until_it_is_worth_one() {
    let bench = Bench::new();
    bench.write(vec![saw(ip(1), NOW)]);
    let first = only(&bench, View::Green).added;
    bench.set_clock(NOW.plus(60));
    bench.write(vec![saw(ip(1), NOW.plus(60))]);
    assert_eq!(only(&bench, View::Green).added, first);
    bench.set_clock(NOW.plus(3 * DAY));
    bench.write(vec![saw(ip(1), NOW.plus(3 * DAY))]);
    assert_eq!(only(&bench, View::Green).added, NOW.plus(3 * DAY).0 * 1_000_000);
}

#[test]
fn what_ends_leaves_its_views_without_a_word_and_ages_where_it_is_shown() {
    let bench = Bench::new();
    bench.write(vec![saw_as(1, Tlp::White), heard(&claim(&ip(1), Tlp::Red, NOW, 1), 2, 11)]);
    let before = View::ALL.map(|view| only(&bench, view).added);
    let sweep = |now: Timestamp| {
        bench.set_clock(now);
        bench.write(vec![Change::Clock { now }, Change::Purge { now, egress_days: 400 }]);
    };
    // The evidence falls from 70 to 60 in the first hours, the claim from 80 to 70 sooner.
    sweep(NOW.plus(6 * HOUR));
    assert!(View::ALL.map(|view| only(&bench, view).added) > before);
    sweep(NOW.plus(30 * DAY));
    assert!(View::ALL.into_iter().all(|view| all(&bench, view).is_empty()));
    for family in [Family::Added, Family::Objects] {
        assert_eq!(bench.store().db().rows(family, &[], &[]).unwrap().count(), 0);
    }
}

#[test]
fn an_older_store_is_given_its_views() {
    let mut bench = Bench::new();
    bench.write(vec![saw_as(1, Tlp::White), saw_as(2, Tlp::Amber)]);
    for family in [Family::Added, Family::Objects] {
        let rows = bench.store().db().rows(family, &[], &[]).unwrap();
        let keys: Vec<_> = rows.map(|row| row.unwrap().key).collect();
        let mut batch = rocksdb::WriteBatch::default();
        for key in keys {
            batch.delete_cf(bench.store().db().family(family).unwrap(), key);
        }
        bench.store().db().commit(batch).unwrap();
    }
    assert!(all(&bench, View::Red).is_empty());
    bench.store = None;
    super::opening::put_meta(&bench, b"schema", &2_u32.to_be_bytes());
    bench.open();
    assert_eq!(View::ALL.map(|view| all(&bench, view).len()), [1, 1, 2, 2]);
    let first = only(&bench, View::Public);
    assert!(bench.store().place_of(View::Public, first.object).unwrap().is_some());
}

#[derive(Clone, Debug)]
enum Op {
    Saw(u32, Tlp, u64),
    Heard(u32, u8, Tlp, u64, bool),
    Private(u32),
    Sweep,
}

fn op(markings: Vec<Tlp>) -> impl Strategy<Value = Op> {
    let tlp = move || proptest::sample::select(markings.clone());
    let n = 0..3_u32;
    prop_oneof![
        3 => (n.clone(), tlp(), 0..40_u64).prop_map(|(n, tlp, days)| Op::Saw(n, tlp, days)),
        3 => (n.clone(), 2..4_u8, tlp(), 0..9_u64, proptest::bool::ANY)
            .prop_map(|(n, by, tlp, revision, back)| Op::Heard(n, by, tlp, revision, back)),
        1 => n.prop_map(Op::Private),
        1 => Just(Op::Sweep),
    ]
}

/// Public things come of the even logs and reporters, hidden ones of the odd.
fn change(op: &Op, hidden: bool, now: Timestamp) -> Vec<Change> {
    use crate::model::Source;
    match *op {
        Op::Saw(n, tlp, hours) => {
            let mut seen = sighting(ip(n), now.minus(hours * HOUR));
            seen.scope = Scope::new(tlp, []);
            seen.origin = Origin::Log(if hidden { Source::Sshd } else { Source::Ufw });
            vec![Change::Sighting(seen)]
        }
        Op::Heard(n, by, tlp, revision, retracted) => {
            let told = if retracted {
                taken_back(n, tlp, now, revision)
            } else {
                claim(&ip(n), tlp, now, revision)
            };
            vec![heard(&told, if hidden { by + 10 } else { by }, 11)]
        }
        Op::Private(n) => {
            let mut word = word(&ip(n), Scope::private(), &[]);
            if let Change::Scope { only, .. } = &mut word {
                let source = if hidden { Source::Sshd } else { Source::Ufw };
                *only = Some(Origin::Log(source));
            }
            vec![word]
        }
        Op::Sweep => vec![Change::Clock { now }, Change::Purge { now, egress_days: 400 }],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A store with hidden things looks, in the views that hide them, like one without.
    #[test]
    fn a_view_equals_that_of_a_node_without_what_it_hides(
        steps in proptest::collection::vec(
            (op(vec![Tlp::White, Tlp::Green]), op(vec![Tlp::AmberStrict, Tlp::Red]), 0..200_u64),
            1..16,
        ),
    ) {
        let (with, without) = (Bench::new(), Bench::new());
        let mut now = NOW;
        for (shown, hidden, hours) in steps {
            now = now.plus(hours * 600);
            with.set_clock(now);
            without.set_clock(now);
            let hides = !matches!(hidden, Op::Sweep);
            if hides {
                drop(with.write_all(change(&hidden, true, now)));
            }
            drop(with.write_all(change(&shown, false, now)));
            drop(without.write_all(change(&shown, false, now)));
            for view in [View::Public, View::Green, View::Amber] {
                prop_assert_eq!(all(&with, view), all(&without, view));
            }
        }
    }
}
