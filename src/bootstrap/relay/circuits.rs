//! Who is relayed to whom.
//!
//! Owns the table of circuits and its bounds. Pure: it is told the time and what
//! becomes of each request. libp2p's relay counts a circuit for both its ends and
//! none for a destination, and a connection with more streams than its other end
//! allows breaks: strangers could cut off whom they like by calling often. What is
//! never heard of again ends by itself.

use std::collections::{BTreeMap, HashMap, HashSet};

use libp2p::PeerId;

use crate::bootstrap::places::{Claimant, Refused};
use crate::mesh::neighbourhood::{NoPlace, Share};
use crate::model::{MINUTE, Timestamp};

/// Circuits that unlisted peers share, and those of one neighbourhood. One holds at
/// most what the two ends have not read yet: some 512 KiB.
pub const STRANGERS: Share = Share { all: 256, each: 64 };
/// Circuits that one peer may ask for, and as many that lead to it: together they
/// stay below the streams of a connection.
pub const MAX_PER_PEER: usize = 24;
/// Circuits to one peer that it has not yet taken; libp2p deals with ten at once.
pub const MAX_OPENING: usize = 8;
/// A circuit that was not opened by then was lost. libp2p gives it a minute.
const OPENING: u64 = 2 * MINUTE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Asked for; the destination is not known yet.
    Asked,
    /// The destination is asked whether it takes it.
    Opening(PeerId),
    /// Bytes flow.
    Open(PeerId),
}

impl Stage {
    fn leads_to(self, peer: &PeerId) -> bool {
        match self {
            Self::Asked => false,
            Self::Opening(to) | Self::Open(to) => to == *peer,
        }
    }
}

#[derive(Debug)]
struct Circuit {
    from: Claimant,
    stage: Stage,
    ends: Timestamp,
}

/// The table.
#[derive(Debug)]
pub struct Circuits {
    share: Share,
    listed: HashSet<PeerId>,
    /// How long a circuit may last, in seconds.
    lasts: u64,
    last: u64,
    /// Bounded by the share and by the listed peers.
    all: BTreeMap<u64, Circuit>,
    /// Denials that libp2p will still report and that are no circuit's end; of connected peers.
    denials: HashMap<PeerId, usize>,
}

impl Circuits {
    /// Nobody is relayed yet.
    pub fn new(share: Share, listed: HashSet<PeerId>, lasts: u64) -> Self {
        let (all, denials) = (BTreeMap::new(), HashMap::new());
        Self { share, listed, lasts, last: 0, all, denials }
    }

    /// A peer asks for a circuit. If it is refused, [`Circuits::denied`] must follow.
    pub fn ask(&mut self, from: Claimant, now: Timestamp) -> Result<(), Refused> {
        self.all.retain(|_, circuit| circuit.ends > now);
        if let Err(refused) = self.place(&from) {
            *self.denials.entry(from.peer).or_default() += 1;
            return Err(refused);
        }
        self.last += 1;
        let circuit = Circuit { from, stage: Stage::Asked, ends: now.plus(OPENING) };
        self.all.insert(self.last, circuit);
        Ok(())
    }

    fn place(&self, from: &Claimant) -> Result<(), Refused> {
        let askers = || self.all.values().map(|circuit| &circuit.from);
        if askers().filter(|other| other.peer == from.peer).count() >= MAX_PER_PEER {
            return Err(Refused::Peer);
        }
        if self.listed.contains(&from.peer) {
            return Ok(());
        }
        let strangers = || askers().filter(|other| !self.listed.contains(&other.peer));
        let own = strangers().filter(|other| other.from == from.from).count();
        self.share.place(own, strangers().count()).map_err(|no| match no {
            NoPlace::Crowded => Refused::Neighbourhood,
            NoPlace::Full => Refused::Full,
        })
    }

    /// The destination is to be asked. `false`: it has enough to do, and the request ends here.
    pub fn open(&mut self, from: &PeerId, to: PeerId) -> bool {
        let stages = || self.all.values().map(|circuit| circuit.stage);
        let room = stages().filter(|stage| stage.leads_to(&to)).count() < MAX_PER_PEER
            && stages().filter(|stage| *stage == Stage::Opening(to)).count() < MAX_OPENING;
        if room {
            self.change(from, Stage::Asked, |circuit| circuit.stage = Stage::Opening(to));
        } else {
            self.end(from, Stage::Asked);
        }
        room
    }

    /// The destination took it.
    pub fn opened(&mut self, from: &PeerId, to: PeerId, now: Timestamp) {
        let ends = now.plus(self.lasts).plus(MINUTE);
        self.change(from, Stage::Opening(to), |circuit| {
            (circuit.stage, circuit.ends) = (Stage::Open(to), ends);
        });
    }

    /// The destination did not take it. [`Circuits::denied`] must follow.
    pub fn refused(&mut self, from: &PeerId, to: PeerId) {
        self.end(from, Stage::Opening(to));
        *self.denials.entry(*from).or_default() += 1;
    }

    /// The peer that asked was told no.
    pub fn denied(&mut self, from: &PeerId) {
        match self.denials.get_mut(from) {
            Some(denials) if *denials > 1 => *denials -= 1,
            Some(_) => drop(self.denials.remove(from)),
            None => self.end(from, Stage::Asked),
        }
    }

    /// It could not be told that it was taken.
    pub fn lost(&mut self, from: &PeerId, to: PeerId) {
        self.end(from, Stage::Opening(to));
    }

    /// It has ended.
    pub fn closed(&mut self, from: &PeerId, to: PeerId) {
        self.end(from, Stage::Open(to));
    }

    /// A peer is not connected any more.
    pub fn gone(&mut self, peer: &PeerId) {
        self.all.retain(|_, circuit| circuit.from.peer != *peer && !circuit.stage.leads_to(peer));
        self.denials.remove(peer);
    }

    /// Circuits, with those that are being opened.
    pub fn len(&self, now: Timestamp) -> usize {
        self.all.values().filter(|circuit| circuit.ends > now).count()
    }

    fn find(&self, from: &PeerId, stage: Stage) -> Option<u64> {
        let is = |circuit: &Circuit| circuit.from.peer == *from && circuit.stage == stage;
        self.all.iter().find(|(_, circuit)| is(circuit)).map(|(key, _)| *key)
    }

    fn change(&mut self, from: &PeerId, stage: Stage, change: impl FnOnce(&mut Circuit)) {
        if let Some(circuit) = self.find(from, stage).and_then(|key| self.all.get_mut(&key)) {
            change(circuit);
        }
    }

    fn end(&mut self, from: &PeerId, stage: Stage) {
        if let Some(key) = self.find(from, stage) {
            self.all.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Circuits, MAX_OPENING, MAX_PER_PEER, STRANGERS};
    use crate::bootstrap::places::{Claimant, Refused};
    use crate::mesh::neighbourhood::{Neighbourhood, Share};
    use crate::model::Timestamp;
    use libp2p::PeerId;
    use proptest::prelude::*;
    use std::collections::HashSet;

    const NOW: Timestamp = Timestamp(1_700_000_000);

    fn claimant(network: u8) -> Claimant {
        let from = Neighbourhood::of_ip([198, 51, network, 1].into());
        Claimant { peer: PeerId::random(), from }
    }

    fn circuits(share: Share) -> Circuits {
        Circuits::new(share, HashSet::new(), 1800)
    }

    /// Opens one, as libp2p does.
    fn connect(circuits: &mut Circuits, from: Claimant, to: PeerId) -> bool {
        let opens = circuits.ask(from, NOW).is_ok() && circuits.open(&from.peer, to);
        if opens {
            circuits.opened(&from.peer, to, NOW);
        }
        opens
    }

    #[test]
    fn nobody_can_break_a_destination_s_connection_by_calling_it_often() {
        let mut circuits = circuits(STRANGERS);
        let victim = PeerId::random();
        let through = (0..100).filter(|n| connect(&mut circuits, claimant(*n), victim)).count();
        assert_eq!(through, MAX_PER_PEER);

        let other = PeerId::random();
        let mut asked = Vec::new();
        for n in 100..120 {
            let caller = claimant(n);
            assert_eq!(circuits.ask(caller, NOW), Ok(()));
            if circuits.open(&caller.peer, other) {
                asked.push(caller.peer);
            }
        }
        assert_eq!(asked.len(), MAX_OPENING, "before it has answered");
        circuits.opened(&asked[0], other, NOW);
        assert!(connect(&mut circuits, claimant(120), other));
    }

    #[test]
    fn a_circuit_s_place_is_free_again_whatever_becomes_of_it() {
        let mut circuits = circuits(Share { all: 8, each: 8 });
        let (from, to) = (claimant(1), PeerId::random());
        let taken = |circuits: &Circuits| circuits.len(NOW);

        assert!(connect(&mut circuits, from, to));
        circuits.closed(&from.peer, to);
        assert_eq!(taken(&circuits), 0, "closed");

        circuits.ask(from, NOW).unwrap();
        circuits.denied(&from.peer);
        assert_eq!(taken(&circuits), 0, "there was no reservation");

        circuits.ask(from, NOW).unwrap();
        assert!(circuits.open(&from.peer, to));
        circuits.refused(&from.peer, to);
        circuits.ask(from, NOW).unwrap();
        circuits.denied(&from.peer);
        assert_eq!(taken(&circuits), 1, "the denial was of the one that was refused");
        circuits.denied(&from.peer);
        assert_eq!(taken(&circuits), 0);

        circuits.ask(from, NOW).unwrap();
        assert!(circuits.open(&from.peer, to));
        circuits.lost(&from.peer, to);
        assert!(connect(&mut circuits, from, to));
        circuits.gone(&to);
        assert!(connect(&mut circuits, from, to));
        circuits.gone(&from.peer);
        assert_eq!(taken(&circuits), 0, "one end is gone");

        circuits.ask(from, NOW).unwrap();
        assert!(connect(&mut circuits, from, to));
        assert_eq!(circuits.len(NOW.plus(600)), 1, "what was never opened is forgotten");
        assert_eq!(circuits.len(NOW.plus(1900)), 0, "and what must have ended");
    }

    #[test]
    fn a_refusal_by_the_table_frees_no_other_s_place() {
        let mut circuits = circuits(Share { all: 2, each: 2 });
        let (first, second) = (claimant(1), claimant(2));
        circuits.ask(first, NOW).unwrap();
        circuits.ask(second, NOW).unwrap();
        for _ in 0..5 {
            assert_eq!(circuits.ask(first, NOW), Err(Refused::Full));
            circuits.denied(&first.peer);
        }
        assert_eq!(circuits.len(NOW), 2);
    }

    proptest! {
        #[test]
        fn one_network_never_has_more_than_its_share(
            steps in prop::collection::vec((0usize..6, 0usize..4, 0u8..6), 1..400)
        ) {
            let mut circuits = circuits(Share { all: 16, each: 4 });
            let callers: Vec<Claimant> = (0..6).map(|n| claimant(n / 3)).collect();
            for (from, to, what) in steps {
                let (from, to) = (callers[from], callers[to].peer);
                match what {
                    0 | 1 => drop(circuits.ask(from, NOW)),
                    2 => drop(circuits.open(&from.peer, to)),
                    3 => circuits.opened(&from.peer, to, NOW),
                    4 => circuits.denied(&from.peer),
                    _ => circuits.closed(&from.peer, to),
                }
                prop_assert!(circuits.len(NOW) <= 8);
            }
        }
    }
}
