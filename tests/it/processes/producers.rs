//! Debian's nginx, Apache and fail2ban and the kernel's netfilter write the logs; a node
//! watches them through both kinds of rotation.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::tools::{self, Daemon, Namespace};
use super::{Organisation, Settings, eventually};

const SERVER: &str = "29.3.0.1";
/// What each address does, and whether that makes it an indicator.
const CAST: [(&str, bool); 8] = [
    ("45.155.205.10", true),  // asks nginx for secrets before the rotation
    ("45.155.205.11", true),  // asks Apache for secrets before the rotation
    ("45.155.205.12", true),  // guesses nginx's password until fail2ban bans it
    ("45.155.205.13", false), // an ordinary visitor
    ("45.155.205.14", true),  // knocks at a closed telnet port
    ("45.155.205.15", true),  // asks nginx for secrets after the rotation
    ("45.155.205.16", true),  // asks Apache for secrets after the rotation
    ("2a06:4880::10", true),  // asks nginx for secrets over IPv6
];
/// Never seen on any socket; the visitor and an attacker write it wherever they can.
const PLANTED: &str = "45.155.205.99";

#[test]
fn debians_servers_are_watched_through_their_rotations() {
    let addresses: Vec<String> = CAST.iter().map(|(address, _)| own(address)).collect();
    let mut all: Vec<&str> = addresses.iter().map(String::as_str).collect();
    all.extend(["29.3.0.1/32", "2a06:4880::1/128"]);
    let Some(namespace) = Namespace::new(&all) else { return };
    let mut node = Organisation::new(
        "edge",
        Settings {
            watchers: "nginx_error_log = \"{logs}/error.log\"\n\
                       apache_access_log = \"{logs}/apache.log\"\n\
                       apache_error_log = \"{logs}/apache-error.log\"",
            ..Settings::default()
        },
    );
    let folder = node.data_dir().parent().unwrap().to_owned();
    let _nginx = nginx(&namespace, &folder);
    let _apache = apache(&namespace, &folder);
    let _fail2ban = fail2ban(&folder);
    let kernel = Kernel::open(&namespace);
    node.start();

    let ask = |from: &str, url: &str, more: &[&str]| {
        // A refused or wrong request is an answer like any other here.
        eventually("the server answers", || {
            let mut command = namespace.command(&["curl", "-s", "-o", "/dev/null"]);
            command.args(["--interface", from, url]).args(more);
            command.status().unwrap().success().then_some(())
        });
    };
    let forged = format!("X-Forwarded-For: {PLANTED}");
    let agent = format!("x\" 200 1 \"-\" \"{PLANTED} - - [24/Nov/2026:10:00:00 +0000] \"GET /.env");
    let name = format!("x, client: {PLANTED}, server: y");
    let visit = |port: u16| {
        let url = format!("http://{SERVER}:{port}/");
        ask("45.155.205.13", &url, &["-H", &forged, "-A", &agent]);
        let odd = format!("{url}%0a{PLANTED}%20-%20-%20%22?client:%20{PLANTED}");
        ask("45.155.205.13", &odd, &["-H", &format!("Host: {PLANTED}")]);
    };
    visit(8080);
    visit(8081);
    ask("45.155.205.10", &format!("http://{SERVER}:8080/.env"), &["-H", &forged]);
    ask("2a06:4880::10", "http://[2a06:4880::1]:8080/.env", &[]);
    ask("45.155.205.11", &format!("http://{SERVER}:8081/.git/config"), &["-H", &forged]);
    for _ in 0..4 {
        let url = format!("http://{SERVER}:8080/private/");
        ask("45.155.205.12", &url, &["-u", &format!("{name}:wrong")]);
        ask("45.155.205.12", &url, &["-u", "admin:wrong"]);
    }
    // It reads at intervals, and of a rotated file nothing.
    eventually("fail2ban bans who guesses", || {
        let log = fs::read_to_string(node.log("fail2ban.log")).unwrap_or_default();
        log.contains(" Ban 45.155.205.12").then_some(())
    });
    knows(&node, "45.155.205.10");
    knows(&node, "45.155.205.11");

    rotate(&folder);
    ask("45.155.205.15", &format!("http://{SERVER}:8080/.env"), &[]);
    ask("45.155.205.16", &format!("http://{SERVER}:8081/.git/config"), &[]);
    visit(8080);
    visit(8081);

    let knocked = kernel.as_ref().is_some_and(|kernel| kernel.knock(&namespace, &node));
    for (address, indicator) in CAST {
        if indicator && (knocked || address != "45.155.205.14") {
            knows(&node, address);
        }
    }
    for (address, _) in CAST.iter().filter(|(_, indicator)| !indicator) {
        assert!(node.knows(address).is_none(), "{address} is an ordinary visitor");
    }
    for address in [PLANTED, SERVER] {
        assert!(node.knows(address).is_none(), "{address} attacked nobody");
    }
    every_line_was_read_once(&node);
    let seen = sightings(&node);
    for source in ["nginx-access", "nginx-error", "apache-access", "fail2ban"] {
        assert!(seen[source] > 0, "{source}: {seen:?}");
    }
    node.stop();
}

/// How many sightings each source has made.
fn sightings(node: &Organisation) -> BTreeMap<String, u64> {
    let status = node.ask(&["status"], &[]).unwrap();
    let watchers = status["watchers"].as_array().unwrap().iter();
    let said = |watcher: &Value| {
        let source = watcher["source"].as_str().unwrap().to_owned();
        (source, watcher["sightings"].as_u64().unwrap())
    };
    watchers.map(said).collect()
}

/// `address/length` for an interface.
fn own(address: &str) -> String {
    format!("{address}/{}", if address.contains(':') { 128 } else { 32 })
}

fn knows(node: &Organisation, address: &str) {
    let found = eventually(&format!("{address} is an indicator"), || node.knows(address));
    assert_eq!(found["own"], true);
}

/// What the node counted is what the servers wrote, rotated parts included.
fn every_line_was_read_once(node: &Organisation) {
    let written = |names: &[&str]| -> u64 {
        let text = |name: &&str| fs::read(node.log(name)).unwrap_or_default();
        let lines = |text: Vec<u8>| text.iter().filter(|byte| **byte == b'\n').count() as u64;
        names.iter().map(text).map(lines).sum()
    };
    for (source, names) in [
        ("nginx-access", ["access.log", "access.log.1"]),
        ("nginx-error", ["error.log", "error.log.1"]),
        ("apache-access", ["apache.log", "apache.log.1"]),
        ("apache-error", ["apache-error.log", "apache-error.log.1"]),
        ("fail2ban", ["fail2ban.log", "fail2ban.log.1"]),
    ] {
        let watcher = || {
            let status = node.ask(&["status"], &[]).ok()?;
            let watchers = status["watchers"].as_array()?.clone();
            watchers.into_iter().find(|watcher| watcher["source"] == source)
        };
        let watcher = eventually(&format!("all lines of {source} are read"), || {
            watcher().filter(|watcher| watcher["lines"] == written(&names))
        });
        println!("{source}: {} lines, all read once: {watcher}", written(&names));
        // nginx wrote the two paths with a line end in them as two lines each; fail2ban
        // writes tracebacks and the like.
        let odd = match source {
            "nginx-error" => 2,
            "fail2ban" => u64::MAX,
            _ => 0,
        };
        assert!(watcher["parse_failures"].as_u64().unwrap() <= odd, "{watcher}");
    }
}

fn nginx(namespace: &Namespace, folder: &Path) -> Daemon {
    let root = folder.join("nginx");
    fs::create_dir_all(root.join("html/private")).unwrap();
    fs::write(root.join("html/index.html"), "hello").unwrap();
    let password = tools::done(Command::new("openssl").args(["passwd", "-apr1", "secret"]));
    let users = format!("admin:{}", String::from_utf8(password.stdout).unwrap());
    fs::write(root.join("users"), users).unwrap();
    let (logs, root) = (folder.join("log").display().to_string(), root.display().to_string());
    let config = format!(
        "daemon off; worker_processes 1; user root; pid {root}/pid; error_log {logs}/error.log info;
events {{}}
http {{
  access_log {logs}/access.log combined;
  client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
  uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
  server {{
    listen {SERVER}:8080; listen [2a06:4880::1]:8080; root {root}/html;
    location /private/ {{ auth_basic x; auth_basic_user_file {root}/users; }}
  }}
}}"
    );
    fs::write(format!("{root}/nginx.conf"), config).unwrap();
    let program = tools::file("usr/sbin/nginx").display().to_string();
    let mut command =
        namespace.command(&[&program, "-p", &root, "-c", &format!("{root}/nginx.conf")]);
    tools::environment(&mut command);
    Daemon::start(command, Path::new(&format!("{root}/said")))
}

fn apache(namespace: &Namespace, folder: &Path) -> Daemon {
    let root = folder.join("apache");
    fs::create_dir_all(root.join("html")).unwrap();
    fs::write(root.join("html/index.html"), "hello").unwrap();
    let (logs, root) = (folder.join("log").display().to_string(), root.display().to_string());
    let modules = tools::file("usr/lib/apache2/modules").display().to_string();
    let load = |name: &str| format!("LoadModule {name}_module {modules}/mod_{name}.so\n");
    let modules: String = ["mpm_event", "authz_core", "dir"].map(load).concat();
    let config = format!(
        "ServerRoot {root}\nServerName {SERVER}\nListen {SERVER}:8081\nPidFile {root}/pid\n{modules}\
         User www-data\nGroup www-data\nDocumentRoot {root}/html\nErrorLog {logs}/apache-error.log\n\
         DefaultRuntimeDir {root}\nMutex file:{root}\n\
         LogFormat \"%h %l %u %t \\\"%r\\\" %>s %O \\\"%{{Referer}}i\\\" \\\"%{{User-Agent}}i\\\"\" combined\n\
         CustomLog {logs}/apache.log combined\n<Directory {root}/html>\nRequire all granted\n</Directory>\n"
    );
    fs::write(format!("{root}/apache.conf"), config).unwrap();
    let program = tools::file("usr/sbin/apache2").display().to_string();
    let mut command =
        namespace.command(&[&program, "-f", &format!("{root}/apache.conf"), "-DFOREGROUND"]);
    tools::environment(&mut command);
    Daemon::start(command, Path::new(&format!("{root}/said")))
}

/// fail2ban reads nginx's error log and bans without doing anything.
fn fail2ban(folder: &Path) -> Daemon {
    let root = folder.join("fail2ban");
    let etc = tools::file("etc/fail2ban");
    tools::done(Command::new("cp").arg("-r").arg(etc).arg(&root));
    fs::remove_dir_all(root.join("jail.d")).ok();
    let error_log = folder.join("log/error.log").display().to_string();
    let jail = format!(
        "[DEFAULT]\nbackend = polling\nbanaction = dummy\naction = dummy\nignoreself = false\n\
         [nginx-http-auth]\nenabled = true\nlogpath = {error_log}\nmaxretry = 3\n"
    );
    fs::write(root.join("jail.local"), jail).unwrap();
    let database = format!("[Definition]\ndbfile = {}\n", root.join("database").display());
    fs::write(root.join("fail2ban.local"), database).unwrap();
    fs::write(
        root.join("action.d/dummy.local"),
        "[Definition]\nactionban =\nactionunban =\n\
              actionstart =\nactionstop =\nactionflush =\n",
    )
    .unwrap();
    eventually("nginx has its log", || Path::new(&error_log).exists().then_some(()));
    let mut command = tools::program("usr/bin/fail2ban-server");
    command.arg("-c").arg(&root).arg("-s").arg(root.join("sock")).arg("-p").arg(root.join("pid"));
    command.arg("--logtarget").arg(folder.join("log/fail2ban.log"));
    command.args(["--loglevel", "INFO", "-f", "-x", "start"]);
    let daemon = Daemon::start(command, &root.join("said"));
    let log = folder.join("log/fail2ban.log");
    eventually("fail2ban's jail is at work", || {
        let log = fs::read_to_string(&log).unwrap_or_default();
        log.contains("Jail 'nginx-http-auth' started").then_some(())
    });
    daemon
}

/// One turn of Debian's logrotate: nginx's logs by rename and create, Apache's by copytruncate.
fn rotate(folder: &Path) {
    let logs = folder.join("log").display().to_string();
    let root = folder.join("nginx").display().to_string();
    let config = format!(
        "{logs}/access.log {logs}/error.log {{\n rotate 3\n create 0644 root root\n sharedscripts\n\
         postrotate\n  kill -USR1 $(cat {root}/pid)\n endscript\n}}\n\
         {logs}/apache.log {{\n rotate 3\n copytruncate\n}}\n"
    );
    let path = folder.join("logrotate.conf");
    fs::write(&path, config).unwrap();
    let mut command = tools::program("usr/sbin/logrotate");
    tools::done(command.arg("-f").arg("-s").arg(folder.join("logrotate.state")).arg(path));
}

/// The kernel's log, from now on.
struct Kernel {
    messages: PathBuf,
    file: std::cell::RefCell<fs::File>,
    /// What the setting was.
    namespaces: String,
}

const LOG_NAMESPACES: &str = "/proc/sys/net/netfilter/nf_log_all_netns";

impl Kernel {
    /// None, with a word, where the kernel logs nothing of a namespace.
    fn open(namespace: &Namespace) -> Option<Self> {
        let messages = PathBuf::from("/dev/kmsg");
        let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
        let mut file =
            fs::OpenOptions::new().read(true).custom_flags(flags).open(&messages).ok()?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).ok()?;
        let namespaces = fs::read_to_string(LOG_NAMESPACES).ok()?;
        if fs::write(LOG_NAMESPACES, "1").is_err() {
            tools::aloud("SKIPPED: netfilter's own lines: this user may not switch them on");
            return None;
        }
        for rule in [
            "add table inet t",
            "add chain inet t c { type filter hook input priority 0; }",
            "add rule inet t c tcp dport 23 log prefix \"[UFW BLOCK] \" drop",
        ] {
            namespace.done(&["nft", rule]);
        }
        Some(Self { messages, file: std::cell::RefCell::new(file), namespaces })
    }

    /// Knocks at telnet three times and passes on what the kernel says, as a syslog daemon does.
    fn knock(&self, namespace: &Namespace, node: &Organisation) -> bool {
        let script = "import socket\nfor i in range(3):\n s=socket.socket(); s.bind(('45.155.205.14',0)); \
                      s.settimeout(0.2)\n try: s.connect(('29.3.0.1',23))\n except OSError: pass\n s.close()";
        namespace.done(&["python3", "-c", script]);
        let mut said = 0;
        while let Some(message) = self.next() {
            if message.contains("SRC=45.155.205.14") {
                let now = chrono::Utc::now().format("%b %e %H:%M:%S");
                node.append("ufw.log", &format!("{now} edge kernel: [1.0] {message}\n"));
                said += 1;
            }
        }
        println!("ufw: the kernel wrote {said} lines to {}", self.messages.display());
        assert!(said >= 3 || std::env::var_os("CI").is_none(), "{said} lines of three packets");
        said >= 3
    }

    /// The next message, without its head (kernel documentation, dev-kmsg).
    fn next(&self) -> Option<String> {
        let mut record = [0; 8192];
        let length = match self.file.borrow_mut().read(&mut record) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) => panic!("{error}"),
        };
        let record = String::from_utf8_lossy(&record[..length]).into_owned();
        let message = record.split_once(';').map_or("", |(_, message)| message);
        Some(message.lines().next().unwrap_or_default().to_owned())
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        fs::write(LOG_NAMESPACES, &self.namespaces).ok();
    }
}
