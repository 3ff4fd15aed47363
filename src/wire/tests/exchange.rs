//! Questions and answers between two members: one encoding each, of bounded size.

use proptest::prelude::*;

use super::super::exchange::{DeliverAnswer, DeliverAsk, Packing, SyncAnswer, SyncAsk};
use super::super::{
    BadExchange, MAX_CLAIM_BYTES, MAX_EXCHANGE_BYTES, MAX_FETCH, NotStrict, Outcome,
};
use crate::model::{ContentId, Day, IndicatorId};

fn sync_ask() -> impl Strategy<Value = SyncAsk> {
    prop_oneof![
        (any::<u32>(), any::<Vec<u8>>())
            .prop_map(|(day, message)| SyncAsk::Compare { from: Day(day), message }),
        prop::collection::vec(any::<[u8; 32]>().prop_map(ContentId), 0..20)
            .prop_map(SyncAsk::Fetch),
        Just(SyncAsk::News),
    ]
}

fn sync_answer() -> impl Strategy<Value = SyncAnswer> {
    let claims = prop::collection::vec(any::<Vec<u8>>(), 0..10);
    prop_oneof![
        (any::<u32>(), any::<Vec<u8>>())
            .prop_map(|(day, message)| SyncAnswer::Compare { from: Day(day), message }),
        (claims, 0..20usize).prop_map(|(claims, more)| {
            SyncAnswer::Fetched { served: claims.len() + more, claims }
        }),
        Just(SyncAnswer::News),
    ]
}

fn deliver_ask() -> impl Strategy<Value = DeliverAsk> {
    prop_oneof![
        any::<Vec<u8>>().prop_map(DeliverAsk::Claim),
        prop::collection::vec(any::<[u8; 16]>().prop_map(IndicatorId), 0..20)
            .prop_map(DeliverAsk::Attest),
    ]
}

proptest! {
    #[test]
    fn what_was_written_is_what_is_read(
        ask in sync_ask(), answer in sync_answer(), deliver in deliver_ask(),
    ) {
        prop_assert_eq!(SyncAsk::decode(&ask.encode()), Ok(ask));
        prop_assert_eq!(SyncAnswer::decode(&answer.encode()), Ok(answer));
        prop_assert_eq!(DeliverAsk::decode(&deliver.encode()), Ok(deliver));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        SyncAsk::decode(&bytes).ok();
        SyncAnswer::decode(&bytes).ok();
        DeliverAsk::decode(&bytes).ok();
        DeliverAnswer::decode(&bytes).ok();
    }

    /// Whatever is packed, the answer fits into its limit.
    #[test]
    fn an_answer_has_room_for_what_is_packed(
        lengths in prop::collection::vec(prop::option::of(0..=MAX_CLAIM_BYTES), 0..300),
    ) {
        let mut packing = Packing::default();
        let wanted = lengths.len();
        let served = lengths
            .into_iter()
            .take_while(|length| packing.serve(length.map(|length| vec![7; length])))
            .count();
        let answer = packing.into_answer();
        prop_assert!(served == wanted || served >= MAX_EXCHANGE_BYTES / (MAX_CLAIM_BYTES + 3) - 1);
        let bytes = answer.encode();
        prop_assert!(bytes.len() <= MAX_EXCHANGE_BYTES, "{} bytes", bytes.len());
        prop_assert_eq!(SyncAnswer::decode(&bytes), Ok(answer));
    }
}

#[test]
fn every_answer_to_a_delivery_is_read_as_it_was_meant() {
    for outcome in [Outcome::Stored, Outcome::Refused, Outcome::NotNow] {
        let answer = DeliverAnswer::Claim(outcome);
        assert_eq!(DeliverAnswer::decode(&answer.encode()), Ok(answer));
    }
    assert_eq!(DeliverAnswer::decode(&DeliverAnswer::Attest.encode()), Ok(DeliverAnswer::Attest));
}

#[test]
fn what_is_too_much_is_refused() {
    let long = vec![0x40; MAX_EXCHANGE_BYTES + 1];
    assert_eq!(SyncAsk::decode(&long), Err(BadExchange::TooLong));
    let many = SyncAsk::Fetch(vec![ContentId([1; 32]); MAX_FETCH + 1]);
    assert_eq!(SyncAsk::decode(&many.encode()), Err(BadExchange::Malformed));
    // [2] in two bytes more than it needs.
    let wide = [0x81, 0x19, 0x00, 0x02];
    assert_eq!(SyncAsk::decode(&wide), Err(BadExchange::Cbor(NotStrict::Longer)));
    let more_claims_than_asked = SyncAnswer::Fetched { served: 1, claims: vec![vec![1]; 2] };
    let decoded = SyncAnswer::decode(&more_claims_than_asked.encode());
    assert_eq!(decoded, Err(BadExchange::Malformed));
}
