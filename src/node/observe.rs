//! From log lines to evidence: one thread owns the pipeline and takes the
//! watchers' batches in order.
//!
//! Evidence, changed detector buckets, the file position and the wish to share
//! go into the store in one atomic write, so a crash leaves the same
//! indicators and counts as an uninterrupted run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use super::pipeline::Pipeline;
use super::{Live, Node, clock, live};
use crate::model::{IndicatorId, Origin, Scope, Source, Timestamp};
use crate::parse::Reader;
use crate::store::{Change, Receipt, Store, StoreError};
use crate::watch::Batch;
use tokio::sync::watch as snapshot;

/// Between two attempts to store what could not be stored.
const RETRY: Duration = Duration::from_secs(2);

/// Takes batches until the watchers stop.
pub(super) fn run(
    node: &Node,
    mut pipeline: Pipeline,
    batches: &Receiver<Batch>,
    stopping: &snapshot::Receiver<bool>,
) {
    let mut live = node.inner.live.subscribe();
    let mut writing = Writing { node, stopping, pending: None };
    let mut readers = Readers::default();
    loop {
        let batch = match batches.try_recv() {
            Ok(batch) => batch,
            Err(TryRecvError::Empty) => {
                if !writing.settle() {
                    return;
                }
                match batches.recv() {
                    Ok(batch) => batch,
                    Err(_) => break,
                }
            }
            Err(TryRecvError::Disconnected) => break,
        };
        if live.has_changed().unwrap_or(false) {
            let live = Arc::clone(&live.borrow_and_update());
            if !writing.settle() {
                return;
            }
            take_over(node, &live, &mut pipeline);
        }
        pipeline.set_utc_offset(live::utc_offset());
        // One group may be on its way to the disk while the next is prepared, but no
        // more: an offset must never be stored before what lies in front of it.
        let changes = look_at(node, &mut pipeline, &mut readers, batch, clock::now());
        if !writing.write(changes) {
            return;
        }
    }
    writing.settle();
}

/// What is on its way to the disk, and what it was, if it does not arrive.
struct Writing<'n> {
    node: &'n Node,
    stopping: &'n snapshot::Receiver<bool>,
    pending: Option<(Receipt, Vec<Change>)>,
}

impl Writing<'_> {
    /// Begins a write when the one before is durable. False when the node stops first.
    fn write(&mut self, changes: Vec<Change>) -> bool {
        if !self.settle() {
            return false;
        }
        let receipt = self.node.inner.store.write(changes.clone());
        self.pending = Some((receipt, changes));
        true
    }

    /// Waits until what was written is durable; then what it wishes to share can be. What
    /// cannot be stored, because the disk is full, is tried again: the watchers wait, and
    /// reads go on. False when the node stops first: the lines are read again then.
    fn settle(&mut self) -> bool {
        let mut said = false;
        while let Some((receipt, changes)) = self.pending.take() {
            let Err(error) = receipt.wait() else {
                self.node.inner.due.notify_one();
                break;
            };
            if *self.stopping.borrow() || matches!(error, StoreError::Closed) {
                return false;
            }
            if !error.may_pass() {
                // Trying again would only stop all watching for good.
                tracing::error!(%error, "what the watchers saw in these lines is left out");
                break;
            }
            if !std::mem::replace(&mut said, true) {
                tracing::error!(
                    %error,
                    "what the watchers saw cannot be stored: watching waits, and tries again \
                     until there is room"
                );
            }
            std::thread::sleep(RETRY);
            let receipt = self.node.inner.store.write(changes.clone());
            self.pending = Some((receipt, changes));
        }
        true
    }
}

/// New rules begin with the buckets that the old ones left in the store.
fn take_over(node: &Node, live: &Live, pipeline: &mut Pipeline) {
    pipeline.replace(live.rules.clone(), live.pipeline_settings());
    if let Err(error) = restore(&node.inner.store, pipeline) {
        tracing::error!(%error, "the detector begins to count anew");
    }
}

/// Takes over the buckets in the store.
pub(super) fn restore(store: &Store, pipeline: &mut Pipeline) -> Result<(), StoreError> {
    for bucket in store.detector()? {
        let (key, bucket) = bucket?;
        pipeline.detector().restore(&key, &bucket);
    }
    Ok(())
}

/// A reader for each followed file: what its header says holds for all of its lines. The
/// watchers bound how many files a target has.
#[derive(Default)]
struct Readers(BTreeMap<(Source, String, String), Reader>);

impl Readers {
    /// The reader of a batch's file, which has read the batch's head.
    fn of(&mut self, batch: &Batch, pipeline: &Pipeline, now: Timestamp) -> &mut Reader {
        // Two sources may follow one file, each with a reader of its own.
        let file = (batch.source, batch.target.clone(), batch.file.clone());
        let reader = self.0.entry(file).or_insert_with(|| Reader::new(batch.source));
        for line in &batch.head {
            // Context: whether it can be read was counted when it came as a line.
            reader.read(line, &pipeline.context(now)).ok();
        }
        reader
    }

    fn forget(&mut self, source: Source, target: &str, files: &[String]) {
        for file in files {
            self.0.remove(&(source, target.to_owned(), file.clone()));
        }
    }
}

/// Everything that one batch changes.
fn look_at(
    node: &Node,
    pipeline: &mut Pipeline,
    readers: &mut Readers,
    mut batch: Batch,
    now: Timestamp,
) -> Vec<Change> {
    let metrics = &node.inner.metrics;
    let source = batch.source;
    let reader = readers.of(&batch, pipeline, now);
    let count = batch.lines.len();
    batch.lines.append(&mut batch.ahead);
    let mut changes = Vec::new();
    let mut to_share: BTreeMap<IndicatorId, Scope> = BTreeMap::new();
    let (mut failures, mut seen) = (0, 0);
    for (at, line) in batch.lines.iter().enumerate().take(count) {
        let ahead = batch.lines.get(at + 1..).unwrap_or_default();
        let looked = pipeline.look(reader, line, ahead, now);
        if let Err(unparsed) = &looked.parsed {
            failures += 1;
            metrics.parse_failures.with_label_values(&[source.name(), unparsed.label()]).inc();
        }
        if looked.doubtful {
            metrics.parse_failures.with_label_values(&[source.name(), "doubtful"]).inc();
        }
        for (_, unfit) in &looked.refused {
            metrics.hygiene_refusals.with_label_values(&[unfit.label()]).inc();
        }
        for hit in looked.hits {
            seen += 1;
            let sighting = pipeline.sighting(source, hit);
            let scope = to_share.entry(sighting.value.id()).or_insert(sighting.scope.clone());
            *scope = scope.strictest(&sighting.scope);
            changes.push(Change::Sighting(sighting));
        }
    }
    metrics.detector_evictions.inc_by(pipeline.detector().take_evicted());
    metrics.sightings.with_label_values(&[source.name()]).inc_by(seen);
    node.count_lines(source, &batch.target, count as u64, failures, seen);
    changes.extend(
        pipeline
            .detector()
            .take_changed()
            .into_iter()
            .map(|(key, bucket)| Change::Detector { key, bucket }),
    );
    readers.forget(source, &batch.target, &batch.gone);
    changes.push(Change::Offset { source, path: batch.target, bytes: batch.checkpoint });
    let origin = Origin::Log(source);
    changes.extend(to_share.iter().map(|(id, scope)| node.tell(*id, origin, scope, now)));
    changes
}
