//! Generated values that hygiene must refuse: what the registries reserve, what
//! is too broad, and everything on the built-in lists. For tests only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::builtin;
use crate::model::{Kind, Value};

/// Reserved blocks as the IANA registries write them, not as the code does.
const RESERVED: [&str; 34] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001:2::/48",
    "2001:10::/28",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "4000::/2",
    "8000::/2",
    "::/96",
];
/// Names that the special-use registry and RFC 6762 appendix G list.
const SPECIAL: [&str; 20] = [
    "localhost",
    "local",
    "test",
    "example",
    "invalid",
    "internal",
    "home.arpa",
    "onion",
    "alt",
    "10.in-addr.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
    "example.com",
    "example.net",
    "example.org",
    "lan",
    "home",
    "corp",
    "intranet",
    "private",
    "resolver.arpa",
];
/// Public suffixes of both sections, two of them by wildcard rules.
const SUFFIXES: [&str; 10] = [
    "co.uk",
    "com.br",
    "co.jp",
    "gov.au",
    "foo.ck",
    "bar.er",
    "github.io",
    "blogspot.com",
    "herokuapp.com",
    "compute.amazonaws.com",
];
/// How many values are drawn from each reserved block.
const DRAWS: u64 = 200;

/// A stream of numbers that is the same in every run.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new() -> Self {
        Self(0)
    }

    fn bits(&mut self) -> u128 {
        self.0 += 1;
        let hash = blake3::hash(&self.0.to_le_bytes());
        u128::from_le_bytes(hash.as_bytes()[..16].try_into().unwrap())
    }

    /// An address in a network.
    pub(crate) fn host(&mut self, net: &IpNet) -> IpAddr {
        let bits = self.bits();
        match net {
            IpNet::V4(net) => {
                let host = u32::try_from(bits & 0xffff_ffff).unwrap() & u32::from(net.hostmask());
                Ipv4Addr::from(u32::from(net.network()) | host).into()
            }
            IpNet::V6(net) => {
                Ipv6Addr::from(u128::from(net.network()) | bits & u128::from(net.hostmask())).into()
            }
        }
    }
}

fn value(kind: Kind, text: &str) -> Value {
    Value::parse(&kind, text).unwrap_or_else(|why| panic!("{kind} {text}: {why}"))
}

fn ip(ip: IpAddr) -> Value {
    Value::from_ip(ip)
}

fn bracketed(ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

/// The smallest network around an address that is not too broad.
fn site(ip: IpAddr) -> Value {
    value(Kind::Cidr, &format!("{ip}/{}", if ip.is_ipv4() { 24 } else { 48 }))
}

/// Values that the fixed rules refuse.
pub(crate) fn fixed() -> Vec<Value> {
    let mut draw = Draw::new();
    let mut values = Vec::new();
    for block in RESERVED.map(|block| block.parse::<IpNet>().unwrap()) {
        let ends = [block.network(), block.broadcast()];
        let inside: Vec<IpAddr> = (0..DRAWS).map(|_| draw.host(&block)).collect();
        for host in ends.into_iter().chain(inside) {
            values.push(ip(host));
            values.push(value(Kind::Url, &format!("http://{}:8080/x", bracketed(host))));
            if let IpAddr::V4(v4) = host {
                let [a, b, c, d] = v4.octets();
                values.push(ip(Ipv6Addr::from(0x64_ff9b << 96 | u128::from(u32::from(v4))).into()));
                let six = format!(
                    "2002:{:x}:{:x}::1",
                    u16::from_be_bytes([a, b]),
                    u16::from_be_bytes([c, d])
                );
                values.push(value(Kind::Ip, &six));
            }
        }
        values.push(value(Kind::Cidr, &block.to_string()));
    }
    for name in SPECIAL {
        for name in [format!("www.{name}"), format!("a.b.{name}")] {
            values.push(value(Kind::Domain, &name));
            values.push(value(Kind::Url, &format!("https://{name}/login")));
            values.push(value(Kind::Email, &format!("someone@{name}")));
        }
    }
    values.extend(SUFFIXES.map(|suffix| value(Kind::Domain, suffix)));
    for length in 0..24 {
        values.push(value(Kind::Cidr, &format!("185.220.101.4/{length}")));
    }
    for length in 0..48 {
        values.push(value(Kind::Cidr, &format!("2a0b:f4c2::1/{length}")));
    }
    values
}

/// Values that the built-in lists refuse.
pub(crate) fn listed() -> Vec<Value> {
    let mut draw = Draw::new();
    let mut values = Vec::new();
    for json in builtin::FILES {
        let file: serde_json::Value = serde_json::from_str(json).unwrap();
        let texts =
            |key: &str| -> Vec<String> { serde_json::from_value(file[key].clone()).unwrap() };
        let urls = texts("matching_attributes").iter().any(|attribute| attribute == "url");
        for entry in texts("list") {
            match file["type"].as_str().unwrap() {
                "cidr" => {
                    let net: IpNet = entry
                        .parse()
                        .unwrap_or_else(|_| IpNet::from(entry.parse::<IpAddr>().unwrap()));
                    for host in [net.network(), net.broadcast()]
                        .into_iter()
                        .chain((0..6).map(|_| draw.host(&net)))
                    {
                        values.extend([ip(host), site(host)]);
                        values.push(value(Kind::Url, &format!("http://{}/", bracketed(host))));
                    }
                }
                "hostname" => {
                    values.push(value(Kind::Domain, &entry));
                    values.push(value(Kind::Domain, &format!("x.{entry}")));
                    if urls {
                        values.push(value(Kind::Url, &format!("https://{entry}/a?b=c")));
                        values.push(value(Kind::Url, &format!("http://www.{entry}:8443/")));
                    }
                }
                "regex" => {
                    let host = entry.split("(www\\.)?").nth(1).unwrap().trim_end_matches("\\/?$/i");
                    let host = host.replace('\\', "");
                    values.push(value(Kind::Url, &format!("https://{host}/")));
                    values.push(value(Kind::Url, &format!("http://www.{host}")));
                }
                _ => values.push(Value::guess(&entry).unwrap()),
            }
        }
    }
    values
}
