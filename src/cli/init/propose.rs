//! What this machine says about itself: proposals for `[hygiene] own`, its
//! name, and the logs that could be watched.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use ipnet::IpNet;

use crate::hygiene;
use crate::model::{Kind, Value};

/// Files of a web server's configuration that are looked at.
const MAX_FILES: usize = 1_000;
/// The longest of them that is looked at.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// An IPv6 network of one site's segment (RFC 4291 section 2.5.4): addresses in it change.
const SEGMENT: u8 = 64;

/// Where web servers keep the names that they serve (Debian, Fedora, FreeBSD).
const WEB_SERVERS: [&str; 9] = [
    "etc/nginx",
    "etc/nginx/conf.d",
    "etc/nginx/sites-enabled",
    "etc/apache2",
    "etc/apache2/sites-enabled",
    "etc/apache2/conf-enabled",
    "etc/httpd/conf",
    "etc/httpd/conf.d",
    "usr/local/etc/nginx",
];
/// Where certbot keeps certificates: one folder a name.
const CERTIFICATES: &str = "etc/letsencrypt/live";
/// Keys of `[watchers]` and where the log usually is.
const LOGS: [(&str, &str); 3] = [
    ("nginx_access_log", "var/log/nginx/access.log"),
    ("ufw_log_path", "var/log/ufw.log"),
    ("fail2ban_log_path", "var/log/fail2ban.log"),
];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Proposals {
    /// The host's short name.
    pub(super) host: String,
    /// Networks and domains of this machine.
    pub(super) own: Vec<String>,
}

impl Proposals {
    /// Looks below a root folder, and at the interfaces.
    pub(super) fn find(root: &Path) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let mut own = domains(root, &host);
        let addresses = if_addrs::get_if_addrs().unwrap_or_default();
        own.extend(addresses.iter().filter_map(|interface| network(interface.ip())));
        let host = host.split('.').next().unwrap_or_default().to_owned();
        Self { host, own: own.into_iter().collect() }
    }
}

/// Logs that exist, with the key that watches each.
pub(super) fn logs(root: &Path) -> Vec<(&'static str, String)> {
    let found = LOGS.into_iter().filter(|(_, path)| root.join(path).is_file());
    found.map(|(key, path)| (key, root.join(path).display().to_string())).collect()
}

/// The own network that an interface's address tells of, if the Internet can see it.
/// An IPv4 network around it may be the provider's, so it is the address alone.
pub(super) fn network(ip: IpAddr) -> Option<String> {
    hygiene::fixed(&Value::from_ip(ip)).ok()?;
    match ip.to_canonical() {
        IpAddr::V4(ip) => Some(ip.to_string()),
        IpAddr::V6(ip) => Some(IpNet::new(ip.into(), SEGMENT).ok()?.trunc().to_string()),
    }
}

/// The domains that the host's names, the web servers and the certificates belong to.
pub(super) fn domains(root: &Path, host: &str) -> BTreeSet<String> {
    let mut names = vec![host.to_owned()];
    names.extend(names_in_hosts(&text(&root.join("etc/hosts")), host));
    let files = WEB_SERVERS.iter().flat_map(|dir| files(&root.join(dir)));
    for file in files.take(MAX_FILES) {
        names.extend(server_names(&text(&file)));
    }
    let certificates = fs::read_dir(root.join(CERTIFICATES)).into_iter().flatten();
    names.extend(
        certificates
            .filter_map(Result::ok)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .take(MAX_FILES),
    );
    names.iter().filter_map(|name| registered(name)).collect()
}

/// Other names in the line of `/etc/hosts` that names the host: `127.0.1.1 web.example.org web`.
fn names_in_hosts(hosts: &str, host: &str) -> Vec<String> {
    let words = hosts.lines().map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
    });
    words.filter(|names| names.iter().any(|name| name == host)).flatten().collect()
}

/// The names in nginx's `server_name` and Apache's `ServerName` and `ServerAlias`.
fn server_names(config: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut listing = false;
    for line in config.lines() {
        let line = line.split('#').next().unwrap_or_default();
        // nginx ends a directive with a semicolon, Apache with the line.
        for directive in line.split_inclusive(';') {
            let mut words = directive.split([' ', '\t', ';', '{', '}']).filter(|w| !w.is_empty());
            if !listing {
                let keyword = words.next().unwrap_or_default();
                let nginx = keyword == "server_name";
                let apache =
                    ["servername", "serveralias"].contains(&keyword.to_ascii_lowercase().as_str());
                if !nginx && !apache {
                    continue;
                }
                listing = nginx;
            }
            names.extend(words.map(str::to_owned));
            listing &= !directive.ends_with(';');
        }
    }
    names
}

/// The domain that somebody registered and a name belongs to; none for names that
/// are not public (`localhost`, `*.local`) or patterns.
fn registered(name: &str) -> Option<String> {
    // `https://example.org:443` is a ServerName, `*.example.org` and `.example.org` are server_names.
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    let name = name.split(':').next()?.trim_start_matches("*.").trim_start_matches('.');
    let value = Value::parse(&Kind::Domain, name).ok()?;
    hygiene::fixed(&value).ok()?;
    let suffix = psl::suffix(value.as_str().as_bytes())?;
    // A name under a suffix that nobody lists is somebody's private one.
    suffix.is_known().then(|| psl::domain_str(value.as_str()).map(str::to_owned)).flatten()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

/// What can be read of a file; nothing is worth an error here.
fn text(path: &Path) -> String {
    let read = || -> io::Result<String> {
        if fs::metadata(path)?.len() > MAX_FILE_BYTES {
            return Ok(String::new());
        }
        Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
    };
    read().unwrap_or_default()
}
