//! The scanned folder: its new files go to clamd one by one, and what is malware
//! becomes a sighting of the file's SHA-256.
//!
//! The folder is the queue. A sighting and the mark behind its file are one write, so a
//! killed node scans nothing twice and leaves nothing out.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Live, Node, NodeError, clock};
use crate::config::{self, Config};
use crate::hygiene;
use crate::lookup;
use crate::lookup::clamd::{Clamd, NoVerdict, Verdict};
use crate::lookup::folder::{Entry, Folder, Mark};
use crate::model::{
    Confidence, CustomFields, Kind, Origin, Scope, Sighting, Source, Tag, Timestamp, Value,
};
use crate::store::Change;

#[cfg(test)]
mod tests;

/// Between two looks at the folder.
const PAUSE: Duration = Duration::from_secs(1);
/// A look at a large folder takes time; so many times as long nobody looks.
const REST: u32 = 20;
/// The longest wait for a clamd that is not there.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);
/// clamd's own `MaxScanTime` is 120 s.
const PATIENCE: Duration = Duration::from_secs(150);
/// A file at which clamd breaks off so often is left alone.
const TRIES: u32 = 3;
/// How sure a signature is, in percent.
const CONFIDENCE: u8 = 90;

/// Where the scanning stands.
struct Scanner {
    node: Node,
    folder: Folder,
    /// The folder as the operator wrote it, under which the mark is kept.
    path: String,
    clamd: Clamd,
    done: Mark,
    /// How often clamd has broken off at the first file behind the mark.
    broken: u32,
    /// Said already: clamd is away, the folder is away, a file is too large.
    told: (bool, bool, bool),
    back_off: Duration,
}

impl Node {
    /// Scans until told to stop; returns at once if no folder is configured.
    pub(super) async fn scan_loop(self, mut stop: watch::Receiver<bool>) {
        let scanning = async {
            match Scanner::new(self).await {
                Ok(Some(scanner)) => scanner.run().await,
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "no files are scanned"),
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stopping| *stopping) => {}
            () = scanning => {}
        }
    }
}

impl Scanner {
    async fn new(node: Node) -> Result<Option<Self>, NodeError> {
        let live = node.live();
        let watchers = &live.config.watchers;
        let Some(folder) = folder(&live.config) else { return Ok(None) };
        let path = folder.path().to_string_lossy().into_owned();
        let key = path.clone();
        let kept =
            node.blocking(move |node| Ok(node.inner.store.offset(Source::Clamav, &key)?)).await?;
        let known = kept.as_deref().and_then(Mark::decode);
        let done = known.unwrap_or_else(|| match watchers.from {
            config::From::Now => Mark::at(clock::nanoseconds()),
            config::From::Start => Mark::default(),
        });
        let clamd =
            Clamd { socket: live.config.resolve(&watchers.clamd_socket), patience: PATIENCE };
        let scanner = Self {
            folder,
            path,
            clamd,
            done,
            broken: 0,
            told: (false, false, false),
            back_off: PAUSE,
            node,
        };
        // From here on nothing is missed, whatever becomes of this process.
        scanner.node.write(vec![scanner.mark()]).await?;
        Ok(Some(scanner))
    }

    async fn run(mut self) {
        loop {
            let began = Instant::now();
            let (folder, done) = (self.folder.clone(), self.done);
            let looked =
                self.node.blocking(move |_| Ok(folder.look(done, clock::nanoseconds()))).await;
            let Ok(looked) = looked else { return };
            let took = began.elapsed();
            match looked {
                Ok(listing) => {
                    self.told.1 = false;
                    let waiting = self.files(&listing.ready).await + listing.waiting;
                    let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
                    self.node.inner.metrics.scan_waiting.set(waiting);
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.told.1, true) {
                        let folder = &self.path;
                        tracing::warn!(%error, %folder, "the folder to scan cannot be read; it is tried again");
                    }
                }
            }
            tokio::time::sleep(self.back_off.max(took * REST)).await;
        }
    }

    /// Scans files in their order, until clamd fails. How many are left.
    async fn files(&mut self, ready: &[Entry]) -> usize {
        for (index, entry) in ready.iter().enumerate() {
            match self.file(entry).await {
                Ok(()) => {
                    self.broken = 0;
                    if std::mem::replace(&mut self.told.0, false) {
                        tracing::info!("clamd answers again");
                    }
                    self.back_off = PAUSE;
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.told.0, true) {
                        tracing::warn!(%error, "files wait to be scanned; it is tried again");
                    }
                    self.back_off = (self.back_off * 2).min(LONGEST_BACK_OFF);
                    return ready.len() - index;
                }
            }
        }
        0
    }

    /// Scans one file and moves the mark behind it, or says why that must wait.
    async fn file(&mut self, entry: &Entry) -> Result<(), ScanError> {
        let (folder, wanted) = (self.folder.clone(), entry.clone());
        let opened = self.node.blocking(move |_| Ok(folder.open(&wanted))).await?;
        let (result, change) = match opened {
            // Gone, or changed: then it comes again, behind all others.
            Ok(None) => ("gone", None),
            Err(_) => ("unreadable", None),
            Ok(Some((file, bytes))) => match self.clamd.scan(file, bytes).await {
                Ok(Verdict::Clean) => ("clean", None),
                Ok(Verdict::TooLarge) => {
                    self.too_large();
                    ("too_large", None)
                }
                Ok(Verdict::Found { signature, sha256 }) => {
                    match self.sighting(&signature, &sha256, clock::now()) {
                        Some(sighting) => ("found", Some(sighting)),
                        None => ("refused", None),
                    }
                }
                Err(NoVerdict::Unreadable(_)) => ("unreadable", None),
                Err(error @ NoVerdict::Broken(_)) => {
                    self.broken += 1;
                    if self.broken < TRIES {
                        self.count("retried");
                        return Err(error.into());
                    }
                    tracing::warn!(%error, "a file is left out, because clamd broke off at it three times");
                    ("failed", None)
                }
                Err(error @ NoVerdict::Down(_)) => return Err(error.into()),
            },
        };
        let seen = u64::from(change.is_some());
        self.keep(entry.mark, change).await?;
        self.count(result);
        self.node.count_lines(Source::Clamav, &self.path, 1, 0, seen);
        Ok(())
    }

    /// Stores what was seen and that the file is done, in one write.
    async fn keep(&mut self, mark: Mark, sighting: Option<Sighting>) -> Result<(), NodeError> {
        let before = std::mem::replace(&mut self.done, mark);
        let mut changes = vec![self.mark()];
        let metrics = &self.node.inner.metrics;
        if let Some(sighting) = sighting {
            metrics.sightings.with_label_values(&[Source::Clamav.name()]).inc();
            let Sighting { value, origin, scope, at, .. } = &sighting;
            let told = self.node.tell(value.id(), *origin, scope, *at);
            changes.extend([Change::Sighting(sighting), told]);
        }
        self.node.write(changes).await.inspect_err(|_| self.done = before)?;
        self.node.inner.due.notify_one();
        Ok(())
    }

    fn mark(&self) -> Change {
        let (path, bytes) = (self.path.clone(), self.done.encode());
        Change::Offset { source: Source::Clamav, path, bytes }
    }

    /// What the verdict makes, unless hygiene refuses it.
    fn sighting(&self, signature: &str, sha256: &str, at: Timestamp) -> Option<Sighting> {
        let live = self.node.live();
        let value = Value::parse(&Kind::Sha256, sha256).ok()?;
        if let Err(unfit) = hygiene::check(&value, &live.lists) {
            self.node.inner.metrics.hygiene_refusals.with_label_values(&[unfit.label()]).inc();
            return None;
        }
        Some(Sighting {
            value,
            origin: Origin::Log(Source::Clamav),
            at,
            confidence: Confidence::new(CONFIDENCE)?,
            tags: tags(signature),
            scope: scope(&live),
            custom: CustomFields::new(),
        })
    }

    fn too_large(&mut self) {
        if !std::mem::replace(&mut self.told.2, true) {
            tracing::warn!(
                "a file is larger than clamd's StreamMaxLength and is not scanned, like others \
                 that follow; raise it in clamd.conf to have them scanned"
            );
        }
    }

    fn count(&self, result: &str) {
        self.node.inner.metrics.scans.with_label_values(&[result]).inc();
    }
}

/// The folder that is scanned, if there is one.
pub(super) fn folder(config: &Config) -> Option<Folder> {
    config.watchers.clamav_scan_dir.as_ref().map(|path| Folder::new(config.resolve(path)))
}

/// What clamd's verdict says in tags.
fn tags(signature: &str) -> BTreeSet<Tag> {
    "malware".parse().ok().into_iter().chain(lookup::tag("clamav", signature)).collect()
}

/// As far as everything that ClamAV sees.
fn scope(live: &Live) -> Scope {
    Scope::new(live.pipeline_settings().tlp_of(Source::Clamav), [])
}

/// Why a file must wait.
#[derive(Debug, thiserror::Error)]
enum ScanError {
    #[error(transparent)]
    Clamd(#[from] NoVerdict),
    #[error(transparent)]
    Node(#[from] NodeError),
}
