//! The master key and the form of the key files that it wraps (`proto/keys.md`).

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// How every key file begins.
const MAGIC: &[u8; 8] = b"dtim key";
/// The version of the form.
const VERSION: u8 = 1;
/// The marks of how the master key is had.
const DIRECT: u8 = 0;
const ARGON2ID: u8 = 1;
/// magic 8, version 1, role 1, derivation 1, salt 16, memory 4, passes 4, lanes 4
const HEADER_BYTES: usize = 39;
/// 32 bytes of secret and the tag of Poly1305
const SEALED_BYTES: usize = 48;
/// The checksum at the end tells a damaged file from a wrong master key.
const CHECKSUM_BYTES: usize = 8;

/// What a file may ask of Argon2 at most: 1 GiB, so that a planted file cannot
/// take all memory.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 64;

/// The key that wraps the key files.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// The master key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads the text of a master key file or credential: 64 hexadecimal digits;
    /// white space around them is ignored.
    pub fn from_text(text: &[u8]) -> Result<Self, BadMaster> {
        let digits = text.trim_ascii();
        if digits.len() != 64 {
            return Err(BadMaster);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().try_fold(0, |byte, digit| {
                let digit = char::from(*digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
                digit.map(|digit| (byte << 4) | digit).ok_or(BadMaster)
            })?;
        }
        Ok(Self(bytes))
    }

    /// The text of a master key file.
    pub fn to_text(&self) -> Zeroizing<String> {
        // Room for all of it from the start: growing would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(65));
        for byte in self.0.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        text.push('\n');
        text
    }

    /// Stretches a passphrase with Argon2id (RFC 9106).
    pub fn from_passphrase(passphrase: &[u8], how: &Stretching) -> Result<Self, BadKeyFile> {
        let params = how.params()?;
        let mut bytes = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, &how.salt, bytes.as_mut_slice())
            .map_err(|_| BadKeyFile::Parameters)?;
        Ok(Self(bytes))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.0))
    }
}

/// Shows nothing.
impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// How a passphrase becomes a master key: Argon2id's salt and parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretching {
    /// Random, one per installation.
    pub salt: [u8; 16],
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Stretching {
    /// RFC 9106 section 4, the second recommended option: 64 MiB, 3 passes, 4 lanes.
    pub fn recommended(salt: [u8; 16]) -> Self {
        Self { salt, memory_kib: 64 * 1024, passes: 3, lanes: 4 }
    }

    fn params(&self) -> Result<Params, BadKeyFile> {
        let sane = self.memory_kib <= MAX_MEMORY_KIB
            && self.passes <= MAX_PASSES
            && self.lanes <= MAX_LANES;
        if !sane {
            return Err(BadKeyFile::Parameters);
        }
        Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|_| BadKeyFile::Parameters)
    }
}

/// Which secret a key file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The seed of the identity.
    Identity,
    /// The secret of the pseudonyms.
    Pseudonym,
    /// The data key.
    Data,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Identity, Self::Pseudonym, Self::Data];

    /// The name of its file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Pseudonym => "pseudonym",
            Self::Data => "data",
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Identity => 1,
            Self::Pseudonym => 2,
            Self::Data => 3,
        }
    }
}

/// A key file that was read but not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    role: Role,
    stretching: Option<Stretching>,
    nonce: [u8; 24],
    sealed: [u8; SEALED_BYTES],
}

impl KeyFile {
    /// The length of every key file.
    pub const BYTES: usize = HEADER_BYTES + 24 + SEALED_BYTES + CHECKSUM_BYTES;

    /// Wraps a secret. `stretching` says how the master key was had from a
    /// passphrase, if it was. The nonce must be random.
    pub fn wrap(
        role: Role,
        secret: &[u8; 32],
        master: &MasterKey,
        stretching: Option<&Stretching>,
        nonce: [u8; 24],
    ) -> Vec<u8> {
        let mut file = header(role, stretching);
        #[allow(clippy::expect_used)] // fails only beyond 256 GiB
        let sealed = master
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: secret, aad: &file })
            .expect("a key is shorter than 256 GiB");
        file.extend_from_slice(&nonce);
        file.extend_from_slice(&sealed);
        let sum = checksum(&file);
        file.extend_from_slice(&sum);
        file
    }

    /// Reads a key file; its secret stays sealed.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadKeyFile> {
        if bytes.len() != Self::BYTES {
            return Err(BadKeyFile::Length { found: bytes.len() });
        }
        let short = BadKeyFile::Length { found: bytes.len() };
        let (body, sum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(short.clone())?;
        if *sum != checksum(body) {
            return Err(BadKeyFile::Checksum);
        }
        let (header, rest) = body.split_first_chunk::<HEADER_BYTES>().ok_or(short.clone())?;
        let (nonce, rest) = rest.split_first_chunk::<24>().ok_or(short.clone())?;
        let sealed: [u8; SEALED_BYTES] = rest.try_into().map_err(|_| short)?;
        let (role, stretching) = read_header(header)?;
        Ok(Self { role, stretching, nonce: *nonce, sealed })
    }

    /// Which secret it holds.
    pub fn role(&self) -> Role {
        self.role
    }

    /// How its master key is had from a passphrase; none if the master key is no passphrase.
    pub fn stretching(&self) -> Option<&Stretching> {
        self.stretching.as_ref()
    }

    /// Opens it.
    pub fn open(&self, master: &MasterKey) -> Result<Zeroizing<[u8; 32]>, WrongMaster> {
        let aad = header(self.role, self.stretching.as_ref());
        let plain = master
            .cipher()
            .decrypt(&XNonce::from(self.nonce), Payload { msg: &self.sealed, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| WrongMaster)?;
        plain.as_slice().try_into().map(Zeroizing::new).map_err(|_| WrongMaster)
    }
}

fn header(role: Role, stretching: Option<&Stretching>) -> Vec<u8> {
    let mut header = Vec::with_capacity(KeyFile::BYTES);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&[VERSION, role.number()]);
    header.push(if stretching.is_some() { ARGON2ID } else { DIRECT });
    let nothing = Stretching { salt: [0; 16], memory_kib: 0, passes: 0, lanes: 0 };
    let how = stretching.unwrap_or(&nothing);
    header.extend_from_slice(&how.salt);
    for number in [how.memory_kib, how.passes, how.lanes] {
        header.extend_from_slice(&number.to_be_bytes());
    }
    header
}

fn read_header(bytes: &[u8; HEADER_BYTES]) -> Result<(Role, Option<Stretching>), BadKeyFile> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(BadKeyFile::NotAKeyFile)?;
    let (marks, rest) = rest.split_first_chunk::<3>().ok_or(BadKeyFile::NotAKeyFile)?;
    let (salt, rest) = rest.split_first_chunk::<16>().ok_or(BadKeyFile::NotAKeyFile)?;
    let [version, role, derivation] = *marks;
    if version != VERSION {
        return Err(BadKeyFile::Version { found: version });
    }
    let role = Role::ALL.into_iter().find(|known| known.number() == role);
    let role = role.ok_or(BadKeyFile::NotAKeyFile)?;
    let mut numbers = rest
        .chunks_exact(4)
        .map(|four| four.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte)));
    let mut next = || numbers.next().unwrap_or_default();
    let how = Stretching { salt: *salt, memory_kib: next(), passes: next(), lanes: next() };
    match derivation {
        DIRECT => Ok((role, None)),
        ARGON2ID => how.params().map(|_| (role, Some(how))),
        _ => Err(BadKeyFile::Parameters),
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut sum = [0; CHECKSUM_BYTES];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut sum);
    sum
}

/// Why bytes are not a key file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeyFile {
    /// Cut, empty or too long.
    #[error("it has {found} bytes instead of {}", KeyFile::BYTES)]
    Length {
        /// How many bytes it has.
        found: usize,
    },
    /// Changed.
    #[error("its checksum is wrong")]
    Checksum,
    /// Something else.
    #[error("it is not a key file of dtim")]
    NotAKeyFile,
    /// Written by a newer dtim.
    #[error("its version {found} is newer than this dtim")]
    Version {
        /// Its version.
        found: u8,
    },
    /// Asks for more than any dtim ever wrote.
    #[error("its Argon2 parameters are out of range")]
    Parameters,
}

/// The master key does not open the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the master key does not open it")]
pub struct WrongMaster;

/// A text that is not a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a master key is written with 64 hexadecimal digits (`openssl rand -hex 32` makes one)")]
pub struct BadMaster;
