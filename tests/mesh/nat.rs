//! Private networks behind routers that translate addresses, as most organisations have.
//!
//! A router lets out whatever comes from inside, under its own address, and lets in only
//! what answers. Owns the namespace of the machine behind it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::net::{Net, Place, done, inside, ip, make, nft, remove};

/// The port under which a router shows what comes from inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// The same for everybody (endpoint-independent): a hole can be punched.
    Kept,
    /// Another one for each connection: it cannot be guessed.
    Random,
}

/// A router and the one machine behind it.
pub struct Nat {
    number: u8,
    router: String,
    public: Ipv4Addr,
    inner: Place,
}

impl Nat {
    /// Makes a router of one of the net's nodes.
    pub fn new(net: &Net, node: usize, mapping: Mapping) -> Self {
        let router = net.namespace(node);
        let number = node as u8 + 1;
        let inner =
            Place { namespace: format!("{router}-in"), address: Ipv4Addr::new(10, number, 0, 2) };
        make(&inner.namespace).unwrap();
        let nat = Self { number, router, public: Net::address(node), inner };
        let namespace = &nat.inner.namespace;
        ip(
            &nat.router,
            &format!(
                "link add name lan type veth peer name eth0 netns {namespace}\n\
                 addr add {}/24 dev lan\nlink set lan up\n",
                nat.gateway()
            ),
        );
        ip(namespace, "link set lo up\nlink set eth0 up\n");
        nat.address_inside();
        inside(&nat.router, || fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
        let how = match mapping {
            Mapping::Kept => "",
            Mapping::Random => "fully-random",
        };
        nft(&nat.router, &RULES.replace("{how}", how));
        nat
    }

    /// Where the machine behind it runs, with its private address.
    pub fn place(&self) -> Place {
        self.inner.clone()
    }

    /// The provider gives the router another address.
    pub fn move_public(&mut self) {
        let old = self.public;
        let [a, b, c, d] = old.octets();
        self.public = Ipv4Addr::new(a, b, c + 100, d);
        let batch = format!("addr del {old}/16 dev eth0\naddr add {}/16 dev eth0\n", self.public);
        ip(&self.router, &batch);
    }

    /// The machine behind it gets another address from the router.
    pub fn move_inside(&mut self) {
        let old = self.inner.address;
        let [a, b, c, d] = old.octets();
        self.inner.address = Ipv4Addr::new(a, b, c, d + 1);
        ip(&self.inner.namespace, &format!("addr del {old}/24 dev eth0\n"));
        self.address_inside();
    }

    /// Packets by which something began from inside towards a place so far, repetitions
    /// included: what a machine that answers would see as new connections.
    pub fn begun_to(&self, other: &Self) -> u64 {
        self.count("begun", other.public, "packets")
    }

    /// Bytes that went from inside straight to another router so far, with all headers.
    pub fn sent_to(&self, other: &Self) -> u64 {
        self.count("sent", other.public, "bytes")
    }

    fn count(&self, set: &str, address: Ipv4Addr, what: &str) -> u64 {
        let mut nft = Command::new("ip");
        nft.args(["netns", "exec", &self.router, "nft", "-j", "list", "set", "ip", "nat", set]);
        let said: Value = serde_json::from_slice(&done(&mut nft).stdout).unwrap();
        let sets = said["nftables"].as_array().unwrap().iter();
        let elements = sets.filter_map(|one| one["set"]["elem"].as_array()).flatten();
        let of = |one: &Value| {
            let one = &one["elem"];
            (one["val"] == *address.to_string()).then(|| one["counter"][what].as_u64().unwrap())
        };
        elements.filter_map(of).sum()
    }

    fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, self.number, 0, 1)
    }

    fn address_inside(&self) {
        let (address, gateway) = (self.inner.address, self.gateway());
        let batch = format!("addr add {address}/24 dev eth0\nroute add default via {gateway}\n");
        ip(&self.inner.namespace, &batch);
    }
}

impl Drop for Nat {
    fn drop(&mut self) {
        remove(&self.inner.namespace);
    }
}

/// What nobody inside asked for is dropped and not refused, as such routers do.
const RULES: &str = r#"
table ip nat {
  set sent { type ipv4_addr; flags dynamic; size 256; counter; }
  set begun { type ipv4_addr; flags dynamic; size 256; counter; }
  chain out {
    type nat hook postrouting priority srcnat
    oifname "eth0" masquerade {how}
  }
  chain through {
    type filter hook forward priority filter; policy drop
    iifname "lan" update @sent { ip daddr }
    iifname "lan" ct state new update @begun { ip daddr }
    ct state established,related accept
    iifname "lan" accept
  }
  chain inbound {
    type filter hook input priority filter; policy drop
    ct state established,related accept
    iifname "lan" accept
  }
}
"#;

/// Both open a connection to the other's router at once, from the port at which they listen.
#[test]
fn a_router_lets_out_and_lets_in_only_what_answers() {
    let server = SocketAddrV4::new(Net::address(2), 4000);
    for (mapping, expected) in [(Mapping::Kept, true), (Mapping::Random, false)] {
        let Some(net) = Net::new(3) else { return };
        let [mut one, two] = [0, 1].map(|node| Nat::new(&net, node, mapping));
        let listener = inside(&net.namespace(2), || TcpListener::bind(server).unwrap());
        let reaches = |nat: &Nat| {
            assert!(connects(&nat.place(), server), "what is public is reached");
            let (_, from) = listener.accept().unwrap();
            assert_eq!(from.ip(), nat.public, "under the router's address");
            assert_eq!(from.port() == server.port(), mapping == Mapping::Kept);
        };
        reaches(&one);
        let both = std::thread::scope(|scope| {
            let towards = |from: &Nat, to: &Nat| {
                let (from, to) = (from.place(), SocketAddrV4::new(to.public, server.port()));
                scope.spawn(move || connects(&from, to))
            };
            [towards(&one, &two), towards(&two, &one)].map(|attempt| attempt.join().unwrap())
        });
        assert_eq!(both, [expected; 2], "{mapping:?}");
        assert!(one.begun_to(&two) > 0 && one.sent_to(&two) > 0);
        one.move_public();
        one.move_inside();
        reaches(&one);
    }
}

/// Whether a connection from the same port to that place comes about.
fn connects(from: &Place, to: SocketAddrV4) -> bool {
    const PATIENCE: Duration = Duration::from_secs(3);
    let connect = async || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddrV4::new(from.address, to.port()).into()).unwrap();
        matches!(timeout(PATIENCE, socket.connect(to.into())).await, Ok(Ok(_)))
    };
    inside(&from.namespace, || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(connect())
    })
}
