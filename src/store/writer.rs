//! The one writer: a thread that takes calls from a bounded queue, makes one
//! synced batch of all that wait, and only then answers them.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use tokio::sync::oneshot;

use super::apply::{Draft, Group, Memory, STATE_KEY, Taken};
use super::change::{Applied, Change, PeerRecord, Standing};
use super::index::IndexChange;
use super::record::{KeptContent, KeptIndicator, KeptOwn, State};
use super::sync::SyncChange;
use super::{Shared, StoreError, family};

/// Calls that may wait for the writer.
pub(super) const QUEUE: usize = 256;
/// A group takes no further call once it has so many changes: a bound on the
/// memory of a group and on how long its first caller waits.
const GROUP_CHANGES: usize = 4096;
/// What a claim of another takes on disk, with its indicator and its rows of the
/// indexes: about that much was seen, with a margin.
const BYTES_PER_CLAIM: u64 = 2048;
/// The size on disk is measured again after so many bytes were written.
const MEASURE_EVERY: u64 = 4 << 20;
/// Indicators that are put into the index at a time while the store is opened.
const LOAD_SLICE: usize = 10_000;

/// Microseconds since 1970.
pub(super) type Clock = Box<dyn Fn() -> u64 + Send>;

/// One call.
pub(super) struct Job {
    pub(super) changes: Vec<Change>,
    pub(super) answer: oneshot::Sender<Answer>,
    pub(super) handed: Instant,
}

type Answer = Result<Vec<Applied>, StoreError>;

/// What the writer's thread owns.
pub(super) struct Writer {
    shared: Arc<Shared>,
    memory: Memory,
    clock: Clock,
    /// Bytes written since the size was measured.
    unmeasured: u64,
}

impl Writer {
    /// Reads what the writer has to know, and fills the index.
    pub(super) fn load(shared: Arc<Shared>, clock: Clock) -> Result<Self, StoreError> {
        let db = &shared.db;
        let mut memory = Memory::default();
        if let Some(state) = db.read::<State>(STATE_KEY)? {
            memory.state = state;
        }
        for own in db.sound_records::<KeptOwn>()? {
            memory.pending += i64::from(own?.1.wish.is_some());
        }
        let mut candidates = std::collections::BTreeMap::new();
        for peer in db.sound_records::<PeerRecord>()? {
            let (key, peer) = peer?;
            if let (Standing::Candidate, Ok(key)) = (peer.standing, key.try_into()) {
                candidates.insert(key, peer.seen.unwrap_or(peer.since));
            }
        }
        memory.candidates = Arc::new(candidates);
        let mut slice = Vec::new();
        for indicator in db.sound_records::<KeptIndicator>()? {
            let (key, indicator) = indicator?;
            *memory.kinds.entry(indicator.value.kind().label()).or_default() += 1;
            slice.extend(IndexChange::of(&key, Some(&indicator)));
            if slice.len() == LOAD_SLICE {
                shared.index.apply(std::mem::take(&mut slice), &memory.kinds, &shared.metrics);
            }
        }
        shared.index.apply(slice, &memory.kinds, &shared.metrics);
        load_sync(&shared)?;
        shared.set_pending(memory.pending);
        let mut writer = Self { shared, memory, clock, unmeasured: 0 };
        writer.measure();
        Ok(writer)
    }

    /// Works until every handle of the store is gone or it is closed.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut changes = first.changes.len();
            let mut group = vec![first];
            while changes < GROUP_CHANGES
                && let Ok(job) = jobs.try_recv()
            {
                changes += job.changes.len();
                group.push(job);
            }
            self.commit(group);
        }
    }

    /// Makes a group durable and answers its calls. A call that cannot be kept
    /// is answered at once, and the others are put together again without it.
    fn commit(&mut self, mut jobs: Vec<Job>) {
        let (group, applied) = loop {
            match self.draft(&jobs) {
                Ok(Ok(drafted)) => break drafted,
                Ok(Err((spoiler, error))) => answer(jobs.remove(spoiler), Err(error)),
                Err(error) => {
                    return jobs.into_iter().for_each(|job| answer(job, Err(error.clone())));
                }
            }
        };
        if jobs.is_empty() {
            return;
        }
        let bytes = group.batch.size_in_bytes() as u64;
        if let Err(error) = self.shared.db.commit(group.batch) {
            return jobs.into_iter().for_each(|job| answer(job, Err(error.clone())));
        }
        self.unmeasured += bytes;
        self.took(group.taken, &jobs);
        for (job, applied) in jobs.into_iter().zip(applied) {
            answer(job, Ok(applied));
        }
    }

    /// All jobs as one batch, or the number of the job that cannot be kept.
    #[allow(clippy::type_complexity)] // the two ways to fail are told apart once, above
    fn draft(
        &self,
        jobs: &[Job],
    ) -> Result<Result<(Group, Vec<Vec<Applied>>), (usize, StoreError)>, StoreError> {
        let full = self.shared.full();
        let most_claims = self.shared.max_bytes / BYTES_PER_CLAIM;
        let memory = self.memory.clone();
        let mut draft = Draft::new(&self.shared.db, memory, (self.clock)(), full, most_claims);
        let mut applied = Vec::with_capacity(jobs.len());
        for (number, job) in jobs.iter().enumerate() {
            match job.changes.iter().map(|change| draft.apply(change)).collect() {
                Ok(outcomes) => applied.push(outcomes),
                Err(error) => return Ok(Err((number, error))),
            }
        }
        Ok(Ok((draft.finish()?, applied)))
    }

    /// A group is durable: everybody may see it now.
    fn took(&mut self, taken: Taken, jobs: &[Job]) {
        let metrics = &self.shared.metrics;
        self.memory = taken.memory;
        self.shared.index.apply(taken.index, &self.memory.kinds, metrics);
        self.shared.sync.apply(taken.sync, metrics);
        self.shared.set_pending(self.memory.pending);
        metrics.egress_rows.inc_by(taken.events.egress_rows);
        metrics.claims_without_room.inc_by(taken.events.without_room);
        metrics.candidates_evicted.inc_by(taken.events.candidates_evicted);
        let changes: usize = jobs.iter().map(|job| job.changes.len()).sum();
        #[allow(clippy::cast_precision_loss)] // a metric
        metrics.store_group_changes.observe(changes as f64);
        for job in jobs {
            metrics.store_write_seconds.observe(job.handed.elapsed().as_secs_f64());
        }
        if self.unmeasured >= MEASURE_EVERY || self.shared.full().is_some() {
            self.measure();
        }
    }

    fn measure(&mut self) {
        match self.shared.db.disk_bytes() {
            Ok(bytes) => {
                self.unmeasured = 0;
                self.shared.set_bytes(bytes);
            }
            Err(error) => tracing::warn!(%error, "the size of the store could not be measured"),
        }
    }
}

/// What took part in sync when the store was closed.
fn load_sync(shared: &Shared) -> Result<(), StoreError> {
    let mut slice = Vec::new();
    for content in shared.db.sound_records::<KeptContent>()? {
        let (key, KeptContent { content, place }) = content?;
        let Some(until) = family::day_of(&key) else { continue };
        slice.push(SyncChange::of(until, content, &place));
        if slice.len() == LOAD_SLICE {
            shared.sync.apply(std::mem::take(&mut slice), &shared.metrics);
        }
    }
    shared.sync.apply(slice, &shared.metrics);
    Ok(())
}

fn answer(job: Job, answer: Answer) {
    // Who no longer waits for the answer does not need it.
    drop(job.answer.send(answer));
}
