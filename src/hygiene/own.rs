//! What is the operator's own: it must never become an indicator here.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixSet;

use super::Unfit;
use crate::model::{Kind, Value};

/// A network, an address or a domain of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Own {
    /// A network; an address is a network of one.
    Net(IpNet),
    /// A domain and everything beneath it, in canonical form.
    Domain(String),
}

impl Own {
    /// The network, if it is one.
    pub fn network(&self) -> Option<IpNet> {
        match self {
            Self::Net(net) => Some(*net),
            Self::Domain(_) => None,
        }
    }
}

impl FromStr for Own {
    type Err = BadOwn;

    fn from_str(text: &str) -> Result<Self, BadOwn> {
        let value = |kind, text: &str| Value::parse(&kind, text).ok();
        if let Some(net) = value(Kind::Ip, text).or_else(|| value(Kind::Cidr, text)) {
            return net.network().map(Self::Net).ok_or_else(|| BadOwn(text.to_owned()));
        }
        // `*.acme.com` and `.acme.com` are how other tools write a domain and what is beneath it.
        let bare = text.trim().trim_start_matches("*.").trim_start_matches('.');
        value(Kind::Domain, bare)
            .map(|domain| Self::Domain(domain.as_str().to_owned()))
            .ok_or_else(|| BadOwn(text.to_owned()))
    }
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(net) => net.fmt(f),
            Self::Domain(domain) => f.write_str(domain),
        }
    }
}

/// A text that names nothing of the operator's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network, an address or a domain with a dot in it")]
pub struct BadOwn(pub String);

/// The operator's assets, ready to be searched.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnSet {
    nets: JointPrefixSet<IpNet>,
    /// Every own domain and every name above one, with the own domain that is meant.
    above: BTreeMap<String, String>,
    domains: Vec<String>,
}

impl OwnSet {
    pub(super) fn new(own: Vec<Own>) -> Self {
        let mut set = Self::default();
        for own in own {
            match own {
                Own::Net(net) => {
                    set.nets.insert(net.trunc());
                }
                Own::Domain(domain) => {
                    for name in upwards(&domain) {
                        set.above.entry(name.to_owned()).or_insert_with(|| domain.clone());
                    }
                    set.above.insert(domain.clone(), domain.clone());
                    set.domains.push(domain);
                }
            }
        }
        set
    }

    pub(super) fn domains(&self) -> &[String] {
        &self.domains
    }

    /// A network is refused inside an own one and around one.
    pub(super) fn check_net(&self, net: &IpNet) -> Result<(), Unfit> {
        let inside = self.nets.get_lpm(net);
        match inside.or_else(|| self.nets.children(net).next()) {
            Some(entry) => Err(Unfit::Own { entry: entry.to_string() }),
            None => Ok(()),
        }
    }

    /// A host is refused at and beneath an own domain.
    pub(super) fn check_host(&self, host: &str) -> Result<(), Unfit> {
        let own = |name: &&str| self.above.get(*name).is_some_and(|domain| domain == name);
        match upwards(host).find(own) {
            Some(entry) => Err(Unfit::Own { entry: entry.to_owned() }),
            None => Ok(()),
        }
    }

    /// A domain is refused above an own one too, because whoever blocks a domain
    /// blocks what is beneath it.
    pub(super) fn check_domain(&self, domain: &str) -> Result<(), Unfit> {
        match self.above.get(domain) {
            Some(entry) => Err(Unfit::Own { entry: entry.clone() }),
            None => self.check_host(domain),
        }
    }
}

/// A name and every name above it: `a.b.c`, `b.c`, `c`.
pub(super) fn upwards(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, above)| above))
}
