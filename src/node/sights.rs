//! What an organisation's own clients ask of a view: one indicator, or what changed.

use super::{Node, NodeError, Sight};
use crate::model::Kind;
use crate::privacy::tlp::View;

/// Places that one question looks at; what is wanted may be far between.
const MAX_LOOKED: usize = 10_000;
/// Places that are read at a time.
const BATCH: usize = 100;

/// Which sights are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of this kind only.
    pub kind: Option<Kind>,
    /// That hold this text, in any case.
    pub text: Option<String>,
    /// As sure as this at least, 0 to 100.
    pub confidence: u8,
    /// That changed after this stamp.
    pub after: u64,
    /// At most so many.
    pub limit: usize,
}

/// A piece of a view, the oldest change first.
#[derive(Clone, Debug)]
pub struct Sights {
    /// What was found.
    pub sights: Vec<Sight>,
    /// Go on after this stamp; what changes later comes behind it.
    pub next: u64,
    /// There may be more now.
    pub more: bool,
}

impl Wanted {
    fn fits(&self, sight: &Sight, text: Option<&str>) -> bool {
        let told = &sight.told;
        let sure = told.confidence.map_or(0, |confidence| confidence.percent());
        self.kind.as_ref().is_none_or(|kind| kind == told.value.kind())
            && text.is_none_or(|text| told.value.as_str().to_lowercase().contains(text))
            && sure >= self.confidence
    }
}

impl Node {
    /// What changed in a view after a stamp, as far as it is wanted.
    pub async fn sights(&self, view: View, wanted: Wanted) -> Result<Sights, NodeError> {
        self.blocking(move |node| {
            let text = wanted.text.as_ref().map(|text| text.to_lowercase());
            let mut found = Sights { sights: Vec::new(), next: wanted.after, more: true };
            let mut looked = 0;
            while looked < MAX_LOOKED {
                let places = node.places(view, found.next, None, BATCH)?;
                let last = places.len() < BATCH;
                for place in places {
                    if found.sights.len() == wanted.limit {
                        return Ok(found);
                    }
                    found.next = place.added;
                    looked += 1;
                    let sight = node.sight(view, place)?;
                    let sight = sight.filter(|sight| wanted.fits(sight, text.as_deref()));
                    found.sights.extend(sight);
                }
                if last {
                    found.more = false;
                    return Ok(found);
                }
            }
            Ok(found)
        })
        .await
    }

    /// One indicator by its id or value, as a view has it. What is hidden is answered like
    /// what was never heard of.
    pub async fn sight_of(&self, view: View, id_or_value: String) -> Result<Sight, NodeError> {
        self.blocking(move |node| {
            let value = node.known_value(&id_or_value)?;
            let place = node.inner.store.place_in(view, value.id())?;
            let sight = place.map(|place| node.sight(view, place)).transpose()?.flatten();
            sight.ok_or_else(super::query::unknown)
        })
        .await
    }
}
