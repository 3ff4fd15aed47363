//! `[network]`.

use std::path::PathBuf;

use multiaddr::Multiaddr;

use super::addresses::{to_listen_on, with_peer, without_peer};
use super::problem::Wrong;
use super::section::Section;
use super::setting::Single;
use super::tree::Item;

/// `[network]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Addresses that libp2p listens on.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others reach this node, if it cannot find out.
    pub external_addresses: Vec<Multiaddr>,
    /// Bootstraps, each with its `/p2p/PEER_ID`.
    pub bootstraps: Vec<Multiaddr>,
    /// HTTPS registry.
    pub registry_url: Option<Https>,
    /// CA that signed the registry's certificate; none: those that the system trusts.
    pub registry_ca: Option<PathBuf>,
    /// Register at the bootstraps, so that others find this node.
    pub discoverable: bool,
    /// Addresses to try; who answers is a candidate until approved.
    pub default_peers: Vec<DefaultPeer>,
    /// Time between two sync rounds.
    pub gossip_interval_seconds: u64,
    /// Members to sync with in one round.
    pub peers_per_round: usize,
    /// Ask the router for a port mapping.
    pub upnp: bool,
    /// Reserve a relay at a bootstrap when not reachable.
    pub relay: bool,
    /// Dial private addresses that others named (laboratory and demonstration).
    pub allow_private_addresses: bool,
    /// The most connections at a time.
    pub max_connections: u32,
}

/// The address of a service: `https://`, a host, and nothing but a path behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Https(url::Url);

impl Https {
    /// The address.
    #[must_use]
    pub fn url(&self) -> &url::Url {
        &self.0
    }
}

impl Single for Https {
    fn single(item: &Item) -> Result<Self, Wrong> {
        let text = item.text()?;
        let plain = |url: &url::Url| {
            url.scheme() == "https"
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        url::Url::parse(text).ok().filter(plain).map(Self).ok_or_else(|| {
            Wrong::not(
                text,
                "an https:// address",
                "write it like https://registry.example.org:3030",
            )
        })
    }
}

/// Where to knock.
#[derive(Clone, Debug, PartialEq)]
pub enum DefaultPeer {
    /// A libp2p address.
    Address(Multiaddr),
    /// The endpoint of a peer that speaks only HTTPS.
    Https(String),
}

impl Single for DefaultPeer {
    fn single(item: &Item) -> Result<Self, Wrong> {
        let text = item.text()?;
        let remedy = "write /ip4/192.0.2.1/tcp/3031, or https://peer.example.org:3030";
        if text.contains("://") {
            let https = url::Url::parse(text).ok().filter(|url| url.scheme() == "https");
            return match https {
                Some(_) => Ok(Self::Https(text.to_owned())),
                None => Err(Wrong::not(text, "an https:// endpoint", remedy)),
            };
        }
        let address = text.parse().map_err(|_| Wrong::not(text, "a peer's address", remedy));
        address.map(Self::Address)
    }
}

impl Default for Network {
    fn default() -> Self {
        use multiaddr::Protocol::{Ip4, Ip6, Tcp};
        let v4 = Multiaddr::empty().with(Ip4(std::net::Ipv4Addr::UNSPECIFIED)).with(Tcp(3031));
        let v6 = Multiaddr::empty().with(Ip6(std::net::Ipv6Addr::UNSPECIFIED)).with(Tcp(3031));
        Self {
            listen: vec![v4, v6],
            external_addresses: Vec::new(),
            bootstraps: Vec::new(),
            registry_url: None,
            registry_ca: None,
            discoverable: false,
            default_peers: Vec::new(),
            gossip_interval_seconds: 60,
            peers_per_round: 3,
            upnp: false,
            relay: true,
            allow_private_addresses: false,
            max_connections: 128,
        }
    }
}

impl Network {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.set_if("listen", &mut self.listen, |all| each(all, to_listen_on));
        section.set_if("external_addresses", &mut self.external_addresses, |all| {
            each(all, without_peer)
        });
        section.set_if("bootstraps", &mut self.bootstraps, |all| each(all, with_peer));
        section.set("registry_url", &mut self.registry_url);
        section.set("registry_ca", &mut self.registry_ca);
        section.set("discoverable", &mut self.discoverable);
        self.read_default_peers(section);
        section.number("gossip_interval_seconds", &mut self.gossip_interval_seconds, 1..=86_400);
        section.number("peers_per_round", &mut self.peers_per_round, 1..=1_000);
        section.set("upnp", &mut self.upnp);
        section.set("relay", &mut self.relay);
        section.set("allow_private_addresses", &mut self.allow_private_addresses);
        section.number("max_connections", &mut self.max_connections, 1..=65_535);
    }

    fn read_default_peers(&mut self, section: &mut Section<'_>) {
        let at = section.at("default_peers");
        section.set("default_peers", &mut self.default_peers);
        let https = self.default_peers.iter().any(|peer| matches!(peer, DefaultPeer::Https(_)));
        if let Some(at) = at.filter(|_| https) {
            section.does_nothing_yet("default_peers (https:// endpoints)", &at);
        }
    }
}

/// All that is wrong with the entries, as one problem.
fn each(
    addresses: &[Multiaddr],
    check: impl Fn(&Multiaddr) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    let wrong: Vec<Wrong> = addresses.iter().filter_map(|address| check(address).err()).collect();
    let Some(first) = wrong.first() else { return Ok(()) };
    let what: Vec<&str> = wrong.iter().map(|wrong| wrong.what.as_str()).collect();
    Err(Wrong::new(what.join(", "), first.remedy.clone()))
}
