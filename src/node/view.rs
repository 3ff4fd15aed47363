//! What a reader is shown: an indicator as one view knows it.
//!
//! The same functions serve every reader outside. What they say of an indicator holds for
//! one version of it: it is what was thought when the version was made, so that two who
//! read the same version read the same.

use uuid::Uuid;

use super::{Node, NodeError, clock};
use crate::assess::{self, Assessment, Block, NotBlocked};
use crate::hygiene;
use crate::model::{Timestamp, Tlp};
use crate::privacy::tlp::View;
use crate::store::{Place, Viewed};

/// An indicator as a view shows it, and what this node would think if it knew no more.
#[derive(Clone, Debug)]
pub struct Sight {
    /// What is known.
    pub viewed: Viewed,
    /// What is thought of it.
    pub assessment: Assessment,
    /// The strictest marking of what is shown.
    pub tlp: Tlp,
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

    /// What stands at a place. Nothing if it has moved on to a later one, or if this node
    /// gives nothing for it: hygiene hides it, or nobody who told it counts. Blocks on the
    /// disk.
    pub fn sight(&self, view: View, place: Place) -> Result<Option<Sight>, NodeError> {
        let Some(viewed) = self.inner.store.viewed(view, place)? else { return Ok(None) };
        let live = self.live();
        let assessment = assess::assess(
            &viewed.value,
            &viewed.evidence,
            &viewed.heard,
            &viewed.attested,
            &self.book().trust(),
            &live.outputs,
            hygiene::check(&viewed.value, &live.lists).err(),
            viewed.voted_false,
            clock::tick(Timestamp(viewed.added / 1_000_000)),
        );
        let hidden = matches!(assessment.block, Block::No(NotBlocked::Unfit(_)));
        if hidden || (!viewed.withdrawn && assessment.exact <= 0.0) {
            return Ok(None);
        }
        let markings = viewed.evidence.iter().map(|one| one.scope.tlp());
        let markings = markings.chain(viewed.heard.iter().map(|one| one.claim.tlp));
        let tlp = markings.max().unwrap_or_else(|| widest(view));
        Ok(Some(Sight { viewed, assessment, tlp }))
    }
}

/// The marking of what is no longer there: the strictest that its readers have seen.
fn widest(view: View) -> Tlp {
    Tlp::ALL.into_iter().filter(|tlp| view.shows(*tlp)).max().unwrap_or(Tlp::Red)
}
