//! What a flood costs: the memory of a bootstrap in a process of its own.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)] // figures, and what was skipped

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use libp2p::Multiaddr;

use super::guest::Guest;
use super::{HERE, address_of, settings, start};
use crate::mesh::transport::Transport;

/// Tells the test below that it is the child.
const CHILD: &str = "DTIM_TEST_BOOTSTRAP_CHILD";
/// What the whole flood may cost (threats.md, cases 4 and 9).
const ALLOWED: u64 = 32 * 1024 * 1024;

/// Not a test: the process under test. It prints its address, then its resident
/// bytes for every line that it reads.
#[test]
#[ignore = "a part of registering_without_end_costs_no_memory"]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let settings = settings("/ip4/127.0.0.1/tcp/0", Transport::Network);
    let bootstrap = runtime.block_on(start(settings)).unwrap();
    say(&format!("at {}", address_of(&bootstrap)));
    for line in std::io::stdin().lines() {
        line.unwrap();
        let status = bootstrap.status().borrow().clone();
        say(&format!("rss {} registrations {}", resident(), status.registrations));
    }
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "\n{line}").unwrap();
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    1024 * line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
}

struct Process {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["bootstrap::tests::flood::child", "--exact", "--ignored", "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn read(&mut self, prefix: &str) -> String {
        self.lines.by_ref().map_while(Result::ok).find(|line| line.starts_with(prefix)).unwrap()
    }

    /// Resident bytes and registrations.
    fn measure(&mut self) -> (u64, usize) {
        writeln!(self.child.stdin.as_ref().unwrap()).unwrap();
        let line = self.read("rss ");
        let mut words = line.split(' ').skip(1).step_by(2);
        (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Registers until it is cut off, as one identity after the other.
async fn flood(server: &Multiaddr, identities: u32) -> u32 {
    let mut cut_off = 0;
    for identity in 0..identities {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&identity.to_be_bytes());
        let Ok(mut guest) = Guest::connect(seed, server).await else { continue };
        // The table may refuse before the desk cuts off: an identity goes on until it is closed.
        while guest.is_connected() {
            guest.register_until_refused(HERE).await;
        }
        cut_off += 1;
    }
    cut_off
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_without_end_costs_no_memory() {
    let identities = if std::env::var_os("DTIM_PROVE").is_some() { 10_000 } else { 150 };
    let mut process = Process::start();
    let server = process.read("at ").split_off(3).parse().unwrap();
    // The first connections pay for what is allocated once.
    flood(&server, 5).await;
    let (before, _) = process.measure();
    let cut_off = flood(&server, identities).await;
    let (after, registrations) = process.measure();
    assert!(cut_off >= identities - 5, "all but those shut out before: {cut_off}");
    assert!(registrations <= 32, "one network's share: {registrations}");
    let grown = after.saturating_sub(before);
    println!("{identities} identities, each until cut off: {grown} bytes more");
    assert!(grown <= ALLOWED, "{grown} bytes");
}
