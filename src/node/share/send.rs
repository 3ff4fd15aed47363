//! Sending what is due: the mesh and every connected member by themselves, so that
//! none waits for another.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::plan::Plan;
use crate::mesh::{PublishError, Role, Status};
use crate::model::{Audience, NodeId, Timestamp};
use crate::node::{Node, NodeError, clock};
use crate::store::{Change, EgressAudience, OwnClaim, Pending, StoreError};
use crate::wire::Outcome;

/// How long the loop sleeps when nothing is due and nothing wakes it.
const IDLE: Duration = Duration::from_secs(60);
/// How long an audience that could not take a claim rests at first.
const REST: Duration = Duration::from_secs(5);
/// The longest rest of a member that takes nothing although it is connected.
const LONGEST_REST: Duration = Duration::from_secs(600);
/// Claims for the mesh that are written down in one write.
const MESH_BATCH: usize = 32;
/// Claims on their way to one member. Each is written down by itself, right before it is
/// sent: what was written down may have left and must be taken back later, and no more
/// than these should be told that way what they never got.
const MEMBER_BATCH: usize = 8;

/// How the sending to one audience ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing more is due.
    Clear,
    /// The operator has thought again: it is planned anew.
    Overtaken,
    /// It takes nothing now.
    Later,
}

type Running = FuturesUnordered<BoxFuture<'static, (Audience, Ended)>>;

/// Where the sending stands.
pub(super) struct Sending {
    status: watch::Receiver<Status>,
    /// The connected members, and since when.
    connected: BTreeMap<NodeId, Timestamp>,
    busy: BTreeSet<Audience>,
    /// Until when an audience rests, and how often it took nothing.
    resting: BTreeMap<Audience, (Instant, u32)>,
}

impl Node {
    /// Sends what became due until told to stop.
    pub(in crate::node) async fn share_loop(self, mut stop: watch::Receiver<bool>) {
        let mut sending = Sending::new(self.inner.mesh.status());
        let mut running = Running::new();
        loop {
            let sleep = self.start_due(&mut sending, &mut running).await.unwrap_or_else(|error| {
                tracing::error!(%error, "sharing is paused for a moment");
                REST
            });
            tokio::select! {
                _ = stop.wait_for(|stopping| *stopping) => return,
                () = self.inner.due.notified() => sending.wake_mesh(),
                () = sending.connections_change() => {}
                Some((audience, ended)) = running.next() => {
                    sending.ended(audience, ended, Instant::now());
                }
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Starts to send to every audience for which something is due. Returns how long
    /// nothing else will be.
    async fn start_due(
        &self,
        sending: &mut Sending,
        running: &mut Running,
    ) -> Result<Duration, NodeError> {
        let (free, mut sleep) = sending.free(Instant::now());
        let dues = self.blocking(move |node| {
            let due = |audience| Ok((audience, node.inner.store.next_due(audience)?));
            free.into_iter().map(due).collect::<Result<Vec<_>, NodeError>>()
        });
        let now = clock::now();
        for (audience, due) in dues.await? {
            let Some(due) = due else { continue };
            if due > now {
                sleep = sleep.min(Duration::from_secs(due.since(now)));
                continue;
            }
            sending.begin(audience);
            let node = self.clone();
            running.push(Box::pin(async move {
                let ended = node.send_all(audience).await.unwrap_or_else(|error| {
                    tracing::error!(%error, "what waits to leave waits a little longer");
                    Ended::Later
                });
                (audience, ended)
            }));
        }
        Ok(sleep)
    }

    /// Sends to one audience until nothing is due for it or it takes nothing.
    async fn send_all(&self, audience: Audience) -> Result<Ended, NodeError> {
        let (limit, at_once) = match audience {
            Audience::Mesh => (MESH_BATCH, MESH_BATCH),
            Audience::Peer(_) => (MEMBER_BATCH, 1),
        };
        loop {
            let now = clock::now();
            let plan = move |node: &Self| node.plan_due(audience, now, limit);
            let mut planned = self.blocking(plan).await?.into_iter().peekable();
            if planned.peek().is_none() {
                return Ok(Ended::Clear);
            }
            let mut batches = Vec::new();
            while planned.peek().is_some() {
                let batch = planned.by_ref().take(at_once).collect();
                batches.push(self.send_batch(audience, batch, now));
            }
            let ended = futures::future::try_join_all(batches).await?;
            let stuck = ended.iter().all(|ended| *ended == Ended::Overtaken);
            if stuck || ended.contains(&Ended::Later) {
                return Ok(Ended::Later);
            }
        }
    }

    /// What is to be done about what is due.
    fn plan_due(
        &self,
        audience: Audience,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Pending, Plan)>, NodeError> {
        let mut planned = Vec::new();
        for wish in self.inner.store.due(audience, now, limit)? {
            let plan = match self.plan(wish.indicator, audience, Some(wish.what), now) {
                // One that cannot be told must not stand in the way of all others.
                Err(error @ (NodeError::Request(_) | NodeError::Store(StoreError::Damaged(_)))) => {
                    tracing::error!(%error, "an indicator cannot be shared");
                    Plan::StillHolds
                }
                plan => plan?,
            };
            planned.push((wish, plan));
        }
        Ok(planned)
    }

    /// Sends what was planned. What has left, or never will, is marked as done.
    async fn send_batch(
        &self,
        audience: Audience,
        planned: Vec<(Pending, Plan)>,
        now: Timestamp,
    ) -> Result<Ended, NodeError> {
        let (mut done, mut ready, mut fresh) = (Vec::new(), Vec::new(), Vec::new());
        for (wish, plan) in planned {
            match plan {
                Plan::Nothing(_) | Plan::StillHolds => {
                    done.push(Change::OutboxDone { wish, left: false });
                }
                Plan::Again(own) => ready.push((wish, *own)),
                Plan::Send { signed, generation } => fresh.push((wish, signed, generation)),
            }
        }
        let mut ended = Ended::Clear;
        if !ready.is_empty() || !fresh.is_empty() {
            match self.reach(audience) {
                None => ended = Ended::Later,
                Some(to) => ready.extend(self.write_down(fresh, to, now).await?),
            }
        }
        if ended == Ended::Clear {
            for (wish, own) in ready {
                let Some(left) = self.hand_over(audience, own).await else {
                    ended = Ended::Later;
                    break;
                };
                done.push(Change::OutboxDone { wish, left });
            }
        }
        match (done.is_empty(), ended) {
            (true, Ended::Later) => Ok(Ended::Later),
            (true, _) => Ok(Ended::Overtaken),
            (false, _) => self.write(done).await.map(|_| ended),
        }
    }

    /// To whom an audience's claims go now; none if nobody is there.
    fn reach(&self, audience: Audience) -> Option<EgressAudience> {
        let status = self.inner.mesh.status();
        let status = status.borrow();
        match audience {
            Audience::Mesh => {
                let members = u32::try_from(status.members_in_topic).unwrap_or(u32::MAX);
                (members > 0).then_some(EgressAudience::Mesh { members })
            }
            Audience::Peer(node) => {
                let there = members(&status).any(|(member, _)| member == node);
                there.then_some(EgressAudience::Member(node))
            }
        }
    }

    /// Sends a claim: whether it has left, or will never be taken; none if not now.
    async fn hand_over(&self, audience: Audience, own: OwnClaim) -> Option<bool> {
        let count = |verdict| {
            self.inner.metrics.claims.with_label_values(&["own", verdict]).inc();
        };
        match audience {
            Audience::Mesh => match self.inner.mesh.publish(own.bytes, own.content).await {
                Ok(_) => {
                    tracing::debug!(content = %own.content, "claim published");
                    count("accept");
                    Some(true)
                }
                Err(PublishError::TooLarge) => {
                    tracing::error!("an own claim is too large for the mesh and was dropped");
                    Some(false)
                }
                Err(
                    PublishError::NoMembers
                    | PublishError::Busy
                    | PublishError::TooMuch
                    | PublishError::Stopped,
                ) => None,
            },
            Audience::Peer(node) => match self.deliver(node, own.bytes).await {
                Outcome::Stored => {
                    count("accept");
                    Some(true)
                }
                Outcome::Refused => {
                    tracing::warn!(%node, "a member refused a claim for good; it is not sent again");
                    count("refused");
                    // It has not got it, but it is over all the same.
                    Some(true)
                }
                Outcome::NotNow => None,
            },
        }
    }
}

impl Sending {
    pub(super) fn new(status: watch::Receiver<Status>) -> Self {
        Self { status, connected: BTreeMap::new(), busy: BTreeSet::new(), resting: BTreeMap::new() }
    }

    /// The audiences to which something may be sent now, and how long none of the
    /// others can be added.
    pub(super) fn free(&mut self, now: Instant) -> (Vec<Audience>, Duration) {
        self.look_who_is_there();
        let mut sleep = IDLE;
        let mut free = vec![Audience::Mesh];
        free.extend(self.connected.keys().copied().map(Audience::Peer));
        free.retain(|audience| {
            let rests = self.resting.get(audience).map(|(until, _)| until.duration_since(now));
            let rests = rests.filter(|rest| !rest.is_zero());
            sleep = sleep.min(rests.unwrap_or(IDLE));
            rests.is_none() && !self.busy.contains(audience)
        });
        (free, sleep)
    }

    /// Returns when a member came or went.
    pub(super) async fn connections_change(&mut self) {
        loop {
            if self.status.changed().await.is_err() {
                // The mesh has ended; so will this loop.
                return std::future::pending().await;
            }
            if self.look_who_is_there() {
                return;
            }
        }
    }

    /// Whoever connects anew need not rest. True if anything changed.
    fn look_who_is_there(&mut self) -> bool {
        let connected: BTreeMap<NodeId, Timestamp> =
            members(&self.status.borrow_and_update()).collect();
        if connected == self.connected {
            return false;
        }
        for (node, since) in &connected {
            if self.connected.get(node) != Some(since) {
                self.resting.remove(&Audience::Peer(*node));
            }
        }
        self.connected = connected;
        true
    }

    /// A claim may have become due, or a member may listen.
    pub(super) fn wake_mesh(&mut self) {
        self.resting.remove(&Audience::Mesh);
    }

    pub(super) fn begin(&mut self, audience: Audience) {
        self.busy.insert(audience);
    }

    pub(super) fn ended(&mut self, audience: Audience, ended: Ended, now: Instant) {
        self.busy.remove(&audience);
        if ended == Ended::Clear {
            self.resting.remove(&audience);
            return;
        }
        let failures = self.resting.get(&audience).map_or(0, |(_, failures)| *failures);
        let rest = match audience {
            Audience::Mesh => REST,
            Audience::Peer(_) => (REST * (1 << failures.min(10))).min(LONGEST_REST),
        };
        self.resting.insert(audience, (now + rest, failures.saturating_add(1)));
    }
}

/// The connected members, and since when.
fn members(status: &Status) -> impl Iterator<Item = (NodeId, Timestamp)> + '_ {
    let members = status.peers.iter().filter(|peer| peer.role == Role::Member);
    members.map(|peer| (peer.node, peer.since))
}
