//! `dtim peers`: who is a member, who knocked, and deciding about both.

use clap::{Args, Subcommand};
use multiaddr::Multiaddr;
use serde_json::{Map, Value};

use super::args::Global;
use super::ask::Asking;
use super::failure::{Failure, strange_answer};
use super::output::Output;
use super::table::{Table, facts};
use super::view::{items, number, text, time};
use crate::http::client::target;
use crate::model::{Level, NodeId};

/// How an invite begins.
const INVITE: &str = "dtim://invite?";

/// See and decide who is a member
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  dtim peers list
  dtim peers approve 12D3KooW… --name node-2")]
pub(super) enum PeersCommand {
    /// List the members
    #[command(after_help = "Examples:
  dtim peers list
  dtim peers list --json | jq -r .peers[].peer_id")]
    List,
    /// List the strangers that were discovered or knocked
    #[command(after_help = "Example:
  dtim peers candidates")]
    Candidates,
    /// Show one peer and the safety number to compare by voice
    #[command(after_help = "Examples:
  dtim peers show node-2
  dtim peers show 12D3KooW…")]
    Show {
        /// Its name or peer id
        peer: String,
    },
    Approve(ApproveArgs),
    Revoke(RevokeArgs),
    /// Print an invite that another operator can approve
    #[command(after_help = "Example:
  dtim peers invite")]
    Invite,
}

/// Make a peer a member; both sides must approve
#[derive(Debug, Args)]
#[command(after_help = "Approving one peer also reaches those whom it approves: green travels on.

Examples:
  dtim peers approve 12D3KooW… --name node-2 --address /ip4/192.0.2.2/tcp/3031
  dtim peers approve 'dtim://invite?…' --name node-2 --organisation example")]
pub(super) struct ApproveArgs {
    /// A peer id, or an invite from its operator
    #[arg(value_name = "PEER_ID|INVITE", value_parser = peer_or_invite)]
    peer: String,
    /// What you call it
    #[arg(long)]
    name: Option<String>,
    /// Where it can be reached; may be given several times
    #[arg(long = "address", value_name = "MULTIADDR")]
    addresses: Vec<Multiaddr>,
    /// Whose it is: several nodes of one organisation count once
    #[arg(long)]
    organisation: Option<String>,
    /// The weight of what it delivers, 0 to 1 [default: 0.5]
    #[arg(long, value_parser = trust)]
    trust: Option<f64>,
    /// Tell this peer, and only it, what this node saw itself
    #[arg(long)]
    attest: bool,
    /// A stricter privacy level for what goes to it alone: strict, moderate or open
    #[arg(long)]
    level: Option<Level>,
}

/// Make a member a stranger again; its connections are closed at once
#[derive(Debug, Args)]
#[command(after_help = "Example:
  dtim peers revoke node-2")]
pub(super) struct RevokeArgs {
    /// Its name or peer id
    peer: String,
}

impl PeersCommand {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let node = Asking::new(global, output)?;
        match self {
            Self::List => output.answer(&node.get("/peers")?, list),
            Self::Candidates => output.answer(&node.get("/peers/candidates")?, candidates),
            Self::Show { peer } => output.answer(&node.get(&target(&["peers", &peer], &[]))?, show),
            Self::Approve(args) => {
                output.answer(&node.post("/peers/approve", &args.body())?, approved)
            }
            Self::Revoke(args) => {
                let body = Map::from_iter([("peer".to_owned(), args.peer.into())]);
                output.answer(&node.post("/peers/revoke", &body.into())?, revoked)
            }
            Self::Invite => {
                let answer = node.post("/peers/invite", &Value::Object(Map::new()))?;
                output.answer(&answer, |output, answer| match text(answer, "/invite") {
                    invite if invite.is_empty() => Err(strange_answer(answer, "invite")),
                    invite => output.line(&invite),
                })
            }
        }
    }
}

impl ApproveArgs {
    /// What was said; the node knows the defaults of the rest.
    fn body(self) -> Value {
        let key = if self.peer.starts_with(INVITE) { "invite" } else { "peer_id" };
        let addresses: Vec<Value> =
            self.addresses.iter().map(|address| address.to_string().into()).collect();
        let said = [
            (key, Some(self.peer.into())),
            ("name", self.name.map(Value::from)),
            ("addresses", (!addresses.is_empty()).then(|| addresses.into())),
            ("organisation", self.organisation.map(Value::from)),
            ("trust", self.trust.map(Value::from)),
            ("attest", self.attest.then(|| true.into())),
            ("level", self.level.map(|level| level.name().into())),
        ];
        let said = said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Value::Object(said.collect())
    }
}

fn peer_or_invite(text: &str) -> Result<String, String> {
    if !text.starts_with(INVITE) {
        text.parse::<NodeId>().map_err(|error| error.to_string())?;
    }
    Ok(text.to_owned())
}

fn trust(text: &str) -> Result<f64, String> {
    let trust = text.parse::<f64>().ok().filter(|trust| (0.0..=1.0).contains(trust));
    trust.ok_or_else(|| "use a number from 0 to 1, such as 0.5".to_owned())
}

fn list(output: &mut Output<'_>, answer: &Value) -> Result<(), Failure> {
    let mut table =
        Table::new(&["NAME", "ORGANISATION", "TRUST", "CONNECTED", "FROM", "PEER ID", "ADDRESSES"]);
    for peer in items(answer, "/peers") {
        let fields =
            ["/name", "/organisation", "/trust", "/connected", "/from", "/peer_id", "/addresses"];
        table.row(fields.map(|field| text(peer, field)));
    }
    table.write(output, "no member yet: see `dtim peers candidates` and `dtim peers approve`")
}

fn candidates(output: &mut Output<'_>, answer: &Value) -> Result<(), Failure> {
    let mut table = Table::new(&["PEER ID", "VIA", "TIMES", "FIRST SEEN", "LAST SEEN", "ADDRESS"]);
    for candidate in items(answer, "/candidates") {
        table.row([
            text(candidate, "/peer_id"),
            text(candidate, "/via"),
            text(candidate, "/count"),
            time(candidate, "/first_seen"),
            time(candidate, "/last_seen"),
            text(candidate, "/address"),
        ]);
    }
    table.write(output, "no candidate: nobody was discovered and nobody knocked")
}

fn show(output: &mut Output<'_>, peer: &Value) -> Result<(), Failure> {
    facts(
        output,
        &[
            ("name", text(peer, "/name")),
            ("peer id", text(peer, "/peer_id")),
            ("role", text(peer, "/role")),
            ("organisation", text(peer, "/organisation")),
            ("trust", text(peer, "/trust")),
            ("attested to", text(peer, "/attest")),
            ("privacy level", text(peer, "/level")),
            ("approved by", text(peer, "/from")),
            ("connected", text(peer, "/connected")),
            ("since", time(peer, "/since")),
            ("addresses", text(peer, "/addresses")),
            ("first seen", time(peer, "/first_seen")),
            ("last seen", time(peer, "/last_seen")),
            ("safety number", text(peer, "/safety_number")),
        ],
    )
}

fn approved(output: &mut Output<'_>, answer: &Value) -> Result<(), Failure> {
    let peer = answer.get("peer").ok_or_else(|| strange_answer(answer, "peer"))?;
    output.line(&format!("{} is a member: {}", text(peer, "/name"), text(peer, "/peer_id")))?;
    output.line(&format!("safety number  {}", text(answer, "/safety_number")))?;
    output.note(&text(answer, "/reaches"));
    output.note("compare the safety number with the other operator by voice: both see the same");
    output.note("it exchanges with this node once its operator has approved this node too");
    Ok(())
}

fn revoked(output: &mut Output<'_>, answer: &Value) -> Result<(), Failure> {
    let peer = answer.get("peer").ok_or_else(|| strange_answer(answer, "peer"))?;
    // The name alone, or the peer as a list has it.
    let name = peer.as_str().map_or_else(|| text(peer, "/name"), str::to_owned);
    let closed = number(answer, "/connections_closed");
    output.line(&format!("{name} is no member any more; {closed} connections closed"))
}
