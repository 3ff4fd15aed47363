//! Records come back as they went, and older versions are read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Blob, KeptEvidence, KeptOwn, Record, Wish, open, seal};
use crate::keys::Sealer;
use crate::model::{
    Audience, Confidence, CustomValue, Evidence, Kind, NodeId, Origin, Pseudonym, Scope, Source,
    Timestamp, Tlp, Value,
};
use crate::store::What;
use crate::store::family::Family;

/// A record whose second version tells minutes where the first told hours.
#[derive(Clone, Debug, PartialEq)]
struct Age {
    minutes: u64,
}

#[derive(Clone, Debug)]
struct AgeBefore(u64);

#[derive(Serialize, Deserialize)]
struct AgeForm {
    minutes: u64,
}

impl Record for Age {
    const FAMILY: Family = Family::Meta;
    const VERSION: u8 = 2;
    type Form = AgeForm;

    fn to_form(&self) -> AgeForm {
        AgeForm { minutes: self.minutes }
    }

    fn from_form(form: AgeForm) -> Option<Self> {
        Some(Self { minutes: form.minutes })
    }

    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        let (1, Ok(hours)) = (version, serde_cbor::from_slice::<u64>(body)) else { return None };
        Some(Self { minutes: hours * 60 })
    }
}

impl Record for AgeBefore {
    const FAMILY: Family = Family::Meta;
    const VERSION: u8 = 1;
    type Form = u64;

    fn to_form(&self) -> u64 {
        self.0
    }

    fn from_form(form: u64) -> Option<Self> {
        Some(Self(form))
    }
}

fn sealer() -> Sealer {
    Sealer::new([7; 32])
}

#[test]
fn an_older_version_is_read_as_the_newer() {
    let sealer = sealer();
    let before = seal(&sealer, b"key", &AgeBefore(2)).unwrap();
    assert_eq!(open::<Age>(&sealer, b"key", &before).unwrap(), Age { minutes: 120 });
    let after = seal(&sealer, b"key", &Age { minutes: 5 }).unwrap();
    assert_eq!(open::<Age>(&sealer, b"key", &after).unwrap(), Age { minutes: 5 });
}

#[test]
fn a_version_that_is_not_known_is_damage_and_so_is_a_changed_version() {
    let sealer = sealer();
    let mut newer = seal(&sealer, b"key", &Age { minutes: 5 }).unwrap();
    assert!(open::<AgeBefore>(&sealer, b"key", &newer).is_err());
    newer[0] = 1;
    let error = open::<Age>(&sealer, b"key", &newer).unwrap_err();
    assert_eq!((error.family.as_str(), error.key.as_str()), ("meta", "6b6579"));
    assert!(open::<Age>(&sealer, b"key", &[]).is_err());
}

#[test]
fn evidence_comes_back_with_every_field() {
    let text = |text: &str| CustomValue::Text(text.to_owned());
    let nested = CustomValue::Map(BTreeMap::from([
        ("list".to_owned(), CustomValue::List(vec![CustomValue::Null, CustomValue::Bool(true)])),
        ("bytes".to_owned(), CustomValue::Bytes(vec![0, 255])),
        ("number".to_owned(), CustomValue::Integer(i64::MIN)),
    ]));
    let kind: Kind = "x-ja3".parse().unwrap();
    let scopes =
        [Scope::private(), Scope::new(Tlp::White, []), Scope::new(Tlp::Amber, ["a".to_owned()])];
    for (scope, scope_chosen) in scopes.into_iter().zip([true, false, true]) {
        let evidence = Evidence {
            value: Value::parse(&kind, "771,4865-Ä").unwrap(),
            origin: Origin::Log(Source::Zeek),
            first_seen: Timestamp(1),
            last_seen: Timestamp(u64::MAX),
            until: scope_chosen.then_some(Timestamp(9)),
            count: u64::MAX,
            confidence: Confidence::new(33).unwrap(),
            tags: ["a".parse().unwrap(), "b:c".parse().unwrap()].into(),
            scope,
            custom: [("x".to_owned(), nested.clone()), ("y".to_owned(), text("z"))].into(),
        };
        let members = scope_chosen.then(|| [NodeId::from_public_key([3; 32])].into());
        let kept = KeptEvidence { evidence, scope_chosen, members };
        let stored = seal(&sealer(), b"key", &kept).unwrap();
        assert_eq!(open::<KeptEvidence>(&sealer(), b"key", &stored).unwrap(), kept);
        assert!(open::<KeptEvidence>(&sealer(), b"other", &stored).is_err());
    }
}

/// A row of the outbox as version 1 wrote it: indicator, member, what was sent, when due.
#[derive(Clone, Debug)]
struct FirstOwn {
    sent: Option<(Pseudonym, u32, u64)>,
    due: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct FirstOwnForm {
    indicator: Blob,
    member: Option<Blob>,
    sent: Option<(Blob, u32, u64)>,
    due: Option<u64>,
}

impl Record for FirstOwn {
    const FAMILY: Family = Family::Outbox;
    const VERSION: u8 = 1;
    type Form = FirstOwnForm;

    fn to_form(&self) -> FirstOwnForm {
        let sent = self.sent.as_ref();
        FirstOwnForm {
            indicator: (&[1; 16]).into(),
            member: None,
            sent: sent.map(|(by, generation, at)| (by.as_bytes().into(), *generation, *at)),
            due: self.due,
        }
    }

    fn from_form(_: FirstOwnForm) -> Option<Self> {
        None
    }
}

#[test]
fn a_row_of_the_outbox_is_read_as_the_first_version_wrote_it() {
    let read = |sent: Option<u64>, due: Option<u64>| {
        let sent = sent.map(|at| (Pseudonym([9; 32]), 2, at));
        let stored = seal(&sealer(), b"key", &FirstOwn { sent, due }).unwrap();
        open::<KeptOwn>(&sealer(), b"key", &stored).unwrap()
    };
    let left = |own: KeptOwn| own.sent.map(|sent| (sent.generation, sent.left));
    // What was made after its time had not been marked as gone.
    assert_eq!(left(read(Some(7), Some(5))), Some((2, false)));
    assert_eq!(left(read(Some(7), Some(8))), Some((2, true)));
    assert_eq!(left(read(Some(7), None)), Some((2, true)));
    let waits = read(None, Some(5));
    assert_eq!((waits.audience, waits.generation, waits.sent), (Audience::Mesh, 0, None));
    let wish = Wish { what: What::Update, due: Timestamp(5), stamp: 0 };
    assert_eq!((waits.wish, read(None, None).wish), (Some(wish), None));

    let own = KeptOwn { generation: 3, ..read(Some(7), Some(8)) };
    let stored = seal(&sealer(), b"key", &own).unwrap();
    assert_eq!(open::<KeptOwn>(&sealer(), b"key", &stored).unwrap(), own);
}
