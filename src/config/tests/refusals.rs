//! What is wrong is said at once, with key, line and remedy.

use super::super::problem::closest;
use super::{OTHER, PEER, check, good, owned, problems};
use crate::config::parse;

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
        "[[feeds]]\nname = \"a b\"\nurl = \"https://x.example/\"",
        "[[feeds]]\nname = \"x\"\nurl = \"http://x.example/\"",
        "[[feeds]]\nname = \"x\"\nurl = \"ftp://x.example/\"",
        "[[feeds]]\nname = \"x\"\nurl = \"https://me:word@x.example/\"",
        "[[feeds]]\nname = \"x\"\nurl = \"https://x.example/\"\ninterval = \"1s\"",
        "[[feeds]]\nname = \"x\"\nurl = \"https://x.example/\"\ntrust = 2.0",
        "[[feeds]]\nname = \"x\"\nurl = \"https://x.example/\"\nusername = \"me\"",
        "[[feeds]]\nname = \"x\"\nurl = \"https://x.example/\"\ncert = \"c.pem\"",
        "[[feeds]]\nname = \"x\"\nurl = \"https://x.example/\"\nusername = \"me\"\n\
         password_file = \"p\"\ntoken_file = \"t\"",
        "[[feeds]]\nname = \"x\"\nurl = \"https://x.example/\"\n\
         [[feeds]]\nname = \"x\"\nurl = \"http://127.0.0.1:1/\"",
        "[[peers]]\nname = \"a\"\npeer_id = \"12D3KooW\"",
        "[node]\nname = 1979-05-27",
    ] {
        assert_eq!(problems(text).len(), 1, "{text}: {:#?}", problems(text));
    }
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
fn only_a_close_key_is_suggested() {
    let known = ["listen", "upnp", "relay"];
    assert_eq!(closest("lisen", known), Some("listen"));
    assert_eq!(closest("listne", known), Some("listen"));
    assert_eq!(closest("unpp", known), Some("upnp"));
    assert_eq!(closest("fruit", known), None);
}

#[test]
fn a_certificate_and_its_key_come_together() {
    check(
        "[security]\ntls_cert_path = \"a.crt\"",
        "line 2, security.tls_cert_path: tls_key_path is missing; set both, or leave out \
         tls_cert_path",
    );
    check(
        "[security]\ntls_key_path = \"a.key\"",
        "line 2, security.tls_key_path: tls_cert_path is missing; set both, or leave out \
         tls_key_path",
    );
}

#[test]
fn a_registry_is_an_https_address_and_nothing_else() {
    for address in [
        "http://r.example.org",
        "r.example.org",
        "https://u:p@r.example.org",
        "https://r.example.org/?a",
    ] {
        check(
            &format!("[network]\nregistry_url = \"{address}\""),
            &format!(
                "line 2, network.registry_url: \"{address}\" is not an https:// address; write it \
                 like https://registry.example.org:3030"
            ),
        );
    }
}
