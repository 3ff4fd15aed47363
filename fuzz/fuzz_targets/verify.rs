//! A whole message from the network. Nothing that a fuzzer finds is signed.
#![no_main]

use dtim::model::Community;
use dtim::wire::{Path, reopen, verify};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let community = Community::new("dtim").expect("a name");
    for path in [Path::Gossip, Path::Sync, Path::Deliver, Path::Http] {
        if let Ok(verified) = verify(bytes, &community, path) {
            assert_eq!(verified.bytes(), bytes);
            assert!(reopen(bytes).is_ok());
        }
    }
    let _ = reopen(bytes);
});
