//! Lists and searches from memory.

use super::{Bench, GIB, NOW, ip, saw};
use crate::model::{Kind, Value};
use crate::store::{Filter, Listed, Page};

fn domain(name: &str) -> Value {
    Value::parse(&Kind::Domain, name).unwrap()
}

fn values(page: &Page) -> Vec<String> {
    page.rows.iter().map(|Listed { value, .. }| value.to_string()).collect()
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    let mut bench = Bench::new();
    for n in 0..25 {
        bench.write(vec![saw(ip(n), NOW)]);
    }
    bench.reopen();
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = bench.store().indicators(&Filter { after, limit: 10, ..Filter::default() });
        listed.extend(page.rows.iter().map(|row| row.value.clone()));
        // What changes meanwhile moves to the front and is not met again.
        bench.write(vec![saw(ip(3), NOW)]);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<Value> = (0..25).rev().filter(|n| *n != 3).map(ip).collect();
    assert_eq!(listed, expected);
}

#[test]
fn a_list_can_be_narrowed_by_kind_and_text() {
    let bench = Bench::new();
    let url = Value::guess("http://Example.com/LoGiN").unwrap();
    for value in [ip(1), domain("login.example.com"), url, domain("example.net"), ip(12)] {
        bench.write(vec![saw(value, NOW)]);
    }
    let list = |kind: Option<Kind>, text: Option<&str>| {
        let text = text.map(str::to_owned);
        values(&bench.store().indicators(&Filter { kind, text, limit: 9, after: None }))
    };
    assert_eq!(list(Some(Kind::Domain), None), ["example.net", "login.example.com"]);
    assert_eq!(list(None, Some("LOGIN")), ["http://example.com/LoGiN", "login.example.com"]);
    assert_eq!(list(Some(Kind::Ip), Some("45.83.0.1")), ["45.83.0.12", "45.83.0.1"]);
    assert!(list(Some(Kind::Md5), None).is_empty());
    assert_eq!(bench.store().counts_by_kind(), [("domain", 2), ("ip", 2), ("url", 1)].into());
    assert_eq!(bench.metrics.indicators.with_label_values(&["domain"]).get(), 2);
}

#[test]
fn what_has_no_room_in_memory_is_still_counted_and_found_by_its_value() {
    let mut bench = Bench::with(GIB, 3);
    bench.write((0..5).map(|n| saw(ip(n), NOW)).collect());
    bench.write(vec![saw(ip(4), NOW)]);
    for _ in 0..2 {
        let page = bench.store().indicators(&Filter { limit: 9, ..Filter::default() });
        assert_eq!(page.rows.len(), 3);
        let sizes = bench.store().sizes();
        assert_eq!((sizes.indicators, sizes.unlisted), (5, 2));
        assert!((0..5).all(|n| bench.store().value(ip(n).id()).unwrap() == Some(ip(n))));
        bench.reopen();
    }
}
