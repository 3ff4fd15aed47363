//! Telling chosen members "I saw this myself", over the authenticated stream.
//!
//! It tells them who saw it, so only members for which the operator set
//! `attest = true` hear it, and only of what has left for the mesh anyway.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::sync::watch;

use super::{Node, NodeError, clock};
use crate::mesh::Protocol;
use crate::model::{ContentId, IndicatorId, NodeId};
use crate::store::{Change, EgressAudience, EgressRow, Left};
use crate::wire::{DeliverAsk, MAX_ATTESTED};

/// Everything is said again after this: a member takes an attestation only of an
/// indicator that it knows, and the claim may have reached it later.
const AGAIN: Duration = Duration::from_secs(3600);
/// A claim gets a head start of so many seconds before its attestation.
const HEAD_START: u64 = 10;

/// What one member was told in this run.
struct Told {
    since: Instant,
    indicators: HashSet<IndicatorId>,
}

impl Node {
    /// Attests on each gossip round, until told to stop.
    pub(super) async fn attest_loop(self, mut stop: watch::Receiver<bool>) {
        let every = Duration::from_secs(self.live().config.network.gossip_interval_seconds.max(1));
        let mut told: HashMap<NodeId, Told> = HashMap::new();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(every) => {}
            }
            let round = tokio::select! {
                _ = stop.wait_for(|stopping| *stopping) => return,
                round = self.attest_round(&mut told) => round,
            };
            if let Err(error) = round {
                tracing::warn!(%error, "nothing is attested in this round");
            }
        }
    }

    async fn attest_round(&self, told: &mut HashMap<NodeId, Told>) -> Result<(), NodeError> {
        let chosen: HashSet<NodeId> =
            self.members().into_iter().filter(|m| m.attest).map(|m| m.node).collect();
        let connected = self.connected_members();
        // Who was away is told everything again.
        told.retain(|member, _| chosen.contains(member) && connected.contains(member));
        let members: Vec<NodeId> = connected.into_iter().filter(|m| chosen.contains(m)).collect();
        if members.is_empty() {
            return Ok(());
        }
        let before = clock::now().minus(HEAD_START);
        let own = self.blocking(move |node| Ok(node.inner.store.told_the_mesh(before)?)).await?;
        let mut asking = Vec::new();
        for member in members {
            let now = Instant::now();
            let said = told
                .entry(member)
                .or_insert_with(|| Told { since: now, indicators: HashSet::new() });
            if now.duration_since(said.since) >= AGAIN {
                *said = Told { since: now, indicators: HashSet::new() };
            }
            let new: Vec<IndicatorId> =
                own.iter().filter(|id| !said.indicators.contains(id)).copied().collect();
            asking.push(async move { (member, self.attest_to(member, new).await) });
        }
        for (member, attested) in join_all(asking).await {
            if let Some(said) = told.get_mut(&member) {
                said.indicators.extend(attested?);
            }
        }
        Ok(())
    }

    /// Tells a member; of what it was told. The rest is tried again in the next round.
    async fn attest_to(
        &self,
        member: NodeId,
        new: Vec<IndicatorId>,
    ) -> Result<Vec<IndicatorId>, NodeError> {
        let mut attested = Vec::new();
        for some in new.chunks(MAX_ATTESTED) {
            let mut digest = blake3::Hasher::new();
            for id in some {
                digest.update(id.as_bytes());
            }
            let what = Left::Attested {
                indicators: some.len() as u64,
                digest: ContentId(*digest.finalize().as_bytes()),
            };
            let audience = EgressAudience::Member(member);
            let row = EgressRow { at: clock::now(), audience, what };
            self.write(vec![Change::Egress(row)]).await?;
            let ask = DeliverAsk::Attest(some.to_vec()).encode();
            if self.inner.mesh.ask(Protocol::Deliver, member, ask).await.is_err() {
                break;
            }
            attested.extend(some);
        }
        Ok(attested)
    }
}
