//! The settings: every key, its type and its default.
//!
//! Owns what `config.toml` and the `DTIM__SECTION__KEY` variables may say. It
//! reports everything that is wrong with them at once, each with key, line and
//! remedy. It must never open a file or look at the environment: the text and
//! the variables are handed in.

mod addresses;
mod base;
mod bootstrap;
mod faces;
mod feeds;
mod load;
mod network;
mod peers;
mod privacy;
mod problem;
mod section;
mod setting;
mod tree;
mod watchers;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::model::Kind;

pub use base::{Detection, Hygiene, MasterKey, Node, Security, Storage};
pub use bootstrap::{Admit, Bootstrap};
pub use faces::{Admin, Api, Block, Metrics, Outputs};
pub use feeds::Feed;
pub use load::{Loaded, parse};
pub use network::{DefaultPeer, Https, Network};
pub use peers::Peer;
pub use privacy::Privacy;
pub use problem::Problem;
pub use setting::Secret;
pub use watchers::{From, WatchPath, Watchers};

/// Everything that can be set. The default is what `config/default.toml` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `[node]`: what this node is called and where it lives.
    pub node: Node,
    /// `[security]`: keys and certificates.
    pub security: Security,
    /// `[storage]`: how much is kept and how long.
    pub storage: Storage,
    /// `[network]`: listening, dialling, discovery.
    pub network: Network,
    /// `[[peers]]`: the members approved by configuration.
    pub peers: Vec<Peer>,
    /// `[groups]`: names for several members.
    pub groups: BTreeMap<String, BTreeSet<String>>,
    /// `[privacy]`: how much of a claim is told, and when.
    pub privacy: Privacy,
    /// `[ageing]`: lifetimes for local use in seconds; they can only shorten.
    pub ageing: BTreeMap<Kind, u64>,
    /// `[hygiene]`: what is never an indicator here.
    pub hygiene: Hygiene,
    /// `[detection]`: rules besides the built-in ones.
    pub detection: Detection,
    /// `[watchers]`: the logs that are followed.
    pub watchers: Watchers,
    /// `[api]`: the public HTTPS listener.
    pub api: Api,
    /// `[admin]`: dashboard and control socket.
    pub admin: Admin,
    /// `[metrics]`: the listener for Prometheus.
    pub metrics: Metrics,
    /// `[[feeds]]`: outside sources to import.
    pub feeds: Vec<Feed>,
    /// `[outputs]`: what the exports decide by.
    pub outputs: Outputs,
    /// `[bootstrap]`: read by `dtim bootstrap` only.
    pub bootstrap: Bootstrap,
}

impl Config {
    /// Where a path of the configuration lies: a relative one below `node.data_dir`.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.node.data_dir.join(path)
    }
}
