//! `dtim tokens`: who may use the public listener, besides nodes.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args::Global;
use super::ask::Asking;
use super::failure::Failure;
use super::output::Output;
use super::table::Table;
use super::view::{items, text, time};
use crate::model::Role;
use crate::privacy::tlp::ClientScope;

/// Give this organisation's own programs access to the public listener
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  dtim tokens create --name siem --scope green --role reader
  dtim tokens list")]
pub(super) enum TokensCommand {
    Create(CreateArgs),
    /// List the tokens; none of them is shown
    #[command(after_help = "Examples:
  dtim tokens list
  dtim tokens list --json | jq -r .tokens[].name")]
    List,
    /// Make a token worth nothing, at once
    #[command(after_help = "Example:
  dtim tokens revoke siem")]
    Revoke {
        /// Its name
        name: String,
    },
}

/// Make a token and print it, this once
#[derive(Debug, Args)]
#[command(
    after_help = "A program sends it as a bearer token, or as the password of HTTP Basic under any name.

Examples:
  dtim tokens create --name siem --scope green --role reader
  dtim tokens create --name misp --scope amber --role writer --trust 0.8 --json | jq -r .token"
)]
pub(super) struct CreateArgs {
    /// What you call it
    #[arg(long)]
    name: String,
    /// How much it shows: green, amber or red
    #[arg(long)]
    scope: ClientScope,
    /// What its bearer may do: reader, writer, bouncer or admin
    #[arg(long)]
    role: Role,
    /// The weight of what it hands in, 0 to 1
    #[arg(long, default_value_t = 0.5)]
    trust: f64,
}

impl TokensCommand {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let node = Asking::new(global, output)?;
        match self {
            Self::Create(CreateArgs { name, scope, role, trust }) => {
                let body = json!({
                    "name": name, "scope": scope.name(), "role": role.name(), "trust": trust,
                });
                output.answer(&node.post("/tokens", &body)?, |output, answer| {
                    output.line(&text(answer, "/token"))?;
                    output.note("it is shown this once: give it to its program now");
                    Ok(())
                })
            }
            Self::List => output.answer(&node.get("/tokens")?, list),
            Self::Revoke { name } => {
                let answer = node.post("/tokens/revoke", &json!({ "name": name }))?;
                output.answer(&answer, |output, answer| {
                    output.line(&format!("{} is revoked", text(answer, "/revoked/name")))
                })
            }
        }
    }
}

fn list(output: &mut Output<'_>, answer: &Value) -> Result<(), Failure> {
    let mut table = Table::new(&["NAME", "SCOPE", "ROLE", "TRUST", "CREATED", "LAST USED"]);
    for token in items(answer, "/tokens") {
        table.row([
            text(token, "/name"),
            text(token, "/scope"),
            text(token, "/role"),
            text(token, "/trust"),
            time(token, "/created"),
            time(token, "/used"),
        ]);
    }
    table.write(output, "no token yet: make one with `dtim tokens create`")
}
