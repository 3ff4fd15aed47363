//! `dtim indicators`: what the node knows, adding to it by hand, deciding who is told, and
//! exchanging it with other programs.

mod export;
mod import;
mod wishes;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::args::Global;
use super::ask::Asking;
use super::failure::{Failure, strange_answer};
use super::output::Output;
use super::table::{Table, facts};
use super::view::{defanged, items, text, time, virustotal};
use crate::http::client::target;
use crate::model::{Kind, Tag, Tlp};
use export::ExportArgs;
use import::ImportArgs;
use wishes::{RetractArgs, ShareArgs, VoteArgs};

/// See what the node knows, add to it, and decide who is told
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  dtim indicators list --kind ip
  dtim indicators add 203.0.113.7 --tlp green
  dtim indicators retract 203.0.113.7")]
pub(super) enum IndicatorsCommand {
    List(ListArgs),
    /// Show one indicator: what was seen here and what others told
    #[command(after_help = "Examples:
  dtim indicators show 203.0.113.7
  dtim indicators show bad[.]example --json")]
    Show {
        /// Its value, also defanged, or its id
        indicator: String,
    },
    Add(AddArgs),
    Share(ShareArgs),
    Retract(RetractArgs),
    Vote(VoteArgs),
    Import(ImportArgs),
    Export(ExportArgs),
}

/// List indicators, the last changed first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dtim indicators list --kind domain --limit 20
  dtim indicators list --search 203.0.113. --json")]
pub(super) struct ListArgs {
    /// Only of this kind: ip, cidr, domain, url, email, md5, sha1, sha256, sha512 or x-NAME
    #[arg(long)]
    kind: Option<Kind>,
    /// Only those with this text in their value
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: Option<u32>,
    /// Go on where a list ended
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
}

/// Add an indicator by hand; it stays on this node unless --tlp says otherwise, and one
/// that is there already goes as far as before
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dtim indicators add 203.0.113.7 --confidence 90 --tag brute-force --tlp green
  dtim indicators add 'hxxps://bad[.]example/login' --tlp amber --to node-2
  dtim indicators add ABC-123 --kind x-ticket")]
pub(super) struct AddArgs {
    /// The value, also defanged
    value: String,
    /// Its kind, if it cannot be told from the value
    #[arg(long)]
    kind: Option<Kind>,
    /// How sure you are, 0 to 100 [default: 80]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    confidence: Option<u8>,
    /// What it does; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<Tag>,
    /// How far it may travel: white, green, amber, amber+strict or red [default: red]
    #[arg(long)]
    tlp: Option<Tlp>,
    /// Only to this member or group; may be given several times
    #[arg(long, value_name = "NAME")]
    to: Vec<String>,
    /// A custom field; the value is JSON or else a text; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = custom_field)]
    custom: Vec<(String, Value)>,
}

impl IndicatorsCommand {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        // A dry run of an import needs no node; everything else asks it.
        let ask = |output: &mut Output<'_>| Asking::new(global, output);
        match self {
            Self::Import(args) => args.act(global, output),
            Self::Export(args) => args.act(&ask(output)?, output),
            Self::List(args) => {
                let answer = ask(output)?.get(&args.path())?;
                output.answer(&answer, list)
            }
            Self::Show { indicator } => {
                let path = target(&["indicators", &indicator], &[]);
                let answer = ask(output)?.get(&path)?;
                output.answer(&answer, show)
            }
            Self::Add(args) => {
                let named = !args.to.is_empty();
                let answer = ask(output)?.post("/indicators", &args.body())?;
                output.answer(&answer, |output, answer| added(output, answer, named))
            }
            Self::Share(args) => args.act(&ask(output)?, output),
            Self::Retract(args) => args.act(&ask(output)?, output),
            Self::Vote(args) => args.act(&ask(output)?, output),
        }
    }
}

impl ListArgs {
    fn path(&self) -> String {
        let limit = self.limit.map(|limit| limit.to_string());
        let query = [
            ("kind", self.kind.as_ref().map(Kind::name)),
            ("search", self.search.as_deref()),
            ("limit", limit.as_deref()),
            ("after", self.after.as_deref()),
        ];
        let query: Vec<(&str, &str)> =
            query.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        target(&["indicators"], &query)
    }
}

impl AddArgs {
    /// What was said; the node knows the defaults of the rest.
    fn body(self) -> Value {
        let names = |names: Vec<String>| (!names.is_empty()).then(|| Value::from(names));
        let tags = self.tags.iter().map(ToString::to_string).collect();
        let custom = Map::from_iter(self.custom);
        let said = [
            ("value", Some(self.value.into())),
            ("kind", self.kind.map(|kind| kind.name().into())),
            ("confidence", self.confidence.map(Value::from)),
            ("tags", names(tags)),
            ("tlp", self.tlp.map(|tlp| tlp.name().into())),
            ("to", names(self.to)),
            ("custom", (!custom.is_empty()).then(|| custom.into())),
        ];
        let said = said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Value::Object(said.collect())
    }
}

fn custom_field(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

fn list(output: &mut Output<'_>, answer: &Value) -> Result<(), Failure> {
    let mut table =
        Table::new(&["KIND", "VALUE", "CONFIDENCE", "SOURCES", "BLOCK", "TLP", "OWN", "LAST SEEN"]);
    for indicator in items(answer, "/indicators") {
        table.row([
            text(indicator, "/kind"),
            defanged(indicator),
            text(indicator, "/confidence"),
            text(indicator, "/sources"),
            text(indicator, "/block"),
            text(indicator, "/tlp"),
            text(indicator, "/own"),
            time(indicator, "/last_seen"),
        ]);
    }
    table.write(output, "no indicator")?;
    match text(answer, "/next") {
        next if next.is_empty() => {}
        next => output.note(&format!("more with `dtim indicators list --after {next}`")),
    }
    Ok(())
}

fn show(output: &mut Output<'_>, indicator: &Value) -> Result<(), Failure> {
    facts(
        output,
        &[
            ("indicator", defanged(indicator)),
            ("kind", text(indicator, "/kind")),
            ("id", text(indicator, "/id")),
            ("confidence", text(indicator, "/confidence")),
            ("sources", text(indicator, "/sources")),
            ("block", text(indicator, "/block")),
            ("tlp", text(indicator, "/tlp")),
            ("vote", vote(indicator)),
            ("first seen", time(indicator, "/first_seen")),
            ("last seen", time(indicator, "/last_seen")),
        ],
    )?;
    let mut evidence =
        Table::new(&["SEEN BY", "TIMES", "CONFIDENCE", "TLP", "TO", "LAST SEEN", "TAGS", "CUSTOM"]);
    for seen in items(indicator, "/evidence") {
        evidence.row([
            text(seen, "/origin"),
            text(seen, "/count"),
            text(seen, "/confidence"),
            text(seen, "/tlp"),
            text(seen, "/to"),
            time(seen, "/last_seen"),
            text(seen, "/tags"),
            text(seen, "/custom"),
        ]);
    }
    output.line("")?;
    evidence.write(output, "not seen on this node")?;
    let mut claims =
        Table::new(&["TOLD BY", "CONFIDENCE", "TLP", "UNTIL", "MODIFIED", "TAGS", "PSEUDONYM"]);
    for claim in items(indicator, "/claims") {
        claims.row([
            text(claim, "/delivered_by"),
            text(claim, "/confidence"),
            text(claim, "/tlp"),
            text(claim, "/until"),
            time(claim, "/modified"),
            text(claim, "/tags"),
            text(claim, "/pseudonym"),
        ]);
    }
    output.line("")?;
    claims.write(output, "no member has told anything about it")?;
    wishes::shared(output, indicator)?;
    if let Some(said) = virustotal(indicator) {
        output.line("")?;
        output.line(&said)?;
    }
    Ok(())
}

fn vote(indicator: &Value) -> String {
    let voted = indicator.get("false_positive") == Some(&Value::Bool(true));
    if voted { "false positive".to_owned() } else { String::new() }
}

fn added(output: &mut Output<'_>, answer: &Value, named: bool) -> Result<(), Failure> {
    let indicator = answer.get("indicator").ok_or_else(|| strange_answer(answer, "indicator"))?;
    let (kind, tlp) = (text(indicator, "/kind"), text(indicator, "/tlp"));
    output.line(&format!("{}  {kind}  {tlp}", defanged(indicator)))?;
    if tlp == "red" && !named {
        output.note("it stays on this node: red goes to members named with --to only");
    }
    Ok(())
}
