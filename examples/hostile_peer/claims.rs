//! Claims written by hand: right ones, and what no honest node would sign.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use dtim::keys::{PseudonymKey, PseudonymSecret, length_prefixed};
use dtim::model::{Audience, Community, Day, IndicatorId, Value};
use serde_cbor::Value as Cbor;

/// The first of the addresses that claims speak of: 45.155.0.0.
const FIRST: u32 = 0x2d9b_0000;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// A claim before it is signed: the fields of `proto/claim.cddl` by number, and
/// nothing checks them.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) fields: BTreeMap<Cbor, Cbor>,
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The day on which claims end.
pub(crate) fn until() -> Day {
    Day(u32::try_from(now() / DAY + 10).unwrap_or(u32::MAX))
}

/// The address that the claim of this number speaks of.
pub(crate) fn address(number: u32) -> String {
    Ipv4Addr::from(FIRST + number).to_string()
}

fn text(text: &str) -> Cbor {
    Cbor::Text(text.to_owned())
}

impl Draft {
    /// A claim that every node takes, about a value.
    pub(crate) fn about(kind: &str, value: &str) -> Self {
        let modified = now() / HOUR * HOUR;
        let until = until().0;
        let fields = [
            (0, Cbor::Integer(1)),
            (1, text(kind)),
            (2, text(value)),
            (3, text("green")),
            (4, Cbor::Integer(until.into())),
            (5, Cbor::Integer(1)),
            (6, Cbor::Integer(80)),
            (8, Cbor::Integer(modified.into())),
        ];
        Self {
            fields: fields.into_iter().map(|(key, value)| (Cbor::Integer(key), value)).collect(),
        }
    }

    /// A claim like any other, by number.
    pub(crate) fn plain(number: u32) -> Self {
        Self::about("ip", &address(number))
    }

    pub(crate) fn with(mut self, key: i128, value: Cbor) -> Self {
        self.fields.insert(Cbor::Integer(key), value);
        self
    }

    pub(crate) fn without(mut self, key: i128) -> Self {
        self.fields.remove(&Cbor::Integer(key));
        self
    }

    pub(crate) fn tlp(self, tlp: &str) -> Self {
        self.with(3, text(tlp))
    }

    pub(crate) fn revision(self, revision: u64) -> Self {
        self.with(5, Cbor::Integer(revision.into()))
    }

    pub(crate) fn number(self, key: i128, number: u64) -> Self {
        self.with(key, Cbor::Integer(number.into()))
    }

    /// The payload in the deterministic encoding.
    pub(crate) fn payload(&self) -> Vec<u8> {
        encode(&Cbor::Map(self.fields.clone()))
    }

    /// The value that it speaks of.
    pub(crate) fn value(&self) -> String {
        match self.fields.get(&Cbor::Integer(2)) {
            Some(Cbor::Text(value)) => value.clone(),
            _ => String::new(),
        }
    }
}

/// A value's deterministic encoding. Values of this program's own making always encode.
pub(crate) fn encode(value: &Cbor) -> Vec<u8> {
    serde_cbor::to_vec(value).unwrap_or_default()
}

/// Signs claims for one community, under as many pseudonyms as are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) community: Community,
    secret: PseudonymSecret,
}

impl Signer {
    pub(crate) fn new(community: Community, seed: u8) -> Self {
        Self { community, secret: PseudonymSecret::from_bytes([seed; 32]) }
    }

    /// The topic of the community.
    pub(crate) fn topic(&self) -> String {
        format!("/dtim/1/{}/claims", self.community)
    }

    /// One of this member's pseudonyms for a value; an honest member has one.
    pub(crate) fn pseudonym(&self, value: &str, which: u32) -> PseudonymKey {
        let id = Value::guess(value).map_or(IndicatorId([0; 16]), |value| value.id());
        self.secret.derive(&self.community, id, Audience::Mesh, which)
    }

    /// A signed claim under the first pseudonym.
    pub(crate) fn sign(&self, draft: &Draft) -> Vec<u8> {
        self.seal(&draft.payload(), &self.pseudonym(&draft.value(), 0))
    }

    /// Whatever bytes, signed as if they were a payload.
    pub(crate) fn seal(&self, payload: &[u8], key: &PseudonymKey) -> Vec<u8> {
        let community = self.community.as_str().as_bytes();
        let signature = key.sign(&length_prefixed(&[b"dtim claim 1", community, payload]));
        envelope(payload, key.pseudonym().as_bytes(), &signature)
    }
}

/// Payload, pseudonym and signature in one.
pub(crate) fn envelope(payload: &[u8], pseudonym: &[u8], signature: &[u8]) -> Vec<u8> {
    let parts = [payload, pseudonym, signature].map(|part| Cbor::Bytes(part.to_vec()));
    encode(&Cbor::Array(parts.to_vec()))
}

/// The three parts of a signed claim that somebody else made.
pub(crate) fn open(bytes: &[u8]) -> Option<[Vec<u8>; 3]> {
    let Ok(Cbor::Array(parts)) = serde_cbor::from_slice(bytes) else { return None };
    let parts: Option<Vec<Vec<u8>>> = parts
        .into_iter()
        .map(|part| match part {
            Cbor::Bytes(bytes) => Some(bytes),
            _ => None,
        })
        .collect();
    parts?.try_into().ok()
}
