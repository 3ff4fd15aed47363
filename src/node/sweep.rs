//! What happens by the clock: purging, and keeping the gauges true.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Node, NodeError, clock};
use crate::model::Kind;
use crate::store::{Applied, Change, Refused};

/// A clock that has jumped is believed after the node has run by it for so long.
const BELIEVED_AFTER: Duration = Duration::from_secs(86_400);
/// Between two sweeps.
const INTERVAL: Duration = Duration::from_secs(600);

impl Node {
    /// Sweeps at once and then at intervals, until told to stop.
    pub(super) async fn sweep_loop(self, mut stop: watch::Receiver<bool>) {
        let mut jumped = None;
        loop {
            if let Err(error) = self.sweep(&mut jumped).await {
                tracing::error!(%error, "the sweep failed and is tried again in ten minutes");
            }
            tokio::select! {
                _ = stop.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// `jumped`: since when the clock has stood far from when this node last ran.
    async fn sweep(&self, jumped: &mut Option<Instant>) -> Result<(), NodeError> {
        let now = clock::now();
        if jumped.is_some_and(|since| since.elapsed() >= BELIEVED_AFTER) {
            self.write(vec![Change::Clock { now }]).await?;
        }
        let egress_days = self.live().config.storage.egress_days;
        loop {
            let applied = self.write(vec![Change::Purge { now, egress_days }]).await?;
            match applied.first() {
                Some(Applied::Purged(purged)) if purged.more => {}
                Some(Applied::Refused(Refused::ClockJumped)) => {
                    // A wrong clock must not purge what is still good.
                    tracing::warn!(
                        "the clock stands more than a day from when this node last ran: nothing \
                         is purged until it has run for a day by this clock; check the clock now"
                    );
                    jumped.get_or_insert_with(Instant::now);
                    break;
                }
                _ => {
                    *jumped = None;
                    break;
                }
            }
        }
        self.refresh_gauges();
        Ok(())
    }

    fn refresh_gauges(&self) {
        let metrics = &self.inner.metrics;
        let counts = self.inner.store.counts_by_kind();
        for label in Kind::BUILT_IN.iter().map(Kind::label).chain(["custom"]) {
            let count = counts.get(label).copied().unwrap_or(0);
            metrics
                .indicators
                .with_label_values(&[label])
                .set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}
