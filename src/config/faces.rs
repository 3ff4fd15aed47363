//! `[api]`, `[admin]`, `[metrics]`, `[[feeds]]`, `[outputs]`: what faces the outside.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::model::{HOUR, Kind, Tlp};

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
        section.later("public_indicators", &mut self.public_indicators);
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

/// `[[feeds]]`: a TAXII or STIX source to import.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    /// The operator's name for it.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// TAXII collection; empty: a STIX bundle.
    pub collection: String,
    /// Seconds between two imports.
    pub interval: u64,
    /// Weight of what it says, 0 to 1.
    pub trust: f64,
    /// Marking of what it says, at least.
    pub tlp: Tlp,
    /// Whether what it says may leave this node.
    pub share: bool,
    /// Name for HTTP Basic.
    pub username: String,
    /// File with the password for HTTP Basic.
    pub password_file: Option<PathBuf>,
    /// File with a bearer token.
    pub token_file: Option<PathBuf>,
    /// CA that signed its certificate.
    pub ca: Option<PathBuf>,
    /// Client certificate.
    pub cert: Option<PathBuf>,
    /// Key of the client certificate.
    pub key: Option<PathBuf>,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            name: String::new(),
            url: String::new(),
            collection: String::new(),
            interval: HOUR,
            trust: 0.5,
            tlp: Tlp::Green,
            share: false,
            username: String::new(),
            password_file: None,
            token_file: None,
            ca: None,
            cert: None,
            key: None,
        }
    }
}

impl Feed {
    fn read(section: &mut Section<'_>, feed: &mut Self) {
        for key in ["name", "url"] {
            section.require(key);
        }
        section.set("name", &mut feed.name);
        section.set("url", &mut feed.url);
        section.set("collection", &mut feed.collection);
        section.seconds("interval", &mut feed.interval);
        section.share("trust", &mut feed.trust);
        section.set("tlp", &mut feed.tlp);
        section.set("share", &mut feed.share);
        section.set("username", &mut feed.username);
        section.set("password_file", &mut feed.password_file);
        section.set("token_file", &mut feed.token_file);
        section.set("ca", &mut feed.ca);
        section.set("cert", &mut feed.cert);
        section.set("key", &mut feed.key);
    }
}

/// Reads `[[feeds]]`.
pub(super) fn read_feeds(root: &mut Section<'_>) -> Vec<Feed> {
    let at = root.at("feeds");
    let feeds = root.list("feeds", Feed::read);
    if let Some(at) = at.filter(|_| !feeds.is_empty()) {
        root.does_nothing_yet("feeds", &at);
    }
    feeds.into_iter().map(|(feed, _)| feed).collect()
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
