//! Which address a bootstrap dials back, and how often.
//!
//! Owns every decision of the AutoNAT server: a bootstrap must not become a weapon
//! that dials whom a stranger names, nor a window into the network in which it
//! stands (threat cases 13 and 14). Pure: it is told the time.

use std::net::IpAddr;

use libp2p::Multiaddr;

use crate::bootstrap::limiter::{Budget, Limiter};
use crate::mesh::address::{endpoint, is_global, party};
use crate::model::{MINUTE, Timestamp};

/// Dial-backs in all. A limiter lets through less than twice its budget in a period,
/// so this is below 30 in any minute.
const ALL: Budget = Budget { requests: 15, seconds: MINUTE };
/// Of these for unlisted peers.
const STRANGERS: Budget = Budget { requests: 10, seconds: MINUTE };
/// Dial-backs to one host, an IPv4 address or an IPv6 /64.
const HOST: Budget = Budget { requests: 1, seconds: MINUTE };
/// Hosts whose dial-backs are counted: more than are dialled in a minute.
const MAX_HOSTS: usize = 64;
/// Dial-backs at once.
pub const MAX_IN_FLIGHT: usize = 8;

/// Why an address is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody asked for a dial-back; a bootstrap dials for nothing else.
    #[error("a bootstrap dials only to test whether a node can be reached")]
    NotAsked,
    /// The address is private, a name, or of a form that leaves doubt which host is meant.
    #[error("this address is not dialled for others")]
    Address,
    /// The address is not of the host that asks.
    #[error("only the host that asks is dialled")]
    AnotherHost,
    /// Enough are under way.
    #[error("too many dial-backs at once")]
    Busy,
    /// The host, or all hosts together, had what there is for a minute.
    #[error("too many dial-backs in this minute")]
    TooOften,
}

impl Refused {
    /// The metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::NotAsked => "not_asked",
            Self::Address => "address",
            Self::AnotherHost => "another_host",
            Self::Busy => "busy",
            Self::TooOften => "too_often",
        }
    }

    /// Whether to ask again later makes sense.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Busy | Self::TooOften)
    }
}

/// The rules, with what was spent.
#[derive(Debug)]
pub struct Rules {
    allow_private: bool,
    all: Limiter<()>,
    strangers: Limiter<()>,
    hosts: Limiter<IpAddr>,
}

/// What a peer asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The addresses to try.
    pub addresses: &'a [Multiaddr],
    /// The hosts from which the peer is connected.
    pub observed: &'a [IpAddr],
    /// Whether it is listed.
    pub listed: bool,
    /// Dial-backs under way.
    pub in_flight: usize,
}

impl Rules {
    /// Private addresses are for test networks.
    pub fn new(allow_private: bool) -> Self {
        Self {
            allow_private,
            all: Limiter::new(ALL, 1),
            strangers: Limiter::new(STRANGERS, 1),
            hosts: Limiter::new(HOST, MAX_HOSTS),
        }
    }

    /// Whether a wish is granted. What cannot change is judged first.
    pub fn judge(&mut self, wish: Wish<'_>, now: Timestamp) -> Result<(), Refused> {
        for address in wish.addresses {
            let ip = endpoint(address).ok_or(Refused::Address)?;
            if !self.allow_private && !is_global(address) {
                return Err(Refused::Address);
            }
            if !wish.observed.contains(&ip.to_canonical()) {
                return Err(Refused::AnotherHost);
            }
        }
        let host = wish.addresses.first().and_then(party).ok_or(Refused::Address)?;
        if wish.in_flight >= MAX_IN_FLIGHT {
            return Err(Refused::Busy);
        }
        let left = self.hosts.has_left(&host, now)
            && self.all.has_left(&(), now)
            && (wish.listed || self.strangers.has_left(&(), now));
        if !left {
            return Err(Refused::TooOften);
        }
        self.hosts.spend(&host, now);
        self.all.spend(&(), now);
        if !wish.listed {
            self.strangers.spend(&(), now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_IN_FLIGHT, Refused, Rules, Wish};
    use crate::model::Timestamp;
    use libp2p::Multiaddr;
    use std::net::IpAddr;

    const NOW: Timestamp = Timestamp(1_700_000_000);

    fn judge_at(
        rules: &mut Rules,
        address: &str,
        listed: bool,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let address: Multiaddr = address.parse().unwrap();
        let observed: Vec<IpAddr> =
            crate::mesh::address::ip(&address).map(|ip| ip.to_canonical()).into_iter().collect();
        let wish = Wish { addresses: &[address], observed: &observed, listed, in_flight: 0 };
        rules.judge(wish, now)
    }

    #[test]
    fn nothing_is_dialled_that_is_not_in_public_and_without_doubt() {
        let mut rules = Rules::new(false);
        for address in [
            "/ip4/127.0.0.1/tcp/22",
            "/ip4/10.0.0.1/tcp/22",
            "/ip4/192.168.1.1/tcp/80",
            "/ip4/169.254.169.254/tcp/80",
            "/ip4/100.64.0.1/tcp/1",
            "/ip4/0.0.0.0/tcp/1",
            "/ip4/224.0.0.1/tcp/1",
            "/ip6/::1/tcp/22",
            "/ip6/fc00::1/tcp/22",
            "/ip6/fe80::1/tcp/22",
            "/ip6/::ffff:127.0.0.1/tcp/22",
            "/ip6/::ffff:10.0.0.1/tcp/22",
            "/ip6/64:ff9b::7f00:1/tcp/22",
            "/dns/localhost/tcp/22",
            "/dns4/internal.example.org/tcp/22",
            "/ip4/8.8.8.8/tcp/1/ip4/127.0.0.1/tcp/22",
            "/ip4/8.8.8.8/tcp/1/p2p-circuit",
            "/ip4/8.8.8.8/udp/53",
            "/memory/1",
        ] {
            assert_eq!(
                judge_at(&mut rules, address, true, NOW),
                Err(Refused::Address),
                "{address}"
            );
        }
        for address in ["/ip4/8.8.8.8/tcp/3031", "/ip6/2606:4700::1111/udp/3031/quic-v1"] {
            assert_eq!(judge_at(&mut rules, address, false, NOW), Ok(()), "{address}");
        }
        let mut laboratory = Rules::new(true);
        assert_eq!(judge_at(&mut laboratory, "/ip4/127.0.0.1/tcp/22", false, NOW), Ok(()));
        let named = judge_at(&mut laboratory, "/dns/localhost/tcp/22", false, NOW);
        assert_eq!(named, Err(Refused::Address), "a name never");
    }

    #[test]
    fn a_peer_has_only_its_own_host_dialled() {
        let mut rules = Rules::new(false);
        let mine: IpAddr = [8, 8, 8, 8].into();
        let mut judge = |addresses: &[&str]| {
            let addresses: Vec<Multiaddr> =
                addresses.iter().map(|address| address.parse().unwrap()).collect();
            let wish =
                Wish { addresses: &addresses, observed: &[mine], listed: false, in_flight: 0 };
            rules.judge(wish, NOW)
        };
        assert_eq!(judge(&["/ip4/1.1.1.1/tcp/3031"]), Err(Refused::AnotherHost));
        let both = ["/ip4/8.8.8.8/tcp/3031", "/ip4/1.1.1.1/tcp/3031"];
        assert_eq!(judge(&both), Err(Refused::AnotherHost));
        assert_eq!(judge(&["/ip4/8.8.8.8/tcp/3031"]), Ok(()));
        assert_eq!(judge(&[]), Err(Refused::Address));
    }

    #[test]
    fn it_is_no_weapon() {
        let mut rules = Rules::new(false);
        let mut dialled = Vec::new();
        for second in 0..300 {
            for host in 0..200 {
                let address = format!("/ip4/8.8.{host}.8/tcp/{}", 1000 + second);
                let now = NOW.plus(second);
                if judge_at(&mut rules, &address, false, now).is_ok() {
                    dialled.push((host, now));
                }
            }
            let lately: Vec<_> =
                dialled.iter().filter(|(_, at)| NOW.plus(second).since(*at) < 60).collect();
            assert!(lately.len() <= 30, "{} in a minute", lately.len());
            let mut hosts: Vec<_> = lately.iter().map(|(host, _)| host).collect();
            hosts.sort_unstable();
            hosts.dedup();
            assert_eq!(hosts.len(), lately.len(), "a host is dialled once a minute");
        }
        assert!(dialled.len() >= 50, "{} in five minutes", dialled.len());
        let now = NOW.plus(299);
        assert_eq!(judge_at(&mut rules, "/ip4/9.9.9.9/tcp/1", false, now), Err(Refused::TooOften));
        assert_eq!(judge_at(&mut rules, "/ip4/9.9.9.9/tcp/1", true, now), Ok(()), "the listed");

        let address: Multiaddr = "/ip4/9.9.9.10/tcp/1".parse().unwrap();
        let observed = [[9, 9, 9, 10].into()];
        let (addresses, in_flight) = (&[address][..], MAX_IN_FLIGHT);
        let wish = Wish { addresses, observed: &observed, listed: true, in_flight };
        assert_eq!(rules.judge(wish, now), Err(Refused::Busy));
    }
}
