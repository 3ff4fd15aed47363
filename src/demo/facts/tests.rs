//! The judgement of a play, on made-up findings.

#![allow(dropping_copy_types, clippy::drop_non_drop)] // mutations are made for what they leave behind

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Found, OrganisationFound, Row, with_fate};
use crate::demo::script::{Fate, ORGANISATIONS, fields_of};

const EACH: &[&str] = &["spread", "level", "egress", "quiet", "red", "stranger", "bootstrap"];

/// As it must be.
fn perfect() -> Found {
    let fields = |level| fields_of(level).iter().map(|field| (*field).to_owned()).collect();
    let organisations = ORGANISATIONS.iter().enumerate().map(|(at, organisation)| {
        let mut found = OrganisationFound { egress_whole: true, ..OrganisationFound::default() };
        for shared in with_fate(Fate::Shared) {
            let own = shared.at == at;
            found.known.insert(shared.address.to_owned(), own);
            let told: BTreeSet<String> =
                if own { BTreeSet::new() } else { fields(shared.organisation().level) };
            found.told.insert(shared.address.to_owned(), told);
            if own {
                found.egress.push(Row {
                    value: shared.address.to_owned(),
                    audience: "mesh".to_owned(),
                    level: organisation.level.name().to_owned(),
                    fields: fields(organisation.level),
                });
            }
        }
        for red in with_fate(Fate::Red).filter(|red| red.at == at) {
            found.known.insert(red.address.to_owned(), true);
        }
        found
    });
    let arrival = (0..4).map(|at| (at, Duration::from_millis(300)));
    let mut found = Found { organisations: organisations.collect(), ..Found::default() };
    found.arrivals =
        with_fate(Fate::Shared).map(|shared| (shared.address, arrival.clone().collect())).collect();
    found.stranger.doors = 4;
    found.bootstrap.registrations = 4;
    found
}

/// The ids of the facts that are not true.
fn broken(spoil: impl FnOnce(&mut Found)) -> Vec<&'static str> {
    let mut found = perfect();
    spoil(&mut found);
    found.judge().0.iter().filter(|fact| !fact.holds()).map(|fact| fact.id).collect()
}

#[test]
fn a_play_as_it_must_be_holds() {
    let report = perfect().judge();
    assert!(report.holds(), "{report:?}");
    assert_eq!(report.0.iter().map(|fact| fact.id).collect::<Vec<_>>(), EACH);
}

#[test]
fn whatever_goes_wrong_is_found() {
    let shared = with_fate(Fate::Shared).next().unwrap().address;
    let red = with_fate(Fate::Red).next().unwrap().address;
    assert_eq!(broken(|found| drop(found.organisations[3].known.remove(shared))), ["spread"]);
    assert_eq!(broken(|found| drop(found.organisations.pop())), ["spread"]);
    // Strict alder tells a confidence: it says so, or somebody holds it.
    let confidence = || "confidence".to_owned();
    assert_eq!(
        broken(|found| drop(found.organisations[0].egress[0].fields.insert(confidence()))),
        ["level"]
    );
    assert_eq!(
        broken(|found| drop(
            found.organisations[3].told.get_mut(shared).unwrap().insert(confidence())
        )),
        ["level"]
    );
    assert_eq!(
        broken(|found| found.organisations[0].egress[0].level = "open".to_owned()),
        ["level"]
    );
    assert_eq!(broken(|found| found.organisations[1].egress_whole = false), ["egress"]);
    assert_eq!(
        broken(|found| {
            let mut row = found.organisations[3].egress[0].clone();
            row.value = red.to_owned();
            found.organisations[3].egress.push(row);
        }),
        ["egress"]
    );
    assert_eq!(broken(|found| found.organisations[0].egress.clear()), ["egress"]);
    let quiet = "192.168.7.7".to_owned();
    assert_eq!(broken(|found| drop(found.organisations[0].known.insert(quiet, true))), ["quiet"]);
    let leak = red.to_owned();
    assert_eq!(broken(|found| drop(found.organisations[0].known.insert(leak, false))), ["red"]);
    assert_eq!(broken(|found| drop(found.organisations[3].known.remove(red))), ["red"]);
    assert_eq!(broken(|found| found.stranger.claims = 1), ["stranger"]);
    assert_eq!(broken(|found| found.stranger.connections = 1), ["stranger"]);
    assert_eq!(broken(|found| found.stranger.doors = 0), ["stranger"]);
    assert_eq!(broken(|found| found.bootstrap.claims = 1), ["bootstrap"]);
    assert_eq!(broken(|found| found.bootstrap.registrations = 3), ["bootstrap"]);
}
