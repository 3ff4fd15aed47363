//! Sealing of what rests on disk: values under XChaCha20-Poly1305, revealing
//! keys under keyed BLAKE3.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::length_prefixed;

/// The id of the only data key that this version knows; the key ring follows.
const KEY_ID: u32 = 1;
/// Separates the key of the hashes from the key of the values (BLAKE3 key derivation).
const INDEX_CONTEXT: &str = "dtim 2026-11 keyed store keys 1";
/// How much of a record's key an error names.
const SHOWN_KEY_BYTES: usize = 16;

/// Where a sealed value belongs. It is authenticated with the value, so a value
/// that was copied to another place does not open there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The column family, or another name of the collection.
    pub family: &'a str,
    /// The key of the record in it.
    pub key: &'a [u8],
    /// The version of the record's form.
    pub schema: u32,
}

/// Seals and opens what rests on disk.
#[derive(Clone)]
pub struct Sealer {
    data: Zeroizing<[u8; 32]>,
    index: Zeroizing<[u8; 32]>,
}

impl Sealer {
    /// The sealer with this data key.
    pub fn new(key: [u8; 32]) -> Self {
        let data = Zeroizing::new(key);
        let index = Zeroizing::new(blake3::derive_key(INDEX_CONTEXT, data.as_slice()));
        Self { data, index }
    }

    /// Seals `plain` for a place: key id (4 bytes, big-endian), nonce, ciphertext.
    ///
    /// The nonce must be random: 24 bytes are long enough that none ever comes twice.
    pub fn seal(&self, place: &Place<'_>, plain: &[u8], nonce: [u8; 24]) -> Vec<u8> {
        #[allow(clippy::expect_used)] // fails only beyond 256 GiB
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &associated(place) })
            .expect("a record is shorter than 256 GiB");
        [&KEY_ID.to_be_bytes(), nonce.as_slice(), &sealed].concat()
    }

    /// Opens what was sealed for this place.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Damaged> {
        let damaged = || Damaged::at(place);
        let (id, rest) = sealed.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (nonce, sealed) = rest.split_first_chunk::<24>().ok_or_else(damaged)?;
        if u32::from_be_bytes(*id) != KEY_ID {
            return Err(damaged());
        }
        self.cipher()
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &associated(place) })
            .map_err(|_| damaged())
    }

    /// A name for `bytes` that only the holder of the data key can compute: a
    /// key under which the store finds a record without telling what it is.
    pub fn keyed(&self, domain: &str, bytes: &[u8]) -> [u8; 16] {
        let mut name = [0; 16];
        blake3::Hasher::new_keyed(&self.index)
            .update(&length_prefixed(&[domain.as_bytes(), bytes]))
            .finalize_xof()
            .fill(&mut name);
        name
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.data))
    }
}

/// Shows nothing.
impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

fn associated(place: &Place<'_>) -> Vec<u8> {
    length_prefixed(&[place.family.as_bytes(), place.key, &place.schema.to_be_bytes()])
}

/// A record that does not open: it was changed, cut, moved to another place or
/// sealed with another key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "record {key} of {family} does not open: it was changed, moved or sealed with another key; \
     restore it from a backup, or start with an empty store and let the peers fill it"
)]
pub struct Damaged {
    /// The column family, or another name of the collection.
    pub family: String,
    /// The beginning of the record's key, in hexadecimal.
    pub key: String,
}

impl Damaged {
    fn at(place: &Place<'_>) -> Self {
        let key = place.key.iter().take(SHOWN_KEY_BYTES).map(|byte| format!("{byte:02x}"));
        Self { family: place.family.to_owned(), key: key.collect() }
    }
}
