//! Records: what a value in the database looks like.
//!
//! A stored value is one version byte, then the sealed CBOR of the record's
//! form. The version is authenticated with the value. Forms are this module's
//! own serde types, encoded with numbers for field names: a field is only ever
//! added at the end, with a default; anything else is a new version, and the
//! record then reads its older versions in [`Record::from_older`].

mod claim;
mod evidence;
mod ledger;
mod own;
mod peer;
mod small;
mod state;
mod token;

#[cfg(test)]
mod tests;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) use claim::KeptClaim;
pub(super) use evidence::{InView, KeptEvidence, KeptIndicator, Places};
pub(super) use ledger::LedgerRow;
pub(super) use own::{KeptOwn, Sent, Wish};
pub(super) use small::{
    KeptAttested, KeptBucket, KeptContent, KeptOffset, KeptOutside, KeptVote, Whereabouts,
};
pub(super) use state::State;

use super::StoreError;
use super::family::Family;
use crate::keys::{Damaged, Place, Sealer};

/// A record of one column family.
pub(super) trait Record: Clone + Sized {
    /// Where it is kept.
    const FAMILY: Family;
    /// The version that is written.
    const VERSION: u8;
    /// What is encoded.
    type Form: Serialize + DeserializeOwned;

    fn to_form(&self) -> Self::Form;

    /// `None` if the form holds something that no version of this program wrote.
    fn from_form(form: Self::Form) -> Option<Self>;

    /// Reads what an older version wrote.
    fn from_older(_version: u8, _body: &[u8]) -> Option<Self> {
        None
    }
}

/// The stored value of a record.
pub(super) fn seal<R: Record>(
    sealer: &Sealer,
    key: &[u8],
    record: &R,
) -> Result<Vec<u8>, StoreError> {
    let body = serde_cbor::ser::to_vec_packed(&record.to_form())
        .map_err(|_| StoreError::Unwritable { family: R::FAMILY.name() })?;
    let sealed = sealer.seal(&place::<R>(key, R::VERSION), &body, rand::random());
    Ok([&[R::VERSION], sealed.as_slice()].concat())
}

/// The record of a stored value.
pub(super) fn open<R: Record>(sealer: &Sealer, key: &[u8], stored: &[u8]) -> Result<R, Damaged> {
    let unreadable = || damaged(R::FAMILY, key);
    let (version, sealed) = stored.split_first().ok_or_else(unreadable)?;
    let body = sealer.open(&place::<R>(key, *version), sealed)?;
    let record = if *version == R::VERSION {
        serde_cbor::from_slice(&body).ok().and_then(R::from_form)
    } else {
        R::from_older(*version, &body)
    };
    record.ok_or_else(unreadable)
}

/// The error that names a record.
pub(super) fn damaged(family: Family, key: &[u8]) -> Damaged {
    let key = key.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Damaged { family: family.name().to_owned(), key }
}

fn place<R: Record>(key: &[u8], version: u8) -> Place<'_> {
    Place { family: R::FAMILY.name(), key, schema: u32::from(version) }
}

/// Bytes as a CBOR byte string (serde would write a list of numbers).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct Blob(Vec<u8>);

impl Blob {
    /// The bytes, if there are `N`.
    fn array<const N: usize>(&self) -> Option<[u8; N]> {
        self.0.as_slice().try_into().ok()
    }
}

impl<const N: usize> From<&[u8; N]> for Blob {
    fn from(bytes: &[u8; N]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Blob;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a byte string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}
