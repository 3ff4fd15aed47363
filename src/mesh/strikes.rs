//! When a member has done enough wrong to be shut out. Pure.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;

use super::gossip::STRIKE_HALF_LIFE;
use super::judge::Offence;

/// Rejected claims after which a member is shut out: the third within minutes,
/// by when the first weighs a little less (threat case 21).
const OUT: f64 = 2.9;
/// Claims over the quota that weigh as much as one rejected claim. A member
/// may be passing on somebody else's burst, so it takes a flood.
const OVER_QUOTA: f64 = 20_000.0;
/// For how long: by then the strikes weigh half.
pub(super) const SHUT_OUT: Duration = STRIKE_HALF_LIFE;

/// The strikes of members. Bounded by the roles that the operator gave.
#[derive(Debug, Default)]
pub(super) struct Strikes(HashMap<PeerId, (f64, Instant)>);

impl Strikes {
    /// Counts an offence; true if the member is to be shut out.
    pub(super) fn add(&mut self, member: PeerId, offence: Offence, now: Instant) -> bool {
        let (count, at) = self.0.entry(member).or_insert((0.0, now));
        let halvings = now.duration_since(*at).as_secs_f64() / STRIKE_HALF_LIFE.as_secs_f64();
        *count *= 0.5_f64.powf(halvings);
        *at = now;
        *count += match offence {
            Offence::Rejected => 1.0,
            Offence::OverQuota => 1.0 / OVER_QUOTA,
        };
        *count >= OUT
    }

    /// Forgets a peer.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.0.remove(peer);
    }
}
