//! What a node answers when asked: read-only, and the same numbers for everybody.

use std::collections::{BTreeMap, BTreeSet};

use multiaddr::Multiaddr;

use super::peers::Member;
use super::share::Plan;
use super::{Live, Node, NodeError, clock};
use crate::assess::{self, Assessment, Heard};
use crate::lookup::virustotal::Said;
use crate::mesh;
use crate::model::{Audience, Claim, Evidence, IndicatorId, Level, Source, Timestamp, Tlp, Value};
use crate::store::{EgressCheck, EgressEntry, Filter, OutboxRow};

/// Previews of what waits at most.
const MAX_PREVIEWS: usize = 1000;

/// What has come from one watched file since the start; of the scanned folder, a file
/// counts as a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatcherStatus {
    /// The format.
    pub source: Source,
    /// The file or directory.
    pub path: String,
    /// Lines read.
    pub lines: u64,
    /// Lines that did not parse.
    pub parse_failures: u64,
    /// Sightings made.
    pub sightings: u64,
}

/// How the node is.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its key.
    pub id: crate::model::NodeId,
    /// When the process started.
    pub started: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// The configuration in force.
    pub live: std::sync::Arc<Live>,
    /// The mesh.
    pub mesh: mesh::Status,
    /// The members.
    pub members: Vec<Member>,
    /// How many candidates wait.
    pub candidates: usize,
    /// Indicators by the label of their kind.
    pub indicators: BTreeMap<&'static str, u64>,
    /// Bytes that the store takes.
    pub store_bytes: u64,
    /// Claims that wait to leave.
    pub outbox: u64,
    /// The watched files.
    pub watchers: Vec<WatcherStatus>,
    /// The feeds that are imported.
    pub feeds: Vec<super::FeedStatus>,
}

/// One indicator in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The indicator.
    pub value: Value,
    /// What this node thinks of it.
    pub assessment: Assessment,
    /// The strictest marking of what is known about it.
    pub tlp: Tlp,
    /// The earliest time that anybody told.
    pub first_seen: Option<Timestamp>,
    /// The latest.
    pub last_seen: Option<Timestamp>,
    /// Whether this node saw it itself.
    pub own: bool,
    /// Whether this operator voted it a false positive.
    pub voted_false: bool,
}

/// Everything about one indicator.
#[derive(Clone, Debug)]
pub struct Found {
    /// As in a list.
    pub listed: Listed,
    /// What this node saw.
    pub evidence: Vec<Evidence>,
    /// What others told.
    pub heard: Vec<Heard>,
    /// Whom this node shared it with, and what waits to leave.
    pub shared: Vec<OutboxRow>,
    /// What VirusTotal said, if it was asked: it counts for nothing.
    pub virustotal: Option<Said>,
}

/// The sum behind a confidence.
#[derive(Clone, Debug)]
pub struct Why {
    /// The indicator.
    pub value: Value,
    /// The assessment with all its terms.
    pub assessment: Assessment,
    /// What VirusTotal said, if it was asked: it is no part of the sum.
    pub virustotal: Option<Said>,
}

/// What would leave, or why nothing would.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The indicator.
    pub value: Value,
    /// To whom.
    pub audience: Audience,
    /// At which level.
    pub level: Level,
    /// The claim and its exact bytes, or the reason.
    pub told: Told,
}

/// What is told, if anything.
#[derive(Clone, Debug)]
pub enum Told {
    /// This claim leaves, in exactly these bytes.
    Claim(Box<Claim>, Vec<u8>),
    /// This was told before and still holds.
    StillHolds,
    /// Nothing leaves.
    Nothing(String),
}

impl Node {
    /// How the node is.
    pub async fn status(&self) -> Result<Status, NodeError> {
        self.blocking(|node| {
            let store = &node.inner.store;
            Ok(Status {
                id: node.inner.id,
                started: node.inner.started,
                now: clock::now(),
                live: node.live(),
                mesh: node.inner.mesh.status().borrow().clone(),
                members: node.members(),
                candidates: node.book().candidates().count(),
                indicators: store.counts_by_kind(),
                store_bytes: store.sizes().bytes,
                outbox: store.waiting_count(),
                watchers: node.watcher_status(),
                feeds: node.feeds(),
            })
        })
        .await
    }

    /// A page of indicators, the last changed first, and where the next begins.
    pub async fn list(&self, filter: Filter) -> Result<(Vec<Listed>, Option<u64>), NodeError> {
        self.blocking(move |node| {
            let page = node.inner.store.indicators(&filter);
            let rows = page.rows.into_iter().map(|row| Ok(node.find_value(row.value)?.listed));
            Ok((rows.collect::<Result<_, NodeError>>()?, page.next))
        })
        .await
    }

    /// One indicator by id or value.
    pub async fn find(&self, id_or_value: String) -> Result<Found, NodeError> {
        self.blocking(move |node| {
            let value = node.known_value(&id_or_value)?;
            let virustotal = node.virustotal(&value)?;
            let shared = node.inner.store.outbox_rows(value.id())?;
            Ok(Found { virustotal, shared, ..node.find_value(value)? })
        })
        .await
    }

    /// The sum behind a confidence. Works for a value that nobody spoke of.
    pub async fn why(&self, value: String) -> Result<Why, NodeError> {
        self.blocking(move |node| {
            let value = node.known_value(&value).or_else(|_| parse(&value))?;
            let found = node.find_value(value)?;
            let Listed { value, assessment, .. } = found.listed;
            Ok(Why { virustotal: node.virustotal(&value)?, value, assessment })
        })
        .await
    }

    /// What would leave now: of one indicator, or of all that wait; for one audience
    /// (a member's name or PeerId, or `mesh`), or for all.
    pub async fn preview(
        &self,
        value: Option<String>,
        to: Option<String>,
    ) -> Result<Vec<Preview>, NodeError> {
        self.blocking(move |node| {
            let now = clock::now();
            let to = to.map(|to| node.audience_named(&to)).transpose()?;
            let asked: Vec<(IndicatorId, Audience)> = match value {
                Some(value) => {
                    let indicator = node.known_value(&value)?.id();
                    let mut audiences = BTreeSet::from([to.unwrap_or(Audience::Mesh)]);
                    if to.is_none() {
                        let rows = node.inner.store.outbox_rows(indicator)?;
                        audiences.extend(rows.iter().map(|row| row.audience));
                    }
                    audiences.into_iter().map(|audience| (indicator, audience)).collect()
                }
                None => {
                    let store = &node.inner.store;
                    let waiting = match to {
                        Some(to) => store.due(to, Timestamp(u64::MAX), MAX_PREVIEWS)?,
                        None => store.outbox(MAX_PREVIEWS)?,
                    };
                    waiting.iter().map(|wish| (wish.indicator, wish.audience)).collect()
                }
            };
            let previews = asked.into_iter().map(|(id, to)| node.preview_one(id, to, now));
            previews.collect()
        })
        .await
    }

    fn preview_one(
        &self,
        indicator: IndicatorId,
        audience: Audience,
        now: Timestamp,
    ) -> Result<Preview, NodeError> {
        let row = self.inner.store.outbox_row(indicator, audience)?;
        let what = row.and_then(|row| row.waits).map(|wish| wish.what);
        let told = match self.plan(indicator, audience, what, now)? {
            Plan::Send { signed, .. } => {
                Told::Claim(Box::new(signed.claim().clone()), signed.bytes().to_vec())
            }
            Plan::Again(own) => Told::Claim(Box::new(own.claim), own.bytes),
            Plan::StillHolds => Told::StillHolds,
            Plan::Nothing(held) => Told::Nothing(held.to_string()),
        };
        let value = self.value(indicator)?;
        let level = self.reader(audience).map_or(Level::Strict, |(_, policy)| policy.level);
        Ok(Preview { value, audience, level, told })
    }

    fn audience_named(&self, name: &str) -> Result<Audience, NodeError> {
        if name == "mesh" {
            return Ok(Audience::Mesh);
        }
        let node = self.find_peer(name)?;
        let member = self.book().member(node).is_some();
        let candidate = || NodeError::Request(format!("{name} is no member: nothing goes to it"));
        member.then_some(Audience::Peer(node)).ok_or_else(candidate)
    }

    /// Rows of the egress ledger after a number.
    pub async fn egress(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<EgressEntry>, NodeError> {
        self.blocking(move |node| Ok(node.inner.store.egress(after, limit)?)).await
    }

    /// Walks the ledger's hash chain.
    pub async fn verify_egress(&self) -> Result<EgressCheck, NodeError> {
        self.blocking(|node| Ok(node.inner.store.verify_egress()?)).await
    }

    fn find_value(&self, value: Value) -> Result<Found, NodeError> {
        let indicator = value.id();
        let store = &self.inner.store;
        let (evidence, heard) = (store.evidence(indicator)?, store.heard(indicator)?);
        let live = self.live();
        let voted_false = store.voted_false(indicator)?;
        let assessment = self.assess(&value, &evidence, &heard, voted_false, &live);
        let times = evidence
            .iter()
            .flat_map(|e| [Some(e.first_seen), Some(e.last_seen)])
            .chain(heard.iter().flat_map(|h| [h.claim.created, h.claim.modified]))
            .flatten();
        let markings =
            evidence.iter().map(|e| e.scope.tlp()).chain(heard.iter().map(|h| h.claim.tlp));
        let listed = Listed {
            first_seen: times.clone().min(),
            last_seen: times.max(),
            tlp: markings.max().unwrap_or(Tlp::Red),
            own: evidence.iter().any(|e| e.origin.is_own()),
            voted_false,
            value,
            assessment,
        };
        Ok(Found { listed, evidence, heard, shared: Vec::new(), virustotal: None })
    }

    fn assess(
        &self,
        value: &Value,
        evidence: &[Evidence],
        heard: &[Heard],
        voted_false: bool,
        live: &Live,
    ) -> Assessment {
        let unfit = crate::hygiene::check(value, &live.lists).err();
        let trust = self.book().trust();
        let now = clock::tick(clock::now());
        let attested = self.inner.store.attested(value.id()).unwrap_or_default();
        assess::assess(
            value,
            evidence,
            heard,
            &attested,
            &trust,
            &live.outputs,
            unfit,
            voted_false,
            now,
        )
    }

    /// The value that an id or a text means, if this node knows it.
    pub(super) fn known_value(&self, id_or_value: &str) -> Result<Value, NodeError> {
        if let Ok(id) = id_or_value.parse::<IndicatorId>()
            && let Some(value) = self.inner.store.value(id)?
        {
            return Ok(value);
        }
        let value = parse(id_or_value)?;
        self.value(value.id())
    }

    fn value(&self, indicator: IndicatorId) -> Result<Value, NodeError> {
        self.inner.store.value(indicator)?.ok_or_else(unknown)
    }

    pub(super) fn count_lines(
        &self,
        source: Source,
        path: &str,
        lines: u64,
        failures: u64,
        sightings: u64,
    ) {
        let mut watchers =
            self.inner.watchers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(watcher) = watchers.iter_mut().find(|w| w.source == source && w.path == path) {
            watcher.lines += lines;
            watcher.parse_failures += failures;
            watcher.sightings += sightings;
        }
    }

    fn watcher_status(&self) -> Vec<WatcherStatus> {
        self.inner.watchers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Where this node listens, for an invite or a status line.
    pub fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.inner.mesh.status().borrow().listen.clone()
    }
}

pub(super) fn unknown() -> NodeError {
    NodeError::NotFound("this node has heard nothing about it".to_owned())
}

fn parse(text: &str) -> Result<Value, NodeError> {
    Value::guess(text).map_err(|why| NodeError::Request(why.to_string()))
}
