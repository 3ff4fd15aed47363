//! Who is registered where.
//!
//! Owns the table of registrations and its bounds. Pure: it is told the time
//! and knows neither connections nor signatures; whoever calls it has checked
//! that the record is the caller's own. The table holds one record a node and
//! community, so registering again and again replaces and never adds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::mesh::neighbourhood::Neighbourhood;
use crate::model::{DAY, MINUTE, NodeId, Timestamp};

/// Registrations of nodes that are not listed. With [`MAX_RECORD_BYTES`] the
/// table stays below 10 MiB (threats.md, cases 9 and 10, allow 32).
pub const MAX_STRANGERS: usize = 4096;
/// Registrations of unlisted nodes out of one neighbourhood, so that throwaway
/// identities of one network cannot fill the table.
pub const MAX_NEIGHBOURS: usize = 32;
/// Bytes of a signed peer record: room for about 16 relayed addresses.
pub const MAX_RECORD_BYTES: usize = 2048;
/// Registrations in one answer.
pub const MAX_PAGE: usize = 100;
/// Bytes of records in one answer; libp2p's client reads up to 1 MiB.
pub const MAX_PAGE_BYTES: usize = 64 * 1024;
/// A registration lives at least this long: shorter ones are only churn.
pub const MIN_TTL: u64 = MINUTE;
/// A registration lives at most this long, the most that the protocol's
/// specification recommends.
pub const MAX_TTL: u64 = 3 * DAY;
/// A registration without a wish lives this long (the specification's default).
const DEFAULT_TTL: u64 = 2 * crate::model::HOUR;

/// Grows with every registration, so that a reader can ask for what is new.
pub type Serial = u64;

/// What a node asks to have listed.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Who asks.
    pub node: NodeId,
    /// Which of the served communities.
    pub community: usize,
    /// From where.
    pub from: Neighbourhood,
    /// The record's sequence number.
    pub seq: u64,
    /// The signed peer record.
    pub record: Vec<u8>,
    /// How long it shall stay, in seconds.
    pub ttl: Option<u64>,
}

/// Why a registration is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A newer record of this node is known.
    Stale,
    /// The record is larger than [`MAX_RECORD_BYTES`].
    TooLarge,
    /// The neighbourhood has its share.
    Crowded,
    /// The table is full of nodes whose neighbourhoods have no larger share.
    Full,
}

/// A piece of the table, in the order of registration.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// Records with the seconds that they still live.
    pub records: Vec<(&'a [u8], u64)>,
    /// Ask for what comes after this next time.
    pub last: Serial,
}

/// A piece of two communities' lists as one: each node once, with its record in each.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The nodes, in the order of their newest registration.
    pub entries: Vec<(NodeId, [Option<Vec<u8>>; 2])>,
    /// After which serial the next piece begins; none after the last.
    pub next: Option<Serial>,
}

#[derive(Debug)]
struct Entry {
    node: NodeId,
    from: Neighbourhood,
    seq: u64,
    record: Box<[u8]>,
    ends: Timestamp,
}

/// The bounds that are tested with small numbers.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    strangers: usize,
    neighbours: usize,
}

/// The table.
#[derive(Debug)]
pub struct Registrations {
    bounds: Bounds,
    /// Nodes that always have a place.
    listed: BTreeSet<NodeId>,
    entries: BTreeMap<(usize, Serial), Entry>,
    places: HashMap<(NodeId, usize), Serial>,
    /// Unlisted registrations by neighbourhood.
    crowds: HashMap<Neighbourhood, usize>,
    ends: BTreeSet<(Timestamp, usize, Serial)>,
    last: Serial,
}

impl Registrations {
    /// An empty table. Serials begin at a number made of the time, so that a
    /// cookie from before a restart lies below everything registered since.
    pub fn new(listed: BTreeSet<NodeId>, born: Timestamp) -> Self {
        Self {
            bounds: Bounds { strangers: MAX_STRANGERS, neighbours: MAX_NEIGHBOURS },
            listed,
            entries: BTreeMap::new(),
            places: HashMap::new(),
            crowds: HashMap::new(),
            ends: BTreeSet::new(),
            last: born.seconds() << 24,
        }
    }

    /// Registrations held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether a node is registered in a community.
    pub fn holds(&self, node: &NodeId, community: usize) -> bool {
        self.places.contains_key(&(*node, community))
    }

    /// Lists a record and answers for how many seconds.
    pub fn register(&mut self, wish: Wish, now: Timestamp) -> Result<u64, Refused> {
        self.expire(now);
        if wish.record.len() > MAX_RECORD_BYTES {
            return Err(Refused::TooLarge);
        }
        // Who refreshes keeps the place, and with it the neighbourhood that it counts for.
        let from = match self.entry(&wish.node, wish.community) {
            Some(known) if known.seq > wish.seq => return Err(Refused::Stale),
            Some(known) => known.from,
            None => {
                self.make_room(&wish)?;
                wish.from
            }
        };
        self.unregister(&wish.node, wish.community);
        let ttl = wish.ttl.unwrap_or(DEFAULT_TTL).clamp(MIN_TTL, MAX_TTL);
        let ends = now.plus(ttl);
        self.last += 1;
        self.places.insert((wish.node, wish.community), self.last);
        self.ends.insert((ends, wish.community, self.last));
        if !self.listed.contains(&wish.node) {
            *self.crowds.entry(from).or_default() += 1;
        }
        let record = wish.record.into_boxed_slice();
        let entry = Entry { node: wish.node, from, seq: wish.seq, record, ends };
        self.entries.insert((wish.community, self.last), entry);
        Ok(ttl)
    }

    /// Takes a node's registration off the list.
    pub fn unregister(&mut self, node: &NodeId, community: usize) {
        let Some(serial) = self.places.remove(&(*node, community)) else { return };
        let Some(entry) = self.entries.remove(&(community, serial)) else { return };
        self.ends.remove(&(entry.ends, community, serial));
        if self.listed.contains(node) {
            return;
        }
        if let Some(crowd) = self.crowds.get_mut(&entry.from) {
            *crowd -= 1;
            if *crowd == 0 {
                self.crowds.remove(&entry.from);
            }
        }
    }

    /// What was registered in a community after `after`, oldest first. An
    /// `after` that this table never gave out starts from the beginning.
    pub fn page(&self, community: usize, after: Serial, limit: usize, now: Timestamp) -> Page<'_> {
        let after = if after > self.last { 0 } else { after };
        let mut page = Page { records: Vec::new(), last: after };
        let mut bytes = 0;
        let newer = (community, after.saturating_add(1))..=(community, Serial::MAX);
        for ((_, serial), entry) in self.entries.range(newer) {
            bytes += entry.record.len();
            if page.records.len() >= limit.min(MAX_PAGE) || bytes > MAX_PAGE_BYTES {
                return page;
            }
            if entry.ends > now {
                page.records.push((&entry.record, entry.ends.since(now)));
            }
            page.last = *serial;
        }
        page
    }

    /// What was registered in either of two communities after `after`, oldest first.
    pub fn listing(
        &self,
        communities: [usize; 2],
        after: Serial,
        limit: usize,
        now: Timestamp,
    ) -> Listing {
        let after = if after > self.last { 0 } else { after };
        let newer = |community| (community, after.saturating_add(1))..=(community, Serial::MAX);
        let [mut first, mut second] =
            communities.map(|community| self.entries.range(newer(community)).peekable());
        let mut listing = Listing::default();
        let (mut bytes, mut last) = (0, after);
        loop {
            let of_first = match (first.peek(), second.peek()) {
                (Some(((_, a), _)), Some(((_, b), _))) => a < b,
                (Some(_), None) => true,
                (None, _) => false,
            };
            let next = if of_first { first.next() } else { second.next() };
            let Some(((_, serial), entry)) = next else { return listing };
            // The node is listed where it registered last.
            let places = communities.map(|community| self.places.get(&(entry.node, community)));
            if places.into_iter().flatten().all(|place| place <= serial) {
                let records = communities.map(|community| {
                    let known = self.entry(&entry.node, community)?;
                    (known.ends > now).then(|| known.record.to_vec())
                });
                bytes += records.iter().flatten().map(Vec::len).sum::<usize>();
                if listing.entries.len() >= limit.min(MAX_PAGE) || bytes > MAX_PAGE_BYTES {
                    listing.next = Some(last);
                    return listing;
                }
                if records.iter().any(Option::is_some) {
                    listing.entries.push((entry.node, records));
                }
            }
            last = *serial;
        }
    }

    /// Forgets what has ended.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some((ends, community, serial)) = self.ends.first().copied() {
            if ends > now {
                return;
            }
            match self.entries.get(&(community, serial)).map(|entry| entry.node) {
                Some(node) => self.unregister(&node, community),
                None => drop(self.ends.pop_first()),
            }
        }
    }

    fn entry(&self, node: &NodeId, community: usize) -> Option<&Entry> {
        let serial = self.places.get(&(*node, community))?;
        self.entries.get(&(community, *serial))
    }

    /// A full table makes room for a newcomer out of a small neighbourhood by
    /// dropping the newest registration of the largest one.
    fn make_room(&mut self, wish: &Wish) -> Result<(), Refused> {
        if self.listed.contains(&wish.node) {
            return Ok(());
        }
        let neighbours = self.crowds.get(&wish.from).copied().unwrap_or(0);
        if neighbours >= self.bounds.neighbours {
            return Err(Refused::Crowded);
        }
        if self.crowds.values().sum::<usize>() < self.bounds.strangers {
            return Ok(());
        }
        let largest = self.crowds.iter().max_by_key(|(from, crowd)| (**crowd, **from));
        let Some((largest, _)) = largest.filter(|(_, crowd)| **crowd > neighbours + 1) else {
            return Err(Refused::Full);
        };
        let newest = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.from == *largest && !self.listed.contains(&entry.node))
            .max_by_key(|((_, serial), _)| *serial)
            .map(|((community, _), entry)| (entry.node, *community));
        let (node, community) = newest.ok_or(Refused::Full)?;
        self.unregister(&node, community);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
