//! The egress ledger: each row carries the hash of the row before it.

use super::{Applied, Draft};
use crate::store::StoreError;
use crate::store::change::EgressRow;
use crate::store::family;
use crate::store::record::{self, LedgerRow};

impl Draft<'_> {
    pub(super) fn left(&mut self, row: &EgressRow) -> Result<Applied, StoreError> {
        let chain = &mut self.memory.state.ledger;
        let number = chain.next;
        let row = LedgerRow { previous: chain.last, row: row.clone() };
        let stored = record::seal(&self.db.sealer, &family::egress(number), &row)?;
        chain.last = *blake3::hash(&stored).as_bytes();
        chain.next += 1;
        self.ledger.insert(number, Some(stored));
        self.events.egress_rows += 1;
        Ok(Applied::Egress(number))
    }
}
