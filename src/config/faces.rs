//! `[api]`, `[admin]`, `[metrics]`, `[outputs]`: what faces the outside.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::model::Kind;

use super::problem::Wrong;
use super::section::Section;

/// `[api]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Api {
    /// Where the public HTTPS listener is; none: off.
    pub listen: Option<SocketAddr>,
    /// Whether what is white may be read without a token.
    pub public_indicators: bool,
}

impl Api {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.set("listen", &mut self.listen);
        section.set("public_indicators", &mut self.public_indicators);
    }
}

/// `[admin]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// Where the dashboard is.
    pub listen: SocketAddr,
    /// The socket that the command line talks to, relative to the data directory.
    pub control_socket: PathBuf,
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: local(3032), control_socket: PathBuf::from("dtim.sock") }
    }
}

impl Admin {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.later("listen", &mut self.listen);
        section.set("control_socket", &mut self.control_socket);
    }
}

/// `[metrics]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// Where `/metrics`, `/healthz` and `/readyz` are; none: off.
    pub listen: Option<SocketAddr>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: Some(local(3033)) }
    }
}

impl Metrics {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.set("listen", &mut self.listen);
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// `[outputs]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    /// `[outputs.block]`: when an indicator may be blocked.
    pub block: Block,
}

/// `[outputs.block]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The least confidence, 0 to 100.
    pub confidence: u8,
    /// The least number of independent sources, unless this node saw it itself.
    pub sources: u32,
    /// The kinds that can be blocked.
    pub kinds: BTreeSet<Kind>,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            confidence: 60,
            sources: 2,
            kinds: BTreeSet::from([Kind::Ip, Kind::Cidr, Kind::Domain, Kind::Url]),
        }
    }
}

impl Outputs {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.section("block", |section| self.block.read(section));
    }
}

impl Block {
    fn read(&mut self, section: &mut Section<'_>) {
        section.number("confidence", &mut self.confidence, 0..=100);
        section.set_if("sources", &mut self.sources, |sources| {
            if *sources > 0 {
                return Ok(());
            }
            Err(Wrong::new("nothing would have to be seen at all", "use 1 or more"))
        });
        section.set("kinds", &mut self.kinds);
    }
}
