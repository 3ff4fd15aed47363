//! Free text: what passes the scrubber, and the kinds of text that never do.

use super::*;

/// A field and what becomes of it: told, or why not.
fn fate(name: &str, value: CustomValue) -> Result<(), Reason> {
    let policy = Policy {
        never_share: vec!["zebra".to_owned()],
        internal: vec!["web-01".to_owned(), "kim".to_owned()],
        ..at(Level::Open)
    };
    let seen = [Evidence {
        custom: CustomFields::from([(name.to_owned(), value)]),
        ..evidence("45.155.205.233", everyone(Tlp::Green))
    }];
    let shareable = share(&seen, &To::Mesh, &policy, &own_domain(), NOW).unwrap();
    let dropped = shareable.dropped().iter().find(|dropped| dropped.field == name);
    assert_eq!(dropped.is_none(), shareable.claim().custom.contains_key(name));
    dropped.map_or(Ok(()), |dropped| Err(dropped.reason))
}

fn text(text: &str) -> CustomValue {
    CustomValue::Text(text.to_owned())
}

#[test]
fn plain_facts_pass_and_everything_that_names_the_inside_does_not() {
    for (given, expected) in [
        ("mirai", Ok(())),
        ("Win.Trojan.Agent-1234", Ok(())),
        ("CVE-2024-3094", Ok(())),
        ("OpenSSH 9.6p1", Ok(())),
        ("ports 22, 23 and 2222", Ok(())),
        ("AS64500 (hosting)", Ok(())),
        ("the zebra", Err(Reason::NeverShare)),
        ("Z.e.b.r.a", Err(Reason::NeverShare)),
        ("seen on web-01", Err(Reason::Internal)),
        ("seen on WEB01 too", Err(Reason::Internal)),
        ("ask kim", Err(Reason::Internal)),
        ("skimmer", Ok(())),
        ("acme-corp.de", Err(Reason::Internal)),
        ("kit of acmecorp de", Err(Reason::Internal)),
        ("jo@mail.evil.biz", Err(Reason::Email)),
        ("/home/alice", Err(Reason::Path)),
        (r"C:\Users\alice", Err(Reason::Path)),
        ("etc/shadow", Err(Reason::Path)),
        ("10.1.2.3", Err(Reason::Address)),
        ("45.155.205.233", Err(Reason::Address)),
        ("ip-10-1-2-3", Err(Reason::Address)),
        ("fe80::1", Err(Reason::Address)),
        ("db7.prod.example", Err(Reason::HostName)),
        ("printer.lan", Err(Reason::HostName)),
        ("login for alice", Err(Reason::UserName)),
        ("invalid user", Err(Reason::UserName)),
        ("12:31:07 closed", Err(Reason::LogLine)),
        ("sshd[711] closed", Err(Reason::LogLine)),
        ("a = \"b\"", Err(Reason::LogLine)),
        ("one two three four five six seven", Err(Reason::LogLine)),
        ("line\nbreak", Err(Reason::LogLine)),
        ("ünïcode", Err(Reason::LogLine)),
        ("1790172833", Err(Reason::Number)),
    ] {
        assert_eq!(fate("family", text(given)), expected, "{given}");
    }
    let list = |texts: &[&str]| CustomValue::List(texts.iter().map(|t| text(t)).collect());
    let mut deep = CustomValue::Null;
    for _ in 0..4 {
        deep = CustomValue::List(vec![deep]);
    }
    for (given, expected) in [
        (CustomValue::Null, Ok(())),
        (CustomValue::Bool(true), Ok(())),
        (CustomValue::Integer(-443), Ok(())),
        (CustomValue::Integer(1_000_000), Err(Reason::Number)),
        (CustomValue::Integer(i64::MIN), Err(Reason::Number)),
        (CustomValue::Bytes(vec![1]), Err(Reason::Bytes)),
        (list(&["mirai", "gafgyt"]), Ok(())),
        (list(&["mirai", "10.1.2.3"]), Err(Reason::Address)),
        (list(&["z", "e", "b", "r", "a"]), Err(Reason::NeverShare)),
        (deep, Err(Reason::TooDeep)),
    ] {
        assert_eq!(fate("family", given.clone()), expected, "{given:?}");
    }
    for name in ["", "user_name", "Host", "hostname", "log-line", "src ip", "a.b", "zebra_score"] {
        assert!(fate(name, CustomValue::Null).is_err(), "{name}");
    }
}

#[test]
fn a_claim_has_room_for_so_much() {
    let many = |count: u8, length: usize| {
        let field = |n| (format!("field-{n:02}"), text(&"x".repeat(length)));
        let custom: CustomFields = (0..count).map(field).collect();
        let seen = [Evidence { custom, ..evidence("45.155.205.233", everyone(Tlp::Green)) }];
        let shareable = share(&seen, &To::Mesh, &at(Level::Open), &own_domain(), NOW).unwrap();
        let left = shareable.dropped().iter().filter(|d| d.reason == Reason::NoRoom).count();
        (shareable.claim().custom.len(), left)
    };
    assert_eq!(many(20, 1), (16, 4));
    assert_eq!(many(10, 64), (5, 5));
}

#[test]
fn the_vocabulary_holds_the_tags_of_the_built_in_rules() {
    let rules = [
        include_str!("../../../config/detection/fail2ban.toml"),
        include_str!("../../../config/detection/http-injection.toml"),
        include_str!("../../../config/detection/http-probing.toml"),
        include_str!("../../../config/detection/http-rate.toml"),
        include_str!("../../../config/detection/netfilter.toml"),
        include_str!("../../../config/detection/suricata.toml"),
        include_str!("../../../config/detection/zeek.toml"),
    ];
    let mut tags = 0;
    for text in rules {
        let file: toml::Table = text.parse().unwrap();
        for rule in file["detection"].as_array().unwrap() {
            for tag in rule["tags"].as_array().unwrap() {
                let tag = tag.as_str().unwrap();
                assert!(vocabulary().any(|known| known == tag), "{tag}");
                tags += 1;
            }
        }
    }
    assert!(tags > 10);
    assert!(vocabulary().all(|tag| tag.parse::<Tag>().is_ok()));
}

#[test]
fn ten_thousand_log_lines_stay_inside() {
    let hosts = ["web01.prod.lan", "db-7.acme-corp.de", "DESKTOP-4F2K.local", "mail.zebra.io"];
    let users = ["alice", "bob.smith", "svc_backup", "Administrator", "j.doe@zebra.io"];
    let inside = ["10.1.2.3", "192.168.7.40", "fd12:3456::7", "172.16.0.9"];
    let paths = ["/home/alice/.ssh/id_ed25519", r"C:\Users\bob\x.doc", "/var/www/intra/a.php"];
    let shapes: [fn(&str, &str, &str, &str, u32) -> String; 12] = [
        |h, u, i, _, n| {
            format!(
                "Sep 23 14:13:{:02} {h} sshd[{n}]: Failed password for {u} from {i} port {n} ssh2",
                n % 60
            )
        },
        |h, _, i, _, n| {
            format!(
                "Sep 23 14:13:53 {h} kernel: [{n}.7] [UFW BLOCK] IN=eth0 SRC={i} DST=10.0.0.1 PROTO=TCP"
            )
        },
        |_, _, i, p, n| {
            format!("{i} - - [23/Sep/2026:14:13:53 +0000] \"GET {p} HTTP/1.1\" 404 {n}")
        },
        |_, _, i, _, _| format!("2026-09-23 14:13:53,113 fail2ban.actions: NOTICE [sshd] Ban {i}"),
        |h, _, _, _, _| h.to_owned(),
        |_, _, i, _, _| i.to_owned(),
        |_, _, _, p, _| p.to_owned(),
        |_, u, _, _, _| format!("user={u}"),
        |_, u, _, _, _| format!("login {u}"),
        |h, _, _, _, n| format!("{h}:{n}"),
        |_, _, i, _, n| format!("{n} {i}"),
        |_, u, _, p, _| format!("{u} read {p}"),
    ];
    let mut lines = 0;
    for n in 0..4 {
        for (h, u) in hosts.iter().flat_map(|h| users.map(|u| (h, u))) {
            for (i, p) in inside.iter().flat_map(|i| paths.map(|p| (i, p))) {
                for shape in shapes {
                    let line = shape(h, u, i, p, 7919 * n + 311);
                    lines += 1;
                    assert!(scrubber().field("note", &text(&line), 3).is_err(), "{line}");
                }
            }
        }
    }
    assert!(lines >= 10_000);
}

fn scrubber() -> scrub::Scrubber<'static> {
    static POLICY: std::sync::LazyLock<Policy> = std::sync::LazyLock::new(Policy::default);
    scrub::Scrubber::new(&POLICY, &Lists::new(Vec::new(), Vec::new()))
}

proptest! {
    #[test]
    fn what_passes_is_short_and_plain(given in any::<String>(), likely in "[a-zA-Z0-9 .:_/@-]{0,70}") {
        for given in [given, likely] {
            if fate("family", text(&given)).is_ok() {
                prop_assert!(given.len() <= 64 && given.is_ascii());
                let plain = !given.contains(['@', '/', '\\', '=', '"', '\n', '[', '{']);
                prop_assert!(plain, "{given}");
                prop_assert_eq!(super::super::addresses::addresses(&given).count(), 0);
            }
        }
    }
}

#[test]
fn the_name_of_a_signature_leaves_at_level_open_unless_it_names_the_inside() {
    let tags = [
        ("clamav:win.trojan.agent-10036513-0", true),
        ("clamav:win.zebra.dropper", false),
        ("clamav:acme-corp.de-rule-7", false),
        ("clamav:web-01.unofficial", false),
        ("clamav:sig-10.1.2.3", false),
        ("yara:win.trojan.agent", false),
    ];
    let seen = [Evidence {
        tags: tags.iter().map(|(tag, _)| tag.parse().unwrap()).collect(),
        ..evidence("45.155.205.233", everyone(Tlp::Green))
    }];
    for level in Level::ALL {
        let policy = Policy {
            never_share: vec!["zebra".to_owned()],
            internal: vec!["web-01".to_owned()],
            ..at(level)
        };
        let claim = told(&seen, &To::Mesh, &policy).unwrap();
        let told: Vec<&str> = claim.tags.iter().map(Tag::as_str).collect();
        let leaving = tags.iter().filter(|(_, leaves)| *leaves && level == Level::Open);
        assert_eq!(told, leaving.map(|(tag, _)| *tag).collect::<Vec<_>>(), "{level}");
    }
}
