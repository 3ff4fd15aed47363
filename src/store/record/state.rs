//! What the writer must not forget between two starts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Blob, Record};
use crate::model::Timestamp;
use crate::privacy::tlp::View;
use crate::store::family::{Family, Id};

/// The writer's memory. One record, written with each batch that changes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::store) struct State {
    /// The last time that was believed.
    pub(in crate::store) last_time: Option<Timestamp>,
    /// The last stamp, in microseconds since 1970. None is used twice.
    pub(in crate::store) last_added: u64,
    /// The last stamp of each view: one for all would tell in one view how much happened
    /// in the others.
    pub(in crate::store) last_in_view: [u64; View::ALL.len()],
    /// The ends of the egress ledger.
    pub(in crate::store) ledger: Chain,
    /// How many claims of each member are stored, under its key in `peers`.
    pub(in crate::store) shares: BTreeMap<Id, u64>,
}

/// The ends of a chain of numbered rows: with them, a row that was taken from
/// the front or the back is missed too.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::store) struct Chain {
    /// The number of the first row that is kept.
    pub(in crate::store) first: u64,
    /// The hash of the row before it.
    pub(in crate::store) anchor: [u8; 32],
    /// The number that the next row gets.
    pub(in crate::store) next: u64,
    /// The hash of the last row.
    pub(in crate::store) last: [u8; 32],
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct StateForm {
    last_time: Option<u64>,
    last_added: u64,
    first: u64,
    anchor: Blob,
    next: u64,
    last: Blob,
    #[serde(default)]
    shares: Vec<(Blob, u64)>,
    #[serde(default)]
    last_in_view: Vec<u64>,
}

impl Record for State {
    const FAMILY: Family = Family::Meta;
    const VERSION: u8 = 1;
    type Form = StateForm;

    fn to_form(&self) -> StateForm {
        StateForm {
            last_time: self.last_time.map(Timestamp::seconds),
            last_added: self.last_added,
            first: self.ledger.first,
            anchor: (&self.ledger.anchor).into(),
            next: self.ledger.next,
            last: (&self.ledger.last).into(),
            shares: self.shares.iter().map(|(member, count)| (member.into(), *count)).collect(),
            last_in_view: self.last_in_view.to_vec(),
        }
    }

    fn from_form(form: StateForm) -> Option<Self> {
        let ledger = Chain {
            first: form.first,
            anchor: form.anchor.array()?,
            next: form.next,
            last: form.last.array()?,
        };
        let shares = form.shares.iter().map(|(member, count)| Some((member.array()?, *count)));
        Some(Self {
            last_time: form.last_time.map(Timestamp),
            last_added: form.last_added,
            last_in_view: form.last_in_view.try_into().unwrap_or([form.last_added; 4]),
            ledger,
            shares: shares.collect::<Option<_>>()?,
        })
    }
}
