//! Bringing back what was missed: comparing with members and fetching what they
//! have. Nobody is sent what he did not ask for, so whoever lacks something
//! fetches it once, from one member.

mod state;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::receive::warn_of_clone;
use super::{Node, NodeError, clock};
use crate::mesh::{AskError, Offence, Protocol, Role};
use crate::model::{ContentId, Day, NodeId, Timestamp};
use crate::reconcile::BadMessage;
use crate::store::{Applied, Change};
use crate::wire::{MAX_FETCH, Path, Refusal, SyncAnswer, SyncAsk, Verdict};
pub(super) use state::Syncing;

/// Comparisons at a time: a few slow members must not hold up the others.
const AT_ONCE: usize = 8;
/// The longest comparison: the next one goes on where it ended.
const LONGEST: Duration = Duration::from_secs(900);
/// How long a member may let one comparison wait for answers that bring nothing.
const PATIENCE: Duration = Duration::from_secs(30);
/// Questions of one comparison that brought nothing: splitting a range down to
/// its claims takes six.
const MAX_IDLE: usize = 12;
/// Questions of one comparison.
const MAX_QUESTIONS: usize = 1000;

/// Why a comparison ended early.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("it answered with what is no answer")]
    Nonsense,
    #[error("it answers without end")]
    Endless,
    #[error("it takes too long and goes on later")]
    Long,
    #[error("it answers too slowly for what it brings")]
    Slow,
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl Cut {
    fn label(&self) -> &'static str {
        match self {
            Self::Ask(_) => "no_answer",
            Self::Nonsense => "nonsense",
            Self::Endless => "endless",
            Self::Long => "long",
            Self::Slow => "slow",
            Self::Node(_) => "store",
        }
    }
}

impl From<BadMessage> for Cut {
    fn from(_: BadMessage) -> Self {
        Self::Nonsense
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
                _ = stop.wait_for(|stopping| *stopping) => return,
                _ = rounds.tick() => round = true,
                () = self.inner.syncing.wake.notified() => {}
                Some(_) = running.join_next() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One row a round for each member that fetched something: who asks again and
    /// again must not fill the ledger.
    pub(super) async fn write_passed(&self) {
        let rows = self.inner.syncing.passed_rows(clock::now());
        if !rows.is_empty()
            && let Err(error) = self.write(rows).await
        {
            tracing::error!(%error, "what was passed on could not be written down");
        }
    }

    /// A few random members, as many as `peers_per_round` says.
    fn begin_round(&self) {
        let count = self.live().config.network.peers_per_round;
        let members = self.connected_members();
        for member in members.sample(&mut rand::rng(), count) {
            self.inner.syncing.want(*member, Instant::now());
        }
    }

    pub(super) fn connected_members(&self) -> Vec<NodeId> {
        let status = self.inner.mesh.status().borrow().clone();
        let members = status.peers.iter().filter(|peer| peer.role == Role::Member);
        members.map(|peer| peer.node).collect()
    }

    async fn compare_with(self, member: NodeId) {
        let mut brought = 0;
        let outcome = tokio::time::timeout(LONGEST, self.compare(member, &mut brought)).await;
        let outcome = outcome.unwrap_or(Err(Cut::Long));
        let held_up = match &outcome {
            Err(Cut::Slow | Cut::Endless | Cut::Ask(AskError::TimedOut)) => true,
            Err(Cut::Long) => brought == 0,
            Err(Cut::Ask(_) | Cut::Nonsense | Cut::Node(_)) | Ok(_) => false,
        };
        self.inner.syncing.done(member, held_up, Instant::now());
        let label = outcome.as_ref().map_or_else(Cut::label, |_| "complete");
        self.inner.metrics.syncs.with_label_values(&[label]).inc();
        let lacks = match outcome {
            Ok(lacks) => lacks,
            Err(cut) => {
                tracing::debug!(%member, %cut, "a comparison was broken off");
                // Only what no honest member answers. That a comparison brings nothing can
                // have its reason here: a wrong clock, claims that are known as replaced.
                if matches!(cut, Cut::Nonsense) {
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
        let mut question = Some(self.open(from).await?);
        let (mut idle, mut lacks, mut begun_again) = (0, false, false);
        let mut patience = PATIENCE;
        for _ in 0..MAX_QUESTIONS {
            let Some(message) = question.take() else { return Ok(lacks) };
            let ask = SyncAsk::Compare { from, message };
            let start = Instant::now();
            let SyncAnswer::Compare { from: answered, message } =
                self.ask_sync(member, &ask).await?
            else {
                return Err(Cut::Nonsense);
            };
            if answered > from {
                // The member's clock shows a later day.
                if std::mem::replace(&mut begun_again, true) {
                    return Err(Cut::Endless);
                }
                from = answered;
                question = Some(self.open(from).await?);
                continue;
            }
            let (told, listed) = self
                .blocking(move |node| Ok(node.inner.store.conclude(from, &message, member)))
                .await??;
            lacks |= !told.extra.is_empty();
            let wanted = self.inner.syncing.take_up(told.missing, Instant::now());
            let (taken, new) = self.fetch(member, &wanted.ids, &mut patience).await?;
            drop(wanted);
            *brought += new;
            self.inner.syncing.brought(new, Instant::now());
            // What it listed and is of no use here is not its fault.
            let idled = taken == 0 && listed == 0 && told.extra.is_empty();
            idle = if idled { idle + 1 } else { 0 };
            if idle > MAX_IDLE {
                return Err(Cut::Endless);
            }
            if taken == 0 {
                patience = patience.checked_sub(start.elapsed()).ok_or(Cut::Slow)?;
            }
            question = told.next;
        }
        Err(Cut::Endless)
    }

    async fn open(&self, from: Day) -> Result<Vec<u8>, Cut> {
        Ok(self.blocking(move |node| Ok(node.inner.store.compare(from, clock::now()))).await??)
    }

    /// Fetches claims and stores them; how many stood, and how many of them were new.
    async fn fetch(
        &self,
        member: NodeId,
        wanted: &[ContentId],
        patience: &mut Duration,
    ) -> Result<(usize, usize), Cut> {
        let (mut taken, mut new) = (0, 0);
        let mut left = wanted;
        while !left.is_empty() {
            let asked: Vec<ContentId> = left.iter().take(MAX_FETCH).copied().collect();
            let ask = SyncAsk::Fetch(asked.clone());
            let start = Instant::now();
            let SyncAnswer::Fetched { served, claims } = self.ask_sync(member, &ask).await? else {
                return Err(Cut::Nonsense);
            };
            if served == 0 || served > asked.len() {
                return Err(Cut::Nonsense);
            }
            let (stood, were_new) = self.take_fetched(member, asked, claims).await?;
            if stood == 0 {
                *patience = patience.checked_sub(start.elapsed()).ok_or(Cut::Slow)?;
            }
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
        // Revoked while it answered.
        if self.book().member(member).is_none() {
            return Err(Cut::Ask(AskError::NotConnected));
        }
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
                self.judge(bytes, Path::Sync, now)
            } else {
                self.count_verdict(Path::Sync, Err(Refusal::NotAsked))
            };
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
