//! What members say they saw themselves.

use super::{Applied, Draft, Touched};
use crate::ageing;
use crate::model::{IndicatorId, NodeId, Timestamp};
use crate::store::StoreError;
use crate::store::family::{self, Ends, Family};
use crate::store::record::KeptAttested;

/// It is said again every hour while it holds, so it ends soon after it does not:
/// what its reporter took back must not go on as a source.
const DAYS: u32 = 2;

impl Draft<'_> {
    /// Keeps who saw an indicator that is known here; that bounds it. It lives
    /// for two days, unless it is said again.
    pub(super) fn attested(
        &mut self,
        indicators: &[IndicatorId],
        from: NodeId,
        at: Timestamp,
    ) -> Result<Applied, StoreError> {
        for id in indicators {
            let indicator = family::indicator(&self.db.sealer, *id);
            let Some(known) = self.indicators.read_or_lost(self.db, &indicator)? else { continue };
            let until = ageing::end_of(known.value.kind(), at).min(at.day().plus(DAYS));
            let key = family::attested(&self.db.sealer, &indicator, from);
            let kept = self.attested.read_or_lost(self.db, &key)?;
            if kept.as_ref().is_some_and(|kept| kept.until >= until) {
                continue;
            }
            if let Some(kept) = &kept {
                self.unmark(Family::Expiry, family::expiry(kept.until, Ends::Attested, &key));
            }
            self.mark(Family::Expiry, family::expiry(until, Ends::Attested, &key));
            self.attested.put(&key, KeptAttested { node: from, until });
            if kept.is_none() {
                self.touch_again(&indicator, Touched::by_judgement());
            }
        }
        Ok(Applied::Updated)
    }
}
