//! Ends what has ended, by the index rows alone: the rest is never looked at.

use std::collections::BTreeMap;

use super::places::{Views, of_marking, of_scope, or};
use super::sightings::evidence_expiry;
use super::{Applied, Draft, Touched};
use crate::model::{DAY, Day, Timestamp};
use crate::store::family::{self, Ends, Family, Id};
use crate::store::record::{self, LedgerRow};
use crate::store::sync::SyncChange;
use crate::store::{Purged, Refused, StoreError};

/// Rows of each index that one purge looks at: a bounded part of the writer's time.
const ROWS_PER_PURGE: usize = 1000;

impl Draft<'_> {
    pub(super) fn purge(
        &mut self,
        now: Timestamp,
        egress_days: u32,
    ) -> Result<Applied, StoreError> {
        let believed = self.memory.state.last_time.unwrap_or(now);
        if believed.since(now).max(now.since(believed)) > DAY {
            return Ok(Applied::Refused(Refused::ClockJumped));
        }
        self.memory.state.last_time = Some(now);
        let mut purged = Purged::default();
        self.purge_ended(now.day(), &mut purged)?;
        self.purge_content(now.day())?;
        self.purge_ledger(now.minus(u64::from(egress_days) * DAY), &mut purged)?;
        self.move_crossed(now, &mut purged)?;
        Ok(Applied::Purged(purged))
    }

    fn purge_ended(&mut self, today: Day, purged: &mut Purged) -> Result<(), StoreError> {
        let mut rows = 0;
        let mut poorer: BTreeMap<Id, Views> = BTreeMap::new();
        for row in self.db.rows(Family::Expiry, &[], &[])? {
            let key = row?.key;
            let Some((day, what, record)) = family::split_expiry(&key) else {
                self.unmark(Family::Expiry, key);
                continue;
            };
            if day > today {
                break;
            }
            if rows == ROWS_PER_PURGE {
                purged.more = true;
                break;
            }
            rows += 1;
            if let Some(views) = self.end(what, record, today)? {
                purged.ended += 1;
                let indicator = family::indicator_of(record).filter(|_| what.of_indicator());
                if let Some(indicator) = indicator {
                    let ended = poorer.entry(indicator).or_default();
                    *ended = or(*ended, views);
                }
            }
            // A row that its record does not agree with is a leftover.
            self.unmark(Family::Expiry, key);
        }
        for (indicator, ended) in poorer {
            self.drop_if_bare(&indicator, ended)?;
        }
        Ok(())
    }

    /// Deletes a record if it has ended by its own word. Gives the views that showed it.
    fn end(&mut self, what: Ends, key: &[u8], today: Day) -> Result<Option<Views>, StoreError> {
        match what {
            Ends::Evidence => {
                let kept = self.evidence.read_or_lost(self.db, key)?;
                let ended = kept.filter(|kept| {
                    family::split_expiry(&evidence_expiry(&kept.evidence, key))
                        .is_some_and(|(end, _, _)| end <= today)
                });
                if ended.is_some() {
                    self.evidence.delete(key);
                }
                Ok(ended.map(|kept| of_scope(&kept.evidence.scope)))
            }
            Ends::Claim => {
                let kept = self.claims.read_or_lost(self.db, key)?;
                let ended = kept.filter(|kept| kept.heard.claim.until <= today);
                if let Some(kept) = &ended {
                    self.claims.delete(key);
                    self.charge(kept.charged, -1);
                }
                Ok(ended.map(|kept| of_marking(kept.heard.claim.tlp)))
            }
            Ends::Outside => Ok(self.end_outside(key, today)?.then(Views::default)),
            Ends::Attested => {
                let kept = self.attested.read_or_lost(self.db, key)?;
                let ended = kept.is_some_and(|kept| kept.until <= today);
                if ended {
                    self.attested.delete(key);
                }
                Ok(ended.then(Views::default))
            }
            Ends::Sent => {
                self.end_sent(key, today)?;
                Ok(None)
            }
        }
    }

    /// Forgets what was sent to an audience, unless a later claim took its place.
    fn end_sent(&mut self, key: &[u8], today: Day) -> Result<(), StoreError> {
        let Some(own) = self.own.read_or_lost(self.db, key)? else { return Ok(()) };
        let Some(sent) = &own.sent else { return Ok(()) };
        let indicator = family::indicator(&self.db.sealer, own.indicator);
        let claim = family::claim(&self.db.sealer, &indicator, &sent.pseudonym);
        let kept = self.claims.read_or_lost(self.db, &claim)?;
        if kept.is_some_and(|kept| kept.heard.claim.until > today) {
            return Ok(());
        }
        self.end_told(key, &own)
    }

    /// An indicator without evidence and claims is gone.
    pub(super) fn drop_if_bare(&mut self, indicator: &Id, ended: Views) -> Result<(), StoreError> {
        let evidence = self.evidence.under(self.db, indicator)?;
        if !evidence.iter().any(|kept| kept.evidence.origin.is_own()) {
            self.end_wishes(indicator)?;
        }
        if !evidence.is_empty() || !self.claims.under(self.db, indicator)?.is_empty() {
            self.touch_again(indicator, Touched::by_end(ended));
            return Ok(());
        }
        if let Some(record) = self.indicators.read_or_lost(self.db, indicator)? {
            self.leave_all_views(indicator, &record);
            if let Some(due) = record.due {
                self.unmark(Family::Due, family::due(due, indicator));
            }
            if let Some(count) = self.memory.kinds.get_mut(record.value.kind().label()) {
                *count = count.saturating_sub(1);
            }
            self.indicators.delete(indicator);
        }
        Ok(())
    }

    /// Content ids of claims that have ended: such a claim is refused by its day.
    fn purge_content(&mut self, today: Day) -> Result<(), StoreError> {
        let end = today.plus(1).0.to_be_bytes().to_vec();
        let first = self.db.rows(Family::Content, &[], &[])?.next().transpose()?;
        if first.is_some_and(|row| row.key < end) {
            self.content_until = Some(end);
            self.sync.push(SyncChange::DropBefore(today.plus(1)));
        }
        Ok(())
    }

    #[allow(clippy::explicit_counter_loop)] // rows that stay are not counted
    fn purge_ledger(&mut self, before: Timestamp, purged: &mut Purged) -> Result<(), StoreError> {
        let mut rows = 0;
        let first = family::egress(self.memory.state.ledger.first);
        for row in self.db.rows(Family::Egress, &[], &first)? {
            let row = row?;
            // A damaged row stays, for the operator to see.
            let Ok(kept) = record::open::<LedgerRow>(&self.db.sealer, &row.key, &row.stored) else {
                break;
            };
            if kept.row.at >= before {
                break;
            }
            if rows == ROWS_PER_PURGE {
                purged.more = true;
                break;
            }
            rows += 1;
            let chain = &mut self.memory.state.ledger;
            self.ledger.insert(chain.first, None);
            chain.first += 1;
            chain.anchor = *blake3::hash(&row.stored).as_bytes();
        }
        Ok(())
    }

    /// Stamps what has aged by a step, and finds its next step.
    fn move_crossed(&mut self, now: Timestamp, purged: &mut Purged) -> Result<(), StoreError> {
        let mut rows = 0;
        for row in self.db.rows(Family::Due, &[], &[])? {
            let key = row?.key;
            let Some((due, indicator)) = family::split_time(&key) else {
                self.unmark(Family::Due, key);
                continue;
            };
            if Timestamp(due) > now {
                break;
            }
            if rows == ROWS_PER_PURGE {
                purged.more = true;
                break;
            }
            rows += 1;
            self.unmark(Family::Due, key);
            // A row that its record does not agree with is a leftover.
            if let Some(mut record) = self.indicators.read_or_lost(self.db, &indicator)?
                && record.due == Some(Timestamp(due))
            {
                record.due = None;
                let crossed = self.crossed(&indicator, &record, now)?;
                self.indicators.put(&indicator, record);
                self.touch_again(&indicator, crossed);
                purged.crossed += 1;
            }
        }
        Ok(())
    }
}
