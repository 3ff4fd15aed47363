//! The operator's word: adding by hand, sharing, taking back, voting.

use std::collections::{BTreeMap, BTreeSet};

use super::audience;
use super::plan::Plan;
use crate::hygiene;
use crate::model::{
    Audience, Confidence, CustomFields, Generation, IndicatorId, Kind, Origin, Scope, Sighting,
    Tag, Timestamp, Value,
};
use crate::node::{Node, NodeError, clock};
use crate::store::{Applied, Change, Hold, Pending, What};

/// So many retractions at once leave without a hold; more are a bulk, whose members
/// would be told to belong together.
const FEW: usize = 3;
/// Indicators in one request at most.
const MAX_INDICATORS: usize = 1000;

/// What the operator adds by hand.
#[derive(Clone, Debug)]
pub struct NewIndicator {
    /// The value as it was typed.
    pub value: String,
    /// Its kind; guessed if none is given.
    pub kind: Option<Kind>,
    /// How sure the operator is.
    pub confidence: Confidence,
    /// What it did.
    pub tags: BTreeSet<Tag>,
    /// How far it may travel; as before if none is given, and nowhere at first.
    pub scope: Option<Scope>,
    /// Custom fields.
    pub custom: CustomFields,
}

/// What the operator's word does to one indicator.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The indicator.
    pub value: Value,
    /// How far what this node saw of it may travel from now on.
    pub scope: Scope,
    /// What leaves because of it.
    pub leaving: Vec<Leaving>,
}

/// Something that leaves for one audience.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// To whom.
    pub audience: Audience,
    /// What.
    pub what: What,
    /// Not before this time.
    pub due: Timestamp,
    /// Why it does not leave, as things are now.
    pub held: Option<String>,
}

impl Node {
    /// Adds an indicator by hand: it passes hygiene, becomes evidence and is
    /// shared as its scope allows.
    pub async fn add_indicator(&self, new: NewIndicator) -> Result<IndicatorId, NodeError> {
        let parsed = match &new.kind {
            Some(kind) => Value::parse(kind, &new.value),
            None => Value::guess(&new.value),
        };
        let value = parsed.map_err(|why| NodeError::Request(why.to_string()))?;
        if let Err(unfit) = hygiene::check(&value, &self.live().lists) {
            self.inner.metrics.hygiene_refusals.with_label_values(&[unfit.label()]).inc();
            return Err(NodeError::Request(unfit.to_string()));
        }
        let (now, indicator) = (clock::now(), value.id());
        let word = match &new.scope {
            None => self.tell(indicator, Origin::Manual, &Scope::private(), now),
            Some(scope) => {
                let scope = scope.clone();
                let hold = self.hold(now);
                let word =
                    move |node: &Self| node.word(indicator, Some(Origin::Manual), scope, hold, now);
                self.blocking(word).await?
            }
        };
        let sighting = Sighting {
            value,
            origin: Origin::Manual,
            at: now,
            confidence: new.confidence,
            tags: new.tags,
            scope: new.scope.unwrap_or_else(Scope::private),
            custom: new.custom,
        };
        self.write(vec![Change::Sighting(sighting), word]).await?;
        self.inner.metrics.sightings.with_label_values(&[Origin::Manual.name()]).inc();
        self.inner.due.notify_one();
        Ok(indicator)
    }

    /// Sets how far all that this node saw of an indicator may travel. Whoever was told
    /// and is no longer reached is told that it is taken back.
    pub async fn share(&self, indicator: String, scope: Scope) -> Result<Shared, NodeError> {
        let now = clock::now();
        let hold = self.hold(now);
        let word = move |node: &Self| {
            let value = node.known_value(&indicator)?;
            let seen = node.inner.store.evidence(value.id())?;
            if !seen.iter().any(|evidence| evidence.origin.is_own()) {
                return Err(NodeError::Request(if seen.is_empty() {
                    "this node has not seen it itself: what others told is theirs to share; \
                     `dtim indicators add` makes it your own word"
                        .to_owned()
                } else {
                    "it was only imported, and imports are never shared as own; \
                     `dtim indicators add` makes it your own word"
                        .to_owned()
                }));
            }
            let word = node.word(value.id(), None, scope.clone(), hold, now)?;
            Ok((value, scope, word))
        };
        let (value, scope, word) = self.blocking(word).await?;
        let applied = self.write(vec![word]).await?;
        let leaving = self.leaving(applied, now).await?.pop().unwrap_or_default();
        Ok(Shared { value, scope, leaving })
    }

    /// Takes back whatever was told of indicators, and shares them no more.
    pub async fn retract(&self, indicators: Vec<String>) -> Result<Vec<Shared>, NodeError> {
        if indicators.is_empty() || indicators.len() > MAX_INDICATORS {
            return Err(NodeError::Request(format!(
                "name 1 to {MAX_INDICATORS} indicators in one request"
            )));
        }
        let now = clock::now();
        let bulk = indicators.len() > FEW;
        let take_back = if bulk { self.hold(now) } else { Hold::none(now) };
        // All of them or none: a name that is wrong must not leave half of the work done.
        let known = move |node: &Self| {
            let known = indicators.iter().map(|indicator| {
                let value = node.known_value(indicator)?;
                let store = &node.inner.store;
                let seen = store.evidence(value.id())?.iter().any(|e| e.origin.is_own());
                if !seen && store.outbox_rows(value.id())?.is_empty() {
                    return Err(NodeError::Request(format!(
                        "{}: this node has told nothing of it that could be taken back",
                        value.defanged()
                    )));
                }
                Ok(value)
            });
            known.collect::<Result<Vec<Value>, NodeError>>()
        };
        let values = self.blocking(known).await?;
        let take_back_all = values.iter().map(|value| Change::Scope {
            indicator: value.id(),
            only: None,
            scope: Scope::private(),
            audiences: BTreeMap::new(),
            hold: take_back,
            take_back,
        });
        let applied = self.write(take_back_all.collect()).await?;
        let leaving = self.leaving(applied, now).await?;
        let retracted = values.into_iter().zip(leaving);
        let scope = Scope::private;
        Ok(retracted.map(|(value, leaving)| Shared { value, scope: scope(), leaving }).collect())
    }

    /// This operator's vote on an indicator: every local output follows it at once.
    pub async fn vote(&self, indicator: String, false_positive: bool) -> Result<Value, NodeError> {
        let value = self.blocking(move |node| node.known_value(&indicator)).await?;
        let (indicator, at) = (value.id(), clock::now());
        self.write(vec![Change::Vote { indicator, false_positive, at }]).await?;
        Ok(value)
    }

    /// The wish to tell what was seen after a random hold.
    pub(in crate::node) fn tell(
        &self,
        indicator: IndicatorId,
        origin: Origin,
        scope: &Scope,
        now: Timestamp,
    ) -> Change {
        let live = self.live();
        let audiences = audience::audiences(scope, self.book().members(), &live.config.groups);
        let members = audience::direct(&audiences);
        Change::Tell { indicator, origin, members, hold: self.hold(now) }
    }

    fn hold(&self, now: Timestamp) -> Hold {
        let (least, most) = self.inner.live.borrow().config.privacy.hold;
        Hold { from: now.plus(least), to: now.plus(most) }
    }

    /// The change that the operator's word makes. Reads the store.
    fn word(
        &self,
        indicator: IndicatorId,
        only: Option<Origin>,
        scope: Scope,
        hold: Hold,
        now: Timestamp,
    ) -> Result<Change, NodeError> {
        let live = self.live();
        let groups = &live.config.groups;
        let reached = {
            let book = self.book();
            audience::check(&scope, book.members(), groups)?;
            audience::audiences(&scope, book.members(), groups)
        };
        let mut audiences: BTreeMap<Audience, Generation> = BTreeMap::new();
        for audience in reached {
            let row = self.inner.store.outbox_row(indicator, audience)?;
            let last = self.last_told(indicator, audience, row.as_ref())?;
            let generation =
                last.map_or(0, |own| own.generation + Generation::from(own.claim.retracted));
            audiences.insert(audience, generation);
        }
        let take_back = Hold::none(now);
        Ok(Change::Scope { indicator, only, scope, audiences, hold, take_back })
    }

    /// What leaves because of each change, and why not.
    async fn leaving(
        &self,
        applied: Vec<Applied>,
        now: Timestamp,
    ) -> Result<Vec<Vec<Leaving>>, NodeError> {
        self.inner.due.notify_one();
        self.blocking(move |node| {
            let one = |wish: Pending| {
                let Pending { indicator, audience, what, due, .. } = wish;
                let held = match node.plan(indicator, audience, Some(what), now)? {
                    Plan::Nothing(held) => Some(held.to_string()),
                    Plan::StillHolds | Plan::Again(_) | Plan::Send { .. } => None,
                };
                Ok(Leaving { audience, what, due, held })
            };
            let each = applied.into_iter().map(|applied| match applied {
                Applied::Wished(all) => all.into_iter().map(one).collect(),
                _ => Ok(Vec::new()),
            });
            each.collect()
        })
        .await
    }
}
