//! The judge of what gossip brings: pure code on a thread of its own, so that
//! a signature check never holds up the swarm.
//!
//! Channels: the swarm hands over without waiting (full means Ignore, counted);
//! the judge may wait for the swarm, which never waits for the judge, and for
//! the node's receiver, which waits for the store alone. So nothing can wait in
//! a circle. Where the store is slower than the members send, the judge is too,
//! and then nothing more is read from those who send most (`fair`): a burst is
//! slowed down, not lost.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use libp2p::PeerId;
use libp2p::gossipsub::{MessageAcceptance, MessageId};
use tokio::sync::mpsc;

use super::address::node_of;
use super::quota::{self, Quotas};
use super::seen::Seen;
use super::{Event, now};
use crate::metrics::Metrics;
use crate::model::{Community, ContentId, Timestamp};
use crate::wire::{self, MAX_CLAIM_BYTES, Path, Refusal, Verdict, Verified};

/// Messages that wait for the judge: half a second of its work.
const WAITING: usize = 4096;

/// A message to judge.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) message: MessageId,
    /// Who handed it to us, which says nothing about who made it.
    pub(super) from: PeerId,
    pub(super) bytes: Vec<u8>,
}

/// What gossip is to be told.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) message: MessageId,
    pub(super) from: PeerId,
    pub(super) acceptance: MessageAcceptance,
    /// What it counts against whoever sent it.
    pub(super) offence: Option<Offence>,
}

/// What a member did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// A claim that every node refuses.
    Rejected,
    /// A claim beyond the quota.
    OverQuota,
}

impl Offence {
    /// The metric label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::OverQuota => "quota",
        }
    }
}

/// The way to the judge. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Desk {
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
}

impl Desk {
    /// Starts the thread.
    pub(super) fn open(
        judge: Judge,
        answers: mpsc::Sender<Answer>,
        events: mpsc::Sender<Event>,
    ) -> std::io::Result<Self> {
        let (jobs, inbox) = sync_channel(WAITING);
        let thread = Builder::new()
            .name("dtim-judge".to_owned())
            .spawn(move || run(judge, &inbox, &answers, &events))?;
        Ok(Self { jobs, thread })
    }

    /// Hands a message over; false if the judge has too much to do.
    pub(super) fn submit(&self, job: Job) -> bool {
        match self.jobs.try_send(job) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// Ends the thread after what is waiting and waits for it.
    pub(super) fn close(self) {
        drop(self.jobs);
        if self.thread.join().is_err() {
            tracing::error!("the judge's thread panicked");
        }
    }
}

fn run(
    mut judge: Judge,
    inbox: &Receiver<Job>,
    answers: &mpsc::Sender<Answer>,
    events: &mpsc::Sender<Event>,
) {
    while let Ok(Job { message, from, bytes }) = inbox.recv() {
        let opinion = judge
            .examine(from, &bytes, Instant::now(), now())
            .and_then(|verified| judge.hand_over(verified, from, events));
        judge.count(&opinion);
        let (acceptance, offence) = consequence(&opinion);
        if answers.blocking_send(Answer { message, from, acceptance, offence }).is_err() {
            return;
        }
    }
}

fn consequence(opinion: &Result<(), Refusal>) -> (MessageAcceptance, Option<Offence>) {
    match opinion {
        Ok(()) => (MessageAcceptance::Accept, None),
        Err(Refusal::Quota) => (MessageAcceptance::Ignore, Some(Offence::OverQuota)),
        Err(refusal) => match refusal.verdict() {
            Verdict::Reject => (MessageAcceptance::Reject, Some(Offence::Rejected)),
            Verdict::Ignore => (MessageAcceptance::Ignore, None),
        },
    }
}

/// What the judge needs to know.
#[derive(Debug)]
pub(super) struct Judge {
    community: Community,
    seen: Arc<Seen>,
    quotas: Quotas<PeerId>,
    metrics: Metrics,
}

impl Judge {
    pub(super) fn new(community: Community, seen: Arc<Seen>, metrics: Metrics) -> Self {
        Self { community, seen, quotas: Quotas::new(quota::CLAIMS), metrics }
    }

    /// The checks, cheapest first.
    pub(super) fn examine(
        &mut self,
        from: PeerId,
        bytes: &[u8],
        instant: Instant,
        clock: Timestamp,
    ) -> Result<Verified, Refusal> {
        if bytes.len() > MAX_CLAIM_BYTES {
            return Err(Refusal::TooLarge);
        }
        if !self.quotas.take(from, 1, instant) {
            return Err(Refusal::Quota);
        }
        if self.seen.contains(&ContentId::of(bytes)) {
            return Err(Refusal::SeenBefore);
        }
        let verified = wire::verify(bytes, &self.community, Path::Gossip)?;
        verified.timely(clock)?;
        Ok(verified)
    }

    /// Passes a claim to the node. If the node is gone it is not marked as
    /// seen: it was not stored.
    fn hand_over(
        &self,
        verified: Verified,
        from: PeerId,
        events: &mpsc::Sender<Event>,
    ) -> Result<(), Refusal> {
        let content = verified.content();
        let Some(from) = node_of(&from) else { return Err(Refusal::Overloaded) };
        events.blocking_send(Event::Claim { verified, from }).map_err(|_| Refusal::Overloaded)?;
        self.seen.insert(content);
        Ok(())
    }

    fn count(&self, opinion: &Result<(), Refusal>) {
        let verdict = opinion.as_ref().map_or_else(Refusal::label, |()| "accept");
        self.metrics.claims.with_label_values(&["gossip", verdict]).inc();
    }
}
