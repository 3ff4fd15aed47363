//! Debian's programs that tests drive: installed, or unpacked by `.ci/need test`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where `.ci/need` unpacks.
pub fn root() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    cache.join("dtim/tools/root")
}

/// A file of a package, if it is there.
pub fn find(path: &str) -> Option<PathBuf> {
    let places = [PathBuf::from("/"), root()];
    places.iter().map(|place| place.join(path)).find(|path| path.exists())
}

/// A file of a package, such as `usr/sbin/nginx`.
pub fn file(path: &str) -> PathBuf {
    find(path)
        .unwrap_or_else(|| panic!("{path} is missing: `.ci/need test` fetches it from Debian"))
}

/// A program, with the libraries that were unpacked beside it.
pub fn program(path: &str) -> Command {
    let mut command = Command::new(file(path));
    environment(&mut command);
    command
}

/// Lets a command find unpacked libraries and Python's modules.
pub fn environment(command: &mut Command) {
    let libraries = root().join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    // systemd's programs keep theirs apart.
    let paths = std::env::join_paths([libraries.join("systemd"), libraries]).unwrap();
    command.env("LD_LIBRARY_PATH", paths);
    command.env("PYTHONPATH", root().join("usr/lib/python3/dist-packages"));
}

/// A child that is killed with the test.
pub struct Daemon(Child);

impl Daemon {
    /// Starts a program; what it says goes to a file.
    pub fn start(mut command: Command, said: &Path) -> Self {
        let said = fs::File::create(said).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // TERM first: a server has children of its own.
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        for _ in 0..200 {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Runs a command to its end; panics with what it said if it failed.
pub fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

/// What a test prints is shown only if it fails; a skipped one must be heard of.
pub fn aloud(word: &str) {
    let said = std::fs::OpenOptions::new().write(true).open("/dev/stderr");
    let said = said.and_then(|mut stderr| writeln!(stderr, "{word}"));
    said.unwrap_or_else(|_| println!("{word}"));
}

/// A network namespace with addresses of its own on its loopback interface.
pub struct Namespace(String);

impl Namespace {
    /// None, with a word, where this user may not make one.
    pub fn new(addresses: &[&str]) -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("dtim-{}-{number}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).output().unwrap();
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr).into_owned();
            assert!(std::env::var_os("CI").is_none(), "no network namespace in CI: {why}");
            aloud(&format!("SKIPPED: no network namespace for this user: {why}"));
            return None;
        }
        let namespace = Self(name);
        namespace.done(&["ip", "link", "set", "lo", "up"]);
        for address in addresses {
            namespace.done(&["ip", "addr", "add", address, "dev", "lo", "nodad"]);
        }
        Some(namespace)
    }

    /// What runs a command inside when it stands before it.
    pub fn prefix(&self) -> [String; 4] {
        ["ip", "netns", "exec", &self.0].map(str::to_owned)
    }

    /// A command inside.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let [program, rest @ ..] = self.prefix();
        let mut command = Command::new(program);
        command.args(rest).args(arguments);
        command
    }

    pub fn done(&self, arguments: &[&str]) -> Output {
        done(&mut self.command(arguments))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        Command::new("ip").args(["netns", "del", &self.0]).status().ok();
    }
}
