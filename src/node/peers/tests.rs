//! The book's rules.

use proptest::prelude::*;

use super::*;

fn node(n: u8) -> NodeId {
    NodeId::from_public_key([n; 32])
}

fn member(n: u8, by: ApprovedBy) -> Member {
    Member {
        node: node(n),
        name: format!("node-{n}"),
        organisation: format!("node-{n}"),
        trust: 0.5,
        attest: false,
        level: None,
        addresses: Vec::new(),
        by,
    }
}

fn address(port: u16) -> Multiaddr {
    format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
}

#[test]
fn a_candidate_becomes_a_member_with_its_addresses_and_leaves_the_list() {
    let mut book = Book::default();
    book.seen(node(1), [address(1)], "knock", Timestamp(1));
    let approved = book.approve(member(1, ApprovedBy::Operator), node(9)).unwrap();
    assert_eq!(approved.addresses, [address(1)]);
    assert_eq!(book.candidates().count(), 0);
    assert!(
        book.seen(node(1), [address(2)], "knock", Timestamp(2)).is_none(),
        "members are no candidates"
    );
}

#[test]
fn a_revocation_outweighs_the_configuration_until_the_next_approval() {
    let mut book = Book::default();
    book.set_configured([member(1, ApprovedBy::Config)]);
    book.revoke(node(1)).unwrap();
    assert!(book.member(node(1)).is_none());
    assert!(book.trust().of.is_empty(), "what only a revoked peer delivered weighs nothing");
    book.set_configured([member(1, ApprovedBy::Config)]);
    assert!(book.member(node(1)).is_none(), "a reload does not bring it back");
    book.approve(member(1, ApprovedBy::Operator), node(9)).unwrap();
    assert!(book.member(node(1)).is_some());
}

#[test]
fn a_configured_member_is_kept_by_its_addresses_only() {
    let mut configured = member(1, ApprovedBy::Config);
    configured.addresses = vec![address(7)];
    let record = member_record(&configured, Timestamp(5));
    let mut book = Book::default();
    restore(&mut book, record);
    assert!(book.member(node(1)).is_none(), "the configuration no longer names it");
    book.set_configured([member(1, ApprovedBy::Config)]);
    assert_eq!(book.member(node(1)).unwrap().addresses, [address(7)], "the cached address is back");
}

#[test]
fn a_name_means_one_peer_and_a_node_is_no_peer_of_itself() {
    let mut book = Book::default();
    book.set_configured([member(1, ApprovedBy::Config)]);
    let mut other = member(2, ApprovedBy::Operator);
    other.name = "node-1".to_owned();
    assert_eq!(book.approve(other, node(9)), Err(BookError::NameTaken("node-1".to_owned())));
    assert_eq!(book.approve(member(9, ApprovedBy::Operator), node(9)), Err(BookError::Own));
    let mut wild = member(3, ApprovedBy::Operator);
    wild.trust = f64::NAN;
    assert_eq!(book.approve(wild, node(9)), Err(BookError::Trust));
}

#[test]
fn strangers_without_end_leave_a_bounded_list() {
    let mut book = Book::default();
    for n in 0..3_000u32 {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&n.to_be_bytes());
        book.seen(NodeId::from_public_key(key), (0..40).map(address), "knock", Timestamp(n.into()));
    }
    assert_eq!(book.candidates().count(), MAX_CANDIDATES);
    assert!(book.candidates().all(|c| c.last_seen >= Timestamp(2_000)), "the oldest went");
    assert!(book.candidates().all(|c| c.addresses.len() <= MAX_ADDRESSES));
}

#[test]
fn an_invite_reads_back_and_wrong_ones_are_named() {
    let invite = Invite {
        node: node(1),
        community: crate::model::Community::new("test").unwrap(),
        name: "a & b".to_owned(),
        addresses: vec![address(1), address(2)],
        bootstraps: vec![address(3)],
    };
    assert_eq!(Invite::parse(&invite.to_text()), Ok(invite));
    for wrong in [
        "",
        "dtim://invite?",
        "http://invite?peer=x",
        "dtim://invite?peer=x&community=test",
        "dtim://invite?who=me",
    ] {
        assert!(Invite::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_safety_number_is_the_same_on_both_sides_and_differs_for_others() {
    let number = safety_number(node(1), node(2));
    assert_eq!(number, safety_number(node(2), node(1)));
    assert_ne!(number, safety_number(node(1), node(3)));
    assert_eq!(number.len(), 8 * 5 + 7);
}

proptest! {
    #[test]
    fn an_invite_never_panics(text in "(dtim://invite\\?)?[ -~]{0,80}") {
        let _ = Invite::parse(&text);
    }
}
