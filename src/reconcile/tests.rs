//! Two sides end with the same set, whatever they began with.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn id(number: u32) -> ContentId {
    ContentId::of(&number.to_be_bytes())
}

/// A claim ends on one day, so a day and a number make an id.
fn id_of(day: u32, number: u32) -> ContentId {
    ContentId::of(&[day.to_be_bytes(), number.to_be_bytes()].concat())
}

fn set_of(entries: impl IntoIterator<Item = (u32, u32)>) -> Set {
    let mut set = Set::default();
    for (day, number) in entries {
        set.insert(Day(day), id_of(day, number));
    }
    set
}

/// What a comparison found and what it cost.
#[derive(Debug, Default)]
struct Compared {
    missing: BTreeSet<ContentId>,
    extra: BTreeSet<ContentId>,
    messages: usize,
    bytes: usize,
}

fn compare(asker: &Set, answerer: &Set, from: Day) -> Compared {
    let mut compared = Compared::default();
    let mut question = Some(open(asker, from).unwrap());
    while let Some(asked) = question {
        let said = answer(answerer, from, &asked).unwrap();
        compared.messages += 2;
        compared.bytes += asked.len() + said.len();
        let told = conclude(asker, from, &said).unwrap();
        compared.missing.extend(told.missing);
        compared.extra.extend(told.extra);
        question = told.next;
        assert!(compared.messages < 2_000, "a comparison that does not end");
    }
    compared
}

#[test]
fn equal_sets_cost_one_small_exchange() {
    let set = set_of((0..100_000).map(|n| (20_000 + n % 30, n)));
    let compared = compare(&set, &set, Day(0));
    assert_eq!((compared.missing.len(), compared.extra.len()), (0, 0));
    assert_eq!(compared.messages, 2);
    assert!(compared.bytes < 1024, "{} bytes", compared.bytes);
}

#[test]
fn an_empty_node_learns_of_everything_in_messages_of_bounded_size() {
    let full = set_of((0..20_000).map(|n| (20_000, n)));
    let compared = compare(&Set::default(), &full, Day(0));
    assert_eq!(compared.missing.len(), 20_000);
    let compared = compare(&full, &Set::default(), Day(0));
    assert_eq!(compared.extra.len(), 20_000);
}

/// Around midnight the clocks of two nodes show different days.
#[test]
fn what_ends_before_the_day_takes_no_part() {
    let one = set_of([(10, 1), (11, 2), (12, 3)]);
    let two = set_of([(11, 2), (12, 4)]);
    let compared = compare(&one, &two, Day(11));
    assert_eq!(compared.missing, [id_of(12, 4)].into());
    assert_eq!(compared.extra, [id_of(12, 3)].into());
}

#[test]
fn what_is_no_message_is_refused() {
    let set = set_of([(10, 1)]);
    for bad in [&b""[..], b"\x60", &[0x61, 0, 0, 2, 0xff, 0xff], &[0x61, 0, 0, 7]] {
        // An unknown version is answered with the known one, by the protocol.
        let answered = answer(&set, Day(0), bad);
        assert!(answered.is_err() || bad == b"\x60", "{bad:?}: {answered:?}");
    }
    let long = vec![0x61; MAX_MESSAGE_BYTES + 1];
    assert_eq!(answer(&set, Day(0), &long), Err(BadMessage::TooLong));
}

fn entries() -> impl Strategy<Value = BTreeSet<(u32, u32)>> {
    prop::collection::btree_set((20_000u32..20_030, 0u32..400), 0..300)
}

proptest! {
    #[test]
    fn a_comparison_finds_every_difference(a in entries(), b in entries(), from in 20_000u32..20_031) {
        let (one, two) = (set_of(a.clone()), set_of(b.clone()));
        let compared = compare(&one, &two, Day(from));
        let within = |set: &BTreeSet<(u32, u32)>| -> BTreeSet<(u32, u32)> {
            set.iter().copied().filter(|(day, _)| *day >= from).collect()
        };
        let (a, b) = (within(&a), within(&b));
        let missing: BTreeSet<_> = b.difference(&a).map(|(day, n)| id_of(*day, *n)).collect();
        let extra: BTreeSet<_> = a.difference(&b).map(|(day, n)| id_of(*day, *n)).collect();
        prop_assert_eq!(compared.missing, missing);
        prop_assert_eq!(compared.extra, extra);
    }

    #[test]
    fn the_set_is_a_set(
        steps in prop::collection::vec((any::<bool>(), 0u32..40, 0u32..3_000), 0..3_000),
        cut in 0u32..40,
    ) {
        let (mut set, mut model) = (Set::default(), BTreeSet::new());
        for (put, day, number) in steps {
            let entry = (Day(day), id(number));
            if put {
                prop_assert_eq!(set.insert(entry.0, entry.1), model.insert(entry));
            } else {
                prop_assert_eq!(set.remove(entry.0, &entry.1), model.remove(&entry));
            }
            prop_assert_eq!(set.contains(entry.0, &entry.1), put);
            let ends = model.iter().find(|(_, id)| *id == entry.1).map(|(day, _)| *day);
            prop_assert_eq!(set.find(&entry.1), ends);
        }
        set.drop_before(Day(cut));
        model.retain(|(day, _)| *day >= Day(cut));
        prop_assert_eq!(set.len(), model.len());
        let kept: Vec<_> = model.into_iter().collect();
        prop_assert_eq!(set.entries().collect::<Vec<_>>(), kept);
    }

    #[test]
    fn no_message_panics(entries in entries(), bytes: Vec<u8>, from in 19_999u32..20_031) {
        let set = set_of(entries);
        for bytes in [bytes.clone(), [&[0x61][..], &bytes].concat()] {
            answer(&set, Day(from), &bytes).ok();
            conclude(&set, Day(from), &bytes).ok();
        }
    }
}
