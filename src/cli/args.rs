//! The command line as a whole: which commands there are and where each is done.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::failure::Failure;
use super::output::Output;
use super::{
    bootstrap, config, demo, egress, explain, hygiene, indicators, init, pages, peers, preview,
    run, status, tls, tokens, why,
};

/// `dtim` and what follows it.
#[derive(Debug, Parser)]
#[command(
    name = "dtim",
    version,
    about = "Distributed Threat Intelligence Mesh: share what attacks you, without saying who you are",
    after_help = "Examples:
  dtim init                            make the keys and a configuration of a new node
  dtim run                             run it
  dtim explain --source ufw ufw.log    what each line of a log would become
  dtim status                          how the running node is

Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 no running node.",
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
pub(super) struct Global {
    /// The configuration file; without it /etc/dtim/config.toml for root, and
    /// ~/.config/dtim/config.toml, if it is there, for everybody else
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "DTIM_CONFIG",
        help_heading = "Everywhere"
    )]
    pub(super) config: Option<PathBuf>,
    /// Write data as JSON, with values as they are
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Run(run::RunArgs),
    Bootstrap(bootstrap::BootstrapArgs),
    Demo(demo::DemoArgs),
    Status(status::StatusArgs),
    #[command(subcommand)]
    Peers(peers::PeersCommand),
    #[command(subcommand)]
    Indicators(indicators::IndicatorsCommand),
    Why(why::WhyArgs),
    Explain(explain::ExplainArgs),
    Preview(preview::PreviewArgs),
    Egress(egress::EgressArgs),
    #[command(subcommand)]
    Hygiene(hygiene::HygieneCommand),
    #[command(subcommand)]
    Tokens(tokens::TokensCommand),
    #[command(subcommand)]
    Tls(tls::TlsCommand),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Completions(pages::CompletionsArgs),
    Man(pages::ManArgs),
}

impl Cli {
    /// Reads a command line; clap's error knows its text and exit status.
    pub(super) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(words)
    }

    /// Does what it says.
    pub(super) fn act(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let global = &self.global;
        match self.command {
            Command::Init(args) => args.act(global, output),
            Command::Run(args) => args.act(global, output),
            Command::Bootstrap(args) => args.act(global, output),
            Command::Demo(args) => args.act(global, output),
            Command::Status(args) => args.act(global, output),
            Command::Peers(command) => command.act(global, output),
            Command::Indicators(command) => command.act(global, output),
            Command::Why(args) => args.act(global, output),
            Command::Explain(args) => args.act(global, output),
            Command::Preview(args) => args.act(global, output),
            Command::Egress(args) => args.act(global, output),
            Command::Hygiene(command) => command.act(global, output),
            Command::Tokens(command) => command.act(global, output),
            Command::Tls(command) => command.act(global, output),
            Command::Config(command) => command.act(global, output),
            Command::Completions(args) => args.act(output),
            Command::Man(args) => args.act(output),
        }
    }
}
