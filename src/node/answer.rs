//! Answering what members ask: their comparisons, their deliveries.
//!
//! One question after the other, off the async threads: what members can make
//! this node do at a time is one thing.

use std::time::Instant;

use tokio::sync::mpsc;

use super::{Node, clock};
use crate::mesh::quota::{Quotas, TIME};
use crate::mesh::{Asked, Offence, Protocol};
use crate::model::{ContentId, IndicatorId, NodeId};
use crate::store::{Applied, Change, Refused};
use crate::wire::{
    DeliverAnswer, DeliverAsk, Outcome, Packing, Path, SyncAnswer, SyncAsk, Verdict,
};

/// What is to be done about a question.
enum Reply {
    Answer(Vec<u8>),
    /// Nothing is said. With an offence it is held against the member.
    Silence(Option<Offence>),
    /// It is answered, and held against the member nevertheless.
    Charged(Vec<u8>),
}

impl Node {
    /// Answers until the mesh stops.
    pub(super) async fn answer_loop(self, mut asked: mpsc::Receiver<Asked>) {
        let mut times = Quotas::new(TIME);
        while let Some(mut asked) = asked.recv().await {
            let (protocol, from) = (asked.protocol, asked.from);
            let start = Instant::now();
            // Who has taken its share of time finds its stream closed.
            if !times.take(from, 1, start) {
                self.inner.metrics.exchanges.with_label_values(&[protocol.label(), "time"]).inc();
                continue;
            }
            let bytes = std::mem::take(&mut asked.bytes);
            let reply = self
                .blocking(move |node| {
                    Ok(match protocol {
                        Protocol::Sync => node.answer_sync(from, &bytes),
                        Protocol::Deliver => node.answer_delivery(from, &bytes),
                    })
                })
                .await;
            let spent = usize::try_from(start.elapsed().as_micros()).unwrap_or(usize::MAX);
            times.spend(from, spent, Instant::now());
            let Ok(reply) = reply else { continue };
            let mesh = &self.inner.mesh;
            let outcome = match reply {
                Reply::Answer(answer) => mesh.answer(asked, answer).await,
                Reply::Silence(None) => Ok(()),
                Reply::Silence(Some(offence)) => mesh.charge(from, offence).await,
                Reply::Charged(answer) => match mesh.charge(from, Offence::Rejected).await {
                    Ok(()) => mesh.answer(asked, answer).await,
                    stopped => stopped,
                },
            };
            if outcome.is_err() {
                return;
            }
        }
    }

    fn answer_sync(&self, from: NodeId, bytes: &[u8]) -> Reply {
        let store = &self.inner.store;
        match SyncAsk::decode(bytes) {
            Err(_) => Reply::Silence(Some(Offence::Rejected)),
            Ok(SyncAsk::News) => {
                self.inner.syncing.want(from, Instant::now());
                Reply::Answer(SyncAnswer::News.encode())
            }
            Ok(SyncAsk::Fetch(ids)) => self.serve(from, &ids),
            Ok(SyncAsk::Compare { from: day, message }) => {
                let now = clock::now();
                let first = super::sync::first_day(now);
                let answer = if day < first {
                    Ok(SyncAnswer::Compare { from: first, message: Vec::new() })
                } else {
                    store
                        .compared(day, &message, now)
                        .map(|message| SyncAnswer::Compare { from: day, message })
                };
                match answer {
                    Ok(answer) => Reply::Answer(answer.encode()),
                    Err(_) => Reply::Silence(Some(Offence::Rejected)),
                }
            }
        }
    }

    fn serve(&self, to: NodeId, ids: &[ContentId]) -> Reply {
        let mut packing = Packing::default();
        for id in ids {
            match self.inner.store.claim_for_sync(id) {
                Ok(claim) => {
                    let bytes = claim.as_ref().map(Vec::len);
                    if !packing.serve(claim) {
                        break;
                    }
                    if let Some(bytes) = bytes {
                        self.inner.syncing.passed_on(to, id, bytes);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "claims for a member could not be read");
                    return Reply::Silence(None);
                }
            }
        }
        Reply::Answer(packing.into_answer().encode())
    }

    fn answer_delivery(&self, from: NodeId, bytes: &[u8]) -> Reply {
        match DeliverAsk::decode(bytes) {
            Err(_) => Reply::Silence(Some(Offence::Rejected)),
            Ok(DeliverAsk::Claim(claim)) => self.take_delivered(from, &claim),
            Ok(DeliverAsk::Attest(indicators)) => self.take_attested(from, indicators),
        }
    }

    /// Stores a claim that is for this node alone. It is passed on to nobody: its
    /// marking keeps it out of gossip and sync.
    fn take_delivered(&self, from: NodeId, bytes: &[u8]) -> Reply {
        let now = clock::now();
        let verdict = self.judge(bytes, Path::Deliver, now);
        let answer = |outcome| DeliverAnswer::Claim(outcome).encode();
        let verified = match verdict {
            Ok(verified) => verified,
            Err(refusal) if refusal.verdict() == Verdict::Reject => {
                return Reply::Charged(answer(Outcome::Refused));
            }
            // It has ended, or the clocks differ.
            Err(_) => return Reply::Answer(answer(Outcome::NotNow)),
        };
        let stored = self.inner.store.write(vec![Change::Heard { verified, from, at: now }]).wait();
        Reply::Answer(answer(match stored.as_deref() {
            Ok([Applied::Refused(Refused::Full | Refused::Share)]) | Err(_) => Outcome::NotNow,
            Ok(_) => Outcome::Stored,
        }))
    }

    fn take_attested(&self, from: NodeId, indicators: Vec<IndicatorId>) -> Reply {
        let change = Change::Attested { indicators, from, at: clock::now() };
        match self.inner.store.write(vec![change]).wait() {
            Ok(_) => Reply::Answer(DeliverAnswer::Attest.encode()),
            Err(_) => Reply::Silence(None),
        }
    }
}
