//! What a view shows, in the order in which it changed there.
//!
//! A page costs what it holds, however much there is: it is a run of `added`. Every
//! record that it reads is filtered here, so that nobody above can show what is hidden.

use uuid::Uuid;

use super::family::{self, Family, Id};
use super::record::{InView, KeptAttested, KeptClaim, KeptEvidence, KeptIndicator, KeptVote};
use super::{Store, StoreError};
use crate::assess::Heard;
use crate::formats::stix::Namespace;
use crate::model::{Evidence, IndicatorId, NodeId, Value};
use crate::privacy::tlp::View;

/// A place in the order of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Microseconds since 1970 at which it came there; no other place has the same.
    pub added: u64,
    /// Whose place it is.
    pub(super) indicator: Id,
}

/// An indicator as a view shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Viewed {
    /// Its kind and value.
    pub value: Value,
    /// The id of its object in this view.
    pub object: Uuid,
    /// When it last changed here, in microseconds since 1970.
    pub added: u64,
    /// Since when it has been here without a break, in microseconds since 1970.
    pub since: u64,
    /// It was here, and was taken back.
    pub withdrawn: bool,
    /// What this node saw, as far as the view shows it.
    pub evidence: Vec<Evidence>,
    /// What others told, as far as the view shows it.
    pub heard: Vec<Heard>,
    /// The members that say they saw it.
    pub attested: Vec<NodeId>,
    /// Whether this operator voted it to be none.
    pub voted_false: bool,
}

impl Store {
    /// What the ids of a view's objects are made with.
    pub fn namespace(&self, view: View) -> Namespace {
        family::namespace(&self.db().sealer, view)
    }

    /// The first places of a view after a stamp, and before another if one is given.
    pub fn places(
        &self,
        view: View,
        after: u64,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Place>, StoreError> {
        let from = family::added_from(view, after.saturating_add(1));
        let all = [family::view(view)];
        let rows = self.db().rows(Family::Added, &all, &from)?;
        let places = rows.map(|row| Ok(family::split_added(&row?.key)));
        let places = places.filter_map(Result::transpose);
        places
            .map(|place| place.map(|(added, indicator)| Place { added, indicator }))
            .take_while(|place: &Result<Place, StoreError>| {
                let at = place.as_ref().map_or(0, |place| place.added);
                before.is_none_or(|before| at < before)
            })
            .take(limit)
            .collect()
    }

    /// The place of an indicator, if the view shows it.
    pub fn place_in(&self, view: View, of: IndicatorId) -> Result<Option<Place>, StoreError> {
        self.place(view, family::indicator(&self.db().sealer, of))
    }

    /// The place of an object, if the view shows it.
    pub fn place_of(&self, view: View, object: Uuid) -> Result<Option<Place>, StoreError> {
        let prefix = [object.as_bytes().as_slice(), &[family::view(view)]].concat();
        let Some(row) = self.db().rows(Family::Objects, &prefix, &prefix)?.next() else {
            return Ok(None);
        };
        let key = row?.key;
        let Some(indicator) = key.get(prefix.len()..).and_then(family::indicator_of) else {
            return Ok(None);
        };
        self.place(view, indicator)
    }

    fn place(&self, view: View, indicator: Id) -> Result<Option<Place>, StoreError> {
        let record = self.db().read::<KeptIndicator>(&indicator)?;
        let here = record.and_then(|record| stands(&record, view));
        Ok(here.map(|here| Place { added: here.added, indicator }))
    }

    /// What stands at a place; nothing if it has moved on meanwhile, to a later one.
    pub fn viewed(&self, view: View, place: Place) -> Result<Option<Viewed>, StoreError> {
        let Place { added, indicator } = place;
        let evidence = self.db().records::<KeptEvidence>(&indicator)?;
        let heard = self.db().records::<KeptClaim>(&indicator)?;
        let attested = self.db().records::<KeptAttested>(&indicator)?;
        let vote = self.db().read::<KeptVote>(&indicator)?;
        // Last: if the place still holds then, nothing of the above was written after it.
        let Some(record) = self.db().read::<KeptIndicator>(&indicator)? else { return Ok(None) };
        let here = stands(&record, view).filter(|here| here.added == added);
        let Some(here) = here else { return Ok(None) };
        let namespace = self.namespace(view);
        let evidence = evidence.into_iter().map(|(_, kept)| kept.evidence);
        let heard = heard.into_iter().filter(|(_, kept)| !kept.own).map(|(_, kept)| kept.heard);
        Ok(Some(Viewed {
            object: family::object_of(&namespace, record.value.id(), here.since),
            added,
            since: here.since,
            withdrawn: here.withdrawn,
            evidence: evidence.filter(|one| view.shows_scope(&one.scope)).collect(),
            heard: heard.filter(|one| view.shows(one.claim.tlp)).collect(),
            attested: attested.into_iter().map(|(_, kept)| kept.node).collect(),
            voted_false: vote.is_some_and(|vote| vote.false_positive),
            value: record.value,
        }))
    }
}

/// How an indicator stands in a view, if it is there.
fn stands(record: &KeptIndicator, view: View) -> Option<InView> {
    let mut places = View::ALL.into_iter().zip(record.places);
    places.find(|(of, _)| *of == view).and_then(|(_, place)| place)
}
