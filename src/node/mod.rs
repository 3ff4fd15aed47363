//! Where everything meets: what is seen, what is told, what is heard.
//!
//! Owns the order in which things happen; decides nothing itself. Every path
//! out goes through [`crate::privacy::share`], every path in through
//! [`crate::wire::verify`].

mod answer;
mod attest;
mod clock;
mod deliver;
mod enrich;
mod error;
mod exchange;
mod feeds;
mod learn;
mod live;
mod observe;
pub mod peers;
pub mod pipeline;
mod query;
mod receive;
mod registry;
mod reload;
mod run;
mod scan;
mod share;
mod sights;
mod sweep;
mod sync;
#[cfg(test)]
mod tests;
mod tokens;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use self::peers::Book;
use self::sync::Syncing;
use crate::keys::{PseudonymSecret, Sealer};
use crate::mesh::Mesh;
use crate::metrics::Metrics;
use crate::model::{Community, NodeId, Timestamp};
use crate::store::{Applied, Change, Store};
use crate::tls::Keeper;

pub use clock::{microseconds, now, tick};
pub use error::NodeError;
pub use exchange::{Export, Import, Outcome, Page};
pub use feeds::FeedStatus;
pub use live::Live;
pub use query::{Found, Listed, Preview, Status, Told, WatcherStatus, Why};
pub use reload::Reloaded;
pub use run::{Running, Start};
pub use share::{Leaving, NewIndicator, Shared};
pub use sights::{Sights, Wanted};
pub use tokens::NewToken;
pub use view::Sight;

/// A node. Cheap to clone; all clones are the same node.
#[derive(Clone, Debug)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: NodeId,
    community: Community,
    started: Timestamp,
    pseudonyms: PseudonymSecret,
    sealer: Sealer,
    store: Store,
    mesh: Mesh,
    metrics: Metrics,
    /// The only writer is `reload`; everybody else reads snapshots.
    live: watch::Sender<Arc<Live>>,
    /// Held for a few map operations, never across an await.
    book: Mutex<Book>,
    watchers: Mutex<Vec<WatcherStatus>>,
    feeds: Mutex<Vec<FeedStatus>>,
    tokens: tokens::Tokens,
    /// Wakes the sharing loop when something became due.
    due: Notify,
    syncing: Syncing,
    /// The certificates of the public listener, if there is one.
    keeper: Option<Keeper>,
}

impl Node {
    /// Its key.
    pub fn id(&self) -> NodeId {
        self.inner.id
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// The configuration in force.
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.inner.live.borrow())
    }

    /// The certificates of the public listener, if `[api] listen` is set.
    pub fn keeper(&self) -> Option<&Keeper> {
        self.inner.keeper.as_ref()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.inner.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes changes and returns when they are durable.
    async fn write(&self, changes: Vec<Change>) -> Result<Vec<Applied>, NodeError> {
        self.blocking(move |node| Ok(node.inner.store.write(changes).wait()?)).await
    }

    /// Runs something that may block, such as a read of the store, off the async threads.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, NodeError> + Send + 'static,
    ) -> Result<T, NodeError> {
        let node = self.clone();
        tokio::task::spawn_blocking(move || work(&node)).await.map_err(|_| NodeError::Stopping)?
    }
}
