//! The pre-walk: deterministic CBOR and nothing else, before serde sees a byte.
//!
//! RFC 8949 section 4.2.1 with the generic data model cut down to integers, byte
//! and text strings, arrays, maps, false, true and null. One value has one
//! encoding, so nothing can be told twice in different bytes. It allocates
//! nothing and reads every byte at most twice.

/// The most containers inside one another.
pub const MAX_DEPTH: u8 = 8;

/// Whether `bytes` are one deterministic CBOR item and nothing more.
pub fn strict(bytes: &[u8]) -> Result<(), NotStrict> {
    match item(bytes, MAX_DEPTH)? {
        [] => Ok(()),
        _ => Err(NotStrict::Trailing),
    }
}

/// Walks over one item and gives what follows it.
fn item(bytes: &[u8], depth: u8) -> Result<&[u8], NotStrict> {
    let (head, rest) = head(bytes)?;
    match head.major {
        0 | 1 => Ok(rest),
        2 => string(rest, head.argument).map(|(_, rest)| rest),
        3 => {
            let (text, rest) = string(rest, head.argument)?;
            std::str::from_utf8(text).map_err(|_| NotStrict::Utf8)?;
            Ok(rest)
        }
        4 => {
            let depth = depth.checked_sub(1).ok_or(NotStrict::Depth)?;
            (0..head.argument).try_fold(rest, |rest, _| item(rest, depth))
        }
        5 => map(rest, head.argument, depth.checked_sub(1).ok_or(NotStrict::Depth)?),
        6 => Err(NotStrict::Tag),
        // false, true, null
        _ if matches!(head.argument, 20..=22) && head.short => Ok(rest),
        _ => Err(NotStrict::Simple),
    }
}

fn map(mut rest: &[u8], pairs: u64, depth: u8) -> Result<&[u8], NotStrict> {
    let mut last: &[u8] = &[];
    for _ in 0..pairs {
        if !matches!(head(rest)?.0.major, 0 | 1 | 3) {
            return Err(NotStrict::Key);
        }
        let value = item(rest, depth)?;
        let key = rest.get(..rest.len() - value.len()).unwrap_or_default();
        match last.cmp(key) {
            std::cmp::Ordering::Less => last = key,
            std::cmp::Ordering::Equal => return Err(NotStrict::Duplicate),
            std::cmp::Ordering::Greater => return Err(NotStrict::Order),
        }
        rest = item(value, depth)?;
    }
    Ok(rest)
}

struct Head {
    major: u8,
    argument: u64,
    /// The argument stands in the initial byte itself.
    short: bool,
}

fn head(bytes: &[u8]) -> Result<(Head, &[u8]), NotStrict> {
    let (initial, rest) = bytes.split_first().ok_or(NotStrict::Cut)?;
    let (major, low) = (initial >> 5, initial & 0x1f);
    let width = match low {
        0..=23 => {
            return Ok((Head { major, argument: u64::from(low), short: true }, rest));
        }
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        31 => return Err(NotStrict::Indefinite),
        _ => return Err(NotStrict::Reserved),
    };
    let (bytes, rest) = rest.split_at_checked(width).ok_or(NotStrict::Cut)?;
    let argument = bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
    // What stands in a wider form than it needs; floats and simple values are refused above this.
    let needed = match argument {
        0..=23 => 0,
        24..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    };
    if major != 7 && needed != width {
        return Err(NotStrict::Longer);
    }
    Ok((Head { major, argument, short: false }, rest))
}

fn string(bytes: &[u8], length: u64) -> Result<(&[u8], &[u8]), NotStrict> {
    let length = usize::try_from(length).map_err(|_| NotStrict::Cut)?;
    bytes.split_at_checked(length).ok_or(NotStrict::Cut)
}

/// Why bytes are not one deterministic CBOR item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStrict {
    /// The bytes end before the item does.
    #[error("it is cut off")]
    Cut,
    /// Bytes after the item.
    #[error("bytes follow its end")]
    Trailing,
    /// A number or length in more bytes than it needs.
    #[error("a number is not in its shortest form")]
    Longer,
    /// A string, array or map without a length.
    #[error("a length is not definite")]
    Indefinite,
    /// Additional information 28 to 30.
    #[error("an initial byte is reserved")]
    Reserved,
    /// More containers inside one another than allowed.
    #[error("it is nested deeper than {MAX_DEPTH}")]
    Depth,
    /// A map key that is neither an integer nor a text.
    #[error("a map key is neither an integer nor a text")]
    Key,
    /// A map key that comes after a greater one.
    #[error("map keys are not sorted")]
    Order,
    /// A map key that comes twice.
    #[error("a map key comes twice")]
    Duplicate,
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    Utf8,
    /// A tagged item.
    #[error("it holds a tag")]
    Tag,
    /// A float, undefined or another simple value.
    #[error("it holds a float, undefined or an unassigned simple value")]
    Simple,
}
