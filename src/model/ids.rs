//! Identifiers. Each meaning has a type of its own, so that a pseudonym can
//! never be taken for a node, nor an author for a forwarder.

use std::fmt;
use std::str::FromStr;

use super::value::Value;

macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// The bytes themselves.
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = BadHex;

            fn from_str(text: &str) -> Result<Self, BadHex> {
                decode_hex(text).map(Self)
            }
        }
    };
}

bytes_id!(
    /// Which indicator: the first 16 bytes of BLAKE3 over the length-prefixed
    /// parts `"dtim indicator 1"`, kind and canonical value. It carries no time
    /// and no place, so two nodes that see the same address mean the same one.
    IndicatorId,
    16
);
bytes_id!(
    /// The Ed25519 public key that signs one reporter's claims on one indicator
    /// for one audience. It cannot be linked to a node.
    Pseudonym,
    32
);
bytes_id!(
    /// BLAKE3 of the bytes of a signed claim.
    ContentId,
    32
);

impl IndicatorId {
    /// The id of a value.
    pub fn of(value: &Value) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in ["dtim indicator 1", value.kind().name(), value.as_str()] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        Self(id)
    }
}

impl ContentId {
    /// The id of a signed claim's bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

fn decode_hex<const N: usize>(text: &str) -> Result<[u8; N], BadHex> {
    let wrong = || BadHex { digits: 2 * N };
    if text.len() != 2 * N || !text.is_ascii() {
        return Err(wrong());
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
        if pair.starts_with('+') {
            return Err(wrong());
        }
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

/// A text that is not an id in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is written with {digits} hexadecimal digits")]
pub struct BadHex {
    /// How many digits it must have.
    pub digits: usize,
}

/// A node: its Ed25519 public key, written as a libp2p PeerId (`12D3KooW…`).
///
/// The text is the base58btc form of the identity multihash of the protobuf
/// key (libp2p peer-ids specification); other key types are refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 32]);

/// identity multihash (0x00), 36 bytes, key type Ed25519 (field 1 = 1), key of 32 bytes (field 2)
const PEER_ID_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

impl NodeId {
    /// From the raw Ed25519 public key.
    pub fn from_public_key(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The raw Ed25519 public key.
    pub fn public_key(&self) -> &[u8; 32] {
        &self.0
    }

    /// The bytes of the libp2p PeerId (a multihash of 38 bytes).
    pub fn to_peer_id_bytes(self) -> Vec<u8> {
        [&PEER_ID_PREFIX[..], &self.0].concat()
    }

    /// From the bytes of a libp2p PeerId.
    pub fn from_peer_id_bytes(bytes: &[u8]) -> Result<Self, BadNodeId> {
        let key = bytes.strip_prefix(&PEER_ID_PREFIX).ok_or(BadNodeId)?;
        key.try_into().map(Self).map_err(|_| BadNodeId)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.to_peer_id_bytes()).into_string())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl FromStr for NodeId {
    type Err = BadNodeId;

    fn from_str(text: &str) -> Result<Self, BadNodeId> {
        let bytes = bs58::decode(text).into_vec().map_err(|_| BadNodeId)?;
        Self::from_peer_id_bytes(&bytes)
    }
}

/// A text or bytes that are not the PeerId of an Ed25519 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the PeerId of an Ed25519 key: it looks like 12D3KooW… and `dtim status` prints it")]
pub struct BadNodeId;

/// The name that separates one mesh from another: 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(String);

impl Community {
    /// Checks the name.
    pub fn new(name: &str) -> Option<Self> {
        let fits = (1..=64).contains(&name.len())
            && name.bytes().all(|b| {
                b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-')
            });
        fits.then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// To whom a claim speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// Everybody in the community (white and green).
    Mesh,
    /// One named member (amber and red).
    Peer(NodeId),
}

/// Orders the claims of one pseudonym: the highest wins. A random increasing
/// step, so it counts nothing.
pub type Revision = u64;

/// Part of a pseudonym's derivation: it rises only when a retracted claim is shared again.
pub type Generation = u32;
