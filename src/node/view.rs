//! What a reader is shown: an indicator as one view knows it.
//!
//! The same functions serve every reader outside. What they say of an indicator holds for
//! one version of it: it is what was thought when the version was made, so that two who
//! read the same version read the same.

use uuid::Uuid;

use super::{Node, NodeError, clock};
use crate::ageing;
use crate::assess::Assessment;
use crate::formats::stix::Namespace;
use crate::formats::{self, Known, Told};
use crate::hygiene;
use crate::model::{Timestamp, Tlp};
use crate::privacy::tlp::View;
use crate::store::{Change, Place, Viewed};

/// A version of an indicator in a view.
#[derive(Clone, Debug)]
pub struct Sight {
    /// What is told of it.
    pub told: Told,
    /// The assessment behind its confidence; none of what is taken back.
    pub why: Option<Assessment>,
    /// Since when it has been told without a break, in microseconds since 1970.
    pub since: u64,
    /// When this version was made, in microseconds since 1970.
    pub added: u64,
}

impl Node {
    /// The first places of a view after a stamp, and before another if one is given.
    /// Blocks on the disk.
    pub fn places(
        &self,
        view: View,
        after: u64,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Place>, NodeError> {
        Ok(self.inner.store.places(view, after, before, limit)?)
    }

    /// The place of an object, if the view shows it. Blocks on the disk.
    pub fn place_of(&self, view: View, object: Uuid) -> Result<Option<Place>, NodeError> {
        Ok(self.inner.store.place_of(view, object)?)
    }

    /// What the ids of a view's objects are made with.
    pub fn namespace(&self, view: View) -> Namespace {
        self.inner.store.namespace(view)
    }

    /// A UUID of version 4 for something of this node's, the same each time.
    pub fn secret_uuid(&self, of: &str) -> Uuid {
        uuid::Builder::from_random_bytes(self.inner.sealer.keyed("uuid", of.as_bytes())).into_uuid()
    }

    /// Keeps something for readers outside until a time.
    pub async fn keep(
        &self,
        question: Vec<u8>,
        answer: Vec<u8>,
        until: Timestamp,
    ) -> Result<(), NodeError> {
        self.write(vec![Change::Outside { question, answer, until }]).await.map(|_| ())
    }

    /// What was kept, if it still holds.
    pub async fn kept(&self, question: Vec<u8>) -> Result<Option<Vec<u8>>, NodeError> {
        self.blocking(move |node| Ok(node.inner.store.outside(&question, clock::now())?)).await
    }

    /// What stands at a place. Nothing if it has moved on to a later one, or if this node
    /// has nothing to tell of it: hygiene hides it, or nobody who told it counts. Blocks on
    /// the disk.
    pub fn sight(&self, view: View, place: Place) -> Result<Option<Sight>, NodeError> {
        let Some(viewed) = self.inner.store.viewed(view, place)? else { return Ok(None) };
        let live = self.live();
        let unfit = hygiene::check(&viewed.value, &live.lists).err();
        let (since, added) = (viewed.since, viewed.added);
        if viewed.withdrawn {
            let told = unfit.is_none().then(|| withdrawn(viewed, view));
            return Ok(told.map(|told| Sight { told, why: None, since, added }));
        }
        let known = Known {
            value: &viewed.value,
            evidence: &viewed.evidence,
            heard: &viewed.heard,
            attested: &viewed.attested,
            unfit,
            voted_false: viewed.voted_false,
            generation: 0,
            retraction: None,
        };
        let trust = self.book().trust();
        let told = formats::View {
            path: view.path(),
            policy: &live.policy,
            lists: &live.lists,
            trust: &trust,
            outputs: &live.outputs,
        }
        .tell_why(&known, seconds(added));
        Ok(told.map(|(told, why)| Sight { told, why, since, added }))
    }
}

/// What was told is told no more; that, and nothing else, is told now.
fn withdrawn(viewed: Viewed, view: View) -> Told {
    let created = seconds(viewed.since);
    // The strictest marking that the view's readers can have seen on it.
    let markings = Tlp::ALL.into_iter().filter(|tlp| view.shows(*tlp));
    Told {
        tlp: markings.max().unwrap_or(Tlp::Red),
        recipients: [].into(),
        confidence: None,
        created,
        modified: seconds(viewed.added),
        until: ageing::end_of(viewed.value.kind(), created).start(),
        tags: Vec::new(),
        sightings: None,
        custom: [].into(),
        revoked: true,
        generation: 0,
        value: viewed.value,
    }
}

fn seconds(micros: u64) -> Timestamp {
    Timestamp(micros / 1_000_000)
}
