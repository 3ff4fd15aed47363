//! Claims of others and own claims.

use super::{Bench, GIB, NOW, claim, heard, ip, node, own, saw, signed, verified};
use crate::model::{Audience, DAY, Tlp, Value};
use crate::store::{Applied, Change, Refused, StoreError};

fn deliverers(bench: &Bench, value: &Value) -> Vec<usize> {
    let heard = bench.store().heard(value.id()).unwrap();
    heard.iter().map(|heard| heard.delivered_by.len()).collect()
}

#[test]
fn a_claim_is_kept_once_with_all_its_deliverers() {
    let mut bench = Bench::new();
    let first = claim(&ip(1), Tlp::Green, NOW, 5);
    assert_eq!(bench.write(vec![heard(&first, 1, 11)]), [Applied::New]);
    let again = bench.write(vec![heard(&first, 1, 11), heard(&first, 1, 12)]);
    assert_eq!(again, [Applied::Known, Applied::Known]);
    bench.reopen();
    let kept = bench.store().heard(ip(1).id()).unwrap();
    assert_eq!(kept[0].claim, first);
    assert_eq!(kept[0].delivered_by, [node(11), node(12)].into());
    assert_eq!(kept[0].content, verified(&first, 1).content());
    assert_eq!(bench.store().value(ip(1).id()).unwrap(), Some(ip(1)));
}

#[test]
fn the_highest_revision_wins_and_older_ones_are_only_remembered() {
    let bench = Bench::new();
    let revision = |n| claim(&ip(1), Tlp::Green, NOW, n);
    bench.write(vec![heard(&revision(5), 1, 11), heard(&revision(5), 1, 12)]);
    assert_eq!(bench.write(vec![heard(&revision(7), 1, 12)]), [Applied::Updated]);
    assert_eq!(bench.write(vec![heard(&revision(6), 1, 11)]), [Applied::Older]);
    let kept = bench.store().heard(ip(1).id()).unwrap();
    assert_eq!((kept.len(), kept[0].claim.revision), (1, 7));
    assert_eq!(deliverers(&bench, &ip(1)), [1]);

    let ids = bench.store().content_ids(10).unwrap();
    assert_eq!(ids.len(), 3);
    for n in 5..8 {
        assert!(ids.contains(&verified(&revision(n), 1).content()));
    }
}

#[test]
fn reporters_do_not_replace_each_other() {
    let bench = Bench::new();
    let same = claim(&ip(1), Tlp::White, NOW, 5);
    bench.write(vec![heard(&same, 1, 11), heard(&same, 2, 11)]);
    assert_eq!(deliverers(&bench, &ip(1)), [1, 1]);
}

#[test]
fn content_ids_come_by_their_end_and_never_tell_what_was_delivered_directly() {
    let bench = Bench::new();
    let ending = |days: u64| claim(&ip(1), Tlp::Green, NOW.minus(days * DAY), 1);
    let secret = claim(&ip(2), Tlp::Amber, NOW, 1);
    bench.write((0..4).map(|n| heard(&ending(n), n as u8 + 1, 11)).collect());
    bench.write(vec![heard(&secret, 9, 11)]);
    let expected: Vec<_> = (0..3).map(|n| verified(&ending(n), n as u8 + 1).content()).collect();
    assert_eq!(bench.store().content_ids(3).unwrap(), expected);
    assert_eq!(bench.store().content_ids(10).unwrap().len(), 4);
    assert_eq!(bench.store().heard(ip(2).id()).unwrap().len(), 1);
}

#[test]
fn own_claims_are_kept_by_audience_and_are_not_heard_from_others() {
    let mut bench = Bench::new();
    let friend = Audience::Peer(node(3));
    let to_mesh = claim(&ip(1), Tlp::Green, NOW, 5);
    let to_friend = claim(&ip(1), Tlp::Amber, NOW, 8);
    bench.write(vec![saw(ip(1), NOW), own(&to_mesh, Audience::Mesh), own(&to_friend, friend)]);
    bench.reopen();
    let store = bench.store();
    let mesh = store.own(ip(1).id(), Audience::Mesh).unwrap().unwrap();
    assert_eq!((mesh.generation, mesh.at, mesh.claim.revision), (0, NOW, 5));
    assert_eq!(mesh.claim, to_mesh);
    assert_eq!(mesh.bytes, signed(&to_mesh, 1, Audience::Mesh).bytes());
    assert_eq!(store.own(ip(1).id(), friend).unwrap().unwrap().claim.revision, 8);
    assert_eq!(store.own(ip(1).id(), Audience::Peer(node(4))).unwrap(), None);

    // What comes back from the mesh adds nothing to what others say.
    assert_eq!(bench.write(vec![heard(&to_mesh, 1, 11)]), [Applied::Known]);
    assert!(bench.store().heard(ip(1).id()).unwrap().is_empty());
}

#[test]
fn a_higher_revision_of_our_own_is_adopted_and_told() {
    let bench = Bench::new();
    let ours = claim(&ip(1), Tlp::Green, NOW, 5);
    let clones = claim(&ip(1), Tlp::Green, NOW, 9);
    bench.write(vec![saw(ip(1), NOW), own(&ours, Audience::Mesh)]);
    assert_eq!(bench.write(vec![heard(&clones, 1, 11)]), [Applied::Clone]);
    assert_eq!(bench.store().own(ip(1).id(), Audience::Mesh).unwrap().unwrap().claim.revision, 9);

    // A claim that was made meanwhile is not kept, nor is anything of its call.
    let late = claim(&ip(1), Tlp::Green, NOW, 7);
    let call = vec![saw(ip(2), NOW), own(&late, Audience::Mesh)];
    assert_eq!(bench.write_all(call), Err(StoreError::Overtaken));
    assert!(bench.store().evidence(ip(2).id()).unwrap().is_empty());
    let next = claim(&ip(1), Tlp::Green, NOW, 10);
    assert_eq!(bench.write(vec![own(&next, Audience::Mesh)]), [Applied::Updated]);
}

#[test]
fn a_full_store_refuses_what_is_new_and_goes_on_with_the_rest() {
    let mut bench = Bench::new();
    let known = claim(&ip(1), Tlp::Green, NOW, 5);
    bench.write(vec![saw(ip(1), NOW), heard(&known, 1, 11)]);
    bench.max_bytes = 1;
    bench.reopen();

    let offset = || Change::Offset {
        source: crate::model::Source::Ufw,
        path: "/var/log/ufw.log".to_owned(),
        bytes: b"1".to_vec(),
    };
    let full = bench.write_all(vec![offset(), saw(ip(2), NOW)]);
    assert!(matches!(full, Err(StoreError::Full { limit: 1, .. })), "{full:?}");
    let path = "/var/log/ufw.log";
    assert_eq!(bench.store().offset(crate::model::Source::Ufw, path).unwrap(), None);

    let new = claim(&ip(3), Tlp::Green, NOW, 5);
    let newer = claim(&ip(1), Tlp::Green, NOW, 6);
    let applied =
        bench.write(vec![offset(), saw(ip(1), NOW), heard(&new, 2, 11), heard(&newer, 1, 11)]);
    let refused = Applied::Refused(Refused::Full);
    assert_eq!(applied, [Applied::Updated, Applied::Updated, refused, Applied::Updated]);
    assert!(bench.store().heard(ip(3).id()).unwrap().is_empty());
    // Its content id stays, so that it is not asked for again.
    assert!(bench.store().content_ids(9).unwrap().contains(&verified(&new, 2).content()));

    bench.max_bytes = GIB;
    bench.reopen();
    assert_eq!(bench.write(vec![saw(ip(2), NOW)]), [Applied::New]);
}
