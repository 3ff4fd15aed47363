//! RocksDB itself: opening, families, sealed reads, one synced batch.
//!
//! The only file of the store that opens anything. It must never hand out bytes
//! that did not open under the seal.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, DB, DBCompressionType, DBRecoveryMode, Direction,
    IteratorMode, LogLevel, Options, PrefixRange, ReadOptions, WriteBatch, WriteOptions,
};

use super::StoreError;
use super::family::Family;
use super::record::{self, Record};
use crate::keys::Sealer;

/// One cache of blocks for all families.
const CACHE_BYTES: usize = 64 << 20;
/// All memory tables together.
const WRITE_BUFFER_BYTES: usize = 32 << 20;
/// The log of what is not in tables yet: what a start has to read again.
const WAL_BYTES: u64 = 128 << 20;
/// Open table files.
const OPEN_FILES: i32 = 512;
/// RocksDB's own log of what it does (it holds no values), per file and in files.
const INFO_LOG_BYTES: usize = 1 << 20;
const INFO_LOG_FILES: usize = 2;
/// Bits of the Bloom filters for a key: 1 % false positives (RocksDB wiki, "Bloom Filter").
const BLOOM_BITS: f64 = 10.0;
/// A table in which half of a window of so many entries are deletions is compacted.
const DELETION_WINDOW: usize = 4096;

/// The open database.
pub(super) struct Database {
    raw: DB,
    dir: PathBuf,
    /// Seals and opens every value.
    pub(super) sealer: Sealer,
    damaged: AtomicU64,
}

impl Database {
    /// Opens the folder, or makes it. Checks nothing of what is in it.
    pub(super) fn open(dir: &Path, sealer: Sealer) -> Result<Self, StoreError> {
        let failed = |error: rocksdb::Error| match StoreError::of_rocks(dir, &error) {
            StoreError::Corrupt { dir: folder, what } if !what.contains(&folder) => {
                let file = damaged_file(dir).unwrap_or_default();
                StoreError::Corrupt { dir: folder, what: format!("{what} {file}") }
            }
            error => error,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| StoreError::of_io(dir, &error))?;
        let options = options();
        // A newer version may have more families, and RocksDB opens all or none.
        let mut names: Vec<String> = if dir.join("CURRENT").exists() {
            DB::list_cf(&options, dir).map_err(failed)?
        } else {
            Vec::new()
        };
        for family in Family::ALL {
            if !names.iter().any(|name| name == family.name()) {
                names.push(family.name().to_owned());
            }
        }
        let family = family_options();
        let families = names.iter().map(|name| (name, family.clone()));
        let raw = DB::open_cf_with_opts(&options, dir, families).map_err(failed)?;
        Ok(Self { raw, dir: dir.to_owned(), sealer, damaged: AtomicU64::new(0) })
    }

    /// The folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A stored value as it is.
    pub(super) fn raw(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.raw.get_cf(self.family(family)?, key).map_err(|error| self.failed(&error))
    }

    /// A record.
    pub(super) fn read<R: Record>(&self, key: &[u8]) -> Result<Option<R>, StoreError> {
        let family = self.family(R::FAMILY)?;
        let stored = self.raw.get_pinned_cf(family, key).map_err(|error| self.failed(&error))?;
        match stored {
            None => Ok(None),
            Some(stored) => Ok(Some(record::open(&self.sealer, key, &stored)?)),
        }
    }

    /// A record that may be made anew if it is damaged: the damage is noted.
    pub(super) fn read_or_lost<R: Record>(&self, key: &[u8]) -> Result<Option<R>, StoreError> {
        match self.read(key) {
            Err(StoreError::Damaged(damaged)) => {
                self.note_damaged(&damaged);
                Ok(None)
            }
            other => other,
        }
    }

    /// Counts and logs a damaged record.
    pub(super) fn note_damaged(&self, damaged: &crate::keys::Damaged) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%damaged, "a damaged record was left out");
    }

    /// How many damaged records were met since the start.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Rows in the order of their keys, from `from` on, under a prefix.
    pub(super) fn rows(
        &self,
        family: Family,
        prefix: &[u8],
        from: &[u8],
    ) -> Result<impl Iterator<Item = Result<Row, StoreError>>, StoreError> {
        let mut options = ReadOptions::default();
        if !prefix.is_empty() {
            options.set_iterate_range(PrefixRange(prefix));
        }
        let mode = IteratorMode::From(from, Direction::Forward);
        let rows = self.raw.iterator_cf_opt(self.family(family)?, options, mode);
        Ok(rows.map(|row| self.row(row)))
    }

    /// All rows of a family, the last key first.
    pub(super) fn rows_backward(
        &self,
        family: Family,
    ) -> Result<impl Iterator<Item = Result<Row, StoreError>>, StoreError> {
        let rows = self.raw.iterator_cf(self.family(family)?, IteratorMode::End);
        Ok(rows.map(|row| self.row(row)))
    }

    /// All records under a prefix. The first damaged one is an error.
    pub(super) fn records<R: Record>(
        &self,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, R)>, StoreError> {
        self.rows(R::FAMILY, prefix, prefix)?
            .map(|row| {
                let row = row?;
                let record = record::open(&self.sealer, &row.key, &row.stored)?;
                Ok((row.key, record))
            })
            .collect()
    }

    /// All records of a family; damaged ones are noted and left out.
    pub(super) fn sound_records<R: Record>(
        &self,
    ) -> Result<impl Iterator<Item = Result<(Vec<u8>, R), StoreError>>, StoreError> {
        let rows = self.rows(R::FAMILY, &[], &[])?;
        Ok(rows.filter_map(|row| match row {
            Err(error) => Some(Err(error)),
            Ok(row) => match record::open(&self.sealer, &row.key, &row.stored) {
                Ok(record) => Some(Ok((row.key, record))),
                Err(damaged) => {
                    self.note_damaged(&damaged);
                    None
                }
            },
        }))
    }

    /// Writes a batch and waits until it is on the disk.
    pub(super) fn commit(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        self.raw.write_opt(batch, &synced).map_err(|error| self.failed(&error))
    }

    /// Puts everything into tables.
    #[cfg(test)]
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        for family in Family::ALL {
            let flushed = self.raw.flush_cf(self.family(family)?);
            flushed.map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    /// The handle of a family, for a batch.
    pub(super) fn family(&self, family: Family) -> Result<&ColumnFamily, StoreError> {
        self.raw.cf_handle(family.name()).ok_or_else(|| StoreError::Corrupt {
            dir: self.dir.display().to_string(),
            what: format!("it has no {}", family.name()),
        })
    }

    /// The bytes that the folder takes.
    pub(super) fn disk_bytes(&self) -> Result<u64, StoreError> {
        let failed = |error: std::io::Error| StoreError::of_io(&self.dir, &error);
        let mut bytes = 0;
        for entry in std::fs::read_dir(&self.dir).map_err(failed)? {
            // A file that RocksDB has just deleted takes nothing.
            bytes += entry.map_err(failed)?.metadata().map_or(0, |file| file.len());
        }
        Ok(bytes)
    }

    fn row(&self, row: Result<(Box<[u8]>, Box<[u8]>), rocksdb::Error>) -> Result<Row, StoreError> {
        let (key, stored) = row.map_err(|error| self.failed(&error))?;
        Ok(Row { key: key.into_vec(), stored: stored.into_vec() })
    }

    fn failed(&self, error: &rocksdb::Error) -> StoreError {
        StoreError::of_rocks(&self.dir, error)
    }
}

/// A row as it is stored.
pub(super) struct Row {
    pub(super) key: Vec<u8>,
    pub(super) stored: Vec<u8>,
}

/// The file that RocksDB complained of while it opened. For its write-ahead log
/// the error does not name it, but RocksDB's own log does.
fn damaged_file(dir: &Path) -> Option<String> {
    let log = std::fs::read(dir.join("LOG")).ok()?;
    let log = String::from_utf8_lossy(&log);
    let line = log.lines().find(|line| line.contains("Corruption: "))?;
    let folder = dir.display().to_string();
    let file = line.split_whitespace().find(|word| word.starts_with(&folder))?;
    Some(file.trim_end_matches(':').to_owned())
}

fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // A record that a crash tore at the end was never acknowledged; damage
    // anywhere else in the log must not silently cut off what comes after it.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_db_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_total_wal_size(WAL_BYTES);
    options.set_max_open_files(OPEN_FILES);
    options.set_log_level(LogLevel::Warn);
    options.set_max_log_file_size(INFO_LOG_BYTES);
    options.set_keep_log_file_num(INFO_LOG_FILES);
    options
}

fn family_options() -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(CACHE_BYTES));
    blocks.set_bloom_filter(BLOOM_BITS, false);
    blocks.set_cache_index_and_filter_blocks(true);
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    // Sealed values and keyed hashes do not compress.
    options.set_compression_type(DBCompressionType::None);
    options.add_compact_on_deletion_collector_factory(DELETION_WINDOW, DELETION_WINDOW / 2, 0.5);
    options
}
