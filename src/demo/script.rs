//! The play: who takes part, what their logs say, and what must become of it.
//!
//! Pure data and text. The addresses of attackers lie in networks that their
//! owner does not announce to the internet, so nobody is accused; those of the
//! organisations likewise.

use chrono::{DateTime, Utc};

use crate::model::{Level, Source, Tlp};

/// The community of the demonstration.
pub const COMMUNITY: &str = "demo";

/// An organisation: one node with its logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Its name.
    pub name: &'static str,
    /// The privacy level that its operator chose.
    pub level: Level,
    /// Its own network.
    pub own: &'static str,
    /// The logs that it watches, with the marking of what they show.
    pub logs: &'static [(Source, Tlp)],
}

/// In the order of the line: each approved the next; at last the ends approve each other.
pub const ORGANISATIONS: [Organisation; 4] = [
    Organisation {
        name: "alder",
        level: Level::Strict,
        own: "29.1.0.0/16",
        logs: &[(Source::NginxAccess, Tlp::Green)],
    },
    Organisation {
        name: "birch",
        level: Level::Moderate,
        own: "29.2.0.0/16",
        logs: &[(Source::Ufw, Tlp::Green)],
    },
    Organisation {
        name: "cedar",
        level: Level::Open,
        own: "29.3.0.0/16",
        logs: &[(Source::Fail2ban, Tlp::Green), (Source::Ufw, Tlp::White)],
    },
    Organisation {
        name: "dogwood",
        level: Level::Moderate,
        own: "29.4.0.0/16",
        logs: &[(Source::NginxAccess, Tlp::Green), (Source::Fail2ban, Tlp::Red)],
    },
];

/// Nobody approved it; it knows everybody's address and the bootstrap.
pub const STRANGER: &str = "stranger";
/// The meeting point.
pub const BOOTSTRAP: &str = "bootstrap";

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// The organisations stand in a line.
    Line,
    /// The ends have approved each other. What must stay comes first.
    Kept,
    /// Everything that may travel; whatever leaked before would have arrived before this.
    Ring,
}

/// What must become of an address in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Every organisation learns of it.
    Shared,
    /// It is an indicator where it was seen and stays there: its source is red.
    Red,
    /// It is no indicator anywhere, for this reason.
    Nothing(&'static str),
}

/// An address that appears in one organisation's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appearance {
    /// When.
    pub act: Act,
    /// At whose door: a place in [`ORGANISATIONS`].
    pub at: usize,
    /// In which log.
    pub source: Source,
    /// The address.
    pub address: &'static str,
    /// What must become of it.
    pub fate: Fate,
    /// What it does.
    deed: Deed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// A request: method, path, status, agent.
    Request(&'static str, &'static str, u16, &'static str),
    /// One blocked packet to each of these ports.
    Knock(&'static [u16]),
    /// fail2ban's verdict in this jail.
    Ban(&'static str),
}

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const SCAN: &[u16] = &[21, 22, 23, 25, 80, 110, 135, 139, 443, 445, 1433, 3306, 3389, 5432, 8080];

/// Everything that appears, in order.
pub const APPEARANCES: [Appearance; 11] = {
    use Deed::{Ban, Knock, Request};
    use Source::{Fail2ban, NginxAccess, Ufw};
    const fn a(
        act: Act,
        at: usize,
        source: Source,
        address: &'static str,
        fate: Fate,
        deed: Deed,
    ) -> Appearance {
        Appearance { act, at, source, address, fate, deed }
    }
    let visitor = Fate::Nothing("an ordinary visitor");
    let own = Fate::Nothing("the organisation's own address");
    let private = Fate::Nothing("a private address");
    let resolver = Fate::Nothing("a public resolver");
    [
        a(
            Act::Line,
            0,
            NginxAccess,
            "26.40.2.9",
            visitor,
            Request("GET", "/products?page=2", 200, BROWSER),
        ),
        a(Act::Line, 0, NginxAccess, "29.1.7.20", own, Request("GET", "/.env", 404, "curl/8.14.1")),
        a(
            Act::Line,
            0,
            NginxAccess,
            "192.168.7.7",
            private,
            Request("GET", "/.git/config", 404, "curl/8.14.1"),
        ),
        a(
            Act::Line,
            0,
            NginxAccess,
            "26.14.99.3",
            Fate::Shared,
            Request("GET", "/cgi-bin/.%2e/.%2e/.%2e/.%2e/bin/sh", 400, "-"),
        ),
        a(Act::Kept, 3, Fail2ban, "26.77.1.66", Fate::Red, Ban("sshd")),
        a(Act::Kept, 1, Ufw, "26.40.8.1", visitor, Knock(&[443])),
        a(Act::Kept, 2, Ufw, "8.8.8.8", resolver, Knock(SCAN)),
        a(Act::Ring, 1, Ufw, "26.200.31.8", Fate::Shared, Knock(SCAN)),
        a(Act::Ring, 2, Fail2ban, "26.151.4.27", Fate::Shared, Ban("sshd")),
        a(Act::Ring, 2, Ufw, "26.9.80.41", Fate::Shared, Knock(SCAN)),
        a(
            Act::Ring,
            3,
            NginxAccess,
            "26.222.70.5",
            Fate::Shared,
            Request("GET", "/item?id=1%27%20OR%201=1--", 200, "sqlmap/1.8"),
        ),
    ]
};

impl Organisation {
    /// The marking of what a log of this organisation shows.
    pub fn tlp(&self, source: Source) -> Tlp {
        self.logs.iter().find(|(log, _)| *log == source).map_or(Tlp::Red, |(_, tlp)| *tlp)
    }
}

impl Appearance {
    /// The organisation.
    pub fn organisation(&self) -> &'static Organisation {
        ORGANISATIONS.get(self.at).unwrap_or(&ORGANISATIONS[0])
    }

    /// The lines that a server's log holds about it, as its program writes them.
    pub fn lines(&self, now: DateTime<Utc>) -> String {
        let (ip, host) = (self.address, self.organisation().name);
        match self.deed {
            Deed::Request(method, path, status, agent) => format!(
                "{ip} - - [{}] \"{method} {path} HTTP/1.1\" {status} 153 \"-\" \"{agent}\"\n",
                now.format("%d/%b/%Y:%H:%M:%S +0000"),
            ),
            Deed::Ban(jail) => format!(
                "{} fail2ban.actions        [712]: NOTICE  [{jail}] Ban {ip}\n",
                now.format("%Y-%m-%d %H:%M:%S,%3f"),
            ),
            Deed::Knock(ports) => {
                let time = now.format("%Y-%m-%dT%H:%M:%S%.6f+00:00");
                let packet = |port: &u16| {
                    format!(
                        "{time} {host} kernel: [ 2798.517650] [UFW BLOCK] IN=eth0 OUT= \
                         MAC=c6:e4:07:bd:ff:71:be:5e:e8:e7:a6:43:08:00 SRC={ip} DST=29.0.0.10 \
                         LEN=60 TOS=0x00 PREC=0x00 TTL=52 ID=54321 DF PROTO=TCP SPT=44853 \
                         DPT={port} WINDOW=64240 RES=0x00 SYN URGP=0\n"
                    )
                };
                ports.iter().map(packet).collect()
            }
        }
    }
}

/// How many members an indicator of `from` crosses to reach the last one:
/// along the line, or the shorter way around the ring.
pub fn hops(from: usize, act: Act) -> usize {
    let last = ORGANISATIONS.len() - 1;
    match act {
        Act::Line => from.max(last - from),
        Act::Kept | Act::Ring => ORGANISATIONS.len() / 2,
    }
}

/// The fields that a claim may tell at a level (design section 4).
pub fn fields_of(level: Level) -> &'static [&'static str] {
    match level {
        Level::Strict => &["kind", "value"],
        Level::Moderate => &["kind", "value", "confidence", "created", "modified"],
        Level::Open => {
            &["kind", "value", "confidence", "created", "modified", "sightings", "tags", "custom"]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::{APPEARANCES, Act, Fate, ORGANISATIONS, hops};
    use crate::detect::Rules;
    use crate::hygiene::Lists;
    use crate::model::{Timestamp, Value};
    use crate::node::pipeline::{Pipeline, Settings};
    use crate::parse::Reader;

    /// Every line of the play through the same code as in a node.
    #[test]
    fn the_lines_mean_what_the_play_says() {
        let now = chrono::Utc::now();
        for (at, organisation) in ORGANISATIONS.iter().enumerate() {
            let lists = Lists::new(vec![organisation.own.parse().unwrap()], Vec::new());
            let settings = Settings {
                lists: Arc::new(lists),
                source_tlp: BTreeMap::new(),
                default_tlp: organisation.logs[0].1,
                trusted_proxies: Vec::new(),
                own: Vec::new(),
                utc_offset: 0,
            };
            let mut pipeline = Pipeline::new(Rules::builtin(), settings);
            for appearance in APPEARANCES.iter().filter(|appearance| appearance.at == at) {
                assert!(organisation.logs.iter().any(|(log, _)| *log == appearance.source));
                let seconds = Timestamp(u64::try_from(now.timestamp()).unwrap());
                let mut reader = Reader::new(appearance.source);
                let mut hits = Vec::new();
                for line in appearance.lines(now).lines() {
                    let looked = pipeline.look(&mut reader, line.as_bytes(), &[], seconds);
                    assert!(matches!(looked.parsed, Ok(Some(_))), "{line}");
                    hits.extend(looked.hits.into_iter().map(|hit| hit.value));
                }
                let value = Value::guess(appearance.address).unwrap();
                let named = hits.contains(&value);
                assert_eq!(named, !matches!(appearance.fate, Fate::Nothing(_)), "{appearance:?}");
                assert!(hits.iter().all(|hit| *hit == value));
            }
        }
    }

    #[test]
    fn each_address_appears_once_and_acts_are_in_order() {
        let mut addresses: Vec<_> = APPEARANCES.iter().map(|a| a.address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), APPEARANCES.len());
        assert!(APPEARANCES.is_sorted_by_key(|appearance| appearance.act));
    }

    #[test]
    fn the_longest_way() {
        assert_eq!((0..4).map(|from| hops(from, Act::Line)).collect::<Vec<_>>(), [3, 2, 2, 3]);
        assert_eq!(hops(0, Act::Ring), 2);
    }
}
