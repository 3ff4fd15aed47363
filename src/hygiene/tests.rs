//! What is refused and, as important, what is not.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::model::{CustomKind, Kind};

fn verdict(text: &str, lists: &Lists) -> &'static str {
    match check(&Value::guess(text).unwrap_or_else(|why| panic!("{text}: {why}")), lists) {
        Ok(()) => "fit",
        Err(unfit) => unfit.label(),
    }
}

fn with(own: &[&str], warninglists: &[&str]) -> Lists {
    Lists::new(
        own.iter().map(|own| own.parse().unwrap()).collect(),
        warninglists.iter().map(|json| Warninglist::parse(json).unwrap()).collect(),
    )
}

fn list(matching: &str, entries: &str, attributes: &str) -> String {
    format!(
        r#"{{"name": "a list", "description": "", "version": 1, "type": "{matching}",
            "list": [{entries}], "matching_attributes": [{attributes}]}}"#
    )
}

#[test]
fn the_fixed_rules_know_what_is_not_global() {
    let lists = Lists::default();
    for (text, expected) in [
        ("45.155.205.233", "fit"),
        ("185.220.101.0/24", "fit"),
        ("2a0b:f4c2:2::/48", "fit"),
        ("2a0b:f4c2:2::17", "fit"),
        // The neighbours of reserved blocks.
        ("9.255.255.255", "fit"),
        ("11.0.0.0", "fit"),
        ("100.63.255.255", "fit"),
        ("100.128.0.0", "fit"),
        ("172.15.255.255", "fit"),
        ("172.32.0.0", "fit"),
        ("223.255.255.255", "fit"),
        ("2001:200::1", "fit"),
        ("2001:1ff::1", "not_global"),
        ("2001:db7::1", "fit"),
        ("3fff:1000::1", "fit"),
        ("4000::1", "not_global"),
        ("::ffff:10.0.0.1", "not_global"),
        ("64:ff9b::10.0.0.1", "not_global"),
        ("64:ff9b::45.155.205.233", "fit"),
        ("64:ff9b::/96", "too_broad"),
        ("64:ff9b::45.155.205.0/120", "fit"),
        ("2002:2d9b:cde9::1", "fit"),
        ("2002:7f00:1::/48", "not_global"),
        // Teredo: the server is 65.54.227.120, the clients 192.0.2.45 and 45.155.205.233.
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "not_global"),
        ("2001:0:4136:e378:8000:63bf:d264:3216", "fit"),
        ("2001:0:4136:e378::/64", "not_global"),
        ("185.220.0.0/23", "too_broad"),
        ("0.0.0.0/0", "too_broad"),
        ("::/0", "too_broad"),
        ("2a0b:f4c2::/47", "too_broad"),
        ("bad.zzz-unknown", "fit"),
        ("co.uk", "public_suffix"),
        ("evil.co.uk", "fit"),
        ("github.io", "public_suffix"),
        ("evil.github.io", "fit"),
        ("https://evil.github.io/x", "fit"),
        ("printer.local", "special_name"),
        ("notlocal.dev", "fit"),
        ("mylocal.evil-local", "fit"),
        ("http://127.1/", "not_global"),
        ("http://[fd00::1]/", "not_global"),
        ("http://45.155.205.233:8080/x", "fit"),
        ("someone@host.internal", "special_name"),
    ] {
        assert_eq!(verdict(text, &lists), expected, "{text}");
    }
}

#[test]
fn own_assets_are_refused_in_both_directions() {
    let lists =
        with(&["45.155.205.0/28", "2a0b:f4c2:2::17", "*.shop.acme.de", "185.220.101.4"], &[]);
    for (text, expected) in [
        ("45.155.205.15", "own"),
        ("45.155.205.16", "fit"),
        ("45.155.205.8/30", "own"),
        ("45.155.205.0/24", "own"),
        ("185.220.101.0/24", "own"),
        ("185.220.102.0/24", "fit"),
        ("2a0b:f4c2:2::/64", "own"),
        ("http://45.155.205.1/a", "own"),
        ("2002:2d9b:cd01::5", "own"),
        ("64:ff9b::45.155.205.1", "own"),
        ("shop.acme.de", "own"),
        ("www.shop.acme.de", "own"),
        ("acme.de", "own"),
        ("blog.acme.de", "fit"),
        ("notshop.acme.de", "fit"),
        ("https://www.shop.acme.de/x", "own"),
        ("https://acme.de/x", "fit"),
        ("mallory@shop.acme.de", "own"),
        ("mallory@acme.de", "fit"),
    ] {
        assert_eq!(verdict(text, &lists), expected, "{text}");
    }
    assert!(lists.names_a_domain());
    let mut lists = lists;
    lists.set_own(vec!["45.155.206.0/24".parse().unwrap()]);
    assert!(!lists.names_a_domain());
    assert_eq!(verdict("shop.acme.de", &lists), "fit");
    assert_eq!(verdict("45.155.206.1", &lists), "own");
    for wrong in ["", "web01", "300.1.1.1", "10.0.0.0/33", "https://acme.de/"] {
        assert!(wrong.parse::<Own>().is_err(), "{wrong}");
    }
    let unfit = check(&Value::guess("45.155.206.1").unwrap(), &lists).unwrap_err();
    assert!(unfit.to_string().contains("45.155.206.0/24"), "{unfit}");
}

#[test]
fn the_five_ways_of_matching_are_misps() {
    let cases = [
        (list("string", r#""evil.biz""#, ""), "evil.biz", true),
        (list("string", r#""evil.biz""#, ""), "www.evil.biz", false),
        (
            list("string", r#""D41D8CD98F00B204E9800998ECF8427F""#, ""),
            "d41d8cd98f00b204e9800998ecf8427f",
            true,
        ),
        (list("substring", r#""evil", """#, ""), "http://notevil.biz/", true),
        (list("substring", r#""evil", """#, ""), "http://good.biz/", false),
        (list("hostname", r#""evil.biz""#, ""), "www.evil.biz", true),
        (list("hostname", r#"".evil.biz""#, ""), "https://a.evil.biz/x", true),
        (list("hostname", r#""evil.biz""#, ""), "notevil.biz", false),
        (list("hostname", r#""biz""#, ""), "evil.biz", true),
        (list("hostname", r#""bücher.biz""#, ""), "xn--bcher-kva.biz", true),
        (list("hostname", r#""evil.biz""#, ""), "someone@evil.biz", false),
        (list("cidr", r#""45.155.205.0/25""#, ""), "45.155.205.9", true),
        (list("cidr", r#""45.155.205.0/25""#, ""), "45.155.205.200", false),
        (list("cidr", r#""45.155.205.0/25""#, ""), "45.155.205.64/26", true),
        // MISP lets a network pass that is wider than the entry; it would block the entry.
        (list("cidr", r#""45.155.205.9""#, ""), "45.155.205.0/24", true),
        (list("cidr", r#""45.155.205.9""#, r#""ip-src""#), "http://45.155.205.9/", true),
        (list("cidr", r#""45.155.205.9""#, r#""md5""#), "45.155.205.9", false),
        (list("regex", r#""/^evil[0-9]+\\.biz$/i""#, ""), "evil7.biz", true),
        (list("regex", r#""~^http:\\/\\/evil~""#, ""), "http://evil.biz/", true),
        (list("regex", r#""/biz$/""#, r#""url""#), "evil.biz", false),
        (list("string", r#""evil.biz""#, r#""url|md5", "filename|domain""#), "evil.biz", true),
    ];
    for (json, text, expected) in cases {
        let refused = verdict(text, &with(&[], &[&json])) == "warninglist";
        assert_eq!(refused, expected, "{text} by {json}");
    }
    let composite = Kind::Custom(CustomKind::new("x-domain-ip").unwrap());
    let composite = Value::parse(&composite, "evil.biz|45.155.205.9").unwrap();
    for json in [list("cidr", r#""45.155.205.0/24""#, ""), list("string", r#""evil.biz""#, "")] {
        let unfit = check(&composite, &with(&[], &[&json])).unwrap_err();
        assert!(unfit.to_string().starts_with("it is on the warninglist \"a list\": "), "{unfit}");
    }
}

#[test]
fn a_list_that_cannot_be_used_is_refused_loudly() {
    for (json, expected) in [
        (list("regex", r#""/(?=a)b/""#, ""), "look-around"),
        (list("regex", r#""/(?<!a)b/i""#, ""), "look-around"),
        (list("regex", r#""/(a)\\1/""#, ""), "backreferences"),
        (list("regex", r#""abc""#, ""), "has no delimiters"),
        (list("regex", r#""/abc""#, ""), "last delimiter"),
        (list("regex", r#""/abc/e""#, ""), "flag e"),
        (list("regex", r#""""#, ""), "empty"),
        (list("cidr", r#""45.155.205.0/24", "evil.biz""#, ""), "evil.biz"),
        (list("glob", "", ""), "glob"),
        (list("string", r#""a""#, r#""filename", "user-agent""#), "matching_attributes"),
        ("[]".to_owned(), "not a MISP warninglist"),
        (r#"{"name": "a", "list": [1]}"#.to_owned(), "not a MISP warninglist"),
    ] {
        let why = Warninglist::parse(&json).unwrap_err().to_string();
        assert!(why.contains(expected), "{why} for {json}");
    }
}

#[test]
fn every_built_in_list_is_one() {
    let mut names = std::collections::BTreeSet::new();
    for json in builtin::FILES {
        let list = Warninglist::parse(json).unwrap();
        assert!(names.insert(list.name().to_owned()), "{} twice", list.name());
        // The keys of misp-warninglists' schema, which allows no others.
        let file: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap();
        let keys: Vec<&str> = file.keys().map(String::as_str).collect();
        assert_eq!(keys, ["description", "list", "matching_attributes", "name", "type", "version"]);
    }
    assert_eq!(builtin::warninglists().len(), builtin::FILES.len());
}

#[test]
fn attackers_are_not_on_the_built_in_lists() {
    // Hosters whose machines do attack, sites that are rented, and files that are not empty.
    for text in [
        "3.80.0.1",
        "34.64.0.1",
        "20.40.0.1",
        "139.162.0.1",
        "159.65.0.1",
        "5.188.206.1",
        "2a01:4f8:c17::1",
        "evil.blogspot.com",
        "d111111abcdef8.cloudfront.net",
        "evil.westeurope.cloudapp.azure.com",
        "12.34.56.78.bc.googleusercontent.com",
        "https://raw.githubusercontent.com/mallory/x/main/evil.sh",
        "https://cdn.discordapp.com/attachments/1/2/evil.exe",
        "mallory@gmail.com",
        "google.com.evil.biz",
        "notgoogle.com",
        "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0e",
    ] {
        assert_eq!(verdict(text, &Lists::default()), "fit", "{text}");
    }
    for text in [
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "44d88612fea8a8f36de82e1278abb02f",
        "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
        "8.8.8.0/24",
        "1.1.1.1",
        "2001:4860:4860::8888",
        "www.google.com",
        "github.com",
        "https://github.com/",
    ] {
        assert_eq!(verdict(text, &Lists::default()), "warninglist", "{text}");
    }
}

#[test]
fn the_generated_corpus_is_refused_to_the_last_value() {
    let lists = Lists::default();
    let (fixed_values, listed) = (corpus::fixed(), corpus::listed());
    assert!(fixed_values.len() + listed.len() >= 10_000);
    for value in &fixed_values {
        assert!(fixed(value).is_err(), "{value:?}");
    }
    for value in &listed {
        assert!(check(value, &lists).is_err(), "{value:?}");
    }
}

fn nets() -> impl Strategy<Value = ipnet::IpNet> {
    let v4 = (any::<u32>(), 0u8..=32).prop_map(|(bits, length)| {
        ipnet::IpNet::new(IpAddr::V4(bits.into()), length).unwrap().trunc()
    });
    let v6 = (any::<u128>(), 0u8..=128).prop_map(|(bits, length)| {
        let global = bits >> 3 | 1 << 125;
        ipnet::IpNet::new(IpAddr::V6(global.into()), length).unwrap().trunc()
    });
    prop_oneof![v4, v6]
}

proptest! {
    #[test]
    fn too_broad_is_refused_whatever_it_is(net in nets()) {
        let value = Value::parse(&Kind::Cidr, &net.to_string()).unwrap();
        let widest = if net.addr().is_ipv4() { 24 } else { 48 };
        if net.prefix_len() < widest {
            prop_assert_eq!(fixed(&value), Err(Unfit::TooBroad { limit: widest }));
        } else if let Err(unfit) = fixed(&value) {
            // Behind the NAT64 prefix the limit is that of IPv4.
            let nat64 = net.to_string().starts_with("64:ff9b::");
            prop_assert!(nat64 || unfit.label() != "too_broad");
        }
    }

    #[test]
    fn a_fit_network_holds_only_fit_addresses(net in nets(), host: u128) {
        let value = Value::parse(&Kind::Cidr, &net.to_string()).unwrap();
        if fixed(&value).is_ok() {
            let inside = match net {
                ipnet::IpNet::V4(net) => {
                    let host = u32::try_from(host & 0xffff_ffff).unwrap() & u32::from(net.hostmask());
                    IpAddr::V4((u32::from(net.network()) | host).into())
                }
                ipnet::IpNet::V6(net) => {
                    IpAddr::V6((u128::from(net.network()) | host & u128::from(net.hostmask())).into())
                }
            };
            prop_assert!(is_global(inside), "{} in {}", inside, net);
        }
    }

    #[test]
    fn own_is_refused_exactly_where_the_networks_overlap(own in nets(), net in nets()) {
        let lists = with(&[&own.to_string()], &[]);
        let value = Value::parse(&Kind::Cidr, &net.to_string()).unwrap();
        let refused = matches!(lists.check(&value), Err(Unfit::Own { .. }));
        let overlap = own.contains(&net) || net.contains(&own);
        let embeds = !reserved::embedded(&net).is_empty();
        prop_assert!(refused == overlap || embeds, "{} {}", own, net);
    }

    #[test]
    fn no_text_makes_a_rule_panic(text in any::<String>(), json in any::<String>()) {
        if let Ok(value) = Value::guess(&text) {
            let _fit = check(&value, &Lists::default());
        }
        let _list = Warninglist::parse(&json);
        let _own = text.parse::<Own>();
        for matching in ["string", "substring", "hostname", "cidr", "regex"] {
            let entry = serde_json::to_string(&text).unwrap();
            let _list = Warninglist::parse(&list(matching, &entry, ""));
        }
    }
}
