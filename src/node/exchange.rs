//! Stands in for the import of branch h-e until it is merged.

use super::{Node, NodeError};
use crate::hygiene::{self, Unfit};
use crate::model::{Evidence, Sighting, Value};
use crate::store::{Applied, Change};

/// Something that is imported.
#[derive(Clone, Debug)]
pub enum Import {
    /// Its author tells it.
    Told(Evidence),
    /// Its author takes it back.
    TakenBack(Value),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is a new indicator.
    New,
    /// The indicator was known.
    Known,
    /// What was imported of it before is forgotten.
    TakenBack,
    /// It is to be taken back and was never imported.
    NotHere,
    /// It is not fit to be an indicator here.
    Unfit(Unfit),
}

impl Node {
    /// Imports.
    pub async fn import(&self, entries: Vec<Import>) -> Result<Vec<Outcome>, NodeError> {
        let live = self.live();
        let mut outcomes = Vec::new();
        for entry in entries {
            let Import::Told(one) = entry else {
                outcomes.push(Outcome::NotHere);
                continue;
            };
            if let Err(unfit) = hygiene::check(&one.value, &live.lists) {
                outcomes.push(Outcome::Unfit(unfit));
                continue;
            }
            let seen = Sighting {
                value: one.value,
                origin: one.origin,
                at: one.last_seen,
                confidence: one.confidence,
                tags: one.tags,
                scope: one.scope,
                custom: one.custom,
            };
            let applied = self.write(vec![Change::Sighting(seen)]).await?;
            let new = applied.first() == Some(&Applied::New);
            outcomes.push(if new { Outcome::New } else { Outcome::Known });
        }
        Ok(outcomes)
    }
}
