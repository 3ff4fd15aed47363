//! What outsiders say of this node's own indicators: asked in the background, shown
//! here, and nowhere else.
//!
//! It looks at what changed in the store and asks VirusTotal about it, as slowly as the
//! quota wants. What comes back is kept beside the evidence and never in it, so that no
//! claim and no confidence can hold it. It must never ask about a value that may not
//! travel so far, nor make anything else wait.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;

use super::{Live, Node, NodeError, clock};
use crate::lookup::virustotal::{self, NoAnswer, Quota, Said, VirusTotal};
use crate::model::{DAY, Timestamp, Tlp, Value};
use crate::privacy;
use crate::store::{Change, Filter};

#[cfg(test)]
mod tests;

/// Between two looks at what changed.
const LOOK: Duration = Duration::from_secs(1);
/// After the store failed.
const REST: Duration = Duration::from_secs(60);
/// The newest changes that one look sees; what it misses comes with its next change.
const MAX_LOOK: usize = 1000;
/// Indicators that wait to be asked about: two days of the quota.
const MAX_WAITING: usize = 1000;
/// How long a report holds, in seconds.
const KNOWN: u64 = 7 * DAY;
/// How long it holds that there is none.
const UNKNOWN: u64 = DAY;
/// Under which the day's count is kept.
const QUOTA: &[u8] = b"virustotal quota";
/// The longest key file, in bytes.
const MAX_KEY_BYTES: u64 = 4096;

/// Where the asking stands.
struct Enricher {
    node: Node,
    virustotal: VirusTotal,
    quota: Quota,
    waiting: VecDeque<Value>,
    /// The stamp of the newest change that was looked at.
    seen: u64,
    failures: u32,
    not_before: Timestamp,
}

/// What is configured, if a key is.
pub(super) fn client(live: &Live) -> Result<Option<VirusTotal>, NodeError> {
    let watchers = &live.config.watchers;
    let key = match &watchers.virustotal_api_key_file {
        Some(path) if watchers.virustotal_api_key.reveal().is_empty() => {
            let path = live.config.resolve(path);
            super::live::read(&path, MAX_KEY_BYTES)?
        }
        _ => watchers.virustotal_api_key.reveal().to_owned(),
    };
    let key = key.trim();
    if key.is_empty() {
        return Ok(None);
    }
    let refused = |why| NodeError::Request(format!("VirusTotal cannot be asked: {why}"));
    VirusTotal::new(key).map(Some).map_err(refused)
}

impl Node {
    /// Asks until told to stop; returns at once if there is nobody to ask.
    pub(super) async fn enrich_loop(
        self,
        virustotal: Option<VirusTotal>,
        mut stop: watch::Receiver<bool>,
    ) {
        let Some(virustotal) = virustotal else { return };
        let asking = async {
            if let Err(error) = Enricher::run(self, virustotal).await {
                tracing::warn!(%error, "nobody outside is asked about indicators any more");
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stopping| *stopping) => {}
            () = asking => {}
        }
    }

    /// What VirusTotal said of a value, if that still holds.
    pub(super) fn virustotal(&self, value: &Value) -> Result<Option<Said>, NodeError> {
        let answer = self.inner.store.outside(&question(value), clock::now())?;
        // An answer that could not be used is kept too, and is nothing to show.
        Ok(answer.and_then(|answer| serde_json::from_slice(&answer).ok()).flatten())
    }

    /// Whether an outsider is to be asked about a value now.
    fn is_question(&self, value: &Value) -> Result<bool, NodeError> {
        let indicator = value.id();
        let store = &self.inner.store;
        let evidence = store.evidence(indicator)?;
        if !virustotal::knows(value.kind()) || !evidence.iter().any(|e| e.origin.is_own()) {
            return Ok(false);
        }
        let live = self.live();
        let heard = store.heard(indicator)?;
        let markings =
            evidence.iter().map(|e| e.scope.tlp()).chain(heard.iter().map(|h| h.claim.tlp));
        Ok(may_be_asked(markings, live.config.watchers.virustotal_share_tlp)
            && privacy::may_be_named(value, &live.policy, &live.lists).is_ok()
            && store.outside(&question(value), clock::now())?.is_none())
    }
}

/// Whether the strictest of all markings of a value lets it travel to an outsider.
fn may_be_asked(markings: impl Iterator<Item = Tlp>, most: Tlp) -> bool {
    markings.max().is_some_and(|strictest| strictest <= most)
}

fn question(value: &Value) -> Vec<u8> {
    [b"virustotal ".as_slice(), value.id().as_bytes()].concat()
}

impl Enricher {
    /// Ends only if asking makes no sense any more.
    async fn run(node: Node, virustotal: VirusTotal) -> Result<(), EnrichError> {
        let kept = node
            .blocking(|node| Ok(node.inner.store.outside(QUOTA, clock::now())?))
            .await?
            .unwrap_or_default();
        let mut enricher = Self {
            node,
            virustotal,
            quota: Quota::decode(&kept),
            waiting: VecDeque::new(),
            seen: 0,
            failures: 0,
            not_before: Timestamp(0),
        };
        loop {
            let pause = match enricher.turn().await {
                Ok(()) => LOOK,
                Err(EnrichError::Node(error)) => {
                    tracing::warn!(%error, "asking outsiders about indicators is paused");
                    REST
                }
                Err(error @ EnrichError::Outside(_)) => return Err(error),
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn turn(&mut self) -> Result<(), EnrichError> {
        self.look().await?;
        while self.ask_next().await? {}
        Ok(())
    }

    /// Queues the own indicators that changed since the last look.
    async fn look(&mut self) -> Result<(), EnrichError> {
        let seen = self.seen;
        let (newest, questions, all) = self.node.blocking(move |node| changed(node, seen)).await?;
        // What an earlier process did not see is no loss of this one.
        if !all && seen > 0 {
            self.count("dropped");
        }
        self.seen = newest;
        for value in questions.into_iter().rev() {
            if self.waiting.contains(&value) {
                continue;
            }
            if self.waiting.len() == MAX_WAITING {
                self.count("dropped");
            } else {
                self.waiting.push_back(value);
            }
        }
        self.gauge();
        Ok(())
    }

    /// Asks about the first that waits. False if nothing may be asked now.
    async fn ask_next(&mut self) -> Result<bool, EnrichError> {
        let now = clock::now();
        if self.quota.wait(now) > 0 || self.not_before > now {
            return Ok(false);
        }
        let Some(value) = self.waiting.pop_front() else { return Ok(false) };
        self.gauge();
        let same = value.clone();
        // What is known of it may have become stricter while it waited.
        if !self.node.blocking(move |node| node.is_question(&same)).await? {
            return Ok(true);
        }
        self.quota.take(now);
        // Before it is asked, so that a restart asks no more than the day's quota.
        let (answer, until) = (self.quota.encode(), now.plus(2 * DAY));
        let counted = Change::Outside { question: QUOTA.to_vec(), answer, until };
        self.node.write(vec![counted]).await?;
        let (result, answer) = match self.virustotal.ask(&value).await {
            Ok(said @ Said::Report(_)) => ("found", Ok((Some(said), KNOWN))),
            Ok(said @ Said::Unknown) => ("unknown", Ok((Some(said), UNKNOWN))),
            Err(NoAnswer::Unusable(_) | NoAnswer::Kind) => ("unusable", Ok((None, UNKNOWN))),
            Err(NoAnswer::Busy { retry_after }) => ("busy", Err(retry_after)),
            Err(NoAnswer::Away(_)) => ("away", Err(None)),
            Err(error @ (NoAnswer::Refused | NoAnswer::Key)) => {
                self.count("refused");
                return Err(error.into());
            }
        };
        self.count(result);
        match answer {
            Ok((said, holds)) => {
                self.failures = 0;
                self.keep(&value, said, clock::now().plus(holds)).await?;
            }
            Err(retry_after) => {
                self.failures = self.failures.saturating_add(1);
                let wait = virustotal::back_off(self.failures, retry_after, rand::random());
                self.not_before = clock::now().plus(wait);
                self.waiting.push_front(value);
                self.gauge();
            }
        }
        Ok(true)
    }

    async fn keep(
        &self,
        value: &Value,
        said: Option<Said>,
        until: Timestamp,
    ) -> Result<(), NodeError> {
        let answer = serde_json::to_vec(&said).unwrap_or_default();
        let change = Change::Outside { question: question(value), answer, until };
        self.node.write(vec![change]).await.map(|_| ())
    }

    fn count(&self, result: &str) {
        self.node.inner.metrics.lookups.with_label_values(&[result]).inc();
    }

    fn gauge(&self) {
        let waiting = i64::try_from(self.waiting.len()).unwrap_or(i64::MAX);
        self.node.inner.metrics.lookup_waiting.set(waiting);
    }
}

/// The indicators to ask about that changed after a stamp, the last changed first, and
/// the stamp of the newest change, and whether these are all.
fn changed(node: &Node, seen: u64) -> Result<(u64, Vec<Value>, bool), NodeError> {
    let store = &node.inner.store;
    let newest = |limit| store.indicators(&Filter { limit, ..Filter::default() }).rows;
    // Most looks find nothing new.
    if newest(1).first().is_none_or(|row| row.added <= seen) {
        return Ok((seen, Vec::new(), true));
    }
    let rows = newest(MAX_LOOK);
    let last = rows.first().map_or(seen, |row| row.added);
    let all = rows.len() < MAX_LOOK || rows.last().is_some_and(|row| row.added <= seen);
    let mut questions = Vec::new();
    for row in rows.into_iter().take_while(|row| row.added > seen) {
        if node.is_question(&row.value)? {
            questions.push(row.value);
        }
    }
    Ok((last, questions, all))
}

/// Why nobody is asked any more.
#[derive(Debug, thiserror::Error)]
enum EnrichError {
    #[error(transparent)]
    Outside(#[from] NoAnswer),
    #[error(transparent)]
    Node(#[from] NodeError),
}
