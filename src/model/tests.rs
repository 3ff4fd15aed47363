//! The vocabulary's laws.

use proptest::prelude::*;

use super::*;

fn canon(kind: &Kind, raw: &str) -> String {
    match Value::parse(kind, raw) {
        Ok(value) => value.as_str().to_owned(),
        Err(why) => format!("! {why}"),
    }
}

#[test]
fn one_indicator_has_one_spelling() {
    let table: &[(Kind, &str, &str)] = &[
        (Kind::Ip, " 203[.]0[.]113[.]7 ", "203.0.113.7"),
        (Kind::Ip, "203.000.113.007", "203.0.113.7"),
        (Kind::Ip, "2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        (Kind::Ip, "[2001:db8::1]", "2001:db8::1"),
        (Kind::Ip, "::ffff:203.0.113.7", "203.0.113.7"),
        (Kind::Ip, "fe80::1%eth0", "! not an IPv4 or IPv6 address"),
        (Kind::Cidr, "203.0.113.77/24", "203.0.113.0/24"),
        (Kind::Cidr, "::ffff:203.0.113.77/120", "203.0.113.0/24"),
        (Kind::Cidr, "2001:db8::1/48", "2001:db8::/48"),
        (Kind::Domain, "Evil(dot)Example[.]COM.", "evil.example.com"),
        (Kind::Domain, "bücher.example", "xn--bcher-kva.example"),
        (Kind::Domain, "_dmarc.example.com", "_dmarc.example.com"),
        (Kind::Domain, "1.2.3.4", "! not a domain name: it is an address"),
        (Kind::Url, "hxxp://EVIL[.]example:80/a/../b#frag", "http://evil.example/b"),
        (Kind::Url, "http://0x7f.1/", "http://127.0.0.1/"),
        (
            Kind::Url,
            "http://u:p@evil.example/",
            "! not an absolute URL with a host: it holds a user name or password",
        ),
        (Kind::Email, "Bad.Guy[at]EVIL.example", "Bad.Guy@evil.example"),
        (Kind::Md5, "D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e"),
        (Kind::Sha1, "abc", "! not 40 hexadecimal digits"),
    ];
    for (kind, raw, expected) in table {
        assert_eq!(&canon(kind, raw), expected, "{kind} {raw}");
    }
}

#[test]
fn a_typed_value_finds_its_kind() {
    let kind = |raw: &str| Value::guess(raw).map(|value| value.kind().name().to_owned());
    assert_eq!(kind("203.0.113.7"), Ok("ip".into()));
    assert_eq!(kind("203.0.113.0/24"), Ok("cidr".into()));
    assert_eq!(kind("hxxps://evil[.]example/x"), Ok("url".into()));
    assert_eq!(kind("a@evil.example"), Ok("email".into()));
    assert_eq!(kind("evil.example"), Ok("domain".into()));
    assert_eq!(kind(&"a".repeat(64)), Ok("sha256".into()));
    assert_eq!(kind("what is this"), Err(NotCanonical::NoKind));
}

#[test]
fn a_node_id_is_a_libp2p_peer_id() {
    // The key of the libp2p peer-ids specification's Ed25519 example shape: 12D3KooW is its prefix.
    let node = NodeId::from_public_key([7; 32]);
    assert!(node.to_string().starts_with("12D3KooW"));
    assert_eq!(node.to_string().parse(), Ok(node));
    assert_eq!("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse::<NodeId>(), Err(BadNodeId));
}

#[test]
fn unknown_markings_become_the_strictest() {
    for (text, tlp) in [
        ("TLP:CLEAR", Tlp::White),
        ("white", Tlp::White),
        ("Tlp:Amber+Strict", Tlp::AmberStrict),
        ("TLP:PURPLE", Tlp::Red),
        ("", Tlp::Red),
    ] {
        assert_eq!(Tlp::from_marking(text), tlp, "{text}");
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(
        [&Kind::BUILT_IN[..], &[Kind::Custom(CustomKind::new("x-test").unwrap())]].concat(),
    )
}

fn raw_values() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        any::<[u8; 4]>().prop_map(|b| std::net::Ipv4Addr::from(b).to_string()),
        any::<[u8; 16]>().prop_map(|b| std::net::Ipv6Addr::from(b).to_string()),
        (any::<[u8; 16]>(), 0u8..=128)
            .prop_map(|(b, n)| format!("{}/{n}", std::net::Ipv6Addr::from(b))),
        "(hxxps?|http|ftp|HTTP)(://|\\[:\\]//)[a-zA-Z0-9.\\[\\]-]{1,30}(:[0-9]{1,5})?(/[ -~]{0,20})?",
        "[a-zA-Zé_-]{1,10}(\\[?\\.\\]?[a-z0-9A-ZüÜß]{1,8}){1,4}\\.?",
        "[a-zA-Z.+]{1,12}(@|\\[at\\])[a-z]{1,8}(\\.|\\(dot\\))[a-z]{2,6}",
        "[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128}",
    ]
}

/// A value in its canonical form.
fn canonical_values() -> impl Strategy<Value = Value> {
    (kinds(), raw_values())
        .prop_filter_map("not of its kind", |(kind, raw)| Value::parse(&kind, &raw).ok())
}

/// The same value as somebody else might write it; each bit of `how` is a habit.
fn respelt(value: &Value, how: u16) -> String {
    let habit = |bit: u32| how >> bit & 1 == 1;
    let mut text = value.as_str().to_owned();
    match value.kind() {
        Kind::Ip => text = respelt_ip(value.host_ip().unwrap(), &habit),
        Kind::Domain | Kind::Email if habit(0) => {
            let (user, name) = text.rsplit_once('@').map_or(("", &*text), |(u, n)| (u, n));
            let at = if user.is_empty() { "" } else { "@" };
            text = format!("{user}{at}{}", name.to_uppercase());
        }
        Kind::Url if habit(1) => text = text.replacen("http", "hXXp", 1),
        Kind::Md5 | Kind::Sha1 | Kind::Sha256 | Kind::Sha512 if habit(0) => {
            text = text.to_uppercase();
        }
        _ => {}
    }
    if matches!(value.kind(), Kind::Domain) && habit(2) {
        text.push('.');
    }
    if matches!(value.kind(), Kind::Url) && habit(3) && !text.contains('#') {
        text.push_str("#fragment");
    }
    if !matches!(value.kind(), Kind::Url | Kind::Custom(_)) && habit(4) {
        text = text.replace('.', if habit(5) { "[.]" } else { "(dot)" });
    }
    if habit(6) { format!("  {text}\t") } else { text }
}

fn respelt_ip(ip: std::net::IpAddr, habit: &impl Fn(u32) -> bool) -> String {
    match ip {
        std::net::IpAddr::V4(ip) if habit(7) => format!("::ffff:{ip}"),
        std::net::IpAddr::V4(ip) if habit(8) => ip.octets().map(|n| format!("{n:03}")).join("."),
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => {
            let text = if habit(7) {
                ip.segments().map(|n| format!("{n:04x}")).join(":")
            } else if habit(8) {
                ip.segments().map(|n| format!("{n:x}")).join(":")
            } else {
                ip.to_string()
            };
            let text = if habit(0) { text.to_uppercase() } else { text };
            if habit(9) { format!("[{text}]") } else { text }
        }
    }
}

fn scopes() -> impl Strategy<Value = Scope> {
    (prop::sample::select(&Tlp::ALL[..]), prop::collection::btree_set("[a-c]", 0..3))
        .prop_map(|(tlp, names)| Scope::new(tlp, names))
}

proptest! {
    #[test]
    fn the_canonical_form_is_idempotent(kind in kinds(), raw in raw_values()) {
        if let Ok(value) = Value::parse(&kind, &raw) {
            let again = Value::parse(&kind, value.as_str());
            prop_assert_eq!(again, Ok(value));
        }
    }

    #[test]
    fn however_it_is_spelt_it_is_one_indicator(value in canonical_values(), ways in prop::collection::vec(any::<u16>(), 32)) {
        for how in ways {
            let spelt = respelt(&value, how);
            let again = Value::parse(value.kind(), &spelt);
            prop_assert_eq!(again.map(|again| again.id()), Ok(value.id()), "{:?}", spelt);
        }
    }

    #[test]
    fn guessing_never_panics_and_is_canonical(raw in raw_values()) {
        if let Ok(value) = Value::guess(&raw) {
            prop_assert_eq!(Value::parse(value.kind(), value.as_str()), Ok(value.clone()));
            let _ = (value.defanged(), value.host_name().map(str::len), value.host_ip(), value.network());
        }
    }

    #[test]
    fn combining_scopes_only_narrows_in_any_order(a in scopes(), b in scopes(), c in scopes()) {
        prop_assert_eq!(a.strictest(&b), b.strictest(&a));
        prop_assert_eq!(a.strictest(&b).strictest(&c), a.strictest(&b.strictest(&c)));
        prop_assert_eq!(a.strictest(&a), a.clone());
        prop_assert!(a.strictest(&b).tlp() >= a.tlp());
    }
}
