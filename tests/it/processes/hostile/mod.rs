//! A malicious member against real nodes: the cases of the threat list, each
//! with the outcome that it must have. The attacks are those of
//! `examples/hostile_peer`, which speaks for itself in JSON lines.

mod content;
mod exchange;
mod load;
mod members;
mod relay;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use dtim::keys::Identity;
use serde_json::Value;

use super::organisation::DEADLINE;
use super::{Organisation, Settings, attack_line, eventually};

/// Lines that wait for the test.
const WAITING: usize = 1 << 20;

/// The PeerId of a hostile member.
pub fn peer_id(seed: u8) -> String {
    Identity::from_seed([seed; 32]).node_id().to_string()
}

/// A `[[peers]]` entry for it.
pub fn approved(seed: u8) -> String {
    format!("[[peers]]\nname = \"mallory-{seed}\"\npeer_id = {:?}\n", peer_id(seed))
}

/// A running attack, ended when dropped.
pub struct Hostile {
    child: Child,
    lines: Receiver<Value>,
}

impl Hostile {
    /// Starts an attack on nodes that approved this identity.
    pub fn start(seed: u8, victims: &[&Organisation], attack: &[&str]) -> Self {
        let victims: Vec<String> = victims.iter().map(|victim| victim.address()).collect();
        Self::at(seed, &victims, attack)
    }

    /// Starts an attack on whoever is at these addresses.
    pub fn at(seed: u8, victims: &[String], attack: &[&str]) -> Self {
        Self::run(Command::new(program()), seed, victims, attack)
    }

    /// The same with what runs the program, which stands at the end of the command.
    pub fn run(mut command: Command, seed: u8, victims: &[String], attack: &[&str]) -> Self {
        command.arg("--seed").arg(seed.to_string());
        for victim in victims {
            command.arg("--victim").arg(victim);
        }
        let mut child =
            command.args(attack).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = sync_channel(WAITING);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|_| line.into());
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line that `pick` takes; others are dropped.
    pub fn wait<T>(&self, what: &str, pick: impl FnMut(&Value) -> Option<T>) -> T {
        self.wait_for(DEADLINE, what, pick)
    }

    /// The next event of this name, of an attack that takes its time.
    pub fn event_at_last(&self, name: &str) -> Value {
        self.wait_for(60 * DEADLINE, name, |line| (line["event"] == name).then(|| line.clone()))
    }

    fn wait_for<T>(
        &self,
        deadline: Duration,
        what: &str,
        mut pick: impl FnMut(&Value) -> Option<T>,
    ) -> T {
        let start = Instant::now();
        loop {
            let left = deadline.saturating_sub(start.elapsed());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|why| panic!("the hostile member: {what}: {why}"));
            if let Some(picked) = pick(&line) {
                return picked;
            }
        }
    }

    /// The next event of this name.
    pub fn event(&self, name: &str) -> Value {
        self.wait(name, |line| (line["event"] == name).then(|| line.clone()))
    }

    /// Lets it go and waits for its end; all that it said and nobody took.
    pub fn end(mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        self.wait_for_end()
    }

    /// Waits until it ends by itself; all that it said and nobody took.
    pub fn wait_for_end(mut self) -> Vec<Value> {
        self.child.wait().unwrap();
        self.lines.iter().collect()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cargo puts examples beside the folder of the test binary.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples/hostile_peer")
}

/// The messages in what a hostile member said that it heard.
pub fn messages(lines: &[Value]) -> Vec<Value> {
    let rpcs = lines.iter().filter(|line| line["event"] == "rpc");
    rpcs.flat_map(|rpc| rpc["messages"].as_array().unwrap().clone()).collect()
}

/// A node whose metrics can be read.
pub fn watched(name: &str, settings: Settings) -> Organisation {
    let mut settings = settings;
    settings.environment.push(("DTIM__METRICS__LISTEN".to_owned(), "127.0.0.1:0".to_owned()));
    Organisation::new(name, settings)
}

/// A victim, and an honest member behind it that hears what the victim passes on.
pub struct Line {
    pub victim: Organisation,
    pub honest: Organisation,
}

impl Line {
    /// Both run and exchange; the victim approved these hostile members.
    pub fn new(hostile: impl IntoIterator<Item = u8>) -> Self {
        Self::with(hostile, Settings::default())
    }

    /// The same with settings for both.
    pub fn with(hostile: impl IntoIterator<Item = u8>, settings: Settings) -> Self {
        let hostile: String = hostile.into_iter().map(approved).collect();
        Self::start(&hostile, "", settings)
    }

    /// Both approved this hostile member.
    pub fn beside(hostile: u8) -> Self {
        Self::start(&approved(hostile), &approved(hostile), Settings::default())
    }

    fn start(of_victim: &str, of_honest: &str, settings: Settings) -> Self {
        let mut victim = watched("victim", settings.clone());
        let mut honest = watched("honest", settings);
        victim.configure(&(honest.as_peer(&[]) + of_victim), &[]);
        victim.start();
        honest.configure(&(victim.as_peer(&[victim.address()]) + of_honest), &[]);
        honest.start();
        let line = Self { victim, honest };
        line.exchange();
        line
    }

    /// Waits until the two exchange.
    pub fn exchange(&self) {
        eventually("the victim gossips", || self.victim.gossips_with("honest").then_some(()));
        eventually("the honest one gossips", || self.honest.gossips_with("victim").then_some(()));
    }

    /// The victim sees an attacker itself and tells the honest one; what was sent
    /// to it before would have come before.
    pub fn still_works(&self, attacker: &str) {
        self.victim.append("access.log", &attack_line(attacker));
        eventually("the honest one hears what the victim sees", || self.honest.knows(attacker));
        self.honest.append("access.log", &attack_line(&next(attacker)));
        eventually("and the other way round", || self.victim.knows(&next(attacker)));
    }
}

fn next(address: &str) -> String {
    let address: std::net::Ipv4Addr = address.parse().unwrap();
    std::net::Ipv4Addr::from(u32::from(address) + 1).to_string()
}

/// The numbers of a node, by name and labels as they stand on its page.
pub fn metrics(organisation: &Organisation) -> BTreeMap<String, f64> {
    page(organisation).into_iter().filter_map(|(name, n)| Some((name, n.parse().ok()?))).collect()
}

/// Claims that came by gossip, by verdict.
pub fn verdicts(organisation: &Organisation) -> BTreeMap<String, u64> {
    verdicts_by("gossip", organisation)
}

/// Claims that came this way, by verdict.
pub fn verdicts_by(path: &str, organisation: &Organisation) -> BTreeMap<String, u64> {
    let prefix = format!("dtim_claims_total{{path=\"{path}\",verdict=\"");
    let of = |(name, count): (String, String)| {
        let verdict = name.strip_prefix(&prefix)?.strip_suffix("\"}")?.to_owned();
        Some((verdict, count.parse().ok()?)).filter(|(_, count)| *count > 0)
    };
    page(organisation).into_iter().filter_map(of).collect()
}

fn page(organisation: &Organisation) -> BTreeMap<String, String> {
    let address = eventually("the metrics are served", || {
        let log = organisation.stderr();
        let line = log.lines().find(|line| line.contains(" metrics address="))?;
        Some(line.rsplit_once('=')?.1.to_owned())
    });
    page_at(&address)
}

/// The numbers on the page of metrics at an address.
pub fn page_at(address: &str) -> BTreeMap<String, String> {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.filter_map(|line| line.rsplit_once(' '));
    samples.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Nothing but what an honest neighbour brings, perhaps twice or too much.
#[track_caller]
pub fn nothing_wrong(verdicts: &BTreeMap<String, u64>) {
    let mild = ["accept", "seen_before", "quota"];
    assert!(verdicts.keys().all(|verdict| mild.contains(&verdict.as_str())), "{verdicts:?}");
}

/// What a process takes.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Resident bytes.
    pub memory: u64,
    /// Seconds of processor time so far.
    pub processor: f64,
}

/// What a node takes now.
pub fn cost(organisation: &Organisation) -> Cost {
    cost_of(organisation.pid())
}

/// What a process takes now.
pub fn cost_of(pid: u32) -> Cost {
    /// Linux tells processor time in hundredths of a second, whatever the kernel's own tick.
    const TICKS: f64 = 100.0;
    let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let status = read("status");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    // The name in parentheses may hold anything; times are the 14th and 15th field.
    let stat = read("stat");
    let times = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
    let ticks: f64 = times.map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    Cost { memory: resident << 10, processor: ticks / TICKS }
}
