//! What the configuration accepts, refuses and says about it.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;

use super::problem::closest;
use super::*;
use crate::model::{Level, Source, Tag, Tlp};

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
        [
            "security.tls_cert_path",
            "security.tls_key_path",
            "storage.encrypted_logs_path",
            "network.default_peers (https:// endpoints)",
            "network.registry_url",
            "watchers.suricata_log_path",
            "watchers.zeek_log_dir",
            "watchers.clamav_scan_dir",
            "watchers.virustotal_api_key",
            "watchers.nginx_error_log",
            "watchers.apache_access_log",
            "watchers.apache_error_log",
        ]
    );
    assert_eq!(
        loaded.notices[0].to_string(),
        "line 4, security.tls_cert_path: does nothing yet; it may stay: a later version will use it"
    );
    let watched: Vec<Source> = loaded.config.watchers.paths.keys().copied().collect();
    assert_eq!(watched, [Source::Ufw, Source::Fail2ban, Source::NginxAccess]);
    assert!(!format!("{:?}", loaded.config).contains("YOUR_API_KEY_HERE"));
}

#[test]
fn everything_wrong_is_reported_at_once_in_the_order_of_the_file() {
    let text = format!(
        r#"[node]
nmae = "x"
community = "Not A Name"
[network]
listen = ["/ip4/0.0.0.0/tcp/3031", "nonsense", "/ip4/1.2.3.4"]
peers_per_round = 0
[[peers]]
name = "a"
peer_id = "{PEER}"
trust = 1.5
[[peers]]
name = "a"
peer_id = "{PEER}"
[privacy]
hold = ["10m", "1m"]
level = 3
[netwrk]
"#
    );
    assert_eq!(
        problems(&text),
        [
            "line 2, node.nmae: there is no such key; did you mean node.name?",
            "line 3, node.community: \"Not A Name\" is not a community's name; \
             use 1 to 64 of a-z, 0-9, dot, _ and -",
            "line 5, network.listen[2]: \"nonsense\" is not a multiaddr; write it like \
             /ip4/192.0.2.1/tcp/3031 or /dns/node.example.org/tcp/3031",
            "line 6, network.peers_per_round: 0 is out of bounds; use 1 to 1000",
            "line 10, peers[1].trust: 1.5 is out of bounds; use 0 to 1",
            "line 11, peers[2]: \"a\" names two peers; give each a name of its own",
            &format!("line 11, peers[2]: {PEER} is listed twice; remove one of the entries"),
            "line 15, privacy.hold: the shortest time is longer than the longest; write the \
             shortest and the longest time, like [\"60s\", \"600s\"]",
            "line 16, privacy.level: a whole number stands where a text is expected; \
             write it in quotation marks",
            "line 17, netwrk: there is no such key; did you mean network?",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn every_mistake_of_syntax_is_reported_with_its_line() {
    let all = parse("[node]\nname = \n\nlog_level = \"info\nx = 1 1\n", &[]).unwrap_err();
    assert_eq!(all.first().unwrap().line, Some(2));
    assert!(all.len() >= 2, "{all:#?}");
    check(
        "[node]\nname = \"a\"\nname = \"b\"\n",
        "line 3: not valid TOML: duplicate key; correct the line",
    );
}

#[test]
fn addresses_must_fit_where_they_are_used() {
    check(
        "[network]\nbootstraps = [\"/dns/b.example.org/tcp/3031\"]",
        "line 2, network.bootstraps: \"/dns/b.example.org/tcp/3031\" does not say whose address \
         it is; end it with /p2p/PEER_ID, as `dtim bootstrap` prints it",
    );
    check(
        "[network]\nlisten = [\"/ip4/0.0.0.0/udp/3031\"]",
        "line 2, network.listen: \"/ip4/0.0.0.0/udp/3031\" is not an address to listen on; \
         end it with /tcp/PORT or /udp/PORT/quic-v1",
    );
    check(
        &format!("[network]\nexternal_addresses = [\"/ip4/1.1.1.1/tcp/1/p2p/{PEER}\"]"),
        &format!(
            "line 2, network.external_addresses: \"/ip4/1.1.1.1/tcp/1/p2p/{PEER}\" names a peer; \
             leave out /p2p/…"
        ),
    );
    check(
        &format!(
            "[[peers]]\nname = \"a\"\npeer_id = \"{PEER}\"\n\
             addresses = [\"/ip4/1.1.1.1/tcp/1/p2p/{OTHER}\"]"
        ),
        &format!(
            "line 1, peers[1]: \"/ip4/1.1.1.1/tcp/1/p2p/{OTHER}\" is the address of another peer; \
             end it with /p2p/{PEER}, or leave that out"
        ),
    );
    check(
        "[network]\ndefault_peers = [\"http://peer.example.org\"]",
        "line 2, network.default_peers[1]: \"http://peer.example.org\" is not an https:// \
         endpoint; write /ip4/192.0.2.1/tcp/3031, or https://peer.example.org:3030",
    );
    let quic = good("[network]\nlisten = [\"/ip4/0.0.0.0/udp/3031/quic-v1\"]");
    assert_eq!(quic.network.listen.len(), 1);
}

#[test]
fn a_peer_needs_a_name_and_the_identity_of_an_ed25519_key() {
    check("[[peers]]\nname = \"a\"", "line 1, peers[1].peer_id: is missing; add peer_id = \"…\"");
    // A name with a space, and the PeerId of an RSA key.
    let text =
        "[[peers]]\nname = \"a b\"\npeer_id = \"QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN\"";
    assert_eq!(
        problems(text),
        [
            "line 2, peers[1].name: \"a b\" is not a name; \
             use 1 to 64 letters, digits, dots, underscores and hyphens",
            "line 3, peers[1].peer_id: \"QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN\" is not \
             the PeerId of an Ed25519 key; it looks like 12D3KooW… and `dtim status` prints it",
        ]
    );
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
fn wrong_types_say_what_was_expected() {
    check(
        "network = 5",
        "line 1, network: a whole number stands where a section is expected; \
         write it as [name] with its keys below",
    );
    check(
        "[network]\nupnp = \"yes\"",
        "line 2, network.upnp: a text stands where true or false is expected; \
         write true or false, without quotation marks",
    );
    check(
        "[hygiene]\nown = \"10.0.0.0/8\"",
        "line 2, hygiene.own: a text stands where a list is expected; write it like [\"a\", \"b\"]",
    );
    check(
        "[storage]\nmax_gib = -1",
        "line 2, storage.max_gib: -1 is out of bounds; use 0 to 4294967295",
    );
    check(
        "[peers]\nname = \"a\"",
        "line 1, peers: a section stands where a list is expected; write it like [\"a\", \"b\"]",
    );
}

#[test]
fn a_key_in_the_wrong_section_is_found() {
    check(
        "[node]\npeers_per_round = 3",
        "line 2, node.peers_per_round: there is no such key; \
         did you mean network.peers_per_round?",
    );
    check(
        "[metrics]\nzzzzzzzz = 3",
        "line 2, metrics.zzzzzzzz: there is no such key; remove it, or use one of: listen",
    );
}

#[test]
fn other_values_that_cannot_be() {
    for text in [
        "[node]\ndata_dir = \"relative\"",
        "[node]\nlog_level = \"loud\"",
        "[security]\nmaster_key = \"file:\"",
        "[security]\nmaster_key = \"credential:../x\"",
        "[privacy]\nhold = [\"1m\"]",
        "[privacy]\nnever_share = [\" \"]",
        "[privacy]\ntags = [\"Not A Tag\"]",
        "[ageing]\nfruit = \"1d\"",
        "[ageing]\nip = \"0s\"",
        "[outputs.block]\nconfidence = 101",
        "[outputs.block]\nsources = 0",
        "[outputs.block]\nkinds = [\"fruit\"]",
        "[bootstrap]\ncommunities = []",
        "[bootstrap]\nadmit = \"all\"",
        "[bootstrap]\nrelay_max_circuit_bytes = \"99999999999GiB\"",
        "[watchers]\nfrom = \"yesterday\"",
        "[watchers.source.fruit]\ntlp = \"red\"",
        "[metrics]\nlisten = \"localhost\"",
        "[[feeds]]\nname = \"x\"",
        "[[peers]]\nname = \"a\"\npeer_id = \"12D3KooW\"",
        "[node]\nname = 1979-05-27",
    ] {
        assert_eq!(problems(text).len(), 1, "{text}: {:#?}", problems(text));
    }
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
fn wrong_variables_are_named() {
    let variables = owned(&[
        ("DTIM__NETWORK__PEERS_PER_ROUND", "many"),
        ("DTIM__NETWRK__LISTEN", "x"),
        ("DTIM__PRIVACY__HOLD", "[1"),
        ("DTIM__NODE", "x"),
    ]);
    let problems = parse("", &variables).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "DTIM__NETWORK__PEERS_PER_ROUND",
            "DTIM__NETWRK__LISTEN",
            "DTIM__NODE",
            "DTIM__PRIVACY__HOLD"
        ]
    );
    assert_eq!(
        problems[0].to_string(),
        "DTIM__NETWORK__PEERS_PER_ROUND: \"many\" is not a whole number; \
         write digits only, without quotation marks"
    );
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

#[test]
fn only_a_close_key_is_suggested() {
    let known = ["listen", "upnp", "relay"];
    assert_eq!(closest("lisen", known), Some("listen"));
    assert_eq!(closest("listne", known), Some("listen"));
    assert_eq!(closest("unpp", known), Some("upnp"));
    assert_eq!(closest("fruit", known), None);
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
