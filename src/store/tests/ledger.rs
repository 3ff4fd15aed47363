//! The egress ledger: what it tells, and that nobody can change it unnoticed.

use rocksdb::WriteBatch;

use super::{Bench, NOW, ip, node};
use crate::model::{ContentId, DAY, Level, Timestamp};
use crate::store::family::{self, Family};
use crate::store::{
    Applied, Break, Change, EgressAudience, EgressCheck, EgressRow, Left, Purged, Store,
};

fn row(n: u32, at: Timestamp) -> EgressRow {
    let audience = if n.is_multiple_of(2) {
        EgressAudience::Mesh { members: n }
    } else {
        EgressAudience::Member(node(3))
    };
    EgressRow {
        at,
        audience,
        what: if n == 4 {
            Left::Attested { indicators: 3, digest: ContentId([8; 32]) }
        } else if n == 5 {
            Left::PassedOn { claims: 7, bytes: 1085, digest: ContentId([9; 32]) }
        } else {
            Left::Own {
                value: ip(n),
                level: Level::Moderate,
                fields: vec!["kind".to_owned(), "value".to_owned()],
                content: ContentId([9; 32]),
            }
        },
    }
}

/// A ledger of six rows, numbered from 0, one a day.
fn ledger() -> Bench {
    let bench = Bench::new();
    for n in 0..6 {
        let at = NOW.plus(u64::from(n) * DAY);
        let applied = bench.write(vec![Change::Egress(row(n, at))]);
        assert_eq!(applied, [Applied::Egress(n.into())]);
    }
    bench
}

fn raw(store: &Store, number: u64) -> Vec<u8> {
    store.db().raw(Family::Egress, &family::egress(number)).unwrap().unwrap()
}

/// Does to the database what the writer never does.
fn tamper(store: &Store, number: u64, stored: Option<Vec<u8>>) {
    let mut batch = WriteBatch::default();
    let egress = store.db().family(Family::Egress).unwrap();
    match stored {
        Some(stored) => batch.put_cf(egress, family::egress(number), stored),
        None => batch.delete_cf(egress, family::egress(number)),
    }
    store.db().commit(batch).unwrap();
}

fn broken(number: u64, how: Break) -> EgressCheck {
    EgressCheck::Broken { number, how }
}

#[test]
fn rows_are_numbered_and_paged() {
    let mut bench = ledger();
    bench.reopen();
    let store = bench.store();
    let page = store.egress(None, 4).unwrap();
    assert_eq!(page.iter().map(|entry| entry.number).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(page[2].row, row(2, NOW.plus(2 * DAY)));
    let rest = store.egress(Some(3), 4).unwrap();
    assert_eq!(rest.iter().map(|entry| entry.number).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(store.verify_egress().unwrap(), EgressCheck::Whole { rows: 6 });
    assert_eq!(bench.metrics.egress_rows.get(), 6);
    let next = bench.write(vec![Change::Egress(row(6, NOW)), Change::Egress(row(7, NOW))]);
    assert_eq!(next, [Applied::Egress(6), Applied::Egress(7)]);
    assert_eq!(bench.store().verify_egress().unwrap(), EgressCheck::Whole { rows: 8 });
}

#[test]
fn an_empty_ledger_is_whole() {
    assert_eq!(Bench::new().store().verify_egress().unwrap(), EgressCheck::Whole { rows: 0 });
}

#[test]
fn a_changed_row_is_named() {
    let bench = ledger();
    let mut stored = raw(bench.store(), 3);
    *stored.last_mut().unwrap() ^= 1;
    tamper(bench.store(), 3, Some(stored));
    assert_eq!(bench.store().verify_egress().unwrap(), broken(3, Break::Changed));
}

#[test]
fn a_removed_row_is_named_wherever_it_was() {
    for number in [0, 2, 5] {
        let bench = ledger();
        tamper(bench.store(), number, None);
        assert_eq!(bench.store().verify_egress().unwrap(), broken(number, Break::Missing));
    }
}

#[test]
fn a_moved_row_is_named() {
    let bench = ledger();
    let (second, fourth) = (raw(bench.store(), 2), raw(bench.store(), 4));
    tamper(bench.store(), 2, Some(fourth));
    tamper(bench.store(), 4, Some(second));
    assert_eq!(bench.store().verify_egress().unwrap(), broken(2, Break::Changed));
}

#[test]
fn a_row_of_another_history_is_named() {
    // The same numbers under the same key, as after a start from an old backup.
    let (bench, other) = (ledger(), ledger());
    tamper(bench.store(), 4, Some(raw(other.store(), 4)));
    assert_eq!(bench.store().verify_egress().unwrap(), broken(4, Break::Unlinked));
    let (bench, other) = (ledger(), ledger());
    tamper(bench.store(), 5, Some(raw(other.store(), 5)));
    assert_eq!(bench.store().verify_egress().unwrap(), broken(5, Break::Unlinked));
}

#[test]
fn the_front_is_purged_by_age_and_the_rest_still_verifies() {
    let mut bench = ledger();
    let now = NOW.plus(10 * DAY);
    let purge = Change::Purge { now, egress_days: 7 };
    let applied = bench.write(vec![Change::Clock { now }, purge]);
    assert_eq!(applied[1], Applied::Purged(Purged::default()));
    let left = bench.store().egress(None, 9).unwrap();
    assert_eq!(left.iter().map(|entry| entry.number).collect::<Vec<_>>(), [3, 4, 5]);
    bench.reopen();
    assert_eq!(bench.store().verify_egress().unwrap(), EgressCheck::Whole { rows: 3 });
    tamper(bench.store(), 3, None);
    assert_eq!(bench.store().verify_egress().unwrap(), broken(3, Break::Missing));
}
