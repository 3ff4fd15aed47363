//! Other programs on the same file, in CPU seconds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use dtim::model::Source;

use crate::tools;

/// A program that reads logs, and on how many lines it can be tried.
pub struct Peer {
    pub name: &'static str,
    pub lines: usize,
    /// Its start-up is measured on a few lines and taken off.
    pub starts_slowly: bool,
    pub command: Box<dyn Fn(&Path) -> Command>,
}

/// Those that read a source.
pub fn of(source: Source, scratch: &Path) -> Vec<Peer> {
    let mut peers = vec![grep()];
    match source {
        Source::NginxAccess | Source::ApacheAccess => peers.push(mawk("{n[$1]++;s[$9]++}")),
        Source::Zeek => peers.push(mawk("!/^#/{n[$3]++}")),
        _ => {}
    }
    let filter = match source {
        Source::NginxAccess | Source::NginxError => Some("nginx-botsearch"),
        Source::ApacheAccess => Some("apache-badbots"),
        Source::ApacheError => Some("apache-auth"),
        Source::Sshd => Some("sshd"),
        Source::Fail2ban => Some("recidive"),
        _ => None,
    };
    peers.extend(filter.map(fail2ban));
    let kind = match source {
        Source::NginxAccess => Some("nginx"),
        Source::Sshd => Some("syslog"),
        _ => None,
    };
    peers.extend(kind.and_then(|kind| crowdsec(kind, scratch)));
    peers
}

/// The limit of what any program can do that looks at every line.
fn grep() -> Peer {
    let command = |log: &Path| {
        let mut command = Command::new("grep");
        command.args(["-c", "-F", "zzqqzz"]).arg(log);
        command
    };
    Peer { name: "grep -c", lines: usize::MAX, starts_slowly: false, command: Box::new(command) }
}

fn mawk(script: &'static str) -> Peer {
    let command = move |log: &Path| {
        let mut command = Command::new("mawk");
        command.arg(script).arg(log);
        command
    };
    Peer { name: "mawk", lines: usize::MAX, starts_slowly: false, command: Box::new(command) }
}

fn fail2ban(filter: &'static str) -> Peer {
    let command = move |log: &Path| {
        let etc = tools::file("etc/fail2ban");
        let mut command = tools::program("usr/bin/fail2ban-regex");
        command.arg("-c").arg(&etc).arg(log);
        command.arg(etc.join(format!("filter.d/{filter}.conf")));
        command
    };
    Peer { name: "fail2ban-regex", lines: 50_000, starts_slowly: true, command: Box::new(command) }
}

/// CrowdSec with the parsers of one log and no scenario, without its central service.
fn crowdsec(kind: &'static str, scratch: &Path) -> Option<Peer> {
    let root = scratch.join(format!("crowdsec-{kind}"));
    let program = tools::find("usr/bin/crowdsec")?;
    let (etc, share) = (tools::find("etc/crowdsec")?, tools::find("usr/share/crowdsec")?);
    for folder in ["parsers/s00-raw", "parsers/s01-parse", "parsers/s02-enrich", "scenarios"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for (from, to) in [
        (etc.join("patterns"), "patterns"),
        (share.join("hub"), "hub"),
        (share.join("data"), "data"),
    ] {
        tools::done(Command::new("cp").arg("-r").arg(from).arg(root.join(to)));
    }
    for (stage, name) in [
        ("s00-raw", "syslog-logs"),
        ("s01-parse", "nginx-logs"),
        ("s01-parse", "sshd-logs"),
        ("s02-enrich", "dateparse-enrich"),
    ] {
        let from = root.join(format!("hub/parsers/{stage}/crowdsecurity/{name}.yaml"));
        fs::copy(from, root.join(format!("parsers/{stage}/{name}.yaml"))).unwrap();
    }
    fs::copy(etc.join("profiles.yaml"), root.join("profiles.yaml")).unwrap();
    fs::write(root.join("simulation.yaml"), "simulation: false\n").unwrap();
    fs::write(root.join("none.yaml"), "").unwrap();
    let config = root.join("config.yaml");
    fs::write(&config, CONFIG.replace("ROOT", &root.display().to_string())).unwrap();
    let machine = root.join("machine.yaml");
    fs::write(&machine, "url: http://127.0.0.1:18089\nlogin: bench\npassword: bench\n").unwrap();
    let mut cscli = tools::program("usr/bin/cscli");
    cscli.arg("-c").arg(&config).args(["machines", "add", "bench", "-p", "bench", "--force"]);
    tools::done(cscli.arg("-f").arg(&machine));
    let command = move |log: &Path| {
        let mut command = Command::new(&program);
        command.arg("-c").arg(&config).arg("-dsn").arg(format!("file://{}", log.display()));
        command.args(["-type", kind]);
        command
    };
    Some(Peer { name: "crowdsec", lines: 5_000, starts_slowly: true, command: Box::new(command) })
}

const CONFIG: &str = "common:
  daemonize: false
  log_media: stdout
  log_level: error
  working_dir: ROOT
config_paths:
  config_dir: ROOT
  data_dir: ROOT/data
  simulation_path: ROOT/simulation.yaml
  hub_dir: ROOT/hub
  index_path: ROOT/hub/.index.json
crowdsec_service:
  acquisition_path: ROOT/none.yaml
  parser_routines: 1
db_config:
  type: sqlite
  db_path: ROOT/data/bench.db
api:
  client:
    credentials_path: ROOT/machine.yaml
  server:
    listen_uri: 127.0.0.1:18089
    profiles_path: ROOT/profiles.yaml
prometheus:
  enabled: false
";

impl Peer {
    /// CPU seconds a line; none if it is not installed.
    pub fn seconds_a_line(&self, log: &Path, few: &Path, lines: usize) -> Option<f64> {
        let lines = lines.min(self.lines);
        let all = cpu_of((self.command)(log))?;
        let start = if self.starts_slowly { cpu_of((self.command)(few))? } else { Duration::ZERO };
        Some(all.saturating_sub(start).as_secs_f64() / lines as f64)
    }
}

/// CPU time of another program, by the shell's `times`; none if it is not installed.
fn cpu_of(command: Command) -> Option<Duration> {
    let script = r#"command -v "$1" >/dev/null || exit 127; "$@" >/dev/null 2>&1; times"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().nth(1)?.split_whitespace().map(clock).sum()
}

/// `1m2.5s`
fn clock(text: &str) -> Option<Duration> {
    let (minutes, seconds) = text.strip_suffix('s')?.split_once('m')?;
    let seconds: f64 = seconds.parse().ok()?;
    Some(Duration::from_secs(minutes.parse::<u64>().ok()? * 60) + Duration::from_secs_f64(seconds))
}

/// The first lines of a log, as another file.
pub fn head(log: &Path, lines: usize) -> PathBuf {
    let text = fs::read(log).unwrap();
    let end = memchr::memchr_iter(b'\n', &text).nth(lines - 1).map_or(text.len(), |end| end + 1);
    let path = log.with_extension(format!("head-{lines}"));
    fs::write(&path, &text[..end]).unwrap();
    path
}
