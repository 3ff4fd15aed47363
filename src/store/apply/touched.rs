//! What changed of an indicator, and which views see that it did.
//!
//! A view's stamp of an indicator moves only with what the view sees: in the red view
//! (the operator's) with everything, in the others as if the rest were not there.

use super::Draft;
use crate::model::{Timestamp, Tlp, Value};
use crate::privacy::tlp::View;
use crate::store::StoreError;
use crate::store::family::{self, Family, Id};
use crate::store::record::{KeptIndicator, Stamps};

/// How an indicator changed in a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touched {
    /// When what changed crosses its next step.
    crossing: Option<Timestamp>,
    /// The least marking of all that changed: who sees that sees a change.
    change: Tlp,
    /// The least marking of what is there now, as far as this group put it there.
    shows: Option<Tlp>,
    /// Something was narrowed or has ended: what is left must be looked at.
    less: bool,
}

impl Draft<'_> {
    /// Notes that an indicator was seen, and that what it tells has changed by something
    /// of a marking.
    pub(super) fn touch(
        &mut self,
        indicator: &Id,
        value: &Value,
        seen: Timestamp,
        crossing: Option<Timestamp>,
        tlp: Tlp,
    ) -> Result<bool, StoreError> {
        let known = self.indicators.read_or_lost(self.db, indicator)?;
        let new = known.is_none();
        if new {
            *self.memory.kinds.entry(value.kind().label()).or_default() += 1;
        }
        let mut record = known.unwrap_or_else(|| KeptIndicator {
            value: value.clone(),
            first_seen: seen,
            last_seen: seen,
            stamps: Stamps::default(),
            due: None,
        });
        record.first_seen = record.first_seen.min(seen);
        record.last_seen = record.last_seen.max(seen);
        self.indicators.put(indicator, record);
        let touched = self.touched(indicator, crossing, tlp);
        touched.shows = touched.shows.into_iter().chain([tlp]).min();
        Ok(new)
    }

    /// Notes that what a known indicator tells has changed for whoever sees a marking.
    pub(super) fn touch_again(&mut self, indicator: &Id, crossing: Option<Timestamp>, tlp: Tlp) {
        self.touched(indicator, crossing, tlp);
    }

    /// Notes that something of a marking is narrowed or gone.
    pub(super) fn touch_less(&mut self, indicator: &Id, tlp: Tlp) {
        self.touched(indicator, None, tlp).less = true;
    }

    fn touched(&mut self, indicator: &Id, crossing: Option<Timestamp>, tlp: Tlp) -> &mut Touched {
        let first = Touched { crossing: None, change: tlp, shows: None, less: false };
        let touched = self.touched.entry(*indicator).or_insert(first);
        touched.crossing = touched.crossing.into_iter().chain(crossing).min();
        touched.change = touched.change.min(tlp);
        touched
    }

    /// Gives a touched indicator its new stamps and its next crossing.
    pub(super) fn stamp(
        &mut self,
        indicator: &Id,
        touched: &Touched,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(mut record) = self.indicators.read_or_lost(self.db, indicator)? else {
            return Ok(());
        };
        let left = if touched.less { self.least_marking(indicator)? } else { None };
        let stamp = self.next_stamp();
        self.unmark(Family::Added, family::added(record.stamps.of(View::Red), indicator));
        self.mark(Family::Added, family::added(stamp, indicator));
        for view in View::ALL {
            let before = record.stamps.of(view);
            let shows = |tlp: Option<Tlp>| tlp.is_some_and(|tlp| view.sees(tlp));
            let visible = match view {
                // What has nothing left is no more, for the operator too.
                View::Red => true,
                _ if touched.less => shows(left),
                _ => before != 0 || shows(touched.shows),
            };
            let changed = view.sees(touched.change) || before == 0;
            record.stamps.set(
                view,
                match (visible, changed) {
                    (false, _) => 0,
                    (true, true) => stamp,
                    (true, false) => before,
                },
            );
        }
        if let Some(due) = record.due {
            self.unmark(Family::Due, family::due(due, indicator));
        }
        let ahead = record.due.filter(|due| *due > now);
        record.due = ahead.into_iter().chain(touched.crossing).min();
        if let Some(due) = record.due {
            self.mark(Family::Due, family::due(due, indicator));
        }
        self.indicators.put(indicator, record);
        Ok(())
    }

    /// The least marking of all that is known of an indicator. What this node told itself
    /// is no claim that it shows.
    fn least_marking(&self, indicator: &Id) -> Result<Option<Tlp>, StoreError> {
        let evidence = self.evidence.under(self.db, indicator)?;
        let claims = self.claims.under(self.db, indicator)?;
        let own = evidence.iter().map(|kept| kept.evidence.scope.tlp());
        let heard = claims.iter().filter(|kept| !kept.own).map(|kept| kept.heard.claim.tlp);
        Ok(own.chain(heard).min())
    }
}
