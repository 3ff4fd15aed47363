//! What comes from the mesh: claims into the store, peers into the book.
//!
//! One thread that may block. It gathers what is waiting, so that a flood costs
//! few synced writes.

use std::time::Instant;

use tokio::sync::mpsc::Receiver;

use super::{Node, clock};
use crate::mesh::{Event, Role};
use crate::model::Timestamp;
use crate::store::{Applied, Change};
use crate::wire::{self, Path, Refusal, Verified};

/// Events that go into one write at most.
const MAX_GATHERED: usize = 512;

/// Takes events until the mesh stops.
pub(super) fn run(node: &Node, mut events: Receiver<Event>) {
    let mut gathered = Vec::new();
    while let Some(first) = events.blocking_recv() {
        gathered.push(first);
        while gathered.len() < MAX_GATHERED
            && let Ok(next) = events.try_recv()
        {
            gathered.push(next);
        }
        let now = clock::now();
        let changes: Vec<Change> =
            gathered.drain(..).flat_map(|event| node.take_event(event, now)).collect();
        if changes.is_empty() {
            continue;
        }
        match node.inner.store.write(changes).wait() {
            Ok(applied) => warn_of_clone(&applied),
            // The claims are lost here, not in the mesh: sync brings them again.
            Err(error) => tracing::warn!(%error, "claims from the mesh could not be stored"),
        }
    }
}

/// The store took over the higher revision; the next own claim goes beyond it.
pub(super) fn warn_of_clone(applied: &[Applied]) {
    if applied.contains(&Applied::Clone) {
        tracing::warn!(
            "a claim of ours with a higher revision came back from the mesh: a clone of this \
             node is running, or its store was restored from an old backup; stop the other one, \
             after a restore nothing needs to be done"
        );
    }
}

impl Node {
    /// The judge of a claim that came outside gossip; what it says is counted.
    pub(super) fn judge(
        &self,
        bytes: &[u8],
        path: Path,
        now: Timestamp,
    ) -> Result<Verified, Refusal> {
        let verdict = wire::verify(bytes, &self.inner.community, path).and_then(|verified| {
            verified.timely(now)?;
            Ok(verified)
        });
        self.count_verdict(path, verdict)
    }

    pub(super) fn count_verdict(
        &self,
        path: Path,
        verdict: Result<Verified, Refusal>,
    ) -> Result<Verified, Refusal> {
        let label = verdict.as_ref().map_or_else(Refusal::label, |_| "accept");
        self.inner.metrics.claims.with_label_values(&[path.label(), label]).inc();
        verdict
    }

    fn take_event(&self, event: Event, now: Timestamp) -> Vec<Change> {
        match event {
            // What a member sent before it was revoked must not stand in the way of
            // the same from others.
            Event::Claim { from, .. } if self.book().member(from).is_none() => Vec::new(),
            Event::Claim { verified, from } => {
                tracing::debug!(content = %verified.content(), %from, "claim heard");
                vec![Change::Heard { verified, from, at: now }]
            }
            Event::Knock { node, address, .. } => self.saw_stranger(node, [address], "knock", now),
            Event::Discovered { node, addresses, .. } => {
                self.saw_stranger(node, addresses, "rendezvous", now)
            }
            Event::Connected { node, role: Role::Member } => {
                self.inner.syncing.want(node, Instant::now());
                // What waits for it may leave.
                self.inner.due.notify_one();
                Vec::new()
            }
            Event::Addresses { node, addresses } => {
                let mut news = false;
                for address in addresses {
                    news |= self.book().reached(node, address);
                }
                // What is known already is not written again with every introduction.
                news.then(|| self.remember_peer(node)).flatten().into_iter().collect()
            }
            Event::Connected { .. } => Vec::new(),
            Event::MeshReady { .. } => {
                self.inner.due.notify_one();
                Vec::new()
            }
            Event::Disconnected { node } => {
                self.inner.syncing.forget(node);
                Vec::new()
            }
        }
    }
}
