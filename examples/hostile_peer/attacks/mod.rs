//! The attacks, by what they go for.

mod asking;
mod content;
mod door;
mod history;
mod load;
mod members;
mod raw;
mod reach;
mod registry;
mod serving;
mod strangers;
mod visit;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use crate::report::say;
use crate::session::Session;
use crate::{Problem, Stage, peer};

pub(crate) use content::{Defect, Mark};
pub(crate) use load::Control;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Attack {
    /// Print the PeerId of this identity
    Identity,
    /// Take part and tell everything that is heard (27)
    Observe,
    /// Publish claims that every node refuses (21, 26, 36, 43)
    Rubbish {
        /// What is wrong with them
        #[arg(long, value_enum)]
        defect: Defect,
        /// How many
        #[arg(long, default_value_t = 3)]
        count: u32,
        /// The number of the first
        #[arg(long, default_value_t = 0)]
        first: u32,
    },
    /// Publish right claims with a field beside them that could name somebody (27)
    Marked {
        /// The field
        #[arg(long, value_enum)]
        mark: Mark,
        /// How many
        #[arg(long, default_value_t = 3)]
        count: u32,
    },
    /// Publish right claims, as fast as they go out (22, 25)
    Publish {
        /// How many
        #[arg(long, default_value_t = 1)]
        count: u32,
        /// The number of the first
        #[arg(long, default_value_t = 0)]
        first: u32,
        /// Write them to this file, one a line
        #[arg(long)]
        keep: Option<PathBuf>,
    },
    /// Publish the claims of a file again (25)
    Replay {
        /// One claim a line
        #[arg(long)]
        from: PathBuf,
    },
    /// Publish right claims under a foreign topic, and gossip that nobody asked for
    Foreign {
        /// Claims from this file; without it, made up
        #[arg(long)]
        from: Option<PathBuf>,
        /// How many
        #[arg(long, default_value_t = 1000)]
        count: u32,
    },
    /// Relay a claim of another to the next victim, changed (36)
    Alter,
    /// Publish claims about these values (own addresses, real services)
    Accuse {
        /// Canonical values
        values: Vec<String>,
        /// Under how many pseudonyms each; an honest member has one
        #[arg(long, default_value_t = 1)]
        pseudonyms: u32,
    },
    /// Tell each victim something else under one pseudonym and revision (34)
    Equivocate {
        /// The number of the claim
        #[arg(long, default_value_t = 0)]
        first: u32,
    },
    /// Publish revisions of one claim in this order (35)
    Revise {
        /// The revisions; each tells its own number as confidence
        revisions: Vec<u64>,
        /// The number of the claim
        #[arg(long, default_value_t = 0)]
        first: u32,
    },
    /// Be many: members of the seeds from this one on that hear and pass nothing on (31)
    Eclipse {
        /// How many
        #[arg(long, default_value_t = 20)]
        members: u8,
    },
    /// Take part and read nothing (32)
    Deaf,
    /// Publish without end, and come back when sent away (46)
    Persist {
        /// Tries to come back
        #[arg(long, default_value_t = 10)]
        tries: u32,
    },
    /// Ask for claims by content id, and for all that takes part in sync (40)
    Pry {
        /// Content ids
        ids: Vec<String>,
    },
    /// Ask on the streams between two members, many questions at once
    Pester {
        /// On which streams
        #[arg(long, value_enum)]
        stream: asking::Stream,
        /// What
        #[arg(long, value_enum)]
        question: asking::Question,
        /// How often
        #[arg(long, default_value_t = 3)]
        count: u32,
    },
    /// Have news, and answer who compares
    Serve {
        /// What is answered
        #[arg(long, value_enum)]
        service: serving::Service,
    },
    /// Send control messages (33)
    Spam {
        /// Which
        #[arg(long, value_enum)]
        control: Control,
        /// How many RPCs
        #[arg(long, default_value_t = 10_000)]
        count: u32,
    },
    #[command(flatten)]
    Stranger(strangers::Attack),
}

/// Does it; the sessions stay open until the caller drops them.
pub(crate) async fn run(attack: &Attack, stage: &Stage) -> Result<Vec<Session>, Problem> {
    match attack {
        Attack::Identity => {
            let peer = peer::identity(stage.seed)?.public().to_peer_id();
            say(&json!({ "event": "identity", "peer_id": peer.to_string() }));
            Ok(Vec::new())
        }
        Attack::Observe => stage.join().await,
        Attack::Rubbish { defect, count, first } => {
            content::rubbish(stage, *defect, *first..first + count).await
        }
        Attack::Marked { mark, count } => content::marked(stage, *mark, *count).await,
        Attack::Publish { count, first, keep } => {
            history::publish(stage, *first..first + count, keep.as_deref()).await
        }
        Attack::Replay { from } => history::replay(stage, from).await,
        Attack::Foreign { from, count } => load::foreign(stage, from.as_deref(), *count).await,
        Attack::Pry { ids } => asking::pry(stage, ids).await,
        Attack::Pester { stream, question, count } => {
            asking::pester(stage, *stream, *question, *count).await
        }
        Attack::Serve { service } => serving::serve(stage, *service).await,
        Attack::Alter => history::alter(stage).await,
        Attack::Accuse { values, pseudonyms } => members::accuse(stage, values, *pseudonyms).await,
        Attack::Equivocate { first } => history::equivocate(stage, *first).await,
        Attack::Revise { revisions, first } => history::revise(stage, revisions, *first).await,
        Attack::Eclipse { members } => members::eclipse(stage, *members).await,
        Attack::Deaf => members::deaf(stage).await,
        Attack::Persist { tries } => members::persist(stage, *tries).await,
        Attack::Spam { control, count } => load::spam(stage, *control, *count).await,
        Attack::Stranger(attack) => {
            strangers::run(attack, stage).await?;
            Ok(Vec::new())
        }
    }
}

/// Says how many of what went out.
fn sent(what: &str, count: usize) {
    say(&json!({ "event": "sent", "what": what, "count": count }));
}
