//! What a group of writes has changed so far, over what is stored.

use std::collections::BTreeMap;

use rocksdb::WriteBatch;

use super::StoreError;
use super::database::Database;
use super::record::{self, Record};

/// The changed records of one family; `None` is deleted.
pub(super) struct Table<R> {
    changed: BTreeMap<Vec<u8>, Option<R>>,
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self { changed: BTreeMap::new() }
    }
}

impl<R: Record> Table<R> {
    /// The record as this group sees it. A damaged one is an error.
    pub(super) fn read(&self, db: &Database, key: &[u8]) -> Result<Option<R>, StoreError> {
        match self.changed.get(key) {
            Some(record) => Ok(record.clone()),
            None => db.read(key),
        }
    }

    /// The record as this group sees it. A damaged one is noted and counts as none.
    pub(super) fn read_or_lost(&self, db: &Database, key: &[u8]) -> Result<Option<R>, StoreError> {
        match self.changed.get(key) {
            Some(record) => Ok(record.clone()),
            None => db.read_or_lost(key),
        }
    }

    pub(super) fn put(&mut self, key: &[u8], record: R) {
        self.changed.insert(key.to_vec(), Some(record));
    }

    pub(super) fn delete(&mut self, key: &[u8]) {
        self.changed.insert(key.to_vec(), None);
    }

    /// The records under a prefix as this group sees them; damaged ones are
    /// noted and left out.
    pub(super) fn under(&self, db: &Database, prefix: &[u8]) -> Result<Vec<R>, StoreError> {
        let mut records = BTreeMap::new();
        for row in db.rows(R::FAMILY, prefix, prefix)? {
            let row = row?;
            if self.changed.contains_key(&row.key) {
                continue;
            }
            match record::open(&db.sealer, &row.key, &row.stored) {
                Ok(record) => {
                    records.insert(row.key, record);
                }
                Err(damaged) => db.note_damaged(&damaged),
            }
        }
        let changed = self.changed.range(prefix.to_vec()..);
        for (key, record) in changed.take_while(|(key, _)| key.starts_with(prefix)) {
            if let Some(record) = record {
                records.insert(key.clone(), record.clone());
            }
        }
        Ok(records.into_values().collect())
    }

    /// What was changed.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&[u8], Option<&R>)> {
        self.changed.iter().map(|(key, record)| (key.as_slice(), record.as_ref()))
    }

    /// Puts the changes into the batch, sealed.
    pub(super) fn write(&self, db: &Database, batch: &mut WriteBatch) -> Result<(), StoreError> {
        let family = db.family(R::FAMILY)?;
        for (key, record) in &self.changed {
            match record {
                Some(record) => batch.put_cf(family, key, record::seal(&db.sealer, key, record)?),
                None => batch.delete_cf(family, key),
            }
        }
        Ok(())
    }
}
