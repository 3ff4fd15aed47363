//! Tells the play: to people while it runs and at its end, and to machines.
//!
//! Owns every word of it. Progress goes to standard error, facts to standard
//! output.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value as Json, json};

use super::facts::{Found, Report, with_fate};
use super::script::{APPEARANCES, Appearance, Fate, ORGANISATIONS, fields_of, hops};
use super::setup::{Actor, Cast};

/// Says what happens, with the seconds since the start before it.
pub struct Narrator {
    started: Instant,
    /// Only where somebody watches; elsewhere plain lines are enough.
    bar: Option<ProgressBar>,
}

impl Narrator {
    /// Begins.
    pub fn new(started: Instant) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg}");
            let bar = ProgressBar::new_spinner();
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { started, bar }
    }

    /// Something that has happened.
    pub fn say(&self, what: &str) {
        let line = format!("{:>6.1} s  {what}", self.started.elapsed().as_secs_f64());
        match &self.bar {
            Some(bar) => bar.println(line),
            // Nobody to tell is no reason to stop.
            None => drop(writeln!(io::stderr(), "{line}")),
        }
    }

    /// Something that is going on.
    pub fn doing(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
        }
    }

    /// Nothing more is going on.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A remark outside of the play.
pub fn note(what: &str) -> io::Result<()> {
    writeln!(io::stderr(), "note: {what}")
}

/// What somebody does at a door.
pub fn appearance(appearance: &Appearance) -> String {
    let what = match appearance.fate {
        Fate::Shared => "an attacker".to_owned(),
        Fate::Red => "an attacker, in a log that is marked red".to_owned(),
        Fate::Nothing(who) => who.to_owned(),
    };
    let (log, at) = (appearance.source.name(), appearance.organisation().name);
    format!("{:<14} appears in the {log} log of {at}: {what}", appearance.address)
}

/// When everybody had it.
pub fn arrival(shared: &Appearance, after: &BTreeMap<usize, Duration>) -> String {
    if after.len() < ORGANISATIONS.len() {
        return format!("{:<14} reached only {} of 4 organisations", shared.address, after.len());
    }
    format!("{:<14} is known to all four organisations after {}", shared.address, longest(after))
}

fn longest(after: &BTreeMap<usize, Duration>) -> String {
    if after.len() < ORGANISATIONS.len() {
        return "never".to_owned();
    }
    after.values().max().map_or_else(String::new, |last| format!("{:.2} s", last.as_secs_f64()))
}

/// The end, for people.
pub fn summary(out: &mut impl Write, found: &Found, report: &Report) -> io::Result<()> {
    let mut shared = vec![
        ["ATTACKER", "SEEN BY", "IN", "TLP", "LEVEL", "LEFT WITH", "HOPS", "ALL HAD IT AFTER"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for attacker in with_fate(Fate::Shared) {
        let organisation = attacker.organisation();
        shared.push(vec![
            attacker.address.to_owned(),
            organisation.name.to_owned(),
            attacker.source.name().to_owned(),
            organisation.tlp(attacker.source).name().to_owned(),
            organisation.level.name().to_owned(),
            left_with(found, attacker).join(", "),
            format!("up to {}", hops(attacker.at, attacker.act)),
            found.arrivals.get(attacker.address).map(longest).unwrap_or_default(),
        ]);
    }
    let mut stayed = vec![["STAYED", "SEEN BY", "IN", "BECAUSE"].map(str::to_owned).to_vec()];
    for quiet in APPEARANCES.iter().filter(|quiet| quiet.fate != Fate::Shared) {
        let why = match quiet.fate {
            Fate::Nothing(who) => who,
            Fate::Red | Fate::Shared => "the log is red: an indicator here, and nowhere else",
        };
        let at = quiet.organisation().name;
        stayed.push([quiet.address, at, quiet.source.name(), why].map(str::to_owned).to_vec());
    }
    writeln!(out)?;
    table(out, &shared)?;
    writeln!(out)?;
    table(out, &stayed)?;
    writeln!(out)?;
    for fact in &report.0 {
        writeln!(out, "{}  {}", if fact.holds() { "true " } else { "FALSE" }, fact.what)?;
        for against in &fact.against {
            writeln!(out, "       {against}")?;
        }
    }
    writeln!(
        out,
        "\nthe line found itself in {:.1} s, the ring closed {:.1} s after both approvals; {:.1} s in all",
        found.line.as_secs_f64(),
        found.ring.as_secs_f64(),
        found.took.as_secs_f64(),
    )
}

/// The fields of the row with which it left, by the ledger of who saw it.
fn left_with(found: &Found, attacker: &Appearance) -> Vec<String> {
    let ledger = found.organisations.get(attacker.at).map_or(&[][..], |seen| &seen.egress);
    let row = ledger.iter().find(|row| row.value == attacker.address);
    let told = |field: &&&str| row.is_some_and(|row| row.fields.contains(**field));
    let all = fields_of(crate::model::Level::Open);
    all.iter().filter(told).map(|field| (*field).to_owned()).collect()
}

/// Columns as wide as they must be; two spaces between.
fn table(out: &mut impl Write, rows: &[Vec<String>]) -> io::Result<()> {
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell: &String| cell.chars().count())
            .max()
    };
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            line += &format!("{cell:<width$}  ", width = width(column).unwrap_or(0));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The end, for machines.
pub fn facts(out: &mut impl Write, cast: &Cast, found: &Found, report: &Report) -> io::Result<()> {
    let facts: Vec<Json> = report
        .0
        .iter()
        .map(|fact| {
            json!({
                "id": fact.id, "what": fact.what, "holds": fact.holds(), "against": fact.against,
            })
        })
        .collect();
    let document = json!({
        "ok": report.holds(),
        "seconds": found.took.as_secs_f64(),
        "line_connected_after_seconds": found.line.as_secs_f64(),
        "ring_closed_after_seconds": found.ring.as_secs_f64(),
        "facts": facts,
        "organisations": organisations(cast, found),
        "shared": with_fate(Fate::Shared).map(|shared| spread(found, shared)).collect::<Json>(),
        "stayed": APPEARANCES.iter().filter_map(stayed).collect::<Json>(),
        "stranger": {
            "peer_id": cast.stranger.node.map(|node| node.to_string()),
            "indicators": found.stranger.indicators,
            "claims": found.stranger.claims,
            "connections": found.stranger.connections,
            "candidate_at": found.stranger.doors,
        },
        "bootstrap": {
            "peer_id": cast.bootstrap.node.map(|node| node.to_string()),
            "indicators": found.bootstrap.indicators,
            "claims": found.bootstrap.claims,
            "registrations": found.bootstrap.registrations,
        },
    });
    writeln!(out, "{document:#}")
}

fn organisations(cast: &Cast, found: &Found) -> Json {
    let all = ORGANISATIONS.iter().zip(&cast.organisations).zip(&found.organisations);
    all.map(|((organisation, actor), found)| {
        let egress = found.egress.iter().map(|row| {
            json!({
                "value": row.value, "audience": row.audience,
                "level": row.level, "fields": row.fields,
            })
        });
        json!({
            "name": organisation.name,
            "peer_id": actor.node.map(|node| node.to_string()),
            "level": organisation.level.name(),
            "own": organisation.own,
            "saw": found.known.iter().filter(|(_, own)| **own).map(|(v, _)| v).collect::<Vec<_>>(),
            "heard": found.known.iter().filter(|(_, own)| !**own).map(|(v, _)| v).collect::<Vec<_>>(),
            "egress": egress.collect::<Json>(),
            "egress_verified": found.egress_whole,
        })
    })
    .collect()
}

fn spread(found: &Found, shared: &Appearance) -> Json {
    let organisation = shared.organisation();
    let after: serde_json::Map<String, Json> = found
        .arrivals
        .get(shared.address)
        .into_iter()
        .flatten()
        .filter_map(|(at, after)| Some((ORGANISATIONS.get(*at)?.name, after)))
        .map(|(name, after)| (name.to_owned(), after.as_secs_f64().into()))
        .collect();
    json!({
        "value": shared.address,
        "seen_by": organisation.name,
        "source": shared.source.name(),
        "tlp": organisation.tlp(shared.source).name(),
        "level": organisation.level.name(),
        "left_with": left_with(found, shared),
        "longest_way_hops": hops(shared.at, shared.act),
        "after_seconds": after,
    })
}

fn stayed(quiet: &Appearance) -> Option<Json> {
    let (why, indicator) = match quiet.fate {
        Fate::Shared => return None,
        Fate::Red => ("red", true),
        Fate::Nothing(who) => (who, false),
    };
    Some(json!({
        "value": quiet.address,
        "seen_by": quiet.organisation().name,
        "source": quiet.source.name(),
        "because": why,
        "indicator_at_home": indicator,
    }))
}

/// What to try on a mesh that was left running.
pub fn how_to_look_around(
    out: &mut impl Write,
    cast: &Cast,
    root: &Path,
    group: i32,
) -> io::Result<()> {
    let program = std::env::current_exe()?;
    let ask = |actor: &Actor, what: &str| {
        format!("  {} --config {} {what}", program.display(), actor.config().display())
    };
    writeln!(out, "\nThe mesh runs on. Look around:")?;
    if let (Some(first), Some(last)) = (cast.organisations.first(), cast.organisations.last()) {
        writeln!(out, "{}", ask(first, "status"))?;
        writeln!(out, "{}", ask(last, "indicators list"))?;
        let attacker = with_fate(Fate::Shared).next().map_or("", |shared| shared.address);
        writeln!(out, "{}", ask(last, &format!("why {attacker}")))?;
        writeln!(out, "{}", ask(first, "egress"))?;
        writeln!(out, "{}", ask(first, "peers candidates"))?;
        writeln!(out, "  curl http://{}/metrics", first.metrics)?;
    }
    writeln!(out, "End it:\n  kill -- -{group}; rm -r {}", root.display())
}
