//! A view shows exactly what a node would show that never had what is hidden.

use crate::keys::PseudonymSecret;
use crate::metrics::Metrics;
use crate::model::{
    Audience, Claim, Community, Confidence, CustomFields, HOUR, NodeId, Origin, Scope, Sighting,
    Source, Timestamp, Tlp, Value,
};
use crate::node::peers::{ApprovedBy, Member};
use crate::node::tests as nodes;
use crate::node::{Node, clock};
use crate::privacy::tlp::View;
use crate::store::{Change, Filter};
use crate::wire;

fn value(n: u8) -> Value {
    Value::guess(&format!("45.155.205.{n}")).unwrap()
}

fn member(n: u8) -> Member {
    Member {
        node: NodeId::from_public_key([n; 32]),
        name: format!("node-{n}"),
        organisation: format!("node-{n}"),
        trust: 0.5,
        attest: false,
        level: None,
        addresses: Vec::new(),
        by: ApprovedBy::Operator,
    }
}

/// A reporter's claim, told by a member of the same number.
fn heard(n: u8, reporter: u8, tlp: Tlp, now: Timestamp) -> Change {
    let community = Community::new("test").unwrap();
    let value = value(n);
    let claim = Claim {
        until: crate::ageing::end_of(value.kind(), now),
        value,
        tlp,
        revision: 1,
        confidence: Confidence::new(60 + reporter),
        created: Some(now.floor(HOUR).minus(u64::from(reporter) * HOUR)),
        modified: Some(now.floor(HOUR)),
        sightings: None,
        tags: vec![format!("tag-{reporter}").parse().unwrap()],
        custom: CustomFields::new(),
        retracted: false,
    };
    let secret = PseudonymSecret::from_bytes([reporter; 32]);
    let key = secret.derive(&community, claim.indicator(), Audience::Mesh, 0);
    let signed = wire::sign_claim(&claim, &key, &community).unwrap();
    let path = if tlp <= Tlp::Green { wire::Path::Gossip } else { wire::Path::Deliver };
    let verified = wire::verify(signed.bytes(), &community, path).unwrap();
    Change::Heard { verified, from: member(reporter).node, at: now }
}

fn saw(n: u8, source: Source, tlp: Tlp, now: Timestamp) -> Change {
    Change::Sighting(Sighting {
        value: value(n),
        origin: Origin::Log(source),
        at: now.minus(u64::from(n)),
        confidence: Confidence::new(70).unwrap(),
        tags: [source.name().parse().unwrap()].into(),
        scope: Scope::new(tlp, []),
        custom: CustomFields::new(),
    })
}

/// Everything that happens, with its marking.
fn story(now: Timestamp) -> Vec<(Tlp, Change)> {
    use Tlp::{Amber, AmberStrict, Green, Red, White};
    let attested =
        Change::Attested { indicators: vec![value(1).id()], from: member(1).node, at: now };
    let vote = Change::Vote { indicator: value(4).id(), false_positive: true, at: now };
    let mut story = vec![
        (White, heard(1, 1, White, now)),
        (Red, heard(1, 2, Red, now)),
        (Green, heard(2, 1, Green, now)),
        (Amber, heard(2, 3, Amber, now)),
        (AmberStrict, heard(3, 2, AmberStrict, now)),
        (Red, saw(1, Source::Ufw, Red, now)),
        (Green, saw(3, Source::Sshd, Green, now)),
        (Amber, saw(4, Source::Ufw, Amber, now)),
        (White, heard(4, 3, White, now)),
        (Red, saw(5, Source::Zeek, Red, now)),
    ];
    story.push((Green, attested));
    story.push((White, vote));
    story
}

/// The list, each indicator in full, and what changed, as text.
async fn shown(node: &Node, view: View) -> String {
    let filter = Filter { limit: 99, view, ..Filter::default() };
    let (listed, next) = node.list(filter).await.unwrap();
    let mut shown = format!("{next:?}\n");
    for listed in listed {
        let found = node.find(listed.value.to_string(), view).await;
        let found = found.or(node.find(listed.value.id().to_string(), view).await).unwrap();
        shown.push_str(&format!("{listed:?}\n{found:?}\n"));
    }
    let changed = node.changed(view, 0, 99).await.unwrap();
    let changed: Vec<String> = changed.iter().map(|(_, row)| format!("{row:?}")).collect();
    shown + &changed.join("\n")
}

#[tokio::test]
async fn numbers_times_and_order_are_those_of_a_node_without_the_hidden() {
    let now = clock::now();
    for view in [View::Public, View::Green, View::Amber] {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let start = |n: usize| nodes::start(dirs[n].path(), "", &Metrics::new(), None);
        let (whole, part) = (start(0), start(1));
        for node in [&whole.node, &part.node] {
            for n in 1..=3 {
                node.approve(member(n)).await.unwrap();
            }
        }
        for (tlp, change) in story(now) {
            whole.node.write(vec![change.clone()]).await.unwrap();
            if view.sees(tlp) {
                part.node.write(vec![change]).await.unwrap();
            }
        }
        // Both within one assessment tick.
        let (got, expected) = loop {
            let tick = clock::tick(clock::now());
            let both = (shown(&whole.node, view).await, shown(&part.node, view).await);
            if clock::tick(clock::now()) == tick {
                break both;
            }
        };
        assert_eq!(got, expected, "{view:?}");
        for n in 1..=5 {
            let hidden = whole.node.find(value(n).to_string(), view).await.is_err();
            let unknown = part.node.find(value(n).to_string(), view).await.is_err();
            assert_eq!(hidden, unknown, "{view:?} {n}");
        }
        // Nothing in the red view is left out.
        assert_ne!(shown(&whole.node, View::Red).await, shown(&whole.node, view).await);
    }
}
