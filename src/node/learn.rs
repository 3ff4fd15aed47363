//! Own addresses that the mesh finds out while the node runs: like those of the
//! configuration they never become an indicator.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Node, clock};
use crate::mesh::Learnt;
use crate::model::Timestamp;

/// Between two looks at what the mesh knows.
const INTERVAL: Duration = Duration::from_secs(30);
/// An address that nobody has confirmed for so long may be somebody else's by now.
const KEPT: u64 = 7 * 86_400;

/// What was learnt, by whom, and when it was confirmed last. Bounded by what the
/// mesh tells in [`KEPT`]: single hosts on which two bootstraps or the router agree.
#[derive(Debug, Default)]
struct Known(BTreeMap<IpAddr, (Learnt, Timestamp)>);

impl Known {
    /// With what the mesh says now; what is left of it.
    fn renew(
        &mut self,
        says: &BTreeMap<IpAddr, Learnt>,
        now: Timestamp,
    ) -> BTreeMap<IpAddr, Learnt> {
        self.0.extend(says.iter().map(|(ip, by)| (*ip, (*by, now))));
        self.0.retain(|_, (_, at)| now.since(*at) < KEPT);
        self.0.iter().map(|(ip, (by, _))| (*ip, *by)).collect()
    }
}

impl Node {
    /// Looks at what the mesh knows, until told to stop.
    pub(super) async fn learn_loop(self, mut stop: watch::Receiver<bool>) {
        let mut known = Known::default();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let says = self.inner.mesh.status().borrow().own.clone();
            self.take_as_own(&known.renew(&says, clock::now()));
        }
    }

    fn take_as_own(&self, own: &BTreeMap<IpAddr, Learnt>) {
        self.inner.live.send_if_modified(|live| {
            if live.learnt_by_mesh() == *own {
                return false;
            }
            match live.with_learnt(own) {
                Ok(next) => *live = Arc::new(next),
                Err(error) => {
                    tracing::error!(%error, "an own address could not be taken over");
                    return false;
                }
            }
            tracing::info!(
                learnt = own.len(),
                "the addresses that were learnt to be our own have changed: `dtim status` lists them"
            );
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_confirms_for_a_week_is_forgotten() {
        let (mut known, start) = (Known::default(), Timestamp(1_764_000_000));
        let (old, new): (IpAddr, IpAddr) = ("8.8.8.8".parse().unwrap(), "9.9.9.9".parse().unwrap());
        let says = |ip| BTreeMap::from([(ip, Learnt::Bootstraps)]);
        assert_eq!(known.renew(&says(old), start), says(old));
        let both = known.renew(&says(new), start.plus(86_400));
        assert_eq!(both.keys().copied().collect::<Vec<_>>(), [old, new], "it may come back");
        assert_eq!(known.renew(&says(new), start.plus(KEPT)), says(new));
        assert_eq!(known.renew(&BTreeMap::new(), start.plus(KEPT + 1)), says(new));
    }
}
