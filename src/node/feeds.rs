//! Feeds: what others publish, imported from time to time.
//!
//! Owns when each is read and how much it weighs. What comes passes hygiene and becomes
//! evidence of class import, marked at least as the configuration says; all feeds count
//! one source. Where reading ended is kept in the store, so that a restart goes on there.

#[cfg(test)]
mod tests;

use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::exchange::{Import, Outcome};
use super::{Live, Node, NodeError, clock};
use crate::config::Feed;
use crate::formats::stix::{Object, Reader, Settings, evidence};
use crate::lookup::feeds::{Access, Mark, NoFeed, Source};
use crate::lookup::virustotal::back_off;
use crate::model::{DAY, Recipients, Scope, Timestamp};
use crate::store::Change;

/// Entries that are imported at a time.
const BATCH: usize = 1000;
/// How long it is known where reading ended, in seconds; then all is read again.
const MARK_KEPT: u64 = 400 * DAY;
/// The longest file with a secret or certificates, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// How a feed is, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedStatus {
    /// The operator's name for it.
    pub name: String,
    /// When it was last read to its end.
    pub read: Option<Timestamp>,
    /// When it will be read next.
    pub next: Option<Timestamp>,
    /// Objects read.
    pub objects: u64,
    /// Values imported.
    pub imported: u64,
    /// Objects and values that were not taken.
    pub refused: u64,
    /// Why it could not be read the last time.
    pub error: Option<String>,
}

/// A feed and the way to it.
#[derive(Debug)]
pub(super) struct Reached {
    feed: Feed,
    source: Source,
}

/// Why a feed was not read to its end.
#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error(transparent)]
    Feed(#[from] NoFeed),
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// The feeds of the configuration, each with its secrets read.
pub(super) fn reached(live: &Live) -> Result<Vec<Reached>, NodeError> {
    live.config.feeds.iter().map(|feed| reach(live, feed)).collect()
}

/// The feeds of the configuration, none of them read yet.
pub(super) fn unread(live: &Live) -> Vec<FeedStatus> {
    let names = live.config.feeds.iter().map(|feed| feed.name.clone());
    names.map(|name| FeedStatus { name, ..FeedStatus::default() }).collect()
}

fn reach(live: &Live, feed: &Feed) -> Result<Reached, NodeError> {
    let read = |path: &Option<std::path::PathBuf>| {
        let path = path.as_ref().map(|path| live.config.resolve(path));
        path.map(|path| super::live::read(&path, MAX_FILE_BYTES)).transpose()
    };
    let secret = |text: Option<String>| text.map(|text| Zeroizing::new(text.trim().to_owned()));
    let (cert, key) = (read(&feed.cert)?, read(&feed.key)?.map(Zeroizing::new));
    let access = Access {
        url: feed.url.clone(),
        collection: Some(feed.collection.clone()).filter(|name| !name.is_empty()),
        basic: secret(read(&feed.password_file)?).map(|word| (feed.username.clone(), word)),
        token: secret(read(&feed.token_file)?),
        ca: read(&feed.ca)?.map(String::into_bytes),
        identity: cert
            .zip(key)
            .map(|(cert, key)| Zeroizing::new([cert.as_bytes(), b"\n", key.as_bytes()].concat())),
    };
    let name = &feed.name;
    let source = Source::new(access)
        .map_err(|why| NodeError::Request(format!("[[feeds]] {name} cannot be read: {why}")))?;
    Ok(Reached { feed: feed.clone(), source })
}

impl Node {
    /// Reads the feeds until told to stop; returns at once if there are none.
    pub(super) async fn feeds_loop(self, feeds: Vec<Reached>, mut stop: watch::Receiver<bool>) {
        // As many as the configuration names.
        let mut reading = JoinSet::new();
        for (index, reached) in feeds.into_iter().enumerate() {
            reading.spawn(self.clone().feed_loop(index, reached));
        }
        if reading.is_empty() {
            return;
        }
        stop.wait_for(|stopping| *stopping).await.ok();
        reading.shutdown().await;
    }

    /// How the feeds are.
    pub fn feeds(&self) -> Vec<FeedStatus> {
        self.inner.feeds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn feed_loop(self, index: usize, reached: Reached) {
        let Reached { feed, source } = &reached;
        let mut failures = 0_u32;
        loop {
            let read = self.read_feed(index, &reached).await;
            let label = match &read {
                Ok(()) => "read",
                Err(FeedError::Feed(why)) => why.label(),
                Err(FeedError::Node(_)) => "not_kept",
            };
            self.inner.metrics.feeds.reads.with_label_values(&[label]).inc();
            let now = clock::now();
            let wait = match &read {
                Ok(()) => feed.interval,
                Err(error) => {
                    tracing::warn!(feed = feed.name, %error, "a feed was not read to its end");
                    failures = failures.saturating_add(1);
                    let asked = match error {
                        FeedError::Feed(NoFeed::Busy { retry_after }) => *retry_after,
                        _ => None,
                    };
                    back_off(failures, asked, rand::random())
                }
            };
            if read.is_ok() {
                failures = 0;
            }
            self.feed_status(index, |status| {
                status.next = Some(now.plus(wait));
                status.error = read.as_ref().err().map(ToString::to_string);
                if read.is_ok() {
                    status.read = Some(now);
                }
            });
            tracing::debug!(?source, wait, "a feed rests");
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
    }

    /// Reads what is new. What was imported stays, also if the feed breaks off; where it
    /// ended is noted only at its end, because not every server's times tell its objects
    /// apart, and to import twice does no harm.
    async fn read_feed(&self, index: usize, reached: &Reached) -> Result<(), FeedError> {
        let Reached { feed, source } = reached;
        let question = format!("feed {}", feed.name).into_bytes();
        let kept = self.kept(question.clone()).await?;
        let mark: Mark =
            kept.and_then(|kept| serde_json::from_slice(&kept).ok()).unwrap_or_default();
        let mut reading = source.read(&mark).await?;
        let mut reader = Reader::default();
        while let Some(objects) = reading.next().await? {
            self.take_objects(index, feed, &mut reader, &objects).await?;
        }
        let answer = serde_json::to_vec(&reading.mark()).unwrap_or_default();
        let until = clock::now().plus(MARK_KEPT);
        self.write(vec![Change::Outside { question, answer, until }]).await?;
        Ok(())
    }

    async fn take_objects(
        &self,
        index: usize,
        feed: &Feed,
        reader: &mut Reader,
        objects: &[Vec<u8>],
    ) -> Result<(), NodeError> {
        let now = clock::now();
        let mut refused = 0;
        let mut entries = Vec::new();
        for object in objects {
            match entries_of(reader.read(object).1, feed, now) {
                Ok(said) => entries.extend(said),
                Err(label) => {
                    self.inner.metrics.feeds.refusals.with_label_values(&[label]).inc();
                    refused += 1;
                }
            }
        }
        let mut imported = 0;
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(BATCH));
            for outcome in self.import(std::mem::replace(&mut entries, rest)).await? {
                match outcome {
                    Outcome::Unfit(_) => refused += 1,
                    Outcome::New | Outcome::Known => imported += 1,
                    Outcome::TakenBack | Outcome::NotHere => {}
                }
            }
        }
        self.inner.metrics.feeds.objects.inc_by(objects.len() as u64);
        self.feed_status(index, |status| {
            status.objects += objects.len() as u64;
            status.imported += imported;
            status.refused += refused;
        });
        Ok(())
    }

    fn feed_status(&self, index: usize, change: impl FnOnce(&mut FeedStatus)) {
        let mut feeds = self.inner.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = feeds.get_mut(index) {
            change(status);
        }
    }
}

/// What an object says, marked at least as the feed is; or why it says nothing.
fn entries_of(object: Object, feed: &Feed, now: Timestamp) -> Result<Vec<Import>, &'static str> {
    let imported = match object {
        Object::Indicator(imported) => imported,
        Object::Refused(why) => return Err(why.label()),
        Object::Other(_) => return Ok(Vec::new()),
    };
    if imported.revoked {
        return Ok(imported.values.iter().cloned().map(Import::TakenBack).collect());
    }
    let settings = Settings { unmarked: feed.tlp, trust: feed.trust };
    let told = evidence(&imported, settings, now).map_err(|why| why.label())?;
    Ok(told
        .into_iter()
        .map(|mut one| {
            let tlp = one.scope.tlp().strictest(feed.tlp);
            let names = match one.scope.recipients() {
                // To a red scope nobody is named: it stays here.
                Recipients::Everyone => Vec::new(),
                Recipients::Only(names) => names.iter().cloned().collect(),
            };
            one.scope = Scope::new(tlp, names);
            Import::Told(one)
        })
        .collect())
}
