//! STIX bundles, cut in pieces and whole: the same objects, and the same end.
#![no_main]

use dtim::formats::stix::{BadBundle, Reader, Splitter};

fn split(bundle: &[u8], piece: usize) -> (Vec<Vec<u8>>, Result<(), BadBundle>) {
    let (mut splitter, mut objects) = (Splitter::default(), Vec::new());
    for piece in bundle.chunks(piece) {
        if let Err(error) = splitter.take(piece, |object| objects.push(object.to_vec())) {
            return (objects, Err(error));
        }
    }
    (objects, splitter.finish())
}

libfuzzer_sys::fuzz_target!(|bundle: &[u8]| {
    let (objects, end) = split(bundle, usize::MAX);
    assert_eq!((objects.clone(), end), split(bundle, 7));
    let mut reader = Reader::default();
    for object in objects {
        let _ = reader.read(&object);
    }
    let _ = reader.read(bundle);
});
