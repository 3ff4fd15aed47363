//! The Traffic Light Protocol in STIX: fixed marking-definition objects, which nobody may
//! make again.
//!
//! TLP 1.0 stands in STIX 2.1 section 7.2.1.4; TLP 2.0 in the OASIS repository
//! cti-stix-common-objects, `objects/marking-definition/`. A consumer knows them by their ids.

use serde_json::{Value as Json, json};

use crate::model::Tlp;

/// The extension that TLP 2.0 stands in.
pub(super) const TLP_2: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";
/// When the objects of TLP 1.0 were made.
const CREATED_1: &str = "2017-01-20T00:00:00.000Z";
/// When the objects of TLP 2.0 were made.
const CREATED_2: &str = "2022-10-01T00:00:00.000Z";

/// Which of the two families of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// TLP 1.0, for consumers that know nothing newer. It has no amber+strict: red stands for it.
    One,
    /// TLP 2.0.
    #[default]
    Two,
}

/// One of the fixed objects.
struct Fixed {
    id: &'static str,
    family: Family,
    tlp: Tlp,
}

/// A fixed object of TLP 1.0.
const fn one(tlp: Tlp, id: &'static str) -> Fixed {
    Fixed { id, family: Family::One, tlp }
}

/// A fixed object of TLP 2.0.
const fn two(tlp: Tlp, id: &'static str) -> Fixed {
    Fixed { id, family: Family::Two, tlp }
}

const FIXED: [Fixed; 9] = [
    one(Tlp::White, "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"),
    one(Tlp::Green, "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"),
    one(Tlp::Amber, "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"),
    one(Tlp::Red, "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"),
    two(Tlp::White, "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"),
    two(Tlp::Green, "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"),
    two(Tlp::Amber, "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"),
    two(Tlp::AmberStrict, "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"),
    two(Tlp::Red, "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"),
];

/// The marking that an id stands for, in either family.
pub(super) fn of(id: &str) -> Option<Tlp> {
    FIXED.iter().find(|fixed| fixed.id == id).map(|fixed| fixed.tlp)
}

/// What a family calls a marking: TLP 1.0 can only say stricter what it has no word for.
fn said_in(family: Family, tlp: Tlp) -> Tlp {
    if family == Family::One && tlp == Tlp::AmberStrict { Tlp::Red } else { tlp }
}

/// The id of the object that says a marking.
pub(super) fn id(family: Family, tlp: Tlp) -> &'static str {
    let tlp = said_in(family, tlp);
    let fits = |fixed: &&Fixed| fixed.family == family && fixed.tlp == tlp;
    // Every marking has its row; a test counts them.
    FIXED.iter().find(fits).map_or("", |fixed| fixed.id)
}

/// The object itself, exactly as it was published.
pub(super) fn object(family: Family, tlp: Tlp) -> Json {
    let tlp = said_in(family, tlp);
    match family {
        Family::One => json!({
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": id(family, tlp),
            "created": CREATED_1,
            "definition_type": "tlp",
            "name": format!("TLP:{}", tlp.name().to_ascii_uppercase()),
            "definition": { "tlp": tlp.name() },
        }),
        Family::Two => {
            let name = if tlp == Tlp::White { "clear" } else { tlp.name() };
            json!({
                "type": "marking-definition",
                "spec_version": "2.1",
                "id": id(family, tlp),
                "created": CREATED_2,
                "name": format!("TLP:{}", name.to_ascii_uppercase()),
                "extensions": {
                    TLP_2: { "extension_type": "property-extension", "tlp_2_0": name },
                },
            })
        }
    }
}
