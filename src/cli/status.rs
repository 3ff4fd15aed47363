//! `dtim status`: how the running node is.

use clap::Args;
use serde_json::Value;

use super::args::Global;
use super::ask::Asking;
use super::failure::Failure;
use super::output::Output;
use super::table::{Table, facts};
use super::view::{duration, items, number, size, text};

/// Show how the running node is
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dtim status
  dtim status --json | jq .peers.members[].name")]
pub(super) struct StatusArgs {}

impl StatusArgs {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let status = Asking::new(global, output)?.get("/status")?;
        output.answer(&status, show)
    }
}

fn show(output: &mut Output<'_>, status: &Value) -> Result<(), Failure> {
    facts(
        output,
        &[
            ("name", text(status, "/node/name")),
            ("peer id", text(status, "/node/peer_id")),
            ("community", text(status, "/node/community")),
            ("version", text(status, "/node/version")),
            ("privacy level", text(status, "/node/level")),
            ("running for", duration(number(status, "/node/uptime_seconds"))),
            ("listening at", text(status, "/network/listen")),
            ("reached at", text(status, "/network/external")),
            ("reachability", text(status, "/network/reachability")),
            ("own", own(status)),
            ("peers", peers(status)),
            ("indicators", indicators(status)),
            ("store", size(number(status, "/store/bytes"))),
            ("waiting to leave", number(status, "/outbox").to_string()),
        ],
    )?;
    let mut members = Table::new(&["MEMBER", "CONNECTED", "PATH", "SINCE", "ADDRESSES"]);
    for member in items(status, "/peers/members") {
        let fields = ["/name", "/connected", "/path", "/since", "/addresses"];
        members.row(fields.map(|field| text(member, field)));
    }
    output.line("")?;
    members.write(output, "no member yet: see `dtim peers candidates` and `dtim peers approve`")?;
    let mut watchers = Table::new(&["WATCHED", "LINES", "NOT PARSED", "SIGHTINGS", "PATH"]);
    for watcher in items(status, "/watchers") {
        let fields = ["/source", "/lines", "/parse_failures", "/sightings", "/path"];
        watchers.row(fields.map(|field| text(watcher, field)));
    }
    output.line("")?;
    watchers.write(output, "no log is watched: set one in [watchers], such as nginx_access_log")?;
    if !items(status, "/feeds").is_empty() {
        let mut feeds = Table::new(&["FEED", "READ", "NEXT", "IMPORTED", "REFUSED", "ERROR"]);
        for feed in items(status, "/feeds") {
            let fields = ["/name", "/read", "/next", "/imported", "/refused", "/error"];
            feeds.row(fields.map(|field| text(feed, field)));
        }
        output.line("")?;
        feeds.write(output, "")?;
    }
    for notice in items(status, "/notices") {
        output.note(notice.as_str().unwrap_or_default());
    }
    Ok(())
}

/// What counts as own: as texts, or as values with their origin.
fn own(status: &Value) -> String {
    let one = |own: &Value| match own.get("value") {
        Some(_) => format!("{} ({})", text(own, "/value"), text(own, "/from")),
        None => text(own, ""),
    };
    items(status, "/own").iter().map(one).collect::<Vec<_>>().join(", ")
}

fn peers(status: &Value) -> String {
    let members = items(status, "/peers/members");
    let connected = |peer: &&Value| peer.get("connected") == Some(&Value::Bool(true));
    format!(
        "{} members ({} connected), {} infrastructure, {} candidates",
        members.len(),
        members.iter().filter(connected).count(),
        items(status, "/peers/infrastructure").len(),
        number(status, "/peers/candidates"),
    )
}

fn indicators(status: &Value) -> String {
    let counts = status.pointer("/store/indicators").and_then(Value::as_object);
    let counted = counts.into_iter().flatten().map(|(kind, count)| format!("{count} {kind}"));
    let counted = counted.collect::<Vec<_>>().join(", ");
    if counted.is_empty() { "none".to_owned() } else { counted }
}
