//! One value has one encoding (threats 26): the pre-walk against every other way to write it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_cbor::Value as Cbor;

use super::*;

/// How many containers a value has inside one another.
fn depth(value: &Cbor) -> u8 {
    match value {
        Cbor::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Cbor::Map(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn arb_cbor() -> impl Strategy<Value = Cbor> {
    let integer = prop_oneof![
        any::<i8>().prop_map(i128::from),
        any::<i64>().prop_map(i128::from),
        any::<u64>().prop_map(i128::from),
        any::<u64>().prop_map(|n| -1 - i128::from(n)),
    ];
    let key = prop_oneof![integer.clone().prop_map(Cbor::Integer), ".{0,30}".prop_map(Cbor::Text),];
    let leaf = prop_oneof![
        Just(Cbor::Null),
        any::<bool>().prop_map(Cbor::Bool),
        integer.prop_map(Cbor::Integer),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Cbor::Bytes),
        ".{0,30}".prop_map(Cbor::Text),
    ];
    leaf.prop_recursive(10, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Cbor::Array),
            prop::collection::btree_map(key.clone(), inner, 0..5).prop_map(Cbor::Map),
        ]
    })
}

/// An encoder that writes what is not deterministic, once, at the item with this number.
struct Sloppy {
    countdown: usize,
    fault: u8,
}

impl Sloppy {
    fn encode(&mut self, value: &Cbor, out: &mut Vec<u8>) {
        let now = self.countdown == 0;
        self.countdown = self.countdown.wrapping_sub(1);
        let fault = if now { self.fault } else { 0 };
        match value {
            Cbor::Integer(number) if *number < 0 => head(1, (-1 - number) as u64, fault, out),
            Cbor::Integer(number) => head(0, *number as u64, fault, out),
            Cbor::Bytes(bytes) => string(2, bytes, fault, out),
            Cbor::Text(text) => string(3, text.as_bytes(), fault, out),
            Cbor::Array(items) if fault == 2 => {
                out.push(0x9f);
                items.iter().for_each(|item| self.encode(item, out));
                out.push(0xff);
            }
            Cbor::Array(items) => {
                head(4, items.len() as u64, fault, out);
                items.iter().for_each(|item| self.encode(item, out));
            }
            Cbor::Map(map) => self.map(map, fault, out),
            Cbor::Null if fault == 1 => out.extend_from_slice(&[0xf8, 22]),
            Cbor::Bool(is) if fault == 1 => out.extend_from_slice(&[0xf8, 20 + u8::from(*is)]),
            Cbor::Null => out.push(0xf6),
            Cbor::Bool(is) => out.push(0xf4 + u8::from(*is)),
            other => panic!("{other:?} is not made by the strategy"),
        }
    }

    fn map(&mut self, map: &BTreeMap<Cbor, Cbor>, fault: u8, out: &mut Vec<u8>) {
        let mut pairs: Vec<_> = map.iter().collect();
        match fault {
            3 if pairs.len() > 1 => pairs.reverse(),
            4 if !pairs.is_empty() => pairs.push(pairs[pairs.len() - 1]),
            _ => {}
        }
        if fault == 2 {
            out.push(0xbf);
        } else {
            head(5, pairs.len() as u64, fault, out);
        }
        for (key, value) in pairs {
            self.encode(key, out);
            self.encode(value, out);
        }
        if fault == 2 {
            out.push(0xff);
        }
    }
}

fn head(major: u8, argument: u64, fault: u8, out: &mut Vec<u8>) {
    let needed = match argument {
        0..24 => 0,
        24..0x100 => 1,
        0x100..0x1_0000 => 2,
        0x1_0000..0x1_0000_0000 => 4,
        _ => 8,
    };
    let width = match (fault, needed) {
        (1, 0) => 1,
        (1, wide) if wide < 8 => wide * 2,
        (_, needed) => needed,
    };
    let low = match width {
        0 => argument as u8,
        1 => 24,
        2 => 25,
        4 => 26,
        _ => 27,
    };
    out.push(major << 5 | low);
    out.extend_from_slice(&argument.to_be_bytes()[8 - width..]);
}

fn string(major: u8, bytes: &[u8], fault: u8, out: &mut Vec<u8>) {
    if fault == 2 {
        out.push(major << 5 | 31);
        head(major, bytes.len() as u64, 0, out);
        out.extend_from_slice(bytes);
        out.push(0xff);
    } else {
        head(major, bytes.len() as u64, fault, out);
        out.extend_from_slice(bytes);
    }
}

#[test]
fn each_fault_has_its_reason() {
    let deep = |levels: usize| [vec![0x81; levels - 1], vec![0x80]].concat();
    let table: &[(&[u8], Result<(), NotStrict>)] = &[
        (b"\x00", Ok(())),
        (b"\xa2\x00\x01\x61a\x02", Ok(())),
        (b"\xa2\x20\x01\x61a\x02", Ok(())),
        (&deep(8), Ok(())),
        (&deep(9), Err(NotStrict::Depth)),
        (b"", Err(NotStrict::Cut)),
        (b"\x82\x00", Err(NotStrict::Cut)),
        (b"\x19\x01", Err(NotStrict::Cut)),
        (b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", Err(NotStrict::Cut)),
        (b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", Err(NotStrict::Cut)),
        (b"\x00\x00", Err(NotStrict::Trailing)),
        (b"\x18\x17", Err(NotStrict::Longer)),
        (b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff", Err(NotStrict::Longer)),
        (b"\x58\x01a", Err(NotStrict::Longer)),
        (b"\x5f\x41a\xff", Err(NotStrict::Indefinite)),
        (b"\x9f\xff", Err(NotStrict::Indefinite)),
        (b"\xbf\xff", Err(NotStrict::Indefinite)),
        (b"\xff", Err(NotStrict::Indefinite)),
        (b"\x1c", Err(NotStrict::Reserved)),
        (b"\xa1\x41a\x00", Err(NotStrict::Key)),
        (b"\xa1\xf4\x00", Err(NotStrict::Key)),
        (b"\xa2\x01\x00\x00\x00", Err(NotStrict::Order)),
        (b"\xa2\x62aa\x00\x61b\x00", Err(NotStrict::Order)),
        (b"\xa2\x01\x00\x01\x00", Err(NotStrict::Duplicate)),
        (b"\x61\xff", Err(NotStrict::Utf8)),
        (b"\x63\xed\xa0\x80", Err(NotStrict::Utf8)),
        (b"\xc0\x60", Err(NotStrict::Tag)),
        (b"\xf7", Err(NotStrict::Simple)),
        (b"\xe0", Err(NotStrict::Simple)),
        (b"\xf8\x16", Err(NotStrict::Simple)),
        (b"\xf9\x00\x00", Err(NotStrict::Simple)),
        (b"\xfb\x00\x00\x00\x00\x00\x00\x00\x00", Err(NotStrict::Simple)),
        (b"\xfb\x00\x00\x00\x00\x00\x00\x00\x14", Err(NotStrict::Simple)),
    ];
    for (bytes, expected) in table {
        assert_eq!(&strict(bytes), expected, "{bytes:02x?}");
    }
}

proptest! {
    #[test]
    fn our_encoder_is_strict(value in arb_cbor()) {
        let bytes = serde_cbor::to_vec(&value).unwrap();
        if depth(&value) > MAX_DEPTH {
            prop_assert_eq!(strict(&bytes), Err(NotStrict::Depth));
        } else {
            prop_assert_eq!(strict(&bytes), Ok(()));
            prop_assert_eq!(serde_cbor::from_slice::<Cbor>(&bytes).unwrap(), value);
        }
    }

    #[test]
    fn every_other_encoding_is_refused(value in arb_cbor(), at in 0usize..12, fault in 1u8..=4) {
        let right = serde_cbor::to_vec(&value).unwrap();
        let mut bytes = Vec::new();
        Sloppy { countdown: usize::MAX, fault }.encode(&value, &mut bytes);
        prop_assert_eq!(&bytes, &right, "two encoders agree");
        bytes.clear();
        Sloppy { countdown: at, fault }.encode(&value, &mut bytes);
        if bytes != right {
            prop_assert!(strict(&bytes).is_err());
        }
    }

    #[test]
    fn what_is_strict_is_encoded_in_no_other_way(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if strict(&bytes).is_ok() {
            let value: Cbor = serde_cbor::from_slice(&bytes).unwrap();
            prop_assert_eq!(serde_cbor::to_vec(&value).unwrap(), bytes);
        }
    }
}
