//! The store: RocksDB, sealed.
//!
//! Owns the database: its families, its records, its one writer, its queries
//! (design sections 7 and 10). It must never decide what may leave this node,
//! never store a claim that was not verified, and never write a value, a path or
//! a peer in the clear.
//!
//! A write is acknowledged when it is on the disk: a [`Receipt`] answers `Ok` only
//! then. All changes of one call are kept or none is. Reads block and go
//! straight to the database; they see acknowledged groups whole.

mod apply;
mod change;
mod compare;
mod database;
mod error;
mod family;
mod index;
mod outbox;
mod read;

mod record;
mod schema;
mod sync;
mod table;
mod token;
mod view;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use tokio::sync::oneshot;

pub use change::{
    Applied, Change, EgressAudience, EgressRow, Hold, Left, MAX_CANDIDATES, MAX_PEER_ADDRESSES,
    PeerRecord, Pending, Purged, Receipt, Refused, Standing, What,
};
pub use error::StoreError;
pub use index::{Filter, Listed, Page};
pub use outbox::{OutboxRow, OwnClaim};
pub use read::{Break, EgressCheck, EgressEntry, Known, Sizes};
pub use token::TokenRecord;
pub use view::{Place, Viewed};

use crate::keys::Sealer;
use crate::metrics::Metrics;
use database::Database;
use index::Index;
use writer::{Clock, Job, Writer};

/// How to open the store.
#[derive(Clone, Debug)]
pub struct Options {
    /// The bytes that it may take on disk.
    pub max_bytes: u64,
    /// Where writes are counted.
    pub metrics: Metrics,
}

/// The open store. Cheap to clone; the folder is free for another process when
/// the last clone is gone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    queue: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the writer shares with readers.
struct Shared {
    db: Database,
    index: Index,
    sync: sync::Sync,
    metrics: Metrics,
    max_bytes: u64,
    bytes: AtomicU64,
    /// Wishes that wait to leave; the writer sets it after each durable group.
    pending: AtomicU64,
}

impl Shared {
    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.metrics.store_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    fn set_pending(&self, pending: i64) {
        self.pending.store(u64::try_from(pending).unwrap_or_default(), Ordering::Relaxed);
        self.metrics.outbox.set(pending);
    }

    /// The error of a store that is full, if it is.
    fn full(&self) -> Option<StoreError> {
        let (used, limit) = (self.bytes(), self.max_bytes);
        (used >= limit).then_some(StoreError::Full { used, limit })
    }
}

impl Store {
    /// Opens the store in a folder, or makes an empty one there.
    pub fn open(dir: &Path, sealer: Sealer, options: Options) -> Result<Self, StoreError> {
        Self::open_by(dir, sealer, options, index::MAX_INDEXED, Box::new(microseconds))
    }

    fn open_by(
        dir: &Path,
        sealer: Sealer,
        options: Options,
        max_indexed: usize,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let db = Database::open(dir, sealer)?;
        schema::check(&db)?;
        let shared = Arc::new(Shared {
            db,
            index: Index::new(max_indexed),
            sync: sync::Sync::default(),
            metrics: options.metrics,
            max_bytes: options.max_bytes,
            bytes: AtomicU64::new(0),
            pending: AtomicU64::new(0),
        });
        let writer = Writer::load(Arc::clone(&shared), clock)?;
        let (queue, jobs) = sync_channel(writer::QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(&jobs))
            .map_err(|error| StoreError::of_io(dir, &error))?;
        let (queue, thread) = (Mutex::new(Some(queue)), Mutex::new(Some(thread)));
        Ok(Self { inner: Arc::new(Inner { shared, queue, thread }) })
    }

    /// Hands changes to the writer: all of them are kept or none is. Blocks while
    /// its queue is full, so not for async code: that has [`Store::try_write`].
    pub fn write(&self, changes: Vec<Change>) -> Receipt {
        let (job, receipt) = job(changes);
        if let Some(queue) = self.inner.queue() {
            // Fails only if the writer has ended; the receipt then says so.
            drop(queue.send(job));
        }
        receipt
    }

    /// As [`Store::write`], but refuses with [`StoreError::Busy`] instead of blocking.
    pub fn try_write(&self, changes: Vec<Change>) -> Result<Receipt, StoreError> {
        let (job, receipt) = job(changes);
        let queue = self.inner.queue().ok_or(StoreError::Closed)?;
        match queue.try_send(job) {
            Ok(()) => Ok(receipt),
            Err(TrySendError::Full(_)) => Err(StoreError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(StoreError::Closed),
        }
    }

    /// Takes no further writes, makes the waiting ones durable and returns when
    /// the writer has ended. Reading still works.
    pub fn close(&self) {
        self.inner.close();
    }

    fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    fn db(&self) -> &Database {
        &self.inner.shared.db
    }
}

impl Inner {
    fn queue(&self) -> Option<SyncSender<Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the store's writer had panicked; please report this");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.db().dir().display())
    }
}

fn job(changes: Vec<Change>) -> (Job, Receipt) {
    let (answer, receipt) = oneshot::channel();
    (Job { changes, answer, handed: Instant::now() }, Receipt(receipt))
}

fn microseconds() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
