//! What happens by the clock: purging, and keeping the gauges true.

use std::time::Duration;

use tokio::sync::watch;

use super::{Node, NodeError, clock};
use crate::model::Kind;
use crate::store::{Applied, Change, Refused};

/// Between two sweeps.
const INTERVAL: Duration = Duration::from_secs(600);

impl Node {
    /// Sweeps at once and then at intervals, until told to stop.
    pub(super) async fn sweep_loop(self, mut stop: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.sweep().await {
                tracing::error!(%error, "the sweep failed and is tried again in ten minutes");
            }
            tokio::select! {
                _ = stop.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    async fn sweep(&self) -> Result<(), NodeError> {
        let now = clock::now();
        let egress_days = self.live().config.storage.egress_days;
        loop {
            let applied =
                self.write(vec![Change::Purge { now, egress_days }, Change::Clock { now }]).await?;
            match applied.first() {
                Some(Applied::Purged(purged)) if purged.more => {}
                Some(Applied::Refused(Refused::ClockJumped)) => {
                    // A wrong clock must not purge what is still good. It is
                    // believed from now on, so the next sweep goes on.
                    tracing::warn!(
                        "the clock stands more than a day from when this node last ran: nothing is purged in this sweep"
                    );
                    break;
                }
                _ => break,
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
