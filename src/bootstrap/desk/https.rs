//! The desk's second window: nodes that register and ask over HTTPS.
//!
//! They stand in the same table as those of the rendezvous and under the same quotas,
//! on a shelf of their own, because a reader of the rendezvous drops a whole page for
//! one record that is not a signed peer record.

use super::super::registrations::Listing;
use super::{Budget, Caller, Desk, Neighbourhood, Reason, Serial, Timestamp, Wish};
use crate::model::{MINUTE, NodeId};

/// Pages that the unsigned readers of one neighbourhood may read.
pub const READERS: Budget = Budget { requests: 120, seconds: MINUTE };

/// Who asks for the list.
#[derive(Clone, Copy, Debug)]
pub enum Reader {
    /// A node that signed its question.
    Node(NodeId),
    /// Somebody in a neighbourhood.
    Anybody(Neighbourhood),
}

impl Desk {
    /// Lists what a node says of itself, whose key has been proved, and answers for how
    /// many seconds. `seq` is the time of the signature.
    pub fn register_https(
        &mut self,
        caller: Caller,
        community: usize,
        seq: u64,
        record: Vec<u8>,
        now: Timestamp,
    ) -> Result<u64, Reason> {
        if !self.registering.spend(&caller.node, now) {
            return Err(Reason::TooOften);
        }
        if !self.listed.contains(&caller.node) && !self.crowds.spend(&caller.from, now) {
            return Err(Reason::CrowdTooOften);
        }
        let shelf = self.shelf(community);
        let from = caller.from;
        let wish = Wish { node: caller.node, community: shelf, from, seq, record, ttl: None };
        self.registrations.register(wish, now).map_err(Reason::Table)
    }

    /// A page of everybody in a community, however they registered.
    pub fn list(
        &mut self,
        reader: Reader,
        community: usize,
        after: Serial,
        limit: usize,
        now: Timestamp,
    ) -> Result<Listing, Reason> {
        let may = match reader {
            Reader::Node(node) => self.discovering.spend(&node, now),
            Reader::Anybody(from) => self.readers.spend(&from, now),
        };
        if !may {
            return Err(Reason::TooOften);
        }
        let shelves = [community, self.shelf(community)];
        Ok(self.registrations.listing(shelves, after, limit, now))
    }

    /// Behind the shelves of the rendezvous, one for each community.
    fn shelf(&self, community: usize) -> usize {
        self.namespaces.len() + community
    }
}
