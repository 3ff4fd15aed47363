//! The network: a switch in a namespace of its own, and one namespace a node.
//!
//! Owns every namespace that a test makes and removes them when dropped, also after a
//! panic; those of runs that were killed are removed by the next. The addresses look
//! globally routable, and leave no namespace.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

/// What every namespace and folder of the harness begins with, before the process id.
pub const PREFIX: &str = "dtim-mesh-";

/// Where the switch itself is.
pub const SWITCH: Ipv4Addr = Ipv4Addr::new(29, 4, 255, 254);

/// Where something runs.
#[derive(Clone, Debug)]
pub struct Place {
    pub namespace: String,
    /// Under which others see it.
    pub address: Ipv4Addr,
}

/// The switch, the nodes' namespaces, and what lies between them.
pub struct Net {
    prefix: String,
    size: usize,
    /// What each node loses of what comes in, in percent.
    lost: u32,
    /// Whom each node does not hear.
    deaf: Vec<Vec<usize>>,
    /// Whether they are told.
    noticed: bool,
}

/// What a test prints is shown only if it fails; a skipped one must be heard of.
fn aloud(word: &str) {
    let said = std::fs::OpenOptions::new().write(true).open("/dev/stderr");
    let said = said.and_then(|mut stderr| writeln!(stderr, "{word}"));
    said.unwrap_or_else(|_| println!("{word}"));
}

impl Net {
    /// A switch with so many nodes; none, with a word, where this user may not make one.
    pub fn new(size: usize) -> Option<Self> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        remove_stale();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{PREFIX}{}-{number}-", std::process::id());
        let net = Self { prefix, size, lost: 0, deaf: vec![Vec::new(); size], noticed: false };
        if let Err(why) = make(&net.switch()) {
            assert!(std::env::var_os("CI").is_none(), "no network namespace in CI: {why}");
            aloud(&format!("SKIPPED: no network namespace for this user: {why}"));
            return None;
        }
        let mut switch = format!(
            "link add name sw0 type bridge\naddr add {SWITCH}/16 dev sw0\n\
             link set sw0 up\nlink set lo up\n"
        );
        for node in 0..size {
            make(&net.namespace(node)).unwrap();
            let (port, namespace) = (port(node), net.namespace(node));
            switch += &format!(
                "link add name {port} type veth peer name eth0 netns {namespace}\n\
                 link set {port} master sw0 up\n"
            );
        }
        ip(&net.switch(), &switch);
        for node in 0..size {
            let address = Self::address(node);
            let batch =
                format!("addr add {address}/16 dev eth0\nlink set eth0 up\nlink set lo up\n");
            ip(&net.namespace(node), &batch);
        }
        Some(net)
    }

    /// Where a node is.
    pub fn address(node: usize) -> Ipv4Addr {
        Ipv4Addr::new(29, 4, (node / 250) as u8, (node % 250 + 1) as u8)
    }

    /// The namespace of a node.
    pub fn namespace(&self, node: usize) -> String {
        format!("{}{node}", self.prefix)
    }

    /// The namespace of the switch, which can reach every node.
    pub fn switch(&self) -> String {
        format!("{}sw", self.prefix)
    }

    /// Where a node runs.
    pub fn place(&self, node: usize) -> Place {
        Place { namespace: self.namespace(node), address: Self::address(node) }
    }

    /// Nothing passes between those on one side and all others: it is answered with a
    /// reset where it is to be noticed at once, and else it vanishes.
    pub fn cut(&mut self, side: &[usize], noticed: bool) {
        self.noticed = noticed;
        let (one, other): (Vec<usize>, Vec<usize>) =
            (0..self.size).partition(|node| side.contains(node));
        for node in 0..self.size {
            self.deaf[node] = if side.contains(&node) { other.clone() } else { one.clone() };
        }
        self.filter();
    }

    /// Everything passes again.
    pub fn heal(&mut self) {
        self.deaf.fill(Vec::new());
        self.filter();
    }

    /// Every node loses so many of a hundred packets that reach it.
    pub fn lose(&mut self, percent: u32) {
        self.lost = percent;
        self.filter();
    }

    /// At most so much in each direction, for every node.
    pub fn slow(&self, rate: &str) {
        let tbf = ["root", "tbf", "rate", rate, "burst", "16kb", "latency", "400ms"];
        for node in 0..self.size {
            let port = port(node);
            for (namespace, interface) in [(self.namespace(node), "eth0"), (self.switch(), &port)] {
                let place = ["-n", &namespace, "qdisc", "replace", "dev", interface];
                done(Command::new("tc").args(place).args(tbf));
            }
        }
    }

    fn filter(&self) {
        for node in 0..self.size {
            let mut rules = String::new();
            if !self.deaf[node].is_empty() {
                let deaf = self.deaf[node].iter().map(|other| Self::address(*other).to_string());
                let deaf = deaf.collect::<Vec<_>>().join(", ");
                let from = format!("    iifname \"eth0\" ip saddr {{ {deaf} }}");
                if self.noticed {
                    rules += "    iifname \"eth0\" tcp flags rst accept\n";
                    rules += &format!("{from} ip protocol tcp reject with tcp reset\n");
                }
                rules += &format!("{from} drop\n");
            }
            if self.lost > 0 {
                let lost = self.lost;
                rules +=
                    &format!("    iifname \"eth0\" numgen random mod 100 < {lost} counter drop\n");
            }
            let table = format!(
                "table inet mesh\ndelete table inet mesh\ntable inet mesh {{\n  chain inbound {{\n    \
                 type filter hook input priority 0\n{rules}  }}\n}}\n"
            );
            nft(&self.namespace(node), &table);
        }
    }

    /// Packets that were lost on purpose so far, over all nodes.
    pub fn losses(&self) -> u64 {
        let lost = |node| {
            let mut nft = Command::new("ip");
            nft.args(["netns", "exec", &self.namespace(node), "nft", "list", "ruleset"]);
            let rules = String::from_utf8(done(&mut nft).stdout).unwrap();
            let packets = |(_, after): (&str, &str)| after.split(' ').next()?.parse().ok();
            rules.split_once("counter packets ").and_then(packets).unwrap_or(0)
        };
        (0..self.size).map(lost).sum()
    }

    /// Lets the kernels keep little of what a connection could not send or was not read.
    pub fn narrow_buffers(&self) {
        for node in 0..self.size {
            inside(&self.namespace(node), || {
                for buffer in ["tcp_wmem", "tcp_rmem"] {
                    let path = Path::new("/proc/sys/net/ipv4").join(buffer);
                    fs::write(path, "4096 16384 32768").unwrap();
                }
            });
        }
    }

    /// What each node has sent so far, in bytes with all headers.
    pub fn sent(&self) -> Vec<u64> {
        let said = done(Command::new("ip").args(["-n", &self.switch(), "-s", "-j", "link"]));
        let links: Vec<Value> = serde_json::from_slice(&said.stdout).unwrap();
        let of = |node: usize| {
            let link = links.iter().find(|link| link["ifname"] == port(node)).unwrap();
            // What the switch receives is what the node sent.
            link["stats64"]["rx"]["bytes"].as_u64().unwrap()
        };
        (0..self.size).map(of).collect()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for namespace in (0..self.size).map(|node| self.namespace(node)).chain([self.switch()]) {
            remove(&namespace);
        }
    }
}

/// A command inside a namespace that dies with the thread that starts it.
pub fn command(namespace: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "ip", "netns", "exec", namespace]);
    command
}

/// Runs something on a thread inside a namespace; sockets made there stay there.
pub fn inside<T: Send>(namespace: &str, work: impl FnOnce() -> T + Send) -> T {
    let enter_and_work = || {
        enter(namespace);
        work()
    };
    std::thread::scope(|scope| scope.spawn(enter_and_work).join().unwrap())
}

/// Moves this thread into a namespace, for good.
pub fn enter(namespace: &str) {
    let link = File::open(Path::new("/run/netns").join(namespace)).unwrap();
    move_into_link_name_space(link.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

/// The switch's end of a node's cable.
fn port(node: usize) -> String {
    format!("p{node}")
}

pub fn make(namespace: &str) -> Result<(), String> {
    let said = Command::new("ip").args(["netns", "add", namespace]).output();
    let said = said.map_err(|error| format!("ip: {error}"))?;
    if said.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&said.stderr).trim().to_owned())
}

pub fn remove(namespace: &str) {
    Command::new("ip").args(["netns", "del", namespace]).stderr(Stdio::null()).status().ok();
}

/// What killed runs have left: namespaces and folders that name a process which is gone.
fn remove_stale() {
    let stale = |name: &str| {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
    };
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| stale(name)).collect::<Vec<_>>()
    };
    names(Path::new("/run/netns")).iter().for_each(|name| remove(name));
    for name in names(home()) {
        fs::remove_dir_all(home().join(name)).ok();
    }
}

/// Where the nodes' folders are. Twenty machines have twenty disks, this one has one:
/// memory where there is some, so that the figures are the mesh's and not the disk's.
pub fn home() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory } else { Path::new("/tmp") }
}

/// Rules of nftables in one namespace.
pub fn nft(namespace: &str, rules: &str) {
    fed(Command::new("ip").args(["netns", "exec", namespace, "nft", "-f", "-"]), rules);
}

/// Several commands of `ip` in one namespace.
pub fn ip(namespace: &str, batch: &str) {
    fed(Command::new("ip").args(["-n", namespace, "-batch", "-"]), batch);
}

/// Runs a command on an input; panics with what it said if it failed.
fn fed(command: &mut Command, input: &str) {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{command:?}: {error}\n{input}");
}

/// Runs a command; panics with what it said if it failed.
pub fn done(command: &mut Command) -> Output {
    let said = command.output().unwrap();
    assert!(said.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said.stderr));
    said
}
