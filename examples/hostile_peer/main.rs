//! A malicious member or stranger: one subcommand an attack.
//!
//! It connects as a member that the victims approved, or as anybody at all, speaks
//! gossip, the protocols of members and those of a bootstrap by hand, and does what
//! no honest node would. What it
//! did and what the other side did comes out as JSON, one object a line, for
//! `tests/it/processes/hostile/`. It connects to test addresses only
//! (`places.rs`). The numbers of the attacks are those of the threat cases.
//!
//! `hostile_peer --seed 66 identity` prints the PeerId to approve, and
//! `hostile_peer --seed 66 --victim /ip4/127.0.0.1/tcp/3031/p2p/12D3KooW… observe`
//! takes part until its standard input ends or the victim closes.

#![allow(clippy::indexing_slicing, reason = "a mistake here may end the program")]

mod attacks;
mod claims;
mod guest;
mod peer;
mod places;
mod report;
mod rpc;
mod session;
mod ways;

use std::net::IpAddr;
use std::process::ExitCode;

use clap::Parser;
use dtim::model::Community;
use libp2p::multiaddr::Multiaddr;
use serde_json::json;
use tokio::sync::oneshot;

use attacks::Attack;
use claims::Signer;
use session::{Manner, Session};

/// Whatever ends an attack early.
pub(crate) type Problem = Box<dyn std::error::Error + Send + Sync>;

/// A malicious member or stranger, for tests: one subcommand an attack.
#[derive(Debug, Parser)]
struct Args {
    /// Which identity: the Ed25519 seed is this byte 32 times
    #[arg(long, default_value_t = 66)]
    seed: u8,
    /// Which mesh
    #[arg(long, default_value = "test")]
    community: String,
    /// A node that approved this identity: /ip4/…/tcp/…/p2p/… (loopback and private only)
    #[arg(long)]
    victim: Vec<Multiaddr>,
    /// From which of this machine's addresses; an attack from many counts on from there
    #[arg(long)]
    from: Option<IpAddr>,
    #[command(subcommand)]
    attack: Attack,
}

/// What every attack is given.
pub(crate) struct Stage {
    pub(crate) seed: u8,
    pub(crate) victims: Vec<Multiaddr>,
    pub(crate) from: Option<IpAddr>,
    pub(crate) signer: Signer,
}

impl Stage {
    /// The only victim of an attack that has one.
    pub(crate) fn victim(&self) -> Result<&Multiaddr, Problem> {
        self.victims.first().ok_or_else(|| "there must be a victim".into())
    }

    /// Under which name the community meets at a bootstrap.
    pub(crate) fn namespace(&self) -> String {
        format!("dtim/{}", self.signer.community)
    }

    /// Takes part at every victim, in their order.
    pub(crate) async fn join(&self) -> Result<Vec<Session>, Problem> {
        self.join_as(&Manner::of(self.seed)).await
    }

    /// The same as somebody else or in another manner.
    pub(crate) async fn join_as(&self, manner: &Manner) -> Result<Vec<Session>, Problem> {
        let mut sessions = Vec::new();
        for (victim, address) in self.victims.iter().enumerate() {
            sessions.push(Session::join(manner, victim, address, &self.signer.topic()).await?);
        }
        Ok(sessions)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            report::say(&json!({ "event": "problem", "why": problem.to_string() }));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Problem> {
    for victim in &args.victim {
        places::check(victim)?;
    }
    let community = Community::new(&args.community).ok_or("not a community's name")?;
    let signer = Signer::new(community, args.seed);
    let stage = Stage { seed: args.seed, victims: args.victim, from: args.from, signer };
    let sessions = attacks::run(&args.attack, &stage).await?;
    report::say(&json!({ "event": "done" }));
    // Stays until it is sent away or nobody wants it any more.
    let all_closed = async {
        for session in &sessions {
            session.closed().await;
        }
    };
    tokio::select! {
        () = all_closed => {}
        // At once: what this side closes by ending is not to be told.
        () = unwanted() => std::process::exit(0),
    }
    Ok(())
}

/// Ends with the standard input. A thread of its own, because a read cannot be
/// given up; it ends with the program.
pub(crate) async fn unwanted() {
    let (end, ended) = oneshot::channel();
    std::thread::spawn(move || {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        end.send(()).ok();
    });
    ended.await.ok();
}
