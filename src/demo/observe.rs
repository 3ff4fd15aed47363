//! What the nodes say when their operators ask.
//!
//! Owns the questions and the reading of the answers. It decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::DemoError;
use super::facts::{BootstrapFound, Found, OrganisationFound, StrangerFound};
use super::script::APPEARANCES;
use super::setup::{Actor, Cast};
use crate::http::client::target;

/// More than the play can make.
const ALL: &str = "1000";
/// A page of metrics is far smaller.
const MAX_PAGE_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct List {
    indicators: Vec<Indicator>,
}

#[derive(Deserialize)]
struct Indicator {
    value: String,
    own: bool,
}

#[derive(Deserialize)]
struct Shown {
    claims: Vec<Claim>,
}

#[derive(Deserialize)]
struct Claim {
    confidence: Option<u8>,
    created: Option<String>,
    modified: Option<String>,
    sightings: Option<u64>,
    tags: Vec<String>,
    custom: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Peers {
    peers: Vec<Peer>,
}

#[derive(Deserialize)]
struct Peer {
    name: String,
    connected: bool,
}

#[derive(Deserialize)]
struct Candidates {
    candidates: Vec<Candidate>,
}

#[derive(Deserialize)]
struct Candidate {
    peer_id: String,
}

#[derive(Deserialize)]
struct Egress {
    rows: Vec<Row>,
}

/// A row of an egress ledger.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// What it is about; nothing, if claims of others were passed on.
    #[serde(default)]
    pub value: String,
    /// To whom it left.
    pub audience: String,
    /// At which level.
    #[serde(default)]
    pub level: String,
    /// The fields that left.
    #[serde(default)]
    pub fields: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Verified {
    ok: bool,
}

/// When each organisation had each address.
#[derive(Debug, Default)]
pub struct Arrivals {
    written: BTreeMap<&'static str, Instant>,
    after: BTreeMap<&'static str, BTreeMap<usize, Duration>>,
}

impl Arrivals {
    /// A line about an address is written now.
    pub fn written(&mut self, address: &'static str) {
        self.written.insert(address, Instant::now());
    }

    /// How long after that each organisation had it.
    pub fn of(&self, address: &str) -> &BTreeMap<usize, Duration> {
        static NOWHERE: BTreeMap<usize, Duration> = BTreeMap::new();
        self.after.get(address).unwrap_or(&NOWHERE)
    }

    /// Asks all organisations what they know.
    pub async fn look(&mut self, cast: &Cast) -> Result<(), DemoError> {
        let known = try_join_all(cast.organisations.iter().map(knows)).await?;
        let now = Instant::now();
        for (address, written) in &self.written {
            for (at, known) in known.iter().enumerate() {
                if known.contains_key(*address) {
                    let after = self.after.entry(address).or_default();
                    after.entry(at).or_insert_with(|| now.duration_since(*written));
                }
            }
        }
        Ok(())
    }
}

async fn get<T: DeserializeOwned>(of: &Actor, path: &str) -> Result<T, DemoError> {
    let answer = of.client().get(path).await?;
    serde_json::from_value(answer).map_err(|_| DemoError::Strange("a node answered strangely"))
}

/// The indicators of a node, and whether it saw them itself.
pub async fn knows(node: &Actor) -> Result<BTreeMap<String, bool>, DemoError> {
    let list: List = get(node, &target(&["indicators"], &[("limit", ALL)])).await?;
    Ok(list.indicators.into_iter().map(|indicator| (indicator.value, indicator.own)).collect())
}

/// The members of a node, and whether they are connected.
pub async fn connected(node: &Actor) -> Result<BTreeMap<String, bool>, DemoError> {
    let peers: Peers = get(node, "/peers").await?;
    Ok(peers.peers.into_iter().map(|peer| (peer.name, peer.connected)).collect())
}

/// At how many organisations the stranger waits.
pub async fn doors_knocked_at(cast: &Cast) -> Result<usize, DemoError> {
    let stranger = cast.stranger.node.map(|node| node.to_string()).unwrap_or_default();
    let all = cast.organisations.iter().map(|node| get(node, "/peers/candidates"));
    let all: Vec<Candidates> = try_join_all(all).await?;
    let waits = |at: &&Candidates| at.candidates.iter().any(|waiting| waiting.peer_id == stranger);
    Ok(all.iter().filter(waits).count())
}

/// Everything that the judgement needs.
pub async fn everything(cast: &Cast, arrivals: &Arrivals) -> Result<Found, DemoError> {
    let stranger = &cast.stranger;
    let page = metrics(stranger).await?;
    let stranger = StrangerFound {
        indicators: knows(stranger).await?.len(),
        claims: total(&page, "dtim_claims_total"),
        connections: connected(stranger).await?.values().filter(|connected| **connected).count(),
        doors: doors_knocked_at(cast).await?,
    };
    let page = metrics(&cast.bootstrap).await?;
    let bootstrap = BootstrapFound {
        claims: total(&page, "dtim_claims_total"),
        indicators: total(&page, "dtim_indicators"),
        registrations: total(&page, "dtim_registrations"),
    };
    let organisations = try_join_all(cast.organisations.iter().map(organisation)).await?;
    let of = |address| (address, arrivals.of(address).clone());
    let arrivals = APPEARANCES.iter().map(|appearance| of(appearance.address)).collect();
    Ok(Found { organisations, arrivals, stranger, bootstrap, ..Found::default() })
}

async fn organisation(node: &Actor) -> Result<OrganisationFound, DemoError> {
    let known = knows(node).await?;
    let egress: Egress = get(node, &target(&["egress"], &[("limit", ALL)])).await?;
    let verified: Verified = get(node, "/egress/verify").await?;
    let mut told = BTreeMap::new();
    for value in known.keys() {
        let shown: Shown = get(node, &target(&["indicators", value], &[])).await?;
        told.insert(value.clone(), shown.claims.iter().flat_map(fields).collect());
    }
    // What is passed on for others is no word of its own.
    let own = egress.rows.into_iter().filter(|row| !row.value.is_empty()).collect();
    Ok(OrganisationFound { known, told, egress: own, egress_whole: verified.ok })
}

/// The fields that a claim tells.
fn fields(claim: &Claim) -> Vec<String> {
    let told = [
        ("kind", true),
        ("value", true),
        ("confidence", claim.confidence.is_some()),
        ("created", claim.created.is_some()),
        ("modified", claim.modified.is_some()),
        ("sightings", claim.sightings.is_some()),
        ("tags", !claim.tags.is_empty()),
        ("custom", !claim.custom.is_empty()),
    ];
    told.into_iter().filter(|(_, told)| *told).map(|(name, _)| name.to_owned()).collect()
}

/// A process's page of metrics.
pub async fn metrics(of: &Actor) -> Result<String, DemoError> {
    read_page(of).await.map_err(|_| DemoError::Strange("a process shows no metrics"))
}

async fn read_page(of: &Actor) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(of.metrics).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut page = String::new();
    stream.take(MAX_PAGE_BYTES).read_to_string(&mut page).await?;
    Ok(page)
}

/// The sum of a family's samples; zero if it has none.
fn total(page: &str, family: &str) -> u64 {
    let sample = |line: &str| {
        let rest = line.strip_prefix(family)?;
        rest.starts_with(['{', ' ']).then(|| rest.rsplit(' ').next())?.map(str::to_owned)
    };
    page.lines().filter_map(sample).filter_map(|number| number.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn a_family_is_added_up() {
        let page = "# HELP dtim_claims_total x\ndtim_claims_total{path=\"a b\"} 3\n\
                    dtim_claims_total{path=\"b\"} 4\ndtim_claims_total_other 9\ndtim_registrations 5\n";
        assert_eq!(total(page, "dtim_claims_total"), 7);
        assert_eq!(total(page, "dtim_registrations"), 5);
        assert_eq!(total(page, "dtim_indicators"), 0);
    }
}
