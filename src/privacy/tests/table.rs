//! The TLP table cell by cell, retraction, and when a claim is said again.

use super::*;
use crate::privacy::tlp::{ClientScope, Path, allows, reaches};

/// The table of the design's section 4, row by row. `–` in the design (white and
/// green by direct delivery) is no: the mesh carries them.
const TABLE: [(Path, [(Tlp, bool); 5]); 8] = [
    (Path::Gossip, row([true, true, false, false, false])),
    (Path::Sync, row([true, true, false, false, false])),
    (Path::Direct { named: false }, row([false, false, true, true, false])),
    (Path::Direct { named: true }, row([false, false, true, true, true])),
    (Path::PublicEndpoint, row([true, false, false, false, false])),
    (Path::Client(ClientScope::Green), row([true, true, false, false, false])),
    (Path::Client(ClientScope::Amber), row([true, true, true, false, false])),
    (Path::Client(ClientScope::Red), row([true, true, true, true, true])),
];

const fn row([white, green, amber, strict, red]: [bool; 5]) -> [(Tlp, bool); 5] {
    [
        (Tlp::White, white),
        (Tlp::Green, green),
        (Tlp::Amber, amber),
        (Tlp::AmberStrict, strict),
        (Tlp::Red, red),
    ]
}

#[test]
fn every_marking_on_every_path() {
    let paths: BTreeSet<Path> = TABLE.iter().map(|(path, _)| *path).collect();
    assert_eq!(paths, BTreeSet::from(Path::ALL));
    for (path, cells) in TABLE {
        for (tlp, expected) in cells {
            assert_eq!(allows(tlp, path), expected, "{tlp} on {path:?}");
        }
    }
}

#[test]
fn a_scope_reaches_whom_it_names_and_nobody_else() {
    for tlp in Tlp::ALL {
        let mesh = tlp <= Tlp::Green;
        let direct = tlp >= Tlp::Amber;
        // A scope with this marking, and whether the mesh and bob are reached.
        for (scope, expected) in [
            (everyone(tlp), (mesh, direct && tlp != Tlp::Red)),
            (only(tlp, &["bob"]), (false, direct)),
            (only(tlp, &["banks"]), (false, direct)),
            (only(tlp, &["eve"]), (false, false)),
            (only(tlp, &["bob", "eve"]), (false, direct)),
            (only(tlp, &["eve"]).strictest(&only(tlp, &["bob"])), (false, false)),
        ] {
            let got = (reaches(&scope, &To::Mesh), reaches(&scope, &bob()));
            assert_eq!(got, expected, "{scope:?}");
        }
    }
    assert!(!reaches(&Scope::private(), &To::Mesh) && !reaches(&Scope::private(), &bob()));
}

#[test]
fn the_claim_is_as_strict_as_the_strictest_evidence_in_it() {
    let seen = [
        evidence("45.155.205.233", everyone(Tlp::White)),
        Evidence { origin: Origin::Manual, ..evidence("45.155.205.233", everyone(Tlp::Green)) },
        evidence("45.155.205.233", everyone(Tlp::AmberStrict)),
        evidence("45.155.205.233", only(Tlp::Amber, &["banks"])),
        evidence("45.155.205.233", only(Tlp::Red, &["eve"])),
    ];
    assert_eq!(told(&seen, &To::Mesh, &at(Level::Strict)).unwrap().tlp, Tlp::Green);
    assert_eq!(told(&seen, &bob(), &at(Level::Strict)).unwrap().tlp, Tlp::AmberStrict);
    assert_eq!(told(&seen[3..], &bob(), &at(Level::Strict)).unwrap().tlp, Tlp::Amber);
    assert_eq!(told(&seen[4..], &bob(), &at(Level::Strict)), Err(Withheld::NotForAudience));
}

#[test]
fn a_retraction_says_nothing_else_and_lives_as_long() {
    let seen = [evidence("45.155.205.233", everyone(Tlp::Green))];
    let previous = told(&seen, &To::Mesh, &at(Level::Open)).unwrap();
    let back = retract(&previous, Audience::Mesh).unwrap();
    let expected =
        Claim { retracted: true, ..bare(previous.value.clone(), Tlp::Green, previous.until) };
    assert_eq!((back.claim(), back.audience()), (&expected, Audience::Mesh));
    let peer = bob().audience();
    assert_eq!(retract(&previous, peer), Err(Withheld::NotForAudience));
    for tlp in [Tlp::Amber, Tlp::AmberStrict, Tlp::Red] {
        let secret = Claim { tlp, ..previous.clone() };
        assert_eq!(retract(&secret, Audience::Mesh), Err(Withheld::NotForAudience));
        assert_eq!(retract(&secret, peer).map(|back| back.claim().tlp), Ok(tlp));
    }
}

#[test]
fn a_claim_is_said_again_only_for_a_change_that_matters() {
    let seen = [evidence("45.155.205.233", everyone(Tlp::Green))];
    let first = told(&seen, &To::Mesh, &at(Level::Moderate)).unwrap();
    let with = |change: fn(&mut Claim)| {
        let mut next = first.clone();
        change(&mut next);
        next
    };
    let points = |percent| Confidence::new(percent);
    for (next, after, level, expected) in [
        (first.clone(), 300 * DAY, Level::Moderate, false),
        // The end moves by 2 of 30 days, and by 3.
        (with(|c| c.until = c.until.plus(2)), 2 * DAY, Level::Moderate, false),
        (with(|c| c.until = c.until.plus(3)), 3 * DAY, Level::Moderate, true),
        (with(|c| c.until = c.until.plus(3)), DAY - 1, Level::Moderate, false),
        (with(|c| c.until = c.until.plus(3)), DAY, Level::Open, true),
        (with(|c| c.until = c.until.plus(7)), WEEK - 1, Level::Strict, false),
        (with(|c| c.until = c.until.plus(7)), WEEK, Level::Strict, true),
        (Claim { confidence: points(79), ..first.clone() }, DAY, Level::Moderate, false),
        (Claim { confidence: points(80), ..first.clone() }, DAY, Level::Moderate, true),
        (Claim { confidence: points(60), ..first.clone() }, DAY, Level::Moderate, true),
        (Claim { tlp: Tlp::White, ..first.clone() }, DAY, Level::Moderate, true),
        (Claim { tlp: Tlp::White, ..first.clone() }, HOUR, Level::Moderate, false),
        (Claim { retracted: true, ..first.clone() }, 0, Level::Strict, true),
        (with(|c| c.tags = vec!["ssh".parse().unwrap()]), 9 * DAY, Level::Open, false),
    ] {
        let due = republish_due(&first, NOW, &next, level, NOW.plus(after));
        assert_eq!(due, expected, "{after} s later at {level}: {next:?}");
    }
    let back = Claim { retracted: true, ..first.clone() };
    assert!(!republish_due(&back, NOW, &back, Level::Open, NOW.plus(300 * DAY)));
    assert!(republish_due(&back, NOW, &first, Level::Open, NOW.plus(DAY)));
    // A clock that was set back is no reason to speak.
    assert!(!republish_due(
        &first,
        NOW,
        &Claim { tlp: Tlp::White, ..first.clone() },
        Level::Open,
        NOW.minus(WEEK)
    ));
}
