//! The local lists: what this operator's node does not keep, share or show.

use std::sync::Arc;

use ipnet::IpNet;

use super::own::OwnSet;
use super::warninglist::{Probe, Warninglist};
use super::{Own, Unfit, builtin, reserved};
use crate::model::{Kind, Value};

/// The operator's own assets and the warninglists, the built-in ones included.
#[derive(Clone, Debug)]
pub struct Lists {
    own: OwnSet,
    warninglists: Vec<Arc<Warninglist>>,
}

impl Default for Lists {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new())
    }
}

impl Lists {
    /// The built-in warninglists and these.
    pub fn new(own: Vec<Own>, warninglists: Vec<Warninglist>) -> Self {
        let builtin = builtin::warninglists().iter().cloned();
        let warninglists = builtin.chain(warninglists.into_iter().map(Arc::new)).collect();
        Self { own: OwnSet::new(own), warninglists }
    }

    /// Replaces the own assets: after a reload, or when an address was learnt or forgotten.
    pub fn set_own(&mut self, own: Vec<Own>) {
        self.own = OwnSet::new(own);
    }

    /// The operator's domains.
    pub fn own_domains(&self) -> &[String] {
        self.own.domains()
    }

    /// Whether the operator named a domain. Before that, names cannot be told
    /// from the operator's own and must not be shared.
    pub fn names_a_domain(&self) -> bool {
        !self.own.domains().is_empty()
    }

    /// Whether the value touches an own asset or is on a warninglist.
    pub fn check(&self, value: &Value) -> Result<(), Unfit> {
        let nets = networks(value);
        nets.iter().try_for_each(|net| self.own.check_net(net))?;
        match (value.kind(), value.host_name()) {
            (Kind::Domain, Some(name)) => self.own.check_domain(name)?,
            (_, Some(host)) => self.own.check_host(host)?,
            (_, None) => {}
        }
        let probe = Probe::new(value, &nets);
        self.warninglists.iter().try_for_each(|list| list.check(&probe))
    }
}

/// The networks that a value means: itself or its host, and what that embeds.
fn networks(value: &Value) -> Vec<IpNet> {
    let own = value.network().or_else(|| value.host_ip().map(IpNet::from));
    let embedded = own.iter().flat_map(reserved::embedded).collect::<Vec<_>>();
    own.into_iter().chain(embedded).collect()
}
