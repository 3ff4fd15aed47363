//! Sightings, scopes, stamps, and the rest of what this node keeps for itself.

use super::{Bench, NOW, ip, node, saw, sighting, word};
use crate::model::{
    Audience, Confidence, DAY, Evidence, HOUR, Origin, Scope, Sighting, Source, Timestamp, Tlp,
    Value,
};
use crate::store::{
    Applied, Change, Filter, MAX_CANDIDATES, MAX_PEER_ADDRESSES, PeerRecord, Refused, Standing,
};

#[test]
fn sightings_of_one_origin_become_one_record() {
    let bench = Bench::new();
    let mut second = sighting(ip(1), NOW.plus(60));
    second.confidence = Confidence::new(90).unwrap();
    second.tags = ["bruteforce".parse().unwrap()].into();
    let applied = bench.write(vec![saw(ip(1), NOW), Change::Sighting(second)]);
    assert_eq!(applied, [Applied::New, Applied::Updated]);

    let evidence = bench.store().evidence(ip(1).id()).unwrap();
    let [only] = evidence.as_slice() else { panic!("{evidence:?}") };
    assert_eq!((only.first_seen, only.last_seen, only.count), (NOW, NOW.plus(60), 2));
    assert_eq!(only.confidence.percent(), 90);
    assert_eq!(only.tags.len(), 2);
    assert!(bench.store().evidence(ip(2).id()).unwrap().is_empty());
}

#[test]
fn each_origin_has_a_record_of_its_own() {
    let bench = Bench::new();
    let mut manual = sighting(ip(1), NOW.minus(HOUR));
    manual.origin = Origin::Manual;
    bench.write(vec![saw(ip(1), NOW), Change::Sighting(manual)]);
    assert_eq!(bench.store().evidence(ip(1).id()).unwrap().len(), 2);
    let known = bench.store().indicator(ip(1).id()).unwrap().unwrap();
    assert_eq!((known.first_seen, known.last_seen), (NOW.minus(HOUR), NOW));
    assert_eq!(bench.store().value(ip(1).id()).unwrap(), Some(ip(1)));
}

fn import(value: Value, origin: Origin, count: u64) -> Change {
    let seen = Sighting { origin, ..sighting(value, NOW) };
    Change::Import(Evidence { count, until: Some(NOW.plus(DAY)), ..Evidence::from_sighting(seen) })
}

#[test]
fn an_import_is_a_record_of_its_own_that_the_same_file_does_not_raise() {
    let bench = Bench::new();
    let twice = || vec![import(ip(1), Origin::Import, 5), import(ip(1), Origin::Import, 3)];
    bench.write(twice());
    bench.write(twice());
    bench.write(vec![saw(ip(1), NOW), import(ip(1), Origin::ImportOfDtim, 2)]);
    let evidence = bench.store().evidence(ip(1).id()).unwrap();
    let mut counts: Vec<_> = evidence.iter().map(|e| (e.origin, e.count)).collect();
    counts.sort();
    assert_eq!(counts.len(), 3);
    assert!(counts.contains(&(Origin::Import, 5)) && counts.contains(&(Origin::ImportOfDtim, 2)));
}

#[test]
fn what_an_author_takes_back_is_gone_and_what_was_seen_stays() {
    let bench = Bench::new();
    bench.write(vec![
        import(ip(1), Origin::Import, 1),
        import(ip(1), Origin::ImportOfDtim, 1),
        import(ip(2), Origin::Import, 1),
        saw(ip(2), NOW),
    ]);
    let back = [1, 2, 3].map(|n| Change::ImportTakenBack(ip(n).id())).to_vec();
    assert_eq!(bench.write(back), [Applied::Updated, Applied::Updated, Applied::Known]);
    assert_eq!(bench.store().indicator(ip(1).id()).unwrap(), None);
    assert!(bench.store().evidence(ip(1).id()).unwrap().is_empty());
    let evidence = bench.store().evidence(ip(2).id()).unwrap();
    assert!(evidence.len() == 1 && evidence[0].origin.is_own());
}

#[test]
fn pages_in_the_order_of_change_miss_nothing_that_changes_meanwhile() {
    let bench = Bench::new();
    for n in 0..5 {
        bench.write(vec![saw(ip(n), NOW)]);
    }
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = bench.store().changed_since(after, 2);
        seen.extend(page.rows.iter().map(|row| row.value.clone()));
        let Some(next) = page.next else { break };
        if after == 0 {
            // One that was there and one of those to come.
            bench.write(vec![saw(ip(0), NOW.plus(1))]);
            bench.write(vec![saw(ip(3), NOW.plus(1))]);
        }
        after = next;
    }
    assert_eq!(seen, [0, 1, 2, 4, 0, 3].map(ip).to_vec());
}

#[test]
fn the_operators_scope_survives_later_sightings() {
    let mut bench = Bench::new();
    let scope = Scope::new(Tlp::White, []);
    let refused = bench.write(vec![word(&ip(1), scope.clone(), &[])]);
    assert_eq!(refused, [Applied::Refused(Refused::NoEvidence)]);

    bench.write(vec![saw(ip(1), NOW), word(&ip(1), scope.clone(), &[])]);
    bench.reopen();
    bench.write(vec![saw(ip(1), NOW.plus(1))]);
    let evidence = bench.store().evidence(ip(1).id()).unwrap();
    assert_eq!((&evidence[0].scope, evidence[0].count), (&scope, 2));
}

#[test]
fn the_operators_scope_holds_for_a_source_that_comes_later() {
    let bench = Bench::new();
    let by = |source, tlp| {
        let mut seen = sighting(ip(1), NOW);
        (seen.origin, seen.scope) = (Origin::Log(source), Scope::new(tlp, []));
        Change::Sighting(seen)
    };
    bench.write(vec![by(Source::Ufw, Tlp::Green), word(&ip(1), Scope::private(), &[])]);
    bench.write(vec![by(Source::Sshd, Tlp::Green)]);
    let all = bench.store().evidence(ip(1).id()).unwrap();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|evidence| evidence.scope == Scope::private()), "{all:?}");
    // It only ever narrows: what the operator opened is no leave for another source.
    bench.write(vec![word(&ip(1), Scope::new(Tlp::White, []), &[Audience::Mesh])]);
    bench.write(vec![by(Source::Zeek, Tlp::Amber)]);
    let zeek = bench.store().evidence(ip(1).id()).unwrap();
    let zeek = zeek.iter().find(|seen| seen.origin == Origin::Log(Source::Zeek)).unwrap();
    assert_eq!(zeek.scope, Scope::new(Tlp::Amber, []));
}

#[test]
fn what_was_added_by_hand_keeps_its_scope_until_the_operator_changes_it() {
    let bench = Bench::new();
    let mut manual = sighting(ip(1), NOW);
    manual.origin = Origin::Manual;
    let mut again = manual.clone();
    again.scope = Scope::private();
    bench.write(vec![Change::Sighting(manual.clone()), Change::Sighting(again)]);
    assert_eq!(bench.store().evidence(ip(1).id()).unwrap()[0].scope, manual.scope);
    // A word on this origin alone is none on the others.
    let only = Some(Origin::Manual);
    let Change::Scope { indicator, scope, audiences, hold, take_back, .. } =
        word(&ip(1), Scope::private(), &[])
    else {
        unreachable!()
    };
    bench.write(vec![Change::Scope { indicator, only, scope, audiences, hold, take_back }]);
    bench.write(vec![saw(ip(1), NOW)]);
    let scopes: Vec<_> =
        bench.store().evidence(ip(1).id()).unwrap().into_iter().map(|seen| seen.scope).collect();
    assert_eq!(scopes.iter().filter(|scope| **scope == Scope::private()).count(), 1, "{scopes:?}");
}

#[test]
fn without_the_operator_the_strictest_scope_stays() {
    let bench = Bench::new();
    let mut private = sighting(ip(1), NOW);
    private.scope = Scope::private();
    bench.write(vec![saw(ip(1), NOW), Change::Sighting(private), saw(ip(1), NOW)]);
    assert_eq!(bench.store().evidence(ip(1).id()).unwrap()[0].scope, Scope::private());
}

#[test]
fn stamps_only_ever_rise() {
    let mut bench = Bench::new();
    let stamp = |bench: &Bench, n| bench.store().indicator(ip(n).id()).unwrap().unwrap().added;
    bench.write(vec![saw(ip(1), NOW), saw(ip(2), NOW)]);
    let mut stamps = vec![stamp(&bench, 1), stamp(&bench, 2)];
    // The clock stands still, steps back by a day, and the store is opened again.
    bench.write(vec![saw(ip(1), NOW)]);
    stamps.push(stamp(&bench, 1));
    bench.set_clock(NOW.minus(DAY));
    bench.write(vec![saw(ip(1), NOW)]);
    stamps.push(stamp(&bench, 1));
    bench.reopen();
    bench.write(vec![saw(ip(3), NOW)]);
    stamps.push(stamp(&bench, 3));
    bench.set_clock(NOW.plus(DAY));
    bench.write(vec![saw(ip(3), NOW)]);
    stamps.push(stamp(&bench, 3));
    stamps[..2].sort_unstable();
    assert!(stamps.is_sorted_by(|a, b| a < b), "{stamps:?}");
    assert_eq!(stamps.last(), Some(&(NOW.plus(DAY).0 * 1_000_000)));

    // One row an indicator: the old ones are gone.
    let page = bench.store().indicators(&Filter { limit: 10, ..Filter::default() });
    assert_eq!(
        page.rows.iter().map(|row| &row.value).collect::<Vec<_>>(),
        [&ip(3), &ip(1), &ip(2)]
    );
    let rows = bench.store().db().rows(crate::store::family::Family::Added, &[], &[]).unwrap();
    assert_eq!(rows.count(), 3 * 3, "in each of three views");
}

#[test]
fn the_detector_and_the_offset_are_kept_with_the_evidence() {
    let mut bench = Bench::new();
    let bucket = |key: &[u8], bucket: Option<&[u8]>| Change::Detector {
        key: key.to_vec(),
        bucket: bucket.map(<[u8]>::to_vec),
    };
    let offset = |path: &str, bytes: &[u8]| Change::Offset {
        source: Source::Ufw,
        path: path.to_owned(),
        bytes: bytes.to_vec(),
    };
    bench.write(vec![
        saw(ip(1), NOW),
        bucket(b"rule/45.83.0.1", Some(b"3")),
        bucket(b"rule/45.83.0.2", Some(b"1")),
        offset("/var/log/ufw.log", b"100"),
    ]);
    bench.write(vec![bucket(b"rule/45.83.0.2", None), offset("/var/log/ufw.log", b"200")]);
    bench.reopen();
    let store = bench.store();
    let buckets: Vec<_> = store.detector().unwrap().map(Result::unwrap).collect();
    assert_eq!(buckets, [(b"rule/45.83.0.1".to_vec(), b"3".to_vec())]);
    let checkpoint = |source, path| store.offset(source, path).unwrap();
    assert_eq!(checkpoint(Source::Ufw, "/var/log/ufw.log"), Some(b"200".to_vec()));
    assert_eq!(checkpoint(Source::Ufw, "/var/log/ufw.log.1"), None);
    assert_eq!(checkpoint(Source::Fail2ban, "/var/log/ufw.log"), None);
}

#[test]
fn a_vote_is_kept_until_it_is_taken_back() {
    let mut bench = Bench::new();
    let vote = |false_positive| Change::Vote { indicator: ip(1).id(), false_positive, at: NOW };
    assert!(!bench.store().voted_false(ip(1).id()).unwrap());
    bench.write(vec![vote(true)]);
    bench.reopen();
    assert!(bench.store().voted_false(ip(1).id()).unwrap());
    bench.write(vec![vote(false)]);
    assert!(!bench.store().voted_false(ip(1).id()).unwrap());
}

fn candidate(n: u8, seen: Timestamp) -> PeerRecord {
    PeerRecord {
        node: node(n),
        standing: Standing::Candidate,
        name: String::new(),
        organisation: String::new(),
        trust: 0.5,
        attest: false,
        level: None,
        addresses: vec!["/ip4/198.51.100.7/tcp/3031".parse().unwrap()],
        since: NOW,
        seen: Some(seen),
    }
}

#[test]
fn peers_come_back_as_they_were() {
    let mut bench = Bench::new();
    let mut approved = candidate(1, NOW);
    approved.standing = Standing::Approved;
    approved.name = "node-2".to_owned();
    approved.level = Some(crate::model::Level::Strict);
    approved.addresses = vec!["/dns4/example.net/tcp/1".parse().unwrap(); MAX_PEER_ADDRESSES + 3];
    let applied = bench.write(vec![
        Change::PeerRecord(candidate(1, NOW)),
        Change::PeerRecord(approved.clone()),
        Change::PeerRecord(candidate(2, NOW)),
        Change::ForgetPeer(node(2)),
    ]);
    assert_eq!(applied[..3], [Applied::New, Applied::Updated, Applied::New]);
    bench.reopen();
    approved.addresses.truncate(MAX_PEER_ADDRESSES);
    assert_eq!(bench.store().peers().unwrap(), [approved]);
}

#[test]
fn candidates_are_bounded_and_the_oldest_makes_room() {
    let mut bench = Bench::new();
    let stranger = |n: usize| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(n as u64).to_be_bytes());
        let node = crate::model::NodeId::from_public_key(key);
        Change::PeerRecord(PeerRecord { node, ..candidate(0, NOW.plus(n as u64)) })
    };
    let mut member = candidate(9, NOW.minus(DAY));
    member.standing = Standing::Approved;
    bench.write(vec![Change::PeerRecord(member)]);
    bench.write((1..=MAX_CANDIDATES).map(stranger).collect());
    bench.reopen();
    bench.write((MAX_CANDIDATES + 1..=MAX_CANDIDATES + 5).map(stranger).collect());
    let peers = bench.store().peers().unwrap();
    assert_eq!(peers.len(), MAX_CANDIDATES + 1);
    let oldest = peers.iter().filter(|peer| peer.standing == Standing::Candidate);
    assert_eq!(oldest.filter_map(|peer| peer.seen).min(), Some(NOW.plus(6)));
    assert_eq!(bench.metrics.candidates_evicted.get(), 5);
}
