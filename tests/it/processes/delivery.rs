//! What is for one member alone, and what one member says it saw itself.

use serde_json::{Value, json};

use super::{Organisation, Settings, eventually};

const AMBER: &str = "45.155.205.233";
const RED: &str = "89.248.165.52";

fn add(organisation: &Organisation, value: &str, tlp: &str, to: &[&str]) {
    let body = json!({ "value": value, "tlp": tlp, "to": to, "confidence": 90 });
    organisation.tell(&["indicators"], &body).unwrap();
}

fn settings() -> Settings {
    Settings { extra: "[groups]\nnear = [\"beta\"]\n".to_owned(), ..Settings::default() }
}

fn waiting(organisation: &Organisation) -> Value {
    organisation.ask(&["status"], &[]).unwrap()["outbox"].clone()
}

#[test]
fn amber_and_red_reach_whom_they_name_also_after_they_were_away() {
    let mut alpha = Organisation::new("alpha", settings());
    let mut beta = Organisation::new("beta", Settings::default());
    let mut gamma = Organisation::new("gamma", Settings::default());
    alpha.configure(&format!("{}{}", beta.as_peer(&[]), gamma.as_peer(&[])), &[]);
    alpha.start();
    let meets = |other: &Organisation, more: &str| {
        other.configure(&format!("{}{more}", alpha.as_peer(&[alpha.address()])), &[]);
    };
    meets(&gamma, &beta.as_peer(&[]));
    gamma.start();
    eventually("alpha and gamma exchange", || alpha.gossips_with("gamma").then_some(()));

    // Beta is not there yet: what is for it waits, and nobody else gets it.
    add(&alpha, AMBER, "amber", &["near"]);
    add(&alpha, RED, "red", &["beta"]);
    assert_ne!(waiting(&alpha), json!(0));
    meets(&beta, &gamma.as_peer(&[gamma.address()]));
    beta.start();
    for (value, tlp) in [(AMBER, "amber"), (RED, "red")] {
        let heard = eventually("beta was told", || beta.knows(value));
        assert_eq!((&heard["tlp"], &heard["own"]), (&json!(tlp), &json!(false)));
    }
    eventually("nothing waits any more", || (waiting(&alpha) == json!(0)).then_some(()));

    // A claim that everybody gets passes all three: by then gamma has had its chance.
    add(&alpha, "141.98.10.60", "green", &[]);
    eventually("gamma heard it", || gamma.knows("141.98.10.60"));
    eventually("beta heard it", || beta.knows("141.98.10.60"));
    assert!(gamma.knows(AMBER).is_none() && gamma.knows(RED).is_none());
    for organisation in [&mut alpha, &mut beta, &mut gamma] {
        organisation.stop();
    }
}

#[test]
fn an_attestation_makes_a_source_and_only_for_whom_it_is_meant() {
    let often = Settings { network: "gossip_interval_seconds = 1", ..Settings::default() };
    let mut alpha = Organisation::new("alpha", often.clone());
    let mut beta = Organisation::new("beta", often.clone());
    let mut gamma = Organisation::new("gamma", often);
    // Beta trusts both, and both attest to it; gamma attests to nobody else.
    beta.configure(&format!("{}{}", alpha.as_peer(&[]), gamma.as_peer(&[])), &[]);
    beta.start();
    for other in [&mut alpha, &mut gamma] {
        other.configure(&format!("{}attest = true\n", beta.as_peer(&[beta.address()])), &[]);
        other.start();
    }
    for other in ["alpha", "gamma"] {
        eventually("beta exchanges", || beta.gossips_with(other).then_some(()));
    }
    let sources = || beta.knows(AMBER).map(|known| known["sources"].clone());
    add(&alpha, AMBER, "green", &[]);
    eventually("one source", || (sources() == Some(json!(1))).then_some(()));
    add(&gamma, AMBER, "green", &[]);
    eventually("two organisations attested", || (sources() == Some(json!(2))).then_some(()));
    // Alpha saw it itself and is a member of gamma too, which attests nothing to it: own
    // and mesh are two, with an attestation of beta's as well, if it had sent one.
    add(&beta, AMBER, "green", &[]);
    let heard = |organisation: &Organisation, claims: usize| {
        let known = organisation.knows(AMBER)?;
        (known["claims"].as_array()?.len() == claims).then_some(known)
    };
    eventually("beta's own is a third source", || (sources() == Some(json!(3))).then_some(()));
    let at_alpha = eventually("alpha heard both others", || heard(&alpha, 2));
    assert_eq!((&at_alpha["own"], &at_alpha["sources"]), (&json!(true), &json!(2)));
    for organisation in [&mut alpha, &mut beta, &mut gamma] {
        organisation.stop();
    }
}
