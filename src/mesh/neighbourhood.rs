//! Whose neighbour a peer is, and how much one neighbourhood may take.
//!
//! Identities cost nothing, networks do. So what strangers may take is counted
//! by the network from which they come. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::Multiaddr;

use super::address::party;

/// An IPv4 /24 or an IPv6 /48: what one customer usually holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Neighbourhood(IpAddr);

impl Neighbourhood {
    /// The network around an address.
    #[must_use]
    pub fn of_ip(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(Ipv4Addr::from_bits(ip.to_bits() & (u32::MAX << 8)).into()),
            IpAddr::V6(ip) => Self(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 80)).into()),
        }
    }

    /// The network's first address.
    #[must_use]
    pub fn network(self) -> IpAddr {
        self.0
    }

    /// The network of a connection's remote address. Addresses without an IP
    /// (the in-memory transport) share one.
    #[must_use]
    pub fn of(remote: &Multiaddr) -> Self {
        Self::of_ip(party(remote).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)))
    }
}

/// Places to which nobody has a claim, for whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Places in all.
    pub all: usize,
    /// The most of them for one neighbourhood.
    pub each: usize,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// The neighbourhood has as many as it may have now.
    Crowded,
    /// Nothing is free.
    Full,
}

impl Share {
    /// Whether there is one more for a neighbourhood that has `own` of the `taken` places.
    ///
    /// The first half is for all alike, the third quarter for those who have little,
    /// and the last for those who have nothing. So whoever is new finds a place
    /// however much a few neighbourhoods ask for, and nothing is taken away again.
    ///
    /// # Errors
    /// Why there is none.
    pub fn place(self, own: usize, taken: usize) -> Result<(), NoPlace> {
        let free = self.all.saturating_sub(taken);
        let most = if free > self.all / 2 {
            self.each
        } else if free > self.all / 4 {
            self.each / 4
        } else {
            0
        };
        match (free, own) {
            (0, _) => Err(NoPlace::Full),
            (_, 0) => Ok(()),
            _ if own < most => Ok(()),
            _ => Err(NoPlace::Crowded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Neighbourhood, NoPlace, Share};
    use proptest::prelude::*;

    #[test]
    fn neighbours_share_a_network() {
        let of = |address: &str| Neighbourhood::of(&address.parse().unwrap());
        assert_eq!(of("/ip4/192.0.2.1/tcp/1"), of("/ip4/192.0.2.200/udp/9/quic-v1"));
        assert_eq!(of("/ip4/192.0.2.1/tcp/1"), of("/ip6/::ffff:192.0.2.7/tcp/1"));
        assert_ne!(of("/ip4/192.0.2.1/tcp/1"), of("/ip4/192.0.3.1/tcp/1"));
        assert_eq!(of("/ip6/2001:db8:1:2::1/tcp/1"), of("/ip6/2001:db8:1:ffff::1/tcp/1"));
        assert_ne!(of("/ip6/2001:db8:1::1/tcp/1"), of("/ip6/2001:db8:2::1/tcp/1"));
        assert_eq!(of("/memory/7"), of("/memory/8"));
    }

    #[test]
    fn the_less_is_free_the_less_has_who_has_much() {
        let share = Share { all: 256, each: 8 };
        assert_eq!(share.place(7, 7), Ok(()));
        assert_eq!(share.place(8, 8), Err(NoPlace::Crowded));
        assert_eq!(share.place(2, 127), Ok(()));
        assert_eq!(share.place(2, 128), Err(NoPlace::Crowded));
        assert_eq!(share.place(1, 191), Ok(()));
        assert_eq!(share.place(1, 192), Err(NoPlace::Crowded));
        assert_eq!(share.place(0, 255), Ok(()), "a newcomer gets the last one");
        assert_eq!(share.place(0, 256), Err(NoPlace::Full));
    }

    proptest! {
        /// Threat case 3: 64 hosts that each take what they get.
        #[test]
        fn greedy_neighbourhoods_leave_a_place_for_a_newcomer(
            asks in prop::collection::vec(0usize..64, 0..2000)
        ) {
            let share = Share { all: 256, each: 8 };
            let mut own = [0; 64];
            for asked in asks {
                if share.place(own[asked], own.iter().sum()).is_ok() {
                    own[asked] += 1;
                }
            }
            prop_assert!(own.iter().all(|own| *own <= share.each));
            prop_assert_eq!(share.place(0, own.iter().sum()), Ok(()));
        }
    }
}
