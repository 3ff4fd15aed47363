//! Who is told what: no audience more than its scope allows, nobody more than was fixed.

mod sending;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use super::plan::{Held, Plan};
use super::{NewIndicator, audience};
use crate::metrics::Metrics;
use crate::model::{
    Audience, Claim, Confidence, CustomFields, Evidence, IndicatorId, Level, NodeId, Origin, Scope,
    Sighting, Source, Timestamp, Tlp, Value,
};
use crate::node::peers::{ApprovedBy, Member};
use crate::node::tests::{self as nodes, eventually};
use crate::node::{Node, NodeError, Running, clock};
use crate::privacy::{self, To, tlp};
use crate::store::{Change, Hold, What};
use crate::wire;

const MESH: Audience = Audience::Mesh;
const SOURCES: [Source; 3] = [Source::Ufw, Source::Sshd, Source::NginxAccess];

fn id(n: u8) -> NodeId {
    NodeId::from_public_key([n; 32])
}

fn member(n: u8) -> Member {
    Member {
        node: id(n),
        name: format!("node-{n}"),
        organisation: format!("node-{n}"),
        trust: 0.5,
        attest: false,
        level: None,
        addresses: Vec::new(),
        by: ApprovedBy::Operator,
    }
}

/// A node with so many members; the first two are a group.
async fn start(members: u8) -> (TempDir, Running) {
    let dir = tempfile::tempdir().unwrap();
    let groups = "[groups]\npair = [\"node-1\", \"node-2\"]\n";
    let running = nodes::start(dir.path(), groups, &Metrics::new(), None);
    for n in 1..=members {
        running.node.approve(member(n)).await.unwrap();
    }
    (dir, running)
}

fn ip(n: u32) -> Value {
    let [_, _, c, d] = n.to_be_bytes();
    Value::guess(&format!("45.155.{c}.{d}")).unwrap()
}

fn sighting(value: &Value, source: Source, scope: Scope, at: Timestamp) -> Sighting {
    Sighting {
        value: value.clone(),
        origin: Origin::Log(source),
        at,
        confidence: Confidence::new(70).unwrap(),
        tags: BTreeSet::new(),
        scope,
        custom: CustomFields::new(),
    }
}

/// What a source sees, and the wish that follows.
async fn saw(node: &Node, value: &Value, source: Source, scope: Scope) {
    let now = clock::now();
    let tell = node.tell(value.id(), Origin::Log(source), &scope, now);
    node.write(vec![Change::Sighting(sighting(value, source, scope, now)), tell]).await.unwrap();
}

fn everyone(tlp: Tlp) -> Scope {
    Scope::new(tlp, [])
}

fn only(tlp: Tlp, names: &[&str]) -> Scope {
    Scope::new(tlp, names.iter().map(|name| (*name).to_owned()))
}

fn claim_of(plan: Plan) -> Option<Claim> {
    match plan {
        Plan::Send { signed, .. } => Some(signed.claim().clone()),
        Plan::Again(own) => Some(own.claim),
        Plan::Nothing(_) | Plan::StillHolds => None,
    }
}

fn waits(node: &Node, indicator: IndicatorId) -> BTreeMap<Audience, What> {
    let rows = node.inner.store.outbox_rows(indicator).unwrap();
    rows.iter().filter_map(|row| Some((row.audience, row.waits?.what))).collect()
}

/// Does what the sending does, as if the audience had taken it.
async fn send(node: &Node, indicator: IndicatorId, audience: Audience) -> Claim {
    let row = node.inner.store.outbox_row(indicator, audience).unwrap().unwrap();
    let wish = row.waits.unwrap();
    let now = clock::now();
    let own = match node.plan(indicator, audience, Some(wish.what), now).unwrap() {
        Plan::Send { signed, generation } => {
            let to = crate::store::EgressAudience::Mesh { members: 1 };
            let written = node.write_down(vec![(wish, signed, generation)], to, now).await;
            written.unwrap().pop().unwrap().1
        }
        Plan::Again(own) => *own,
        other => panic!("{other:?}"),
    };
    node.write(vec![Change::OutboxDone { wish, left: true }]).await.unwrap();
    own.claim
}

#[test]
fn names_that_nobody_has_are_named_with_those_that_are_known() {
    let members = [member(1), member(2)];
    let groups = BTreeMap::from([("banks".to_owned(), BTreeSet::from(["node-1".to_owned()]))]);
    let check = |scope: &Scope| audience::check(scope, members.iter(), &groups);
    check(&everyone(Tlp::Green)).unwrap();
    check(&Scope::private()).unwrap();
    check(&only(Tlp::Red, &["node-1", "banks"])).unwrap();
    let unknown = check(&only(Tlp::Amber, &["node-1", "bob", "eve"])).unwrap_err().to_string();
    let says = "no member or group is called bob, eve; members: node-1, node-2; groups: banks";
    assert_eq!(unknown, says);
    let public = check(&only(Tlp::Green, &["node-1"])).unwrap_err().to_string();
    assert!(public.contains("names recipients"), "{public}");
}

fn any_scope() -> impl Strategy<Value = Scope> {
    let names = prop::collection::btree_set(
        prop::sample::select(vec!["node-1", "node-2", "node-3", "pair", "nobody"]),
        0..3,
    );
    (prop::sample::select(&Tlp::ALL[..]), names)
        .prop_map(|(tlp, names)| Scope::new(tlp, names.into_iter().map(str::to_owned)))
}

proptest! {
    #[test]
    fn whom_a_scope_reaches_is_what_the_table_says(scope in any_scope()) {
        let members = [member(1), member(2), member(3)];
        let groups = BTreeMap::from([
            ("pair".to_owned(), ["node-1".to_owned(), "node-2".to_owned()].into()),
        ]);
        let reached = audience::audiences(&scope, members.iter(), &groups);
        prop_assert_eq!(reached.contains(&MESH), tlp::reaches(&scope, &To::Mesh));
        for member in &members {
            let to = audience::to(member, &groups);
            prop_assert_eq!(reached.contains(&to.audience()), tlp::reaches(&scope, &to));
        }
        prop_assert_eq!(audience::direct(&reached).contains(&id(9)), false);
        if scope.tlp() == Tlp::Red {
            prop_assert!(!reached.contains(&MESH));
        }
    }
}

/// Sightings by source, each with its scope, and how many members there are by then.
fn any_story() -> impl Strategy<Value = Vec<(usize, Scope, u8)>> {
    prop::collection::vec((0..SOURCES.len(), any_scope(), 0..4_u8), 1..6)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_audience_is_told_what_its_evidence_may_not_tell() {
    let (_dir, running) = start(0).await;
    let node = running.node.clone();
    let stories = std::cell::Cell::new(0);
    let checked = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 150, ..Config::default() });
    let told = runner.run(&any_story(), |story| {
        stories.set(stories.get() + 1);
        let value = ip(stories.get());
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(one_story(&node, &value, &story))
        });
        checked.set(checked.get() + story.len());
        Ok(())
    });
    told.unwrap();
    assert!(checked.get() > 150);
    running.stop().await;
}

async fn one_story(node: &Node, value: &Value, story: &[(usize, Scope, u8)]) {
    // Members come one after the other, so those of the next case are revoked first.
    for n in 1..=3 {
        node.book().revoke(id(n));
    }
    let mut present = 0;
    let mut fixed: BTreeMap<usize, BTreeSet<NodeId>> = BTreeMap::new();
    for (source, scope, members) in story {
        for n in present + 1..=*members {
            node.book().approve(member(n), node.id()).unwrap();
        }
        present = present.max(*members);
        saw(node, value, SOURCES[*source], scope.clone()).await;
        let reached: BTreeSet<NodeId> = (1..=present)
            .filter(|n| tlp::reaches(scope, &node.reader(Audience::Peer(id(*n))).unwrap().0))
            .map(id)
            .collect();
        if !reached.is_empty() {
            fixed.entry(*source).or_insert(reached);
        }
    }
    let evidence = node.inner.store.evidence(value.id()).unwrap();
    let live = node.live();
    for audience in (1..=present).map(|n| Audience::Peer(id(n))).chain([MESH]) {
        let (to, policy) = node.reader(audience).unwrap();
        let may = |seen: &&Evidence| {
            let source = SOURCES.iter().position(|s| Origin::Log(*s) == seen.origin).unwrap();
            let told = match audience {
                MESH => true,
                Audience::Peer(node) => fixed.get(&source).is_some_and(|all| all.contains(&node)),
            };
            told && tlp::reaches(&seen.scope, &to)
        };
        let allowed: Vec<Evidence> = evidence.iter().filter(may).cloned().collect();
        let now = clock::now();
        let expected = privacy::share(&allowed, &to, &policy, &live.lists, now);
        let told = claim_of(node.plan(value.id(), audience, None, now).unwrap());
        let told = told.map(|claim| Claim { revision: 0, ..claim });
        assert_eq!(told, expected.ok().map(|shareable| shareable.claim().clone()), "{audience:?}");
        // Whoever is told has a row that waits; nobody else has.
        let waits = waits(node, value.id()).contains_key(&audience);
        assert!(waits || told.is_none(), "{audience:?}");
        assert!(
            !waits
                || audience == MESH
                || fixed.values().any(|all| match audience {
                    Audience::Peer(node) => all.contains(&node),
                    MESH => false,
                })
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_told_at_the_stricter_of_two_levels() {
    let (_dir, running) = start(1).await;
    let node = &running.node;
    let level = |n: u8| node.reader(Audience::Peer(id(n))).unwrap().1.level;
    assert_eq!(level(1), Level::Open);
    for (n, own, expected) in [(2, Level::Strict, Level::Strict), (3, Level::Open, Level::Open)] {
        node.approve(Member { level: Some(own), ..member(n) }).await.unwrap();
        assert_eq!(level(n), expected);
    }
    saw(node, &ip(1), Source::Ufw, everyone(Tlp::Amber)).await;
    let told = |n: u8| {
        claim_of(node.plan(ip(1).id(), Audience::Peer(id(n)), None, clock::now()).unwrap()).unwrap()
    };
    assert_eq!((told(2).confidence, told(2).sightings), (None, None));
    assert!(told(3).sightings.is_some());
    // Two audiences hear of one indicator with nothing that ties them together.
    let (one, two) = (told(1), told(3));
    assert_ne!(one.revision, two.revision);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_absent_member_waits_alone() {
    let (_dir, running) = start(2).await;
    let node = &running.node;
    for n in 0..50 {
        saw(node, &ip(n), Source::Ufw, everyone(Tlp::Amber)).await;
    }
    node.inner.due.notify_one();
    let store = &node.inner.store;
    assert_eq!(store.waiting_count(), 100);
    // A withheld wish for the mesh is dealt with meanwhile.
    let value = Value::guess("bad.acme-corp.de").unwrap();
    saw(node, &value, Source::Ufw, everyone(Tlp::Green)).await;
    node.inner.due.notify_one();
    eventually("the mesh's wish is done", || node.inner.store.next_due(MESH).unwrap().is_none())
        .await;
    tokio::time::sleep(Duration::ZERO).await;
    assert_eq!(store.waiting_count(), 100);
    assert!(node.egress(None, 9).await.unwrap().is_empty());
    running.stop().await;
}
