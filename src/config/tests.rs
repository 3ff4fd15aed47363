//! What the configuration accepts, refuses and says about it.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::model::{Level, Source, Tag, Tlp};

mod refusals;

const DEFAULT: &str = include_str!("../../config/default.toml");
const PEER: &str = "12D3KooWGm4wVr6vBzNLcQwXTbCUKvX5vSLyfZsHWjmxY2KZpvNi";
const OTHER: &str = "12D3KooWNvSZnPi3RrhrTwEY4LuuBeB6K6facKUCJcyWG1aoDd2p";

/// The example of the original design document, section 3.1, as it stands there.
const ORIGINAL: &str = r#"
[security]
key_rotation_days = 7
tls_cert_path = "certs/server.crt"
tls_key_path = "certs/server.key"

[storage]
encrypted_logs_path = "data/logs"

[network]
gossip_interval_seconds = 60
peers_per_round = 3
default_peers = [
    "https://peer1.example.com:3030",
    "https://peer2.example.com:3030"
]
registry_url = "https://registry.dtim.example.com"

[privacy]
level = "moderate" # Options: "strict", "moderate", "open"
allow_custom_fields = true

[watchers]
ufw_log_path = "/var/log/ufw.log"
fail2ban_log_path = "/var/log/fail2ban.log"
suricata_log_path = "/var/log/suricata/eve.json"
zeek_log_dir = "/opt/zeek/logs/current"
clamav_scan_dir = "/var/tmp/scan"
virustotal_api_key = "YOUR_API_KEY_HERE"
nginx_access_log = "/var/log/nginx/access.log"
nginx_error_log = "/var/log/nginx/error.log"
apache_access_log = "/var/log/apache2/access.log"
apache_error_log = "/var/log/apache2/error.log"
"#;

fn good(text: &str) -> Config {
    parse(text, &[]).unwrap_or_else(|problems| panic!("{problems:#?}")).config
}

fn good_with(text: &str, variables: &[(&str, &str)]) -> Config {
    parse(text, &owned(variables)).unwrap_or_else(|problems| panic!("{problems:#?}")).config
}

fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn problems(text: &str) -> Vec<String> {
    parse(text, &[]).unwrap_err().iter().map(Problem::to_string).collect()
}

/// The one problem of a text.
#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(problems(text), [expected]);
}

#[test]
fn default_toml_is_the_default() {
    assert_eq!(good(DEFAULT), Config::default());
    assert_eq!(good(""), Config::default());
    assert_eq!(parse(DEFAULT, &[]).unwrap().notices, []);
}

#[test]
fn default_toml_has_every_key() {
    // Its examples are keys behind a "#" without a space; they must be right as well.
    let uncommented: String = DEFAULT
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(example) if !example.is_empty() && !example.starts_with(' ') => example,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let loaded = parse(&uncommented, &[]).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let is_set = |key: &&str| !loaded.given.contains(*key);
    // [groups], [ageing] and [watchers.source] hold names that the operator chooses.
    let free =
        |key: &&str| *key != "groups" && *key != "ageing" && !key.starts_with("watchers.source.");
    assert_eq!(loaded.keys().filter(is_set).filter(free).collect::<Vec<_>>(), Vec::<&str>::new());
    assert_eq!(loaded.config.peers.len(), 1);
    assert_eq!(loaded.config.feeds.len(), 1);
    assert_eq!(loaded.config.watchers.source_tlp.get(&Source::NginxAccess), Some(&Tlp::Green));
}

#[test]
fn the_original_document_s_example_is_accepted_and_says_what_does_nothing_yet() {
    let loaded = parse(ORIGINAL, &[]).unwrap();
    let keys: Vec<&str> = loaded.notices.iter().map(|notice| notice.key.as_str()).collect();
    assert_eq!(
        keys,
        ["storage.encrypted_logs_path", "network.default_peers (https:// endpoints)",]
    );
    assert_eq!(
        loaded.notices[0].to_string(),
        "line 8, storage.encrypted_logs_path: does nothing yet; it may stay: a later version will use it"
    );
    let watched: Vec<Source> = loaded.config.watchers.paths.keys().copied().collect();
    let others = [Source::Clamav, Source::Sshd];
    assert!(Source::ALL.iter().all(|s| watched.contains(s) != others.contains(s)), "{watched:?}");
    assert!(!format!("{:?}", loaded.config).contains("YOUR_API_KEY_HERE"));
}

#[test]
fn peers_and_groups_are_read() {
    let text = format!(
        "[[peers]]\nname = \"a\"\npeer_id = \"{PEER}\"\n\
         [[peers]]\nname = \"b\"\npeer_id = \"{OTHER}\"\norganisation = \"acme\"\ntrust = 1\n\
         [groups]\nall = [\"a\", \"b\", \"c\"]"
    );
    let loaded = parse(&text, &[]).unwrap();
    let [a, b] = &loaded.config.peers[..] else { panic!() };
    assert_eq!((a.organisation.as_str(), a.trust), ("a", 0.5));
    assert_eq!((b.organisation.as_str(), b.trust), ("acme", 1.0));
    assert_eq!(loaded.config.groups["all"].len(), 3);
    assert_eq!(
        loaded.notices.iter().map(Problem::to_string).collect::<Vec<_>>(),
        ["line 10, groups.all: no [[peers]] entry is named \"c\"; correct the name, \
          or approve a member under it (`dtim peers approve`)"]
    );
    check(
        &(text + "\na = [\"b\"]"),
        "line 11, groups.a: \"a\" is also the name of a peer; give the group another name",
    );
}

#[test]
fn a_unit_of_the_journal_stands_in_the_place_of_a_file() {
    let unit = |name: &str| {
        let config = good(&format!("[watchers]\nufw_log_path = \"journal:{name}\""));
        config.watchers.paths[&Source::Ufw].clone()
    };
    assert_eq!(unit("kernel"), WatchPath::Journal("kernel".to_owned()));
    assert_eq!(unit("ssh"), WatchPath::Journal("ssh.service".to_owned()));
    assert_eq!(unit("ssh.service"), WatchPath::Journal("ssh.service".to_owned()));
    for name in ["", "ssh*", "ssh@.service", "a b", "a=b"] {
        let found = problems(&format!("[watchers]\nufw_log_path = \"journal:{name}\""));
        assert!(found.len() == 1 && found[0].contains("journal:kernel"), "{found:?}");
    }
    let found = problems("[watchers]\nzeek_log_dir = \"journal:zeek\"");
    assert!(found.len() == 1 && found[0].contains("name a folder"), "{found:?}");
}

#[test]
fn a_marking_of_one_source_that_has_no_effect_is_said_to_have_none() {
    let notices = |text: &str| parse(text, &[]).unwrap().notices.len();
    let one = "[watchers.source.ufw]\ntlp = \"green\"\n";
    assert_eq!(notices(one), 0);
    assert_eq!(notices(&format!("[watchers]\ntlp = \"white\"\n{one}")), 0);
    assert_eq!(notices(&format!("[watchers]\ntlp = \"red\"\n{one}")), 1);
}

#[test]
fn variables_override_the_file() {
    let config = good_with(
        "[node]\nname = \"a\"\n[network]\npeers_per_round = 5",
        &[
            ("DTIM__NODE__NAME", "5"),
            ("DTIM__NETWORK__DISCOVERABLE", "true"),
            ("DTIM__NETWORK__LISTEN", "/ip4/127.0.0.1/tcp/1, /ip4/127.0.0.1/tcp/2"),
            ("DTIM__PRIVACY__HOLD", "[\"0s\", \"0s\"]"),
            ("DTIM__PRIVACY__TAGS", "x,y"),
            ("DTIM__PRIVACY__LEVEL", "strict"),
            ("DTIM__OUTPUTS__BLOCK__SOURCES", "1"),
            ("DTIM__METRICS__LISTEN", ""),
            ("DTIM__WATCHERS__SOURCE__NGINX_ACCESS__TLP", "green"),
            ("DTIM__WATCHERS__UFW_LOG_PATH", "/var/log/ufw.log"),
            ("DTIM__AGEING__X_FRUIT", "1d"),
            ("DTIM__PEERS", &format!("[{{ name = \"p\", peer_id = \"{PEER}\" }}]")),
            ("DTIM__BOOTSTRAP__RELAY_MAX_CIRCUIT_DURATION", "90s"),
            ("PATH", "/bin"),
        ],
    );
    assert_eq!(config.node.name, "5");
    assert!(config.network.discoverable);
    assert_eq!((config.network.listen.len(), config.network.peers_per_round), (2, 5));
    assert_eq!((config.privacy.hold, config.privacy.level), ((0, 0), Level::Strict));
    let tags: BTreeSet<Tag> = ["x", "y"].map(|tag| tag.parse().unwrap()).into();
    assert_eq!(config.privacy.tags, tags);
    assert_eq!((config.outputs.block.sources, config.metrics.listen), (1, None));
    assert_eq!(config.watchers.source_tlp[&Source::NginxAccess], Tlp::Green);
    assert_eq!(config.watchers.paths.len(), 1);
    assert_eq!(config.ageing.values().copied().collect::<Vec<_>>(), [24 * 60 * 60]);
    assert_eq!(config.peers[0].name, "p");
    assert_eq!(config.bootstrap.relay_max_circuit_duration, 90);
}

#[test]
fn a_reload_names_what_needs_a_restart() {
    let before = parse("[node]\nlog_level = \"info\"", &[]).unwrap();
    let text = "[node]\nlog_level = \"debug\"\ncommunity = \"x\"\n\
                [network]\nupnp = true\nrelay = true\n[ageing]\nip = \"1d\"\n[hygiene]\nown = [\"a\"]";
    let after = parse(text, &[]).unwrap();
    assert_eq!(before.needs_restart(&after), ["network.upnp", "node.community"]);
    assert_eq!(before.needs_restart(&before), Vec::<&str>::new());
}

#[test]
fn relative_paths_lie_below_the_data_directory() {
    let config = good("[node]\ndata_dir = \"/srv/dtim\"");
    assert_eq!(config.resolve(Path::new("keys/master")), Path::new("/srv/dtim/keys/master"));
    assert_eq!(config.resolve(Path::new("/etc/x")), Path::new("/etc/x"));
}

proptest! {
    #[test]
    fn nothing_panics_on_any_text(text in ".{0,200}", name in "DTIM__[A-Z_]{0,30}", value in ".{0,40}") {
        let _ = parse(&text, &[(name, value)]);
    }

    #[test]
    fn a_value_of_any_type_is_taken_or_refused_with_its_key(
        index in 0_usize..1000,
        value in prop::sample::select(vec![
            "1", "-1", "0.5", "nan", "true", "\"\"", "\"x\"", "[]", "[1]", "[[\"x\"]]", "{}",
            "{ a = 1 }", "1979-05-27", "99999999999999999999", "0xff",
        ]),
    ) {
        let keys: Vec<String> = parse("", &[]).unwrap().keys().map(str::to_owned).collect();
        let key = &keys[index % keys.len()];
        for problem in parse(&format!("{key} = {value}"), &[]).err().into_iter().flatten() {
            prop_assert!(problem.key.starts_with(key.as_str()), "{}", problem);
            prop_assert_eq!(problem.line, Some(1));
        }
    }
}
