//! What other programs give to this node and are given by it.
//!
//! Owns the order: what is given passes hygiene and becomes evidence of class import; what
//! is taken is what a view tells, and nothing else.

use std::sync::Arc;

use super::{Live, Node, NodeError, clock};
use crate::formats::stix::{Family, Namespace, Writer};
use crate::formats::{Known, Retraction, Told, View};
use crate::hygiene::{self, Unfit};
use crate::model::{Audience, Evidence, Generation, IndicatorId, Level, Value};
use crate::privacy::Policy;
use crate::privacy::tlp::{ClientScope, Path};
use crate::store::{Applied, Change};

/// The most indicators that are taken in one request.
const MAX_ENTRIES: usize = 1000;

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

/// Which view is exported, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export {
    /// Who will read it.
    pub path: Path,
    /// How much is told; none is what the configuration says.
    pub level: Option<Level>,
    /// In which objects markings are told.
    pub family: Family,
}

/// A page of STIX objects.
#[derive(Debug)]
pub struct Page {
    /// The objects as JSON, a comma between any two.
    pub objects: Vec<u8>,
    /// How many indicators are among them.
    pub indicators: usize,
    /// Where the next page begins; none after the last.
    pub next: Option<u64>,
}

impl Export {
    /// The name of the view: another name, and all ids are others.
    fn name(self, level: Level) -> String {
        let path = match self.path {
            Path::PublicEndpoint => "public",
            Path::Client(ClientScope::Green) => "green",
            Path::Client(ClientScope::Amber) => "amber",
            Path::Client(ClientScope::Red) => "red",
            Path::Gossip | Path::Sync | Path::Direct { .. } => "mesh",
        };
        let family = match self.family {
            Family::One => "1",
            Family::Two => "2",
        };
        format!("stix {path} {level} tlp-{family}")
    }
}

impl Node {
    /// Takes what an operator or a feed imports. It is never an own sighting, and hygiene
    /// stands before it as before everything else.
    pub async fn import(&self, entries: Vec<Import>) -> Result<Vec<Outcome>, NodeError> {
        if entries.len() > MAX_ENTRIES {
            return Err(NodeError::Request(format!("import at most {MAX_ENTRIES} at a time")));
        }
        let live = self.live();
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(entries.len());
        let mut changes = Vec::new();
        for entry in entries {
            let (outcome, change) = match entry {
                Import::TakenBack(value) => (None, Some(Change::ImportTakenBack(value.id()))),
                Import::Told(evidence) if evidence.origin.is_own() => {
                    return Err(NodeError::Request(
                        "what is imported is never an own sighting".to_owned(),
                    ));
                }
                Import::Told(evidence) => match hygiene::check(&evidence.value, &live.lists) {
                    Ok(()) => (None, Some(Change::Import(evidence))),
                    Err(unfit) => (Some(Outcome::Unfit(unfit)), None),
                },
            };
            outcomes.push(outcome);
            changes.extend(change);
        }
        self.count_imports(&outcomes, &changes);
        let taken_back: Vec<bool> =
            changes.iter().map(|c| matches!(c, Change::ImportTakenBack(_))).collect();
        let applied = self.write(changes).await?;
        let mut written = applied.into_iter().zip(taken_back).map(|(applied, taken_back)| {
            match (applied, taken_back) {
                (Applied::New, _) => Outcome::New,
                (Applied::Updated, true) => Outcome::TakenBack,
                (_, true) => Outcome::NotHere,
                (_, false) => Outcome::Known,
            }
        });
        let outcomes = outcomes.into_iter().map(|known| known.or_else(|| written.next()));
        Ok(outcomes.flatten().collect())
    }

    fn count_imports(&self, outcomes: &[Option<Outcome>], changes: &[Change]) {
        let metrics = &self.inner.metrics;
        for outcome in outcomes.iter().flatten() {
            if let Outcome::Unfit(unfit) = outcome {
                metrics.hygiene_refusals.with_label_values(&[unfit.label()]).inc();
            }
        }
        for change in changes {
            if let Change::Import(evidence) = change {
                metrics.sightings.with_label_values(&[evidence.origin.name()]).inc();
            }
        }
    }

    /// What a view tells of the indicators that changed after a stamp, as STIX objects.
    pub async fn export_stix(
        &self,
        export: Export,
        after: u64,
        limit: usize,
    ) -> Result<Page, NodeError> {
        self.blocking(move |node| {
            let live = node.live();
            let level = export.level.unwrap_or(live.policy.level);
            let name = export.name(level);
            let secret = node.inner.pseudonyms.view(&node.inner.community, &name);
            let mut writer = Writer::new(Namespace::new(*secret), export.family);
            let rows = node.inner.store.changed_since(after, limit);
            let mut page = Page { objects: Vec::new(), indicators: 0, next: rows.next };
            for row in rows.rows {
                if let Some(told) = node.told(row.value, export.path, level, &live)? {
                    page.indicators += 1;
                    let written = writer.write(&told, &mut page.objects);
                    written.map_err(|error| NodeError::Request(error.to_string()))?;
                }
            }
            Ok(page)
        })
        .await
    }

    /// What one view tells of an indicator now.
    fn told(
        &self,
        value: Value,
        path: Path,
        level: Level,
        live: &Arc<Live>,
    ) -> Result<Option<Told>, NodeError> {
        let (store, indicator) = (&self.inner.store, value.id());
        let (evidence, heard) = (store.evidence(indicator)?, store.heard(indicator)?);
        let attested = store.attested(indicator)?;
        let policy = Policy { level, ..live.policy.clone() };
        let (generation, retraction) = self.own_word(indicator)?;
        let known = Known {
            unfit: hygiene::check(&value, &live.lists).err(),
            voted_false: store.voted_false(indicator)?,
            value: &value,
            evidence: &evidence,
            heard: &heard,
            attested: &attested,
            generation,
            retraction,
        };
        let view = View {
            path,
            policy: &policy,
            lists: &live.lists,
            trust: &self.book().trust(),
            outputs: &live.outputs,
        };
        Ok(view.tell(&known, clock::tick(clock::now())))
    }

    /// Which own word to the community holds, and whether it was taken back.
    fn own_word(
        &self,
        indicator: IndicatorId,
    ) -> Result<(Generation, Option<Retraction>), NodeError> {
        let Some(row) = self.inner.store.outbox_row(indicator, Audience::Mesh)? else {
            return Ok((0, None));
        };
        Ok(match row.last {
            Some(last) if last.claim.retracted && row.generation <= last.generation => {
                (last.generation, Some(Retraction { claim: last.claim, at: last.at }))
            }
            Some(last) => (last.generation.max(row.generation), None),
            None => (row.generation, None),
        })
    }
}

impl Outcome {
    /// The name in JSON and counts.
    pub fn label(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Known => "known",
            Self::TakenBack => "taken_back",
            Self::NotHere => "not_here",
            Self::Unfit(unfit) => unfit.label(),
        }
    }
}
