//! What somebody can do who is not a member: at the door of a member, and at a bootstrap
//! that is there for everybody.

use std::time::Duration;

use clap::Subcommand;
use libp2p::PeerId;
use libp2p::multiaddr::Multiaddr;

use super::{door, raw, reach, registry, visit};
use crate::{Problem, Stage};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Attack {
    /// Do what an honest node does, and say how long each thing takes
    Visit,
    /// Open connections and say nothing (2)
    Idle {
        /// How many
        #[arg(long, default_value_t = 1000)]
        connections: usize,
    },
    /// From each of many addresses, a handshake at one byte a second (3)
    Drip {
        /// How many
        #[arg(long, default_value_t = 64)]
        connections: u32,
    },
    /// Come with one fresh identity after the other (1, 4)
    Knock {
        /// How many
        #[arg(long, default_value_t = 100)]
        count: u32,
    },
    /// Come and go under one identity (5)
    Flap {
        /// How often
        #[arg(long, default_value_t = 500)]
        times: u32,
        /// Milliseconds in between
        #[arg(long, default_value_t = 20)]
        pause: u64,
    },
    /// Begin streams and say nothing on them (6)
    Silent {
        /// How many
        #[arg(long, default_value_t = 512)]
        streams: u32,
    },
    /// Fill the windows of streams that nobody can read to the end (7)
    Inflate {
        /// How many connections
        #[arg(long, default_value_t = 1)]
        connections: u32,
        /// How many streams on each
        #[arg(long, default_value_t = 64)]
        streams: u32,
        /// From so many addresses, under fresh identities; 0: under this one's
        #[arg(long, default_value_t = 0)]
        hosts: u32,
    },
    /// Send frames and messages that no implementation sends (8)
    Malformed,
    /// Register the same again and again (9)
    Again,
    /// Register under throwaway identities from many addresses (9, 10)
    Crowd {
        /// How many requests
        #[arg(long, default_value_t = 1000)]
        requests: u32,
        /// From how many addresses, each in a network of its own
        #[arg(long, default_value_t = 1)]
        hosts: u32,
    },
    /// Register what is not its own or no longer true (11)
    Forge,
    /// Ask who is there where it must not know (12)
    Snoop,
    /// Ask to be dialled at these addresses (13)
    Probe {
        /// Where
        targets: Vec<Multiaddr>,
    },
    /// Have many hosts ask for dials (14)
    Weapon {
        /// How many
        #[arg(long, default_value_t = 200)]
        peers: u32,
        /// To which port of their own
        #[arg(long, default_value_t = 4001)]
        port: u16,
        /// To this address instead
        target: Option<Multiaddr>,
    },
    /// Reserve under throwaway identities from many addresses (15)
    Reserve {
        /// How many
        #[arg(long, default_value_t = 200)]
        identities: u32,
        /// From how many addresses, each in a network of its own
        #[arg(long, default_value_t = 1)]
        hosts: u32,
    },
    /// Ask for circuits to these, who have no reservation, and to itself (15)
    Circuits {
        /// Whom
        peers: Vec<PeerId>,
    },
    /// Put private and foreign addresses, records and providers into the table (19)
    Insert {
        /// How many records
        #[arg(long, default_value_t = 100)]
        records: u32,
    },
}

/// Does it.
pub(crate) async fn run(attack: &Attack, stage: &Stage) -> Result<(), Problem> {
    match attack {
        Attack::Visit => visit::visit(stage).await,
        Attack::Idle { connections } => door::idle(stage, *connections).await,
        Attack::Drip { connections } => door::drip(stage, *connections).await,
        Attack::Knock { count } => door::knock(stage, *count).await,
        Attack::Flap { times, pause } => {
            door::flap(stage, *times, Duration::from_millis(*pause)).await
        }
        Attack::Silent { streams } => raw::silent(stage, *streams).await,
        Attack::Inflate { connections, streams, hosts } => {
            raw::inflate(stage, *connections, *streams, *hosts).await
        }
        Attack::Malformed => raw::malformed(stage).await,
        Attack::Again => registry::again(stage).await,
        Attack::Crowd { requests, hosts } => registry::crowd(stage, *requests, *hosts).await,
        Attack::Forge => registry::forge(stage).await,
        Attack::Snoop => registry::snoop(stage).await,
        Attack::Probe { targets } => reach::probe(stage, targets).await,
        Attack::Weapon { peers, port, target } => {
            reach::weapon(stage, *peers, *port, target.as_ref()).await
        }
        Attack::Reserve { identities, hosts } => {
            reach::reserve_all(stage, *identities, *hosts).await
        }
        Attack::Circuits { peers } => reach::circuits(stage, peers).await,
        Attack::Insert { records } => reach::insert(stage, *records).await,
    }
}
