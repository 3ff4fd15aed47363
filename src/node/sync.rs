//! Bringing back what was missed: comparing with members and fetching what they
//! have. Nobody is sent what he did not ask for, so whoever lacks something
//! fetches it once, from one member.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom as _;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::receive::warn_of_clone;
use super::{Node, NodeError, clock};
use crate::mesh::{AskError, Offence, Protocol, Role};
use crate::model::{ContentId, Day, NodeId, Timestamp};
use crate::reconcile::BadMessage;
use crate::store::{Applied, Change, EgressAudience, EgressRow, Left};
use crate::wire::{self, MAX_FETCH, Path, SyncAnswer, SyncAsk, Verdict};

/// Comparisons at a time: one slow member must not hold up the others.
const AT_ONCE: usize = 3;
/// Between two comparisons with one member, however much news it has.
const PAUSE: Duration = Duration::from_secs(1);
/// Questions of one comparison that brought nothing: splitting a range down to
/// its claims takes six.
const MAX_IDLE: usize = 12;
/// Questions of one comparison.
const MAX_QUESTIONS: usize = 1000;

/// What a member fetched since it was last written down.
#[derive(Debug, Default)]
struct Passed {
    claims: u64,
    bytes: u64,
    digest: blake3::Hasher,
}

/// With whom to compare, and what is being fetched.
#[derive(Debug, Default)]
pub(super) struct Syncing {
    inner: Mutex<Inner>,
    wake: Notify,
}

/// Bounded by the members that are connected and by the questions that run.
#[derive(Debug, Default)]
struct Inner {
    due: BTreeMap<NodeId, Instant>,
    last: BTreeMap<NodeId, Instant>,
    running: BTreeSet<NodeId>,
    fetching: HashSet<ContentId>,
    passed: BTreeMap<NodeId, Passed>,
}

/// Why a comparison ended early.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("it answered with what is no answer")]
    Nonsense,
    #[error("it answers without end")]
    Endless,
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl Cut {
    fn label(&self) -> &'static str {
        match self {
            Self::Ask(_) => "no_answer",
            Self::Nonsense => "nonsense",
            Self::Endless => "endless",
            Self::Node(_) => "store",
        }
    }
}

impl From<BadMessage> for Cut {
    fn from(_: BadMessage) -> Self {
        Self::Nonsense
    }
}

impl Syncing {
    /// Compare with a member soon.
    pub(super) fn want(&self, member: NodeId) {
        let mut inner = self.lock();
        let earliest = inner.last.get(&member).map(|last| *last + PAUSE);
        let due = earliest.unwrap_or_else(Instant::now);
        inner.due.entry(member).or_insert(due);
        drop(inner);
        self.wake.notify_one();
    }

    /// A member is gone.
    pub(super) fn forget(&self, member: NodeId) {
        let mut inner = self.lock();
        inner.due.remove(&member);
        inner.last.remove(&member);
    }

    /// Takes a member whose time has come and with whom no comparison runs, or
    /// tells for how long there is none.
    fn next(&self, now: Instant) -> Result<NodeId, Option<Duration>> {
        let mut inner = self.lock();
        let Inner { due, running, last, .. } = &mut *inner;
        let waiting = due.iter().filter(|(member, _)| !running.contains(member));
        let Some((member, at)) = waiting.min_by_key(|(_, at)| **at).map(|(m, at)| (*m, *at)) else {
            return Err(None);
        };
        if at > now {
            return Err(Some(at - now));
        }
        due.remove(&member);
        running.insert(member);
        last.insert(member, now);
        Ok(member)
    }

    /// A claim of another goes to a member.
    pub(super) fn passed_on(&self, to: NodeId, id: &ContentId, bytes: usize) {
        let mut inner = self.lock();
        let passed = inner.passed.entry(to).or_default();
        passed.claims += 1;
        passed.bytes += bytes as u64;
        passed.digest.update(id.as_bytes());
    }

    /// What is to be written down of what was passed on, a row for each member.
    fn passed_rows(&self, at: Timestamp) -> Vec<Change> {
        let passed = std::mem::take(&mut self.lock().passed);
        let row = |(to, passed): (NodeId, Passed)| {
            let Passed { claims, bytes, digest } = passed;
            let digest = ContentId(*digest.finalize().as_bytes());
            let what = Left::PassedOn { claims, bytes, digest };
            Change::Egress(EgressRow { at, audience: EgressAudience::Member(to), what })
        };
        passed.into_iter().map(row).collect()
    }

    fn done(&self, member: NodeId) {
        self.lock().running.remove(&member);
        self.wake.notify_one();
    }

    /// Leaves what nobody else is fetching, and notes it.
    fn take_up(&self, missing: Vec<ContentId>) -> Vec<ContentId> {
        let mut inner = self.lock();
        missing.into_iter().filter(|id| inner.fetching.insert(*id)).collect()
    }

    fn put_down(&self, ids: &[ContentId]) {
        let mut inner = self.lock();
        for id in ids {
            inner.fetching.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// Compares when there is reason to, until told to stop.
    pub(super) async fn sync_loop(self, mut stop: watch::Receiver<bool>) {
        let every = Duration::from_secs(self.live().config.network.gossip_interval_seconds.max(1));
        let mut rounds = interval(every);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut running = JoinSet::new();
        let mut round = false;
        loop {
            if std::mem::take(&mut round) {
                self.write_passed().await;
                self.begin_round();
            }
            let mut wait = every;
            while running.len() < AT_ONCE {
                match self.inner.syncing.next(Instant::now()) {
                    Ok(member) => {
                        running.spawn(self.clone().compare_with(member));
                    }
                    Err(until) => {
                        wait = until.unwrap_or(every);
                        break;
                    }
                }
            }
            tokio::select! {
                _ = stop.wait_for(|stopping| *stopping) => break,
                _ = rounds.tick() => round = true,
                () = self.inner.syncing.wake.notified() => {}
                Some(_) = running.join_next() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.write_passed().await;
    }

    /// One row a round for each member that fetched something: who asks again and
    /// again must not fill the ledger.
    async fn write_passed(&self) {
        let rows = self.inner.syncing.passed_rows(clock::now());
        if !rows.is_empty()
            && let Err(error) = self.write(rows).await
        {
            tracing::error!(%error, "what was passed on could not be written down");
        }
    }

    /// A few random members, as many as `peers_per_round` says.
    fn begin_round(&self) {
        let count = usize::try_from(self.live().config.network.peers_per_round).unwrap_or(1);
        let members = self.connected_members();
        for member in members.sample(&mut rand::rng(), count) {
            self.inner.syncing.want(*member);
        }
    }

    pub(super) fn connected_members(&self) -> Vec<NodeId> {
        let status = self.inner.mesh.status().borrow().clone();
        let members = status.peers.iter().filter(|peer| peer.role == Role::Member);
        members.map(|peer| peer.node).collect()
    }

    async fn compare_with(self, member: NodeId) {
        let mut brought = 0;
        let outcome = self.compare(member, &mut brought).await;
        self.inner.syncing.done(member);
        let label = outcome.as_ref().map_or_else(Cut::label, |_| "complete");
        self.inner.metrics.syncs.with_label_values(&[label]).inc();
        let lacks = match outcome {
            Ok(lacks) => lacks,
            Err(cut) => {
                tracing::debug!(%member, %cut, "a comparison was broken off");
                if matches!(cut, Cut::Nonsense | Cut::Endless) {
                    self.inner.mesh.charge(member, Offence::Rejected).await.ok();
                }
                false
            }
        };
        tracing::debug!(%member, brought, "compared");
        // What came this way does not travel by gossip: tell the others.
        for other in self.connected_members() {
            if (brought > 0 && other != member) || (lacks && other == member) {
                let news = SyncAsk::News.encode();
                let mesh = self.inner.mesh.clone();
                tokio::spawn(async move { mesh.ask(Protocol::Sync, other, news).await.ok() });
            }
        }
    }

    /// Compares until nothing is missing here. Whether the member lacks something.
    async fn compare(&self, member: NodeId, brought: &mut usize) -> Result<bool, Cut> {
        let mut from = first_day(clock::now());
        let mut question = Some(self.inner.store.compare(from, clock::now())?);
        let (mut idle, mut lacks) = (0, false);
        for _ in 0..MAX_QUESTIONS {
            let Some(message) = question.take() else { return Ok(lacks) };
            let ask = SyncAsk::Compare { from, message };
            let SyncAnswer::Compare { from: answered, message } =
                self.ask_sync(member, &ask).await?
            else {
                return Err(Cut::Nonsense);
            };
            if answered > from {
                // The member's clock shows a later day.
                from = answered;
                idle += 1;
                question = Some(self.inner.store.compare(from, clock::now())?);
                continue;
            }
            let told = self
                .blocking(move |node| Ok(node.inner.store.conclude(from, &message, member)))
                .await??;
            lacks |= !told.extra.is_empty();
            let missing = told.missing.len();
            let wanted = self.inner.syncing.take_up(told.missing);
            let elsewhere = missing - wanted.len();
            let fetched = self.fetch(member, &wanted).await;
            self.inner.syncing.put_down(&wanted);
            let (taken, new) = fetched?;
            *brought += new;
            let idled = taken == 0 && elsewhere == 0 && told.extra.is_empty();
            idle = if idled { idle + 1 } else { 0 };
            if idle > MAX_IDLE {
                return Err(Cut::Endless);
            }
            question = told.next;
        }
        Err(Cut::Endless)
    }

    /// Fetches claims and stores them; how many stood, and how many of them were new.
    async fn fetch(&self, member: NodeId, wanted: &[ContentId]) -> Result<(usize, usize), Cut> {
        let (mut taken, mut new) = (0, 0);
        let mut left = wanted;
        while !left.is_empty() {
            let asked: Vec<ContentId> = left.iter().take(MAX_FETCH).copied().collect();
            let ask = SyncAsk::Fetch(asked.clone());
            let SyncAnswer::Fetched { served, claims } = self.ask_sync(member, &ask).await? else {
                return Err(Cut::Nonsense);
            };
            if served == 0 || served > asked.len() {
                return Err(Cut::Nonsense);
            }
            let (stood, were_new) = self.take_fetched(member, asked, claims).await?;
            taken += stood;
            new += were_new;
            left = left.get(served..).unwrap_or_default();
        }
        Ok((taken, new))
    }

    async fn ask_sync(&self, member: NodeId, ask: &SyncAsk) -> Result<SyncAnswer, Cut> {
        let answer = self.inner.mesh.ask(Protocol::Sync, member, ask.encode()).await?;
        SyncAnswer::decode(&answer).map_err(|_| Cut::Nonsense)
    }

    /// Judges what was fetched and stores what stands: how many, and how many were new.
    async fn take_fetched(
        &self,
        member: NodeId,
        asked: Vec<ContentId>,
        claims: Vec<Vec<u8>>,
    ) -> Result<(usize, usize), Cut> {
        let asked: HashSet<ContentId> = asked.into_iter().collect();
        let (changes, offences) =
            self.blocking(move |node| Ok(node.judge_fetched(member, &asked, &claims))).await?;
        for _ in 0..offences {
            self.inner.mesh.charge(member, Offence::Rejected).await.ok();
        }
        let contents: Vec<ContentId> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Heard { verified, .. } => Some(verified.content()),
                _ => None,
            })
            .collect();
        let applied = self.write(changes).await?;
        warn_of_clone(&applied);
        self.inner.mesh.mark_seen(contents);
        let new = applied.iter().filter(|a| matches!(a, Applied::New | Applied::Updated)).count();
        Ok((applied.len(), new))
    }

    fn judge_fetched(
        &self,
        member: NodeId,
        asked: &HashSet<ContentId>,
        claims: &[Vec<u8>],
    ) -> (Vec<Change>, usize) {
        let now = clock::now();
        let (mut changes, mut offences) = (Vec::new(), 0);
        for bytes in claims {
            let verdict = if asked.contains(&ContentId::of(bytes)) {
                wire::verify(bytes, &self.inner.community, Path::Sync).and_then(|verified| {
                    verified.timely(now)?;
                    Ok(verified)
                })
            } else {
                Err(wire::Refusal::NotAsked)
            };
            let label = verdict.as_ref().map_or_else(wire::Refusal::label, |_| "accept");
            self.inner.metrics.claims.with_label_values(&["sync", label]).inc();
            match verdict {
                Ok(verified) => {
                    tracing::debug!(content = %verified.content(), from = %member, "claim heard");
                    changes.push(Change::Heard { verified, from: member, at: now });
                }
                Err(refusal) => offences += usize::from(refusal.verdict() == Verdict::Reject),
            }
        }
        (changes, offences)
    }
}

/// What ends before tomorrow takes no part.
pub(super) fn first_day(now: Timestamp) -> Day {
    now.day().plus(1)
}
