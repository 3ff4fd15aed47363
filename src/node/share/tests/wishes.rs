//! What the operator's word does, and what an old backup must not undo.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_is_told_again_only_by_the_operator() {
    let (_dir, running) = start(2).await;
    let node = &running.node;
    let (value, bob) = (ip(1), Audience::Peer(id(1)));
    let wanted = value.as_str().to_owned();
    saw(node, &value, Source::Ufw, everyone(Tlp::Amber)).await;
    let first = send(node, value.id(), bob).await;
    let retracted = node.retract(vec![wanted.clone()]).await.unwrap();
    assert_eq!(retracted[0].leaving.len(), 1, "the second member was not told: {retracted:?}");
    let retraction = send(node, value.id(), bob).await;
    // An old backup that goes on telling does not outrun it.
    assert!(retraction.retracted && retraction.revision > first.revision + (1 << 39));
    assert!(retraction.until >= first.until);
    assert_eq!(waits(node, value.id()), BTreeMap::new());

    // Neither the same source nor another one shares it again.
    for source in [Source::Ufw, Source::Sshd] {
        saw(node, &value, source, everyone(Tlp::Amber)).await;
        saw(node, &value, source, everyone(Tlp::Green)).await;
    }
    assert_eq!(waits(node, value.id()), BTreeMap::new());
    let plan = |audience, what| node.plan(value.id(), audience, what, clock::now()).unwrap();
    assert!(matches!(plan(bob, None), Plan::Nothing(Held::NotShared)));
    assert!(claim_of(plan(MESH, Some(What::Update))).is_none());

    let shared = node.share(wanted.clone(), only(Tlp::Red, &["pair"])).await.unwrap();
    assert_eq!(shared.leaving.len(), 2);
    assert!(shared.leaving.iter().all(|one| one.held.is_none()), "{shared:?}");
    let Plan::Send { signed, generation: 1 } = plan(bob, Some(What::Share)) else { panic!() };
    let own = node.inner.store.own(value.id(), bob).unwrap().unwrap();
    let before = wire::reopen(&own.bytes).unwrap().1;
    assert_ne!(signed.pseudonym(), before, "under another pseudonym");
    assert_eq!(signed.claim().tlp, Tlp::Red);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_backup_shares_nothing_that_was_taken_back_meanwhile() {
    let (_dir, running) = start(1).await;
    let node = &running.node;
    let heard = |claim: &Claim, generation| {
        let key = node.pseudonym_key(claim.indicator(), MESH, generation);
        let signed = wire::sign_claim(claim, &key, &node.inner.community).unwrap();
        let verified =
            wire::verify(signed.bytes(), &node.inner.community, wire::Path::Sync).unwrap();
        Change::Heard { verified, from: id(1), at: clock::now() }
    };
    // The row knows of the first claim, and a retraction comes back from the mesh.
    let value = ip(1);
    saw(node, &value, Source::Ufw, everyone(Tlp::Green)).await;
    let told = send(node, value.id(), MESH).await;
    let retraction = |claim: &Claim| {
        let taken_back = privacy::retract(claim, MESH).unwrap().claim().clone();
        Claim { revision: claim.revision + 1_000, ..taken_back }
    };
    node.write(vec![heard(&retraction(&told), 0)]).await.unwrap();
    saw(node, &value, Source::Ufw, everyone(Tlp::Green)).await;
    let plan = |value: &Value, what| node.plan(value.id(), MESH, what, clock::now()).unwrap();
    assert!(matches!(plan(&value, Some(What::Update)), Plan::Nothing(Held::Retracted)));

    // The row knows of nothing at all.
    let value = ip(2);
    saw(node, &value, Source::Ufw, everyone(Tlp::Green)).await;
    let forgotten = claim_of(plan(&value, Some(What::Update))).unwrap();
    let later = Claim { revision: forgotten.revision + 5_000, ..forgotten.clone() };
    node.write(vec![heard(&later, 0)]).await.unwrap();
    let waiting = plan(&value, Some(What::Update));
    assert!(matches!(waiting, Plan::StillHolds), "the mesh has it: {waiting:?}");
    node.write(vec![heard(&retraction(&later), 0)]).await.unwrap();
    assert!(matches!(plan(&value, Some(What::Update)), Plan::Nothing(Held::Retracted)));
    // The operator shares it again, beyond all that the mesh remembers.
    node.write(vec![heard(&retraction(&forgotten), 1)]).await.unwrap();
    node.share(value.as_str().to_owned(), everyone(Tlp::Green)).await.unwrap();
    let shared = plan(&value, Some(What::Share));
    assert!(matches!(shared, Plan::Send { generation: 2, .. }), "{shared:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sharing_narrower_takes_back_at_once_and_adding_keeps_the_scope() {
    let (_dir, running) = start(3).await;
    let node = &running.node;
    let add = |scope| NewIndicator {
        value: "45.155.0.7".to_owned(),
        kind: None,
        confidence: Confidence::new(80).unwrap(),
        tags: BTreeSet::new(),
        scope,
        custom: CustomFields::new(),
    };
    let value = ip(7);
    node.add_indicator(add(Some(everyone(Tlp::Green)))).await.unwrap();
    send(node, value.id(), MESH).await;
    node.add_indicator(add(None)).await.unwrap();
    let scope = |node: &Node| node.inner.store.evidence(value.id()).unwrap()[0].scope.clone();
    assert_eq!(scope(node), everyone(Tlp::Green));
    let shared = node.share("45.155.0.7".to_owned(), only(Tlp::Amber, &["pair"])).await.unwrap();
    let leaving: BTreeMap<Audience, What> =
        shared.leaving.iter().map(|one| (one.audience, one.what)).collect();
    let expected = [
        (MESH, What::Withdraw),
        (Audience::Peer(id(1)), What::Share),
        (Audience::Peer(id(2)), What::Share),
    ];
    assert_eq!(leaving, expected.into());
    assert_eq!(waits(node, value.id()), expected.into());
    // Nobody is connected: what waits for a member is not even written down.
    let egress = node.egress(None, 9).await.unwrap();
    assert_eq!(egress.len(), 1, "{egress:?}");

    for (scope, says) in [
        (only(Tlp::Amber, &["bob"]), "no member or group is called bob"),
        (only(Tlp::White, &["node-1"]), "names recipients"),
    ] {
        let error = node.share("45.155.0.7".to_owned(), scope).await.unwrap_err();
        assert!(matches!(&error, NodeError::Request(why) if why.contains(says)), "{error}");
    }
    node.revoke(id(1)).await.unwrap();
    assert_eq!(waits(node, value.id()).len(), 2);
    assert!(node.approve(Member { name: "pair".to_owned(), ..member(5) }).await.is_err());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_this_node_saw_can_be_shared() {
    let (_dir, running) = start(1).await;
    let node = &running.node;
    let mut import = sighting(&ip(1), Source::Ufw, everyone(Tlp::Green), clock::now());
    import.origin = Origin::Import;
    let foreign = Claim { value: ip(2), revision: 7, ..claim(&ip(2)) };
    let key = crate::keys::PseudonymSecret::from_bytes([9; 32]);
    let key = key.derive(&node.inner.community, ip(2).id(), MESH, 0);
    let signed = wire::sign_claim(&foreign, &key, &node.inner.community).unwrap();
    let verified = wire::verify(signed.bytes(), &node.inner.community, wire::Path::Sync).unwrap();
    let heard = Change::Heard { verified, from: id(1), at: clock::now() };
    node.write(vec![Change::Sighting(import), heard]).await.unwrap();
    for (n, says) in [(1, "only imported"), (2, "has not seen it itself"), (3, "heard nothing")] {
        let wanted = ip(n).as_str().to_owned();
        let shared = node.share(wanted.clone(), everyone(Tlp::Green)).await.unwrap_err();
        assert!(shared.to_string().contains(says), "{shared}");
        assert!(node.retract(vec![wanted]).await.is_err());
    }
    // All or nothing: one wrong name changes nothing.
    saw(node, &ip(4), Source::Ufw, everyone(Tlp::Green)).await;
    send(node, ip(4).id(), MESH).await;
    let both = vec![ip(4).as_str().to_owned(), ip(3).as_str().to_owned()];
    assert!(node.retract(both).await.is_err());
    assert_eq!(waits(node, ip(4).id()), BTreeMap::new());

    // A vote counts at once, wherever an assessment is shown.
    let confidence = async || {
        let (listed, _) =
            node.list(crate::store::Filter { limit: 9, ..Default::default() }).await.unwrap();
        let listed = listed.into_iter().find(|listed| listed.value == ip(4)).unwrap();
        let why = node.why(ip(4).as_str().to_owned()).await.unwrap();
        assert_eq!(listed.assessment.confidence, why.assessment.confidence);
        (listed.voted_false, listed.assessment.confidence.percent() > 0)
    };
    assert_eq!(confidence().await, (false, true));
    node.vote(ip(4).as_str().to_owned(), true).await.unwrap();
    assert_eq!(confidence().await, (true, false));
    node.vote(ip(4).as_str().to_owned(), false).await.unwrap();
    assert_eq!(confidence().await, (false, true));
    running.stop().await;
}

fn claim(value: &Value) -> Claim {
    let now = clock::now();
    Claim {
        value: value.clone(),
        tlp: Tlp::Green,
        until: crate::ageing::end_of(value.kind(), now),
        revision: 1,
        confidence: None,
        created: None,
        modified: None,
        sightings: None,
        tags: Vec::new(),
        custom: CustomFields::new(),
        retracted: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_of_retractions_is_spread_and_a_few_are_not() {
    let (_dir, running) = start(0).await;
    let node = &running.node;
    let mut loaded = node.live().loaded.clone();
    loaded.config.privacy.hold = (1_000, 2_000);
    let live = crate::node::Live::build(loaded).unwrap();
    node.inner.live.send_replace(std::sync::Arc::new(live));
    let all: Vec<Value> = (1..=8).map(ip).collect();
    for value in &all {
        let seen = sighting(value, Source::Ufw, everyone(Tlp::Green), clock::now());
        let tell = Change::Tell {
            indicator: value.id(),
            origin: seen.origin,
            members: BTreeSet::new(),
            hold: Hold::none(clock::now()),
        };
        node.write(vec![Change::Sighting(seen), tell]).await.unwrap();
        send(node, value.id(), MESH).await;
    }
    let names = |values: &[Value]| values.iter().map(|v| v.as_str().to_owned()).collect();
    let began = clock::now();
    let dues = async |values: &[Value]| {
        let retracted = node.retract(names(values)).await.unwrap();
        let dues = retracted.iter().flat_map(|one| &one.leaving).map(|one| one.due.since(began));
        dues.collect::<Vec<u64>>()
    };
    let few = dues(&all[..3]).await;
    assert!(few.len() == 3 && few.iter().all(|due| *due < 1_000), "{few:?}");
    let bulk = dues(&all[3..]).await;
    assert!(bulk.len() == 5 && bulk.iter().all(|due| *due >= 1_000), "{bulk:?}");
    assert!(bulk.iter().collect::<BTreeSet<_>>().len() > 1, "{bulk:?}");
    running.stop().await;
}
