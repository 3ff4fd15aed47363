//! How an indicator stands in each view: since when, and when it last changed there.
//!
//! A view has stamps of its own, and only what it shows moves them: it must look exactly
//! as that of a node which never had the rest.

use crate::ageing;
use crate::model::{Claim, Evidence, Scope, Timestamp, Tlp};
use crate::privacy::tlp::View;
use crate::store::StoreError;
use crate::store::family::{self, Family, Id};
use crate::store::record::{InView, KeptClaim, KeptEvidence, KeptIndicator, Places};

use super::Draft;
use super::claims::claim_crossing;
use super::sightings::evidence_crossing;

/// Two versions of an object lie at least so many microseconds apart, because STIX tells
/// their times in milliseconds.
const VERSION: u64 = 1000;
/// A sighting is news once it moves the end by this part of a lifetime: what is told
/// here changes as seldom as what is told to the mesh (design section 4).
const NEWS: u64 = 10;

/// A set of views, in the order of [`View::ALL`].
pub(in crate::store) type Views = [bool; View::ALL.len()];

/// What happened to an indicator in a group of writes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Touched {
    /// When what changed crosses its next step.
    pub(super) crossing: Option<Timestamp>,
    /// These views show something new of it.
    more: Views,
    /// These no longer show something that was taken back.
    less: Views,
    /// Something that stood in these has ended.
    ended: Views,
    /// These show something that was seen again and is as it was.
    same: Views,
    /// What is thought of it has changed, whoever looks.
    judged: bool,
}

impl Touched {
    /// Both happened.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            crossing: self.crossing.into_iter().chain(other.crossing).min(),
            more: or(self.more, other.more),
            less: or(self.less, other.less),
            ended: or(self.ended, other.ended),
            same: or(self.same, other.same),
            judged: self.judged || other.judged,
        }
    }

    /// Something was seen. `places`: how its indicator stood in each view.
    pub(super) fn by_evidence(
        before: Option<&Evidence>,
        after: &Evidence,
        places: &Places,
        now: Timestamp,
    ) -> Self {
        let crossing = evidence_crossing(after, now);
        let Some(before) = before else {
            return Self { crossing, more: of_scope(&after.scope), ..Self::default() };
        };
        let moved = Self::by_scope(&before.scope, &after.scope);
        if is_news(before, after, now) {
            return Self { crossing, ..moved };
        }
        // What has aged by a step since its last version is news by itself.
        let aged = crossed_since(places, &|since| evidence_crossing(before, since), now);
        let same = and_not(and(moved.more, of_scope(&before.scope)), aged);
        Self { crossing, more: and_not(moved.more, same), same, ..moved }
    }

    /// The scope of evidence was set anew.
    pub(super) fn by_scope(before: &Scope, after: &Scope) -> Self {
        let more = of_scope(after);
        Self { more, less: and_not(of_scope(before), more), ..Self::default() }
    }

    /// Evidence was taken back.
    pub(super) fn by_loss(scope: &Scope) -> Self {
        Self { less: of_scope(scope), ..Self::default() }
    }

    /// A claim came, perhaps in the place of another.
    pub(super) fn by_claim(before: Option<&Claim>, after: &Claim, now: Timestamp) -> Self {
        let crossing = claim_crossing(after, now);
        let before = before.map_or_else(Views::default, of_claim);
        let more = of_claim(after);
        Self { crossing, more, less: and_not(before, more), ..Self::default() }
    }

    /// This operator or a member said something of it that has no marking.
    pub(super) fn by_judgement() -> Self {
        Self { judged: true, ..Self::default() }
    }

    /// Something has ended in these views.
    pub(super) fn by_end(ended: Views) -> Self {
        Self { ended, ..Self::default() }
    }
}

impl Draft<'_> {
    /// Moves an indicator in each view in which it has changed.
    pub(super) fn place(
        &mut self,
        indicator: &Id,
        record: &mut KeptIndicator,
        touched: Touched,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let vote = self.votes.read_or_lost(self.db, indicator)?;
        let voted_false = vote.is_some_and(|vote| vote.false_positive);
        let lost = or(touched.ended, touched.less);
        let left = if touched.judged || lost.contains(&true) {
            Some(self.remains(indicator, now)?)
        } else {
            None
        };
        let id = record.value.id();
        let marks = View::ALL.iter().zip(&mut record.places);
        for (index, (view, place)) in marks.enumerate() {
            let at = |views: &Views| views.get(index).copied().unwrap_or_default();
            let alive = left.as_ref().map(|(alive, _)| at(alive));
            let bare = left.as_ref().is_some_and(|(_, kept)| !at(kept));
            let before = *place;
            let next = match before {
                // Nothing of it is left that this view could ever have known.
                Some(_) if at(&touched.ended) && bare => Next::Gone,
                // This operator holds it to be none: nobody is told more of it.
                Some(before) if voted_false && !before.withdrawn => Next::Withdrawn,
                _ if voted_false => Next::Same,
                _ if at(&touched.more) => Next::Shown,
                Some(before) => next(before, at(&touched.less), alive, touched.judged),
                None => Next::Same,
            };
            let mut stamp = || self.next_in_view(index, before);
            *place = match (before, next) {
                (Some(before), Next::Same) if at(&touched.same) => {
                    Some(InView { checked: now, ..before })
                }
                (_, Next::Same) => continue,
                (_, Next::Gone) => None,
                (Some(before), Next::Shown) if !before.withdrawn => {
                    Some(InView { added: stamp(), checked: now, ..before })
                }
                (_, Next::Shown) => {
                    let added = stamp();
                    Some(InView { added, since: added, withdrawn: false, checked: now })
                }
                (Some(before), Next::Withdrawn) => {
                    Some(InView { added: stamp(), withdrawn: true, ..before })
                }
                (None, Next::Withdrawn) => continue,
            };
            let after = *place;
            self.move_rows(*view, indicator, id, before, after);
        }
        Ok(())
    }

    /// An indicator that is gone is in no view.
    pub(super) fn leave_all_views(&mut self, indicator: &Id, record: &KeptIndicator) {
        for (view, place) in View::ALL.into_iter().zip(record.places) {
            self.move_rows(view, indicator, record.value.id(), place, None);
        }
    }

    fn move_rows(
        &mut self,
        view: View,
        indicator: &Id,
        id: crate::model::IndicatorId,
        before: Option<InView>,
        after: Option<InView>,
    ) {
        let namespace = family::namespace(&self.db.sealer, view);
        let object = |place: InView| {
            family::object(family::object_of(&namespace, id, place.since), view, indicator)
        };
        if let Some(before) = before {
            self.unmark(Family::Added, family::added(view, before.added, indicator));
            if after.is_none_or(|after| after.since != before.since) {
                self.unmark(Family::Objects, object(before));
            }
        }
        if let Some(after) = after {
            self.mark(Family::Added, family::added(view, after.added, indicator));
            if before.is_none_or(|before| before.since != after.since) {
                self.mark(Family::Objects, object(after));
            }
        }
    }

    /// Strictly increasing in its view, and a version later than the object's last.
    fn next_in_view(&mut self, index: usize, before: Option<InView>) -> u64 {
        let after = before.map_or(0, |before| before.added.saturating_add(VERSION));
        let clock = self.clock;
        let Some(last) = self.memory.state.last_in_view.get_mut(index) else { return clock };
        *last = clock.max(*last + 1).max(after);
        *last
    }

    /// The views in which something of an indicator stands, and those of which something
    /// is kept, taken back or not.
    fn remains(&self, indicator: &Id, now: Timestamp) -> Result<(Views, Views), StoreError> {
        let evidence = self.evidence.under(self.db, indicator)?;
        let claims = self.claims.under(self.db, indicator)?;
        let alive = alive_in(&evidence, &claims, now);
        let told = claims.iter().filter(|kept| !kept.own);
        let told = told.map(|kept| of_marking(kept.heard.claim.tlp));
        Ok((alive, told.fold(alive, or)))
    }

    /// In which views something has crossed a step since the version that they show, and
    /// when the next will.
    pub(super) fn crossed(
        &self,
        indicator: &Id,
        record: &KeptIndicator,
        now: Timestamp,
    ) -> Result<Touched, StoreError> {
        let mut touched = Touched::default();
        let mut take = |views: Views, crossing: &dyn Fn(Timestamp) -> Option<Timestamp>| {
            let more = and(views, crossed_since(&record.places, crossing, now));
            touched = touched.and(Touched { crossing: crossing(now), more, ..Touched::default() });
        };
        for KeptEvidence { evidence, .. } in self.evidence.under(self.db, indicator)? {
            take(of_scope(&evidence.scope), &|at| evidence_crossing(&evidence, at));
        }
        for KeptClaim { heard, own, .. } in self.claims.under(self.db, indicator)? {
            let views = if own { Views::default() } else { of_claim(&heard.claim) };
            take(views, &|at| claim_crossing(&heard.claim, at));
        }
        Ok(touched)
    }
}

/// How an indicator is to stand in a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// As before.
    Same,
    /// Shown, in a new version.
    Shown,
    /// Shown as taken back.
    Withdrawn,
    /// Not at all.
    Gone,
}

/// What comes of an indicator in a view that shows nothing new of it. `alive`: whether
/// something of it stands there, where that was in doubt.
fn next(place: InView, less: bool, alive: Option<bool>, judged: bool) -> Next {
    match alive {
        Some(true) if less || judged => Next::Shown,
        Some(false) if !place.withdrawn && less => Next::Withdrawn,
        Some(false) if !place.withdrawn => Next::Gone,
        _ => Next::Same,
    }
}

/// The views in which evidence or a claim stands that was not taken back.
pub(in crate::store) fn alive_in(
    evidence: &[KeptEvidence],
    claims: &[KeptClaim],
    now: Timestamp,
) -> Views {
    let seen = evidence.iter().map(|kept| of_scope(&kept.evidence.scope));
    let heard = claims.iter().filter(|kept| !kept.own && kept.heard.claim.until > now.day());
    seen.chain(heard.map(|kept| of_claim(&kept.heard.claim))).fold(Views::default(), or)
}

/// The views that show evidence of a scope.
pub(super) fn of_scope(scope: &Scope) -> Views {
    View::ALL.map(|view| view.shows_scope(scope))
}

/// A claim that was taken back stands nowhere.
fn of_claim(claim: &Claim) -> Views {
    if claim.retracted { Views::default() } else { of_marking(claim.tlp) }
}

/// The views that show a claim of a marking.
pub(super) fn of_marking(tlp: Tlp) -> Views {
    View::ALL.map(|view| view.shows(tlp))
}

/// The views in which something has crossed a step since their last version.
fn crossed_since(
    places: &Places,
    crossing: &dyn Fn(Timestamp) -> Option<Timestamp>,
    now: Timestamp,
) -> Views {
    places.map(|place| place.and_then(|place| crossing(place.checked)).is_some_and(|at| at <= now))
}

fn and(a: Views, b: Views) -> Views {
    std::array::from_fn(|view| a.get(view) == Some(&true) && b.get(view) == Some(&true))
}

/// Those of either.
pub(super) fn or(a: Views, b: Views) -> Views {
    std::array::from_fn(|view| a.get(view) == Some(&true) || b.get(view) == Some(&true))
}

fn and_not(a: Views, b: Views) -> Views {
    std::array::from_fn(|view| a.get(view) == Some(&true) && b.get(view) == Some(&false))
}

/// Whether another sighting changes what is shown by more than it is worth telling.
fn is_news(before: &Evidence, after: &Evidence, now: Timestamp) -> bool {
    let lifetime = ageing::lifetime(after.value.kind());
    let step = |evidence: &Evidence| {
        let left = ageing::share_at(evidence.confidence, now.since(evidence.last_seen), &lifetime);
        // Ten steps, as ageing counts them: a fall to a multiple of ten points is one. The
        // share is within 0…1.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let step = (left * 10.0).ceil() as u8;
        step
    };
    step(before) != step(after)
        || before.tags != after.tags
        || before.custom != after.custom
        || after.last_seen.since(before.last_seen) >= lifetime.tau / NEWS
}
