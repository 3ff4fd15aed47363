//! Messages, filters and cursors of TAXII.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{
    BadQuery, Cursor, Endpoint, Envelope, Manifest, Query, Stamp, Versions, accepts, envelope,
    is_taxii,
};

/// 2026-11-20T12:00:00.000001Z.
const NOON: Stamp = Stamp(1_795_176_000_000_001);

fn objects(text: &str) -> Result<Query, BadQuery> {
    Query::parse(text, Endpoint::Objects)
}

#[test]
fn a_version_is_not_needed_to_be_answered_and_a_wrong_one_is_refused() {
    for accept in [
        "application/taxii+json;version=2.1",
        "application/taxii+json; version=2.1",
        "application/taxii+json; Version=\"2.1\"",
        "application/taxii+json",
        "Application/TAXII+json",
        "text/html, application/taxii+json;version=2.1;q=0.3",
        "*/*",
        "application/*;q=0.1",
    ] {
        assert!(accepts(Some(accept)), "{accept}");
    }
    assert!(accepts(None));
    for accept in [
        "application/taxii+json;version=2.0",
        "application/vnd.oasis.taxii+json; version=2.0",
        "application/stix+json;version=2.1",
        "application/json",
        "text/html",
        "application/taxii+json;q=0",
        "*/*;q=0.0",
        "",
    ] {
        assert!(!accepts(Some(accept)), "{accept}");
    }
}

#[test]
fn a_body_says_what_it_is() {
    assert!(is_taxii(Some("application/taxii+json;version=2.1")));
    assert!(is_taxii(Some("application/taxii+json ; version=2.1 ; charset=utf-8")));
    assert!(is_taxii(Some("application/taxii+json")));
    assert!(!is_taxii(Some("application/taxii+json;version=2.0")));
    assert!(!is_taxii(Some("application/json")));
    assert!(!is_taxii(Some("*/*")));
    assert!(!is_taxii(None));
}

#[test]
fn times_have_six_digits_and_are_read_with_any_number_of_them() {
    assert_eq!(NOON.to_string(), "2026-11-20T12:00:00.000001Z");
    for (text, stamp) in [
        ("2026-11-20T12:00:00.000001Z", NOON),
        ("2026-11-20T12:00:00.0000019Z", NOON),
        ("2026-11-20T12:00:00Z", Stamp(NOON.0 - 1)),
        ("2026-11-20T12:00:00.5Z", Stamp(NOON.0 + 499_999)),
        ("1969-12-31T23:59:59Z", Stamp(0)),
    ] {
        assert_eq!(text.parse(), Ok(stamp), "{text}");
    }
    for text in ["", "now", "2026-11-20", "2026-11-20T12:00:00+01:00", "2026-13-20T12:00:00Z"] {
        assert!(text.parse::<Stamp>().is_err(), "{text}");
    }
}

#[test]
fn filters_are_read_as_the_standard_writes_them() {
    let query = objects(
        "added_after=2026-11-20T12%3A00%3A00.000001Z&limit=5\
         &match%5Bid%5D=indicator--a,indicator--b&match[type]=indicator\
         &match[version]=2026-11-20T12:00:00.000Z&match[spec_version]=2.0,2.1&page=3",
    )
    .unwrap();
    assert_eq!(query.added_after, Some(NOON));
    assert_eq!(query.limit, Some(5));
    let ids = ["indicator--a".to_owned(), "indicator--b".to_owned()];
    assert_eq!(query.ids, Some(ids.into()));
    assert!(query.wants_type("indicator") && !query.wants_type("malware"));
    assert!(query.versions.wants(Stamp(NOON.0 - 1)) && query.versions.wants(NOON));
    assert!(!query.versions.wants(Stamp(NOON.0 + 1000)));
    assert_eq!(objects("").unwrap(), Query::default());
    assert!(!objects("match[spec_version]=2.0").unwrap().wants_type("indicator"));
}

#[test]
fn of_one_version_an_object_the_first_the_last_and_all_are_the_same() {
    for text in ["last", "first", "all", "first,last", "last,2026-11-20T12:00:00Z"] {
        let query = objects(&format!("match[version]={text}")).unwrap();
        assert_eq!(query.versions, Versions::Kept, "{text}");
    }
    assert_eq!(objects("match[version]=all,last"), Err(BadQuery::All));
}

#[test]
fn what_is_not_a_filter_is_refused_in_words() {
    for (text, endpoint) in [
        ("limit=0", Endpoint::Objects),
        ("limit=-1", Endpoint::Objects),
        ("limit=ten", Endpoint::Objects),
        ("limit=1&limit=2", Endpoint::Objects),
        ("added_after=yesterday", Endpoint::Objects),
        ("added_after=", Endpoint::Objects),
        ("next=%2e%2e", Endpoint::Objects),
        ("match[id]=", Endpoint::Objects),
        ("match[id]=a,,b", Endpoint::Objects),
        ("match[version]=newest", Endpoint::Objects),
        ("match[name]=x", Endpoint::Objects),
        ("match[id]=a", Endpoint::Object),
        ("match[type]=indicator", Endpoint::Object),
        ("match[version]=last", Endpoint::Versions),
    ] {
        assert!(Query::parse(text, endpoint).is_err(), "{text}");
    }
    let many = vec!["a"; super::MAX_MATCHES + 1].join(",");
    assert!(objects(&format!("match[type]={many}")).is_err());
    assert!(Query::parse("match[version]=last&match[spec_version]=2.1", Endpoint::Object).is_ok());
}

#[test]
fn a_page_begins_after_the_later_of_time_and_cursor() {
    let next = Cursor(Stamp(NOON.0 + 7));
    let both = objects(&format!("added_after={NOON}&next={next}")).unwrap();
    assert_eq!(both.after(), Stamp(NOON.0 + 7));
    assert_eq!(objects(&format!("added_after={NOON}")).unwrap().after(), NOON);
    assert_eq!(objects("").unwrap().after(), Stamp(0));
}

#[test]
fn an_envelope_has_no_empty_list() {
    let read = |body: Vec<u8>| serde_json::from_slice::<Json>(&body).unwrap();
    assert_eq!(envelope::<&[u8]>(&[], None), b"{}");
    assert_eq!(read(envelope(&[b"{\"a\":1}"], None)), json!({ "objects": [{ "a": 1 }] }));
    let next = Cursor(NOON);
    assert_eq!(
        read(envelope(&[b"{\"a\":1}", b"{\"a\":2}"], Some(next))),
        json!({ "more": true, "next": next.to_string(), "objects": [{ "a": 1 }, { "a": 2 }] })
    );
    // A page of a filter may hold nothing, and still not be the last.
    assert_eq!(
        read(envelope::<&[u8]>(&[], Some(next))),
        json!({ "more": true, "next": next.to_string() })
    );
    assert_eq!(serde_json::to_string(&Manifest::default()).unwrap(), "{}");
}

#[test]
fn objects_that_were_sent_stay_as_they_came() {
    let body = br#"{"objects": [ {"type":"x", "n": 1.50} ], "more": false}"#;
    let read: Envelope = serde_json::from_slice(body).unwrap();
    assert_eq!(read.objects[0].get(), r#"{"type":"x", "n": 1.50}"#);
    assert!(!read.more && read.next.is_none());
}

proptest! {
    #[test]
    fn stamps_and_cursors_come_back(micros in 0u64..4_102_444_800_000_000) {
        let stamp = Stamp(micros);
        prop_assert_eq!(stamp.to_string().parse(), Ok(stamp));
        prop_assert_eq!(Cursor(stamp).to_string().parse(), Ok(Cursor(stamp)));
    }

    #[test]
    fn no_text_breaks_the_reading(text in ".*") {
        let _ = Query::parse(&text, Endpoint::Objects);
        let _ = accepts(Some(&text));
        let _ = is_taxii(Some(&text));
        let _ = text.parse::<Cursor>();
    }
}
