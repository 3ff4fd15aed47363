//! Who holds which of the places that lasting services have: reservations, circuits,
//! entries of the Kademlia table.
//!
//! Owns one bounded table of places. Pure: it is told the time. A place that
//! nobody gives back ends by itself, so a lost word costs no place for ever.

use std::collections::{BTreeMap, HashSet};

use libp2p::PeerId;

use crate::mesh::neighbourhood::{Neighbourhood, NoPlace, Share};
use crate::model::Timestamp;

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The peer has as many as one may have.
    Peer,
    /// Its neighbourhood has its share.
    Neighbourhood,
    /// All are taken.
    Full,
}

impl Refused {
    /// The metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Neighbourhood => "neighbourhood",
            Self::Full => "full",
        }
    }
}

/// Who asks for a place.
#[derive(Clone, Copy, Debug)]
pub struct Claimant {
    /// The peer.
    pub peer: PeerId,
    /// The network that it comes from.
    pub from: Neighbourhood,
}

#[derive(Debug)]
struct Place {
    holder: Claimant,
    ends: Timestamp,
}

/// The places of one service.
#[derive(Debug)]
pub struct Places<K> {
    /// What unlisted peers share.
    share: Share,
    per_peer: usize,
    /// Peers that find a place in any case, up to `per_peer`.
    listed: HashSet<PeerId>,
    /// Bounded by the share and by the listed peers.
    taken: BTreeMap<K, Place>,
}

impl<K: Ord + Copy> Places<K> {
    /// All are free.
    pub fn new(share: Share, per_peer: usize, listed: HashSet<PeerId>) -> Self {
        Self { share, per_peer, listed, taken: BTreeMap::new() }
    }

    /// Takes a place until `ends`, or keeps one for longer that has this key.
    pub fn take(
        &mut self,
        key: K,
        holder: Claimant,
        ends: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.taken.retain(|_, place| place.ends > now);
        if let Some(place) = self.taken.get_mut(&key) {
            place.ends = ends;
            return Ok(());
        }
        let places = || self.taken.values().map(|place| place.holder);
        if places().filter(|other| other.peer == holder.peer).count() >= self.per_peer {
            return Err(Refused::Peer);
        }
        if !self.listed.contains(&holder.peer) {
            let strangers = || places().filter(|other| !self.listed.contains(&other.peer));
            let own = strangers().filter(|other| other.from == holder.from).count();
            self.share.place(own, strangers().count()).map_err(|no| match no {
                NoPlace::Crowded => Refused::Neighbourhood,
                NoPlace::Full => Refused::Full,
            })?;
        }
        self.taken.insert(key, Place { holder, ends });
        Ok(())
    }

    /// Gives a place back.
    pub fn free(&mut self, key: &K) {
        self.taken.remove(key);
    }

    /// Gives back every place of a peer.
    pub fn free_all_of(&mut self, peer: &PeerId) {
        self.taken.retain(|_, place| place.holder.peer != *peer);
    }

    /// Places taken, without those that have ended.
    pub fn taken(&self, now: Timestamp) -> usize {
        self.taken.values().filter(|place| place.ends > now).count()
    }

    /// The keys of the places taken.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.taken.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::{Claimant, Places, Refused};
    use crate::mesh::neighbourhood::{Neighbourhood, Share};
    use crate::model::Timestamp;
    use libp2p::PeerId;
    use std::collections::HashSet;

    const NOW: Timestamp = Timestamp(1_700_000_000);
    const LATER: Timestamp = Timestamp(1_700_003_600);

    fn claimant(network: u8) -> Claimant {
        let from = Neighbourhood::of_ip([198, 51, network, 1].into());
        Claimant { peer: PeerId::random(), from }
    }

    #[test]
    fn throwaway_identities_of_one_network_leave_places_for_others() {
        let mut places = Places::new(Share { all: 64, each: 8 }, 4, HashSet::new());
        let taken = (0..1000).filter(|n| places.take(*n, claimant(1), LATER, NOW).is_ok());
        assert_eq!(taken.count(), 8);
        assert_eq!(places.take(2000, claimant(1), LATER, NOW), Err(Refused::Neighbourhood));
        assert_eq!(places.take(2001, claimant(2), LATER, NOW), Ok(()));
        for n in 3000..10_000 {
            places.take(n, claimant((n % 20) as u8), LATER, NOW).ok();
        }
        assert!(places.taken(NOW) < 64);
        assert_eq!(places.take(10_000, claimant(21), LATER, NOW), Ok(()), "a newcomer finds one");
    }

    #[test]
    fn the_listed_find_a_place_when_all_are_taken_and_no_more_than_one_may_have() {
        let listed = claimant(1);
        let mut places = Places::new(Share { all: 4, each: 4 }, 2, [listed.peer].into());
        for n in 0..8 {
            places.take(n, claimant(n), LATER, NOW).ok();
        }
        assert_eq!(places.take(8, claimant(9), LATER, NOW), Err(Refused::Full));
        assert_eq!(places.take(9, listed, LATER, NOW), Ok(()));
        assert_eq!(places.take(10, listed, LATER, NOW), Ok(()));
        assert_eq!(places.take(11, listed, LATER, NOW), Err(Refused::Peer));
        assert_eq!(places.taken(NOW), 6);
        places.free_all_of(&listed.peer);
        assert_eq!(places.taken(NOW), 4);
    }

    #[test]
    fn a_place_is_kept_for_longer_and_ends_by_itself() {
        let mut places = Places::new(Share { all: 1, each: 1 }, 1, HashSet::new());
        let (first, second) = (claimant(1), claimant(2));
        assert_eq!(places.take(1, first, NOW.plus(10), NOW), Ok(()));
        assert_eq!(places.take(1, first, NOW.plus(30), NOW.plus(9)), Ok(()), "renewed");
        assert_eq!(places.take(2, second, LATER, NOW.plus(29)), Err(Refused::Full));
        assert_eq!(places.taken(NOW.plus(30)), 0);
        assert_eq!(places.take(2, second, LATER, NOW.plus(30)), Ok(()));
        places.free(&2);
        assert_eq!(places.taken(NOW.plus(30)), 0);
    }
}
