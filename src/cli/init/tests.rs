//! What `dtim init` writes and proposes.

use std::collections::BTreeSet;
use std::fs;

use super::propose::{domains, logs, network};
use super::template;
use crate::config;

#[test]
fn the_written_configuration_changes_only_what_is_set() {
    let set = [
        ("node.name", "a \"b\" \\c".into()),
        ("node.data_dir", "/srv/node".into()),
        ("hygiene.own", vec!["203.0.113.0/24", "example.org"].into()),
    ];
    let text = template::with(&set);
    let loaded = config::parse(&text, &[]).unwrap();
    let given: Vec<&str> = loaded.given.iter().map(String::as_str).collect();
    assert_eq!(given, ["hygiene.own", "node.data_dir", "node.name"]);
    assert!(loaded.notices.is_empty(), "{:?}", loaded.notices);
    let mut expected = config::Config::default();
    expected.node.name = "a \"b\" \\c".to_owned();
    expected.node.data_dir = "/srv/node".into();
    expected.hygiene.own = vec!["203.0.113.0/24".to_owned(), "example.org".to_owned()];
    assert_eq!(loaded.config, expected);
}

#[test]
fn every_key_stands_in_the_written_configuration_with_its_default() {
    // Uncommented, it is the default file again.
    let uncommented: String = template::with(&[])
        .lines()
        .filter_map(|line| {
            let line = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line);
            let example = ["[[peers]]", "[[feeds]]", "[watchers.source"];
            (!example.iter().any(|example| line.starts_with(example))).then(|| format!("{line}\n"))
        })
        .collect();
    for key in ["community = \"dtim\"", "max_gib = 10", "hold = [\"60s\", \"600s\"]"] {
        assert!(uncommented.contains(&format!("\n{key}\n")), "{key}");
    }
}

#[test]
fn domains_come_from_hosts_web_servers_and_certificates() {
    let root = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put(
        "etc/hosts",
        "127.0.0.1 localhost\n127.0.1.1 web1.corp-a.com web1 # us\n10.0.0.1 x.corp-b.com\n",
    );
    put(
        "etc/nginx/sites-enabled/site",
        "server { listen 80; server_name www.corp-c.com\n  *.corp-d.co.uk; # server_name no.corp-x.com;\n root /srv; }\n\
         server { server_name _ localhost ~^re\\.corp-y\\.com$; location / { proxy_pass http://corp-z.com; } }\n",
    );
    put(
        "etc/apache2/sites-enabled/a.conf",
        "<VirtualHost *:80>\n ServerName https://corp-e.de:443\n ServerAlias a.corp-f.de b.corp-f.de\n</VirtualHost>\n",
    );
    put("etc/letsencrypt/live/mail.corp-g.org/README", "");
    let found = domains(root.path(), "web1");
    let expected =
        ["corp-a.com", "corp-c.com", "corp-d.co.uk", "corp-e.de", "corp-f.de", "corp-g.org"];
    assert_eq!(found, BTreeSet::from(expected.map(str::to_owned)));
}

#[test]
fn networks_are_proposed_only_where_the_internet_sees_them() {
    let proposed = |ip: &str| network(ip.parse().unwrap());
    assert_eq!(proposed("45.155.205.233").as_deref(), Some("45.155.205.233"));
    assert_eq!(proposed("2a00:1450:4001:81b::200e").as_deref(), Some("2a00:1450:4001:81b::/64"));
    for private in ["127.0.0.1", "192.168.1.2", "fe80::1", "fd00::1", "::1"] {
        assert_eq!(proposed(private), None, "{private}");
    }
}

#[test]
fn logs_that_exist_are_named_with_their_key() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("var/log")).unwrap();
    fs::write(root.path().join("var/log/ufw.log"), "").unwrap();
    let keys: Vec<&str> = logs(root.path()).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["ufw_log_path"]);
}
