//! The curve, its end and what is refused for its time.

use proptest::prelude::*;

use super::*;
use crate::model::{CustomFields, CustomKind, Tlp, Value};

const NOW: Timestamp = Timestamp(1_790_000_000);

fn percent(percent: u8) -> Confidence {
    Confidence::new(percent).unwrap()
}

fn claim(kind: Kind, raw: &str, until: Day, modified: Option<Timestamp>) -> Claim {
    Claim {
        value: Value::parse(&kind, raw).unwrap(),
        tlp: Tlp::Green,
        until,
        revision: 1,
        confidence: None,
        created: None,
        modified,
        sightings: None,
        tags: Vec::new(),
        custom: CustomFields::new(),
        retracted: false,
    }
}

#[test]
fn the_curve_is_misps_polynomial() {
    // Computed by MISP's own models (formats.md section 3): NIDS and Phishing, base 80.
    let nids = Lifetime { tau: 120 * DAY, delta: 2.0 };
    let phishing = Lifetime { tau: 3 * DAY, delta: 2.3 };
    for (model, age, expected) in [
        (nids, DAY, 72.70),
        (nids, 7 * DAY, 60.68),
        (nids, 30 * DAY, 40.00),
        (nids, 46 * DAY + 21 * 3600, 30.00),
        (nids, 120 * DAY, 0.0),
        (phishing, 6 * 3600, 52.84),
        (phishing, DAY, 30.38),
        (phishing, 2 * DAY, 12.93),
    ] {
        let got = 100.0 * share_at(percent(80), age, &model);
        assert!((got - expected).abs() < 0.005, "{age} s: {got} is not {expected}");
    }
}

#[test]
fn the_lifetimes_are_those_of_the_wire_version() {
    let days = |kind: &Kind| lifetime(kind).tau / DAY;
    assert_eq!(Kind::BUILT_IN.each_ref().map(days), [30, 14, 90, 30, 90, 365, 365, 365, 365]);
    assert_eq!(days(&Kind::Custom(CustomKind::new("x-ja4").unwrap())), 30);
}

#[test]
fn claims_are_refused_for_their_time() {
    let fresh = end_of(&Kind::Ip, NOW);
    let today = NOW.day();
    let ip = |until, modified| timely(&claim(Kind::Ip, "198.41.0.4", until, modified), NOW);
    assert_eq!(ip(fresh, Some(NOW)), Ok(()));
    assert_eq!(ip(fresh, Some(NOW.plus(MAX_AHEAD))), Ok(()));
    assert_eq!(ip(fresh, Some(NOW.plus(MAX_AHEAD + 1))), Err(Untimely::FromTheFuture));
    assert_eq!(ip(today.plus(30 + 7), None), Ok(()));
    assert_eq!(ip(today.plus(30 + 8), None), Err(Untimely::EndsTooLate));
    assert_eq!(ip(today.plus(1), None), Ok(()));
    assert_eq!(ip(today, None), Err(Untimely::Ended));
    assert_eq!(ip(Day(u32::MAX), None), Err(Untimely::EndsTooLate));
}

fn lifetimes() -> impl Strategy<Value = Lifetime> {
    (1u64..400 * DAY, 1.0f64..5.0).prop_map(|(tau, delta)| Lifetime { tau, delta })
}

proptest! {
    #[test]
    fn the_confidence_only_falls(base in 0u8..=100, life in lifetimes(), a: u32, b: u32) {
        let (early, late) = (u64::from(a.min(b)), u64::from(a.max(b)));
        let (early, late) =
            (share_at(percent(base), early, &life), share_at(percent(base), late, &life));
        prop_assert!(late <= early && (0.0..=1.0).contains(&early) && late >= 0.0);
    }

    #[test]
    fn a_crossing_is_the_moment_a_step_is_passed(
        base in 1u8..=100, life in lifetimes(), age in 0u64..500 * DAY,
    ) {
        let now = NOW.plus(age);
        let points = |at: Timestamp| 100.0 * share_at(percent(base), at.since(NOW), &life);
        match next_crossing(percent(base), NOW, &life, now) {
            None => prop_assert!(points(now.plus(1)) <= 0.0),
            Some(at) => {
                prop_assert!(at > now);
                // Counted in steps of ten (a base on a step leaves it at once), with the
                // rounding to a second left out on both sides.
                let step = |points: f64| (points / 10.0).ceil();
                let before = points(at.minus(1).max(now.plus(1).min(at)));
                prop_assert!(step(points(at) - 1e-6) < step(points(now) + 1e-6));
                prop_assert!(at == now.plus(1) || step(before + 1e-6) >= step(points(at) + 1e-6));
            }
        }
    }

    #[test]
    fn whatever_is_made_now_is_timely_everywhere(skew in 0u64..MAX_AHEAD, ahead: bool, week: bool, at in 1u64..1 << 33) {
        let made = Timestamp(at + DAY);
        let there = if ahead { made.plus(skew) } else { made.minus(skew) };
        for kind in Kind::BUILT_IN {
            let until = end_of(&kind, made);
            let until = if week { until.ceil_week() } else { until };
            let mut claim = claim(Kind::Ip, "198.41.0.4", until, None);
            if matches!(kind, Kind::Ip) {
                prop_assert_eq!(timely(&claim, there), Ok(()));
                claim.modified = Some(made);
                prop_assert_eq!(timely(&claim, there), Ok(()));
            }
            let counted_from = strict_modified(&kind, until);
            prop_assert!(counted_from <= made.plus(7 * DAY) && counted_from >= made.minus(DAY));
        }
    }
}
