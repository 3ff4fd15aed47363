//! Questions and answers of a member, and the comparison inside them.
#![no_main]

use dtim::model::{ContentId, Day};
use dtim::reconcile::{self, Set};
use dtim::wire::{DeliverAnswer, DeliverAsk, SyncAnswer, SyncAsk};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(ask) = SyncAsk::decode(bytes) {
        assert_eq!(ask.encode(), bytes, "one encoding each");
    }
    if let Ok(answer) = SyncAnswer::decode(bytes) {
        assert_eq!(answer.encode(), bytes, "one encoding each");
    }
    if let Ok(ask) = DeliverAsk::decode(bytes) {
        assert_eq!(ask.encode(), bytes, "one encoding each");
    }
    let _ = DeliverAnswer::decode(bytes);

    let mut set = Set::default();
    for n in 0..200u32 {
        set.insert(Day(20_000 + n % 7), ContentId::of(&n.to_be_bytes()));
    }
    let from = Day(20_001);
    let _ = reconcile::answer(&set, from, bytes);
    let _ = reconcile::conclude(&set, from, bytes);
});
