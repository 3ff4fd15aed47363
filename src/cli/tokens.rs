//! `dtim tokens`: what an organisation's own clients show at the public listener.

use clap::Subcommand;
use serde_json::{Value, json};

use super::args::Global;
use super::ask::Asking;
use super::failure::Failure;
use super::output::Output;
use super::table::Table;
use super::view::{items, text};
use crate::model::ClientRole;
use crate::privacy::tlp::ClientScope;

/// Make, list and revoke the tokens of your own clients
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  dtim tokens create --name siem --scope amber --role reader
  dtim tokens list
  dtim tokens revoke siem")]
pub(super) enum TokensCommand {
    /// Make a token; it is shown once and kept nowhere
    #[command(
        after_help = "A scope shows: green, white and green; amber, and amber; red, everything.
A role may: reader, read; writer, and add, share, take back and vote; bouncer, read what is
to be blocked; admin, everything.

Examples:
  dtim tokens create --name siem --scope amber --role reader
  dtim tokens create --name firewall --scope green --role bouncer --json | jq -r .token"
    )]
    Create {
        /// Your name for it
        #[arg(long)]
        name: String,
        /// How much it shows: green, amber or red
        #[arg(long)]
        scope: ClientScope,
        /// What its holder may do: reader, writer, bouncer or admin
        #[arg(long)]
        role: ClientRole,
    },
    /// List the tokens and when each was last used
    #[command(after_help = "Examples:
  dtim tokens list
  dtim tokens list --json | jq '.tokens[] | select(.last_used == null)'")]
    List,
    /// Revoke a token; it is good no more at once
    #[command(after_help = "Example:
  dtim tokens revoke siem")]
    Revoke {
        /// Its name
        name: String,
    },
}

impl TokensCommand {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let node = Asking::new(global, output)?;
        match self {
            Self::Create { name, scope, role } => {
                let wish = json!({ "name": name, "scope": scope.name(), "role": role.name() });
                let answer = node.post("/tokens", &wish)?;
                output.answer(&answer, |output, answer| {
                    output.note("this is the only time that it is shown: keep it secret");
                    output.line(&text(answer, "/token"))
                })
            }
            Self::List => output.answer(&node.get("/tokens")?, list),
            Self::Revoke { name } => {
                let answer = node.post("/tokens/revoke", &json!({ "name": name }))?;
                output.answer(&answer, |output, _| output.line(&format!("revoked {name}")))
            }
        }
    }
}

fn list(output: &mut Output<'_>, answer: &Value) -> Result<(), Failure> {
    let mut table = Table::new(&["NAME", "SCOPE", "ROLE", "CREATED", "LAST USED"]);
    for token in items(answer, "/tokens") {
        table.row(
            ["/name", "/scope", "/role", "/created", "/last_used"].map(|field| text(token, field)),
        );
    }
    table.write(output, "there is no token: `dtim tokens create` makes one")
}
