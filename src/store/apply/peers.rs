//! What is known of peers. Strangers can make any number of candidates, so
//! their number is bounded.

use std::sync::Arc;

use super::{Applied, Draft};
use crate::model::{NodeId, Timestamp};
use crate::store::StoreError;
use crate::store::change::{MAX_CANDIDATES, MAX_PEER_ADDRESSES, PeerRecord, Standing};
use crate::store::family::{self, Id};

impl Draft<'_> {
    pub(super) fn peer(&mut self, peer: &PeerRecord) -> Result<Applied, StoreError> {
        let key = family::peer(&self.db.sealer, peer.node);
        let new = self.peers.read_or_lost(self.db, &key)?.is_none();
        if peer.standing == Standing::Candidate {
            let seen = peer.seen.unwrap_or(peer.since);
            self.candidate(key, seen);
        } else {
            self.no_candidate(&key);
        }
        let mut peer = peer.clone();
        peer.addresses.truncate(MAX_PEER_ADDRESSES);
        self.peers.put(&key, peer);
        Ok(if new { Applied::New } else { Applied::Updated })
    }

    pub(super) fn forget(&mut self, node: NodeId) -> Applied {
        let key = family::peer(&self.db.sealer, node);
        self.no_candidate(&key);
        self.peers.delete(&key);
        Applied::Updated
    }

    fn candidate(&mut self, key: Id, seen: Timestamp) {
        let candidates = Arc::make_mut(&mut self.memory.candidates);
        candidates.insert(key, seen);
        if candidates.len() > MAX_CANDIDATES {
            let others = candidates.iter().filter(|(other, _)| **other != key);
            if let Some(oldest) = others.min_by_key(|(_, seen)| **seen).map(|(key, _)| *key) {
                candidates.remove(&oldest);
                self.peers.delete(&oldest);
                self.events.candidates_evicted += 1;
            }
        }
    }

    fn no_candidate(&mut self, key: &Id) {
        if self.memory.candidates.contains_key(key) {
            Arc::make_mut(&mut self.memory.candidates).remove(key);
        }
    }
}
