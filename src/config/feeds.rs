//! `[[feeds]]`: outside sources to import.

use std::collections::BTreeSet;
use std::path::PathBuf;

use url::{Host, Url};

use crate::model::{HOUR, MINUTE, Tlp};

use super::peers::label;
use super::problem::Wrong;
use super::section::Section;
use super::tree::At;

/// Seconds between two imports: not less than a minute, to spare others' servers.
const INTERVALS: std::ops::RangeInclusive<u64> = MINUTE..=30 * 24 * HOUR;

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
        section.set_if("name", &mut feed.name, |name| label(name));
        section.set_if("url", &mut feed.url, |url| address(url));
        section.set("collection", &mut feed.collection);
        let at = section.at("interval");
        section.seconds("interval", &mut feed.interval);
        if let Some(at) = at.filter(|_| !INTERVALS.contains(&feed.interval)) {
            let wrong = Wrong::new("is out of bounds", "use 1m to 30d");
            let key = section.key("interval");
            section.report().wrong(&key, &at, wrong);
        }
        section.share("trust", &mut feed.trust);
        section.set("tlp", &mut feed.tlp);
        section.later("share", &mut feed.share);
        section.set("username", &mut feed.username);
        section.set("password_file", &mut feed.password_file);
        section.set("token_file", &mut feed.token_file);
        section.set("ca", &mut feed.ca);
        section.set("cert", &mut feed.cert);
        section.set("key", &mut feed.key);
    }

    /// What is wrong with the keys that belong together.
    fn check(&self) -> Result<(), Wrong> {
        if self.username.is_empty() != self.password_file.is_none() {
            return Err(Wrong::new("username and password_file belong together", "set both"));
        }
        if !self.username.is_empty() && self.token_file.is_some() {
            let remedy = "leave out token_file, or username and password_file";
            return Err(Wrong::new("it has a password and a token", remedy));
        }
        if self.cert.is_some() != self.key.is_some() {
            return Err(Wrong::new("cert and key belong together", "set both"));
        }
        Ok(())
    }
}

/// Reads `[[feeds]]`. A name stands for one feed only.
pub(super) fn read_feeds(root: &mut Section<'_>) -> Vec<Feed> {
    let feeds: Vec<(Feed, At)> = root.list("feeds", Feed::read);
    let mut names = BTreeSet::new();
    for (index, (feed, at)) in feeds.iter().enumerate() {
        let key = format!("feeds[{}]", index + 1);
        if let Err(wrong) = feed.check() {
            root.report().wrong(&key, at, wrong);
        }
        if !feed.name.is_empty() && !names.insert(&feed.name) {
            let wrong = Wrong::new(
                format!("{:?} names two feeds", feed.name),
                "give each a name of its own",
            );
            root.report().wrong(&key, at, wrong);
        }
    }
    feeds.into_iter().map(|(feed, _)| feed).collect()
}

/// HTTPS; without it only to a server on this machine.
fn address(text: &str) -> Result<(), Wrong> {
    let remedy = "write it like https://taxii.example.org/taxii2/";
    let url = Url::parse(text).map_err(|why| Wrong::new(why.to_string(), remedy))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Wrong::new("it holds a secret", "use username and password_file"));
    }
    let here = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if here => Ok(()),
        _ => Err(Wrong::not(text, "an https:// address", remedy)),
    }
}
